//! What a component may import, and what it must export.

use super::Refusal;

/// What makes a component a tool.
pub(crate) const GUEST: &str = "openclaw:tool/guest@0.1.0";

/// Every interface that the worker's linker has. Of a version `0.2.x` or `1.x`, any `x` will do, older or newer.
const OFFERED: &[&str] = &[
    "openclaw:types/types@0.1.0",
    "openclaw:manifest/manifest@0.1.0",
    "openclaw:session/run@0.1.0",
    "openclaw:workspace/files@0.1.0",
    "openclaw:exec/exec@0.1.0",
    "openclaw:net/net@0.1.0",
    "openclaw:secrets/secrets@0.1.0",
    "openclaw:llm/llm@0.1.0",
    "openclaw:message/message@0.1.0",
    "openclaw:sessions/sessions@0.1.0",
    "wasi:keyvalue/store@0.2.0-draft",
    "wasi:keyvalue/atomics@0.2.0-draft",
    "wasi:config/store@0.2.0-rc.1",
    "wasi:logging/logging@0.1.0-draft",
    "wasi:cli/environment@0.2.12",
    "wasi:cli/exit@0.2.12",
    "wasi:cli/stdin@0.2.12",
    "wasi:cli/stdout@0.2.12",
    "wasi:cli/stderr@0.2.12",
    "wasi:cli/terminal-input@0.2.12",
    "wasi:cli/terminal-output@0.2.12",
    "wasi:cli/terminal-stdin@0.2.12",
    "wasi:cli/terminal-stdout@0.2.12",
    "wasi:cli/terminal-stderr@0.2.12",
    "wasi:io/error@0.2.12",
    "wasi:io/poll@0.2.12",
    "wasi:io/streams@0.2.12",
    "wasi:clocks/monotonic-clock@0.2.12",
    "wasi:clocks/wall-clock@0.2.12",
    "wasi:filesystem/types@0.2.12",
    "wasi:filesystem/preopens@0.2.12",
    "wasi:random/random@0.2.12",
    "wasi:random/insecure@0.2.12",
    "wasi:random/insecure-seed@0.2.12",
    // Toolchains import these on their own; every use of them is refused.
    "wasi:sockets/network@0.2.12",
    "wasi:sockets/instance-network@0.2.12",
    "wasi:sockets/udp@0.2.12",
    "wasi:sockets/udp-create-socket@0.2.12",
    "wasi:sockets/tcp@0.2.12",
    "wasi:sockets/tcp-create-socket@0.2.12",
    "wasi:sockets/ip-name-lookup@0.2.12",
    "wasi:http/types@0.2.12",
    "wasi:http/outgoing-handler@0.2.12",
];

/// Checks one import of a component.
pub(super) fn check(interface: &str) -> Result<(), Refusal> {
    if OFFERED.iter().any(|offered| fits(interface, offered)) {
        return Ok(());
    }
    let name = |interface: &'static str| interface.split('@').next().unwrap_or(interface);
    let wanted = interface.split('@').next().unwrap_or(interface);
    let offer = match OFFERED.iter().find(|offered| name(offered) == wanted) {
        Some(other) => format!("this host offers it as `{other}`"),
        None => format!("this host offers {}", packages().join(", ")),
    };
    // The name is the component's own words.
    let interface = interface.chars().filter(|c| !c.is_control()).take(200).collect();
    Err(Refusal::Missing { interface, offer })
}

/// As the engine's linker looks names up: releases of one track replace each other, others must be the very same.
fn fits(wanted: &str, offered: &str) -> bool {
    wanted == offered
        || match (track(wanted), track(offered)) {
            (Some(wanted), Some(offered)) => wanted == offered,
            _ => false,
        }
}

/// `wasi:io/poll@0.2.6` is of the track `wasi:io/poll@0.2`; a version before 0.1 or before a release has none.
fn track(interface: &str) -> Option<(&str, &str)> {
    let (name, version) = interface.split_once('@')?;
    let numbers = version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let mut dots = version.match_indices('.').map(|(position, _)| position);
    let (first, second) = (dots.next()?, dots.next()?);
    match (&version[..first], &version[first + 1..second]) {
        _ if !numbers || dots.next().is_some() => None,
        ("0", "0") => None,
        ("0", _) => Some((name, &version[..second])),
        _ => Some((name, &version[..first])),
    }
}

fn packages() -> Vec<&'static str> {
    let mut packages: Vec<_> = OFFERED.iter().filter_map(|interface| interface.split('/').next()).collect();
    packages.dedup();
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_of_one_track_replace_each_other_and_nothing_else_does() {
        for wanted in ["wasi:io/poll@0.2.0", "wasi:io/poll@0.2.99", "openclaw:net/net@0.1.7"] {
            assert_eq!(check(wanted), Ok(()), "{wanted}");
        }
        for wanted in [
            "wasi:io/poll@0.3.0",
            "wasi:io/poll@0.2.0-rc.1",
            "wasi:io/poll@1.2.0",
            "wasi:io/poll@0.2.1.1",
            "wasi:io/poll",
            "wasi:keyvalue/store@0.2.0",
            "wasi:keyvalue/store@0.2.0-draft2",
        ] {
            let Err(Refusal::Missing { offer, .. }) = check(wanted) else { panic!("{wanted} was taken") };
            assert!(offer.starts_with("this host offers it as"), "{wanted}: {offer}");
        }
    }

    #[test]
    fn what_is_not_offered_is_named_with_what_is() {
        for wanted in ["openclaw:memory/memory@0.1.0", "openclaw:schedule/schedule@0.1.0", "acme:x/y", "plain"] {
            let Err(Refusal::Missing { interface, offer }) = check(wanted) else { panic!("{wanted} was taken") };
            assert_eq!(interface, wanted);
            assert!(offer.contains("openclaw:exec, openclaw:net") && offer.contains("wasi:http"), "{offer}");
        }
    }

    #[test]
    fn everything_in_the_world_of_a_tool_is_offered() {
        let world = include_str!("../../../../wit/tool/tool.wit");
        let imports: Vec<_> =
            world.lines().filter_map(|line| line.trim().strip_prefix("import ")?.strip_suffix(';')).collect();
        assert!(imports.len() > 5, "{imports:?}");
        for import in imports {
            assert_eq!(check(import), Ok(()), "{import}");
        }
    }
}
