//! The Landlock ruleset of the program: what it can reach of the file system.
//!
//! `/proc`, the home folder and everything else that is not listed here do not exist for the program, root or not.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags,
};
use rustix::fs::{Mode, OFlags};

use crate::exec::child::ChildError;

/// The ABI without which nothing runs: before it (Linux 6.2) files outside could be truncated.
const NEEDED_ABI: ABI = ABI::V3;
/// The newest ABI that this file knows; each kernel gives what it has of it.
pub(in crate::exec) const KNOWN_ABI: ABI = ABI::V9;

/// Programs and their libraries: read and run.
const SYSTEM: [&str; 9] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/etc/alternatives"];

/// What ordinary programs read of the system's settings. Nothing here is secret.
const SETTINGS: [&str; 38] = [
    "/etc/bash.bashrc",
    "/etc/ca-certificates",
    "/etc/debian_version",
    "/etc/environment",
    "/etc/fonts",
    "/etc/gai.conf",
    "/etc/gitattributes",
    "/etc/gitconfig",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/inputrc",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.preload",
    "/etc/locale.alias",
    "/etc/locale.conf",
    "/etc/localtime",
    "/etc/lsb-release",
    "/etc/machine-info",
    "/etc/magic",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/pki/tls/certs",
    "/etc/profile",
    "/etc/protocols",
    "/etc/services",
    "/etc/shells",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/terminfo",
    "/etc/timezone",
    "/etc/vimrc",
    "/etc/xdg",
];

const READ_DEVICES: [&str; 2] = ["/dev/random", "/dev/urandom"];
const WRITE_DEVICES: [&str; 3] = ["/dev/null", "/dev/zero", "/dev/full"];

/// Whether the kernel's ABI gives what is needed.
pub(super) fn check_abi(abi: i32) -> Result<(), ChildError> {
    let feature = match abi {
        ..=0 => "Landlock (Linux 6.2 or newer with `landlock` among its security modules)".to_owned(),
        1 | 2 => format!("Landlock ABI 3 (Linux 6.2): it has ABI {abi}"),
        3.. => return Ok(()),
    };
    Err(ChildError::Unsupported { feature })
}

/// Builds the ruleset. `workspace` and `scratch` can be read and changed; `program` can be read and run wherever it
/// lies, and so can what lies in `skill`.
pub(super) fn build(
    program: &OwnedFd,
    workspace: &OwnedFd,
    scratch: &OwnedFd,
    skill: Option<&OwnedFd>,
) -> Result<RulesetCreated, ChildError> {
    let read = AccessFs::from_read(KNOWN_ABI);
    // No devices: with them root could reach any disk.
    let write = AccessFs::from_all(KNOWN_ABI) & !make_bitflags!(AccessFs::{MakeChar | MakeBlock | ResolveUnix});
    let device = make_bitflags!(AccessFs::{ReadFile | WriteFile | Truncate});
    let mut ruleset = create().map_err(unsupported)?;
    ruleset = allow(ruleset, program, make_bitflags!(AccessFs::{Execute | ReadFile}))?;
    ruleset = allow(ruleset, workspace, write)?;
    ruleset = allow(ruleset, scratch, write)?;
    if let Some(skill) = skill {
        ruleset = allow(ruleset, skill, read)?;
    }
    for path in SYSTEM {
        ruleset = allow_path(ruleset, path, read)?;
    }
    for path in SETTINGS {
        ruleset = allow_path(ruleset, path, make_bitflags!(AccessFs::{ReadFile | ReadDir}))?;
    }
    for path in READ_DEVICES {
        ruleset = allow_path(ruleset, path, AccessFs::ReadFile.into())?;
    }
    for path in WRITE_DEVICES {
        ruleset = allow_path(ruleset, path, device)?;
    }
    Ok(ruleset)
}

/// Confines the calling thread for good.
pub(super) fn apply(ruleset: RulesetCreated) -> Result<(), ChildError> {
    let status = ruleset.restrict_self().map_err(unsupported)?;
    if status.ruleset == RulesetStatus::NotEnforced || !status.no_new_privs {
        return Err(ChildError::Unsupported { feature: "an enforced Landlock ruleset".into() });
    }
    Ok(())
}

fn create() -> Result<RulesetCreated, RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(NEEDED_ABI))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN_ABI))?
        // The seccomp filter refuses the sockets themselves; this holds if it has a gap.
        .handle_access(AccessNet::from_all(KNOWN_ABI))?
        .scope(Scope::from_all(KNOWN_ABI))?
        .create()
}

/// Allows `access` below `path` if it exists: no system has all of them.
fn allow_path(ruleset: RulesetCreated, path: &str, access: BitFlags<AccessFs>) -> Result<RulesetCreated, ChildError> {
    match rustix::fs::open(Path::new(path), OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
        Ok(fd) => allow(ruleset, &fd, access),
        Err(_) => Ok(ruleset),
    }
}

fn allow(ruleset: RulesetCreated, fd: &OwnedFd, access: BitFlags<AccessFs>) -> Result<RulesetCreated, ChildError> {
    let stat = rustix::fs::fstat(fd).map_err(ChildError::setup("looking at an allowed path"))?;
    let is_dir = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir();
    let access = if is_dir { access } else { access & AccessFs::from_file(KNOWN_ABI) };
    ruleset.add_rule(PathBeneath::new(fd.as_fd(), access)).map_err(unsupported)
}

fn unsupported(err: RulesetError) -> ChildError {
    match err {
        RulesetError::HandleAccesses(_) | RulesetError::CreateRuleset(_) | RulesetError::Scope(_) => {
            ChildError::Unsupported { feature: "the needed Landlock rights".into() }
        }
        err => ChildError::Setup { step: "confining the program's files", err: io::Error::other(err) },
    }
}

#[cfg(test)]
mod tests;
