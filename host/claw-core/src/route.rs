//! Which agent is meant by a message that names none.

use crate::id::AgentId;

/// The agent that is always there.
pub const MAIN: &str = "main";

/// What of the messages that name no agent goes to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The agent.
    pub agent: AgentId,
    /// The channel that they come over: `ws`, `http`, or a channel's name.
    pub channel: String,
    /// Only those of this account or device on it.
    pub account: Option<String>,
    /// Only those of this person: whoever stands behind the account, where a channel says who that is.
    pub peer: Option<String>,
}

/// Where a message comes from.
#[derive(Clone, Copy, Debug)]
pub struct Whence<'a> {
    /// The channel.
    pub channel: &'a str,
    /// The account or device on it.
    pub account: &'a str,
    /// The person behind it, if that is known.
    pub peer: Option<&'a str>,
}

/// All bindings, in the order of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes(Vec<Binding>);

impl Routes {
    /// Of two bindings that are as specific, the first counts.
    pub fn new(bindings: Vec<Binding>) -> Self {
        Routes(bindings)
    }

    /// The bindings.
    pub fn bindings(&self) -> &[Binding] {
        &self.0
    }

    /// The agent of the most specific binding: by person, then by account, then by channel. Without one, `main`.
    pub fn agent(&self, whence: &Whence<'_>) -> AgentId {
        let fits = |binding: &&Binding| {
            binding.channel == whence.channel
                && binding.account.as_ref().is_none_or(|account| account == whence.account)
                && binding.peer.as_ref().is_none_or(|peer| Some(peer.as_str()) == whence.peer)
        };
        let specific = |binding: &&Binding| (binding.peer.is_some(), binding.account.is_some());
        // The last of several greatest ones, so the first in the order of the configuration.
        let most = self.0.iter().rev().filter(fits).max_by_key(specific);
        most.map_or_else(main, |binding| binding.agent.clone())
    }
}

/// The id of the agent that is always there.
pub fn main() -> AgentId {
    AgentId::parse(MAIN).expect("route: the literal is an agent id")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(agent: &str, channel: &str, account: Option<&str>, peer: Option<&str>) -> Binding {
        let agent = AgentId::parse(agent).unwrap();
        let text = |text: &str| text.to_owned();
        Binding { agent, channel: text(channel), account: account.map(text), peer: peer.map(text) }
    }

    #[test]
    fn the_most_specific_binding_counts_and_the_first_of_two() {
        let routes = Routes::new(vec![
            binding("any-http", "http", None, None),
            binding("second", "http", None, None),
            binding("owners", "http", Some("owner"), None),
            binding("adas", "http", None, Some("ada")),
            binding("adas-by-owner", "http", Some("owner"), Some("ada")),
            binding("phone", "ws", Some("device"), None),
        ]);
        let agent = |channel, account, peer| routes.agent(&Whence { channel, account, peer }).to_string();
        for (channel, account, peer, expected) in [
            ("http", "other", None, "any-http"),
            ("http", "owner", None, "owners"),
            ("http", "owner", Some("bob"), "owners"),
            ("http", "other", Some("ada"), "adas"),
            ("http", "owner", Some("ada"), "adas-by-owner"),
            ("ws", "device", Some("ada"), "phone"),
            ("ws", "owner", None, "main"),
            ("telegram", "owner", Some("ada"), "main"),
        ] {
            assert_eq!(agent(channel, account, peer), expected, "{channel} {account} {peer:?}");
        }
    }
}
