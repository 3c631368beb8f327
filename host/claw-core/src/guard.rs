//! The sandbox's guards by name, so that a build for tests can leave one of them out.
//!
//! A test that passes says little until it is seen to fail. For each guard there is an attack that it alone stops, and
//! the tests run that attack with the guard and without it (AU-06). In every other build a guard is up, whatever the
//! environment says, and the question costs nothing.

/// One guard of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Guard {
    /// The files that a worker's process may reach.
    WorkerLandlock,
    /// The system calls of a worker's process.
    WorkerSeccomp,
    /// The files that a program may reach.
    ExecLandlock,
    /// The system calls of a program.
    ExecSeccomp,
    /// The variables that a guest may set for a program.
    ExecVariables,
    /// A program's environment, which holds nothing of the host's.
    ExecEnvironment,
    /// The end of all that a program has started.
    ExecDescendants,
    /// The second look at a program before it starts.
    ExecDigest,
    /// Names that no guest may change.
    FsProtected,
    /// Files with a second name, which no guest may change.
    FsSecondNames,
    /// Links, which lead out of no folder.
    FsLinks,
    /// What a component's own folder may hold.
    FsQuota,
    /// What kind of address an address is.
    NetAddress,
    /// Paths of URLs that some server may take for a step up.
    NetPath,
    /// Header fields that are for the host alone.
    NetHeader,
    /// What a component has declared that it wants.
    PolicyScope,
    /// CPU time of one call.
    CpuBudget,
    /// Memory of one call.
    MemoryLimit,
    /// Handles of one call.
    HandleLimit,
    /// Effects of one call.
    EffectLimit,
    /// The authentication code of a cached component.
    CacheSeal,
    /// The servers that a secret may be sent to.
    SecretAudience,
    /// Secrets in what a tool answers.
    SecretMask,
    /// Links and images of servers that nobody has named.
    LiveLinks,
}

impl Guard {
    /// All guards.
    pub const ALL: [Guard; 24] = [
        Guard::WorkerLandlock,
        Guard::WorkerSeccomp,
        Guard::ExecLandlock,
        Guard::ExecSeccomp,
        Guard::ExecVariables,
        Guard::ExecEnvironment,
        Guard::ExecDescendants,
        Guard::ExecDigest,
        Guard::FsProtected,
        Guard::FsSecondNames,
        Guard::FsLinks,
        Guard::FsQuota,
        Guard::NetAddress,
        Guard::NetPath,
        Guard::NetHeader,
        Guard::PolicyScope,
        Guard::CpuBudget,
        Guard::MemoryLimit,
        Guard::HandleLimit,
        Guard::EffectLimit,
        Guard::CacheSeal,
        Guard::SecretAudience,
        Guard::SecretMask,
        Guard::LiveLinks,
    ];

    /// The name that a test calls it by, e.g. `worker-landlock`.
    pub const fn name(self) -> &'static str {
        match self {
            Guard::WorkerLandlock => "worker-landlock",
            Guard::WorkerSeccomp => "worker-seccomp",
            Guard::ExecLandlock => "exec-landlock",
            Guard::ExecSeccomp => "exec-seccomp",
            Guard::ExecVariables => "exec-variables",
            Guard::ExecEnvironment => "exec-environment",
            Guard::ExecDescendants => "exec-descendants",
            Guard::ExecDigest => "exec-digest",
            Guard::FsProtected => "fs-protected",
            Guard::FsSecondNames => "fs-second-names",
            Guard::FsLinks => "fs-links",
            Guard::FsQuota => "fs-quota",
            Guard::NetAddress => "net-address",
            Guard::NetPath => "net-path",
            Guard::NetHeader => "net-header",
            Guard::PolicyScope => "policy-scope",
            Guard::CpuBudget => "cpu-budget",
            Guard::MemoryLimit => "memory-limit",
            Guard::HandleLimit => "handle-limit",
            Guard::EffectLimit => "effect-limit",
            Guard::CacheSeal => "cache-seal",
            Guard::SecretAudience => "secret-audience",
            Guard::SecretMask => "secret-mask",
            Guard::LiveLinks => "live-links",
        }
    }

    /// Whether it stands: always.
    #[cfg(not(feature = "test-weaken"))]
    #[inline]
    pub const fn is_up(self) -> bool {
        true
    }

    /// Whether it stands: yes, unless the test leaves it out.
    #[cfg(feature = "test-weaken")]
    pub fn is_up(self) -> bool {
        !weakened::left_out().contains(&self)
    }
}

/// What the host's own processes take over of its environment: nothing.
#[cfg(not(feature = "test-weaken"))]
#[inline]
pub const fn environment() -> Option<(&'static str, &'static str)> {
    None
}

/// What the host's own processes take over of its environment: which guards the test leaves out.
#[cfg(feature = "test-weaken")]
pub fn environment() -> Option<(&'static str, &'static str)> {
    weakened::variable().map(|names| (weakened::VARIABLE, names))
}

#[cfg(feature = "test-weaken")]
mod weakened {
    use std::sync::OnceLock;

    use super::Guard;

    /// Names guards, joined by `,`.
    pub(super) const VARIABLE: &str = "OPENCLAW_TEST_WITHOUT";

    pub(super) fn variable() -> Option<&'static str> {
        static NAMES: OnceLock<Option<String>> = OnceLock::new();
        let names = NAMES.get_or_init(|| {
            #[expect(clippy::disallowed_methods, reason = "exists only in builds for tests")]
            std::env::var(VARIABLE).ok()
        });
        names.as_deref()
    }

    pub(super) fn left_out() -> &'static [Guard] {
        static LEFT_OUT: OnceLock<Vec<Guard>> = OnceLock::new();
        LEFT_OUT.get_or_init(|| {
            let names = variable().into_iter().flat_map(|names| names.split(','));
            let guard = |name| Guard::ALL.into_iter().find(|guard| guard.name() == name);
            names.map(|name| guard(name).expect("guard: the test names a guard that there is")).collect()
        })
    }
}

#[cfg(test)]
mod tests;
