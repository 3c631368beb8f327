//! Who may reach the network (NET-39): each place in the host's code that dials or looks a name up has a row here.

use anyhow::{Result, bail};

use crate::step;

/// What reaches the network.
const MEANS: [&str; 8] = [
    "TcpStream::connect",
    "UnixStream::connect",
    "UdpSocket",
    "lookup_host",
    "to_socket_addrs",
    "Client::new(",
    "Client::builder(",
    "connect_async",
];

/// A file, and why what it reaches needs no other check.
const CALLERS: [(&str, &str); 11] = [
    ("host/claw-effects/src/dial.rs", "dials what the lookup has checked"),
    ("host/claw-effects/src/dial/lookup.rs", "checks each address that it finds"),
    ("host/claw-effects/src/http/broker.rs", "is given the checked lookup as its resolver"),
    ("host/claw-effects/src/exec/probe/attempts.rs", "runs behind the walls that it tries out"),
    ("host/claw-effects/src/exec/probe/rights.rs", "runs behind the walls that it tries out"),
    ("host/claw-sandbox/src/worker/native.rs", "runs behind the walls that it tries out, in builds for tests"),
    ("host/claw-package/src/fetch.rs", "fetches what the owner named, and follows no redirect inward"),
    ("host/claw-model/src/http.rs", "resolves by a lookup that refuses the services of clouds"),
    ("host/claw-model/src/listing.rs", "asks servers on this machine, when their owner looks for some"),
    ("host/claw-model/src/http/lookup.rs", "checks each address that it finds"),
    ("host/openclaw-host/src/client.rs", "is the command line's way to the running host"),
];

/// Checks that nobody else does, and that each row is still needed.
pub(super) fn check() -> Result<()> {
    let files = step::output("git", &["ls-files", "host/*/src/*.rs"])?;
    let is_test = |file: &str| file.ends_with("tests.rs") || file.contains("/tests/") || file.contains("host/xtask/");
    let mut found = Vec::new();
    for file in files.lines().filter(|file| !is_test(file)) {
        let text = std::fs::read_to_string(file)?;
        if let Some(means) = means_in(&text) {
            found.push(file);
            if !CALLERS.iter().any(|(known, _)| *known == file) {
                bail!("{file} uses `{means}`: go through `claw_effects::Dialer`, or add a row that says why not");
            }
        }
    }
    for (file, _) in CALLERS {
        if !found.contains(&file) {
            bail!("{file} reaches the network no more: remove its row");
        }
    }
    Ok(())
}

/// The first of [`MEANS`] in a file's code.
fn means_in(text: &str) -> Option<&'static str> {
    let code = || text.lines().filter(|line| !line.trim_start().starts_with("//"));
    MEANS.into_iter().find(|means| code().any(|line| line.contains(means)))
}

#[cfg(test)]
mod tests {
    use super::means_in;

    #[test]
    fn a_new_caller_is_found_and_one_that_is_only_mentioned_is_not() {
        assert_eq!(means_in("let it = TcpStream::connect(address);"), Some("TcpStream::connect"));
        assert_eq!(means_in("    // TcpStream::connect would not be checked\nlet it = 1;"), None);
    }
}
