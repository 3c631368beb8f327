//! Where what a model says may lead: once private data and content from outside have both flowed in, only where the owner
//! or a grant has named.

use std::collections::HashSet;
use std::sync::Arc;

use claw_core::effect::{HttpRequest, RequestBody};
use claw_core::guard::Guard;
use claw_core::inbound::Origin;
use claw_core::label::Labels;
use claw_core::message::{Entry, Message};
use claw_core::outbound::{self, Inert};
use claw_effects::{HttpLimits, plan_http};
use claw_policy::{Action, Facts, Subject};

use super::Shell;
use crate::host::Host;

/// The servers that are named.
pub struct Places {
    /// By the owner, in this conversation.
    named: HashSet<String>,
    /// By grants of these components, in a run of these facts.
    components: Vec<Arc<Subject>>,
    facts: Facts,
}

impl Shell {
    /// Where links may lead; `None` if that does not matter yet.
    pub(super) fn places(&self) -> Option<Places> {
        Places::of(&self.host, self.facts(), &self.log)
    }

    /// A text that the host took over for an answer.
    pub(super) fn leading_nowhere(&mut self, text: String) -> String {
        let Some(places) = self.places() else { return text };
        let mut inert = places.inert();
        let text = inert.all(&text);
        let servers = inert.servers();
        self.tell_of_inert(&servers);
        text
    }

    /// Tells people why links lead nowhere.
    pub(super) fn tell_of_inert(&mut self, servers: &[String]) {
        if !servers.is_empty() {
            self.notice(&format!(
                "Links and images in this answer lead nowhere ({}): private data and content from outside have been read \
                 in this conversation, and neither you nor a grant has named these servers. Name one, and links to it \
                 stay.",
                servers.join(", ")
            ));
        }
    }
}

impl Places {
    /// Where links may lead in a conversation that this was said in; `None` if that does not matter yet.
    pub fn of(host: &Host, facts: Facts, log: &[Entry]) -> Option<Places> {
        if !Places::matter(&facts.labels) {
            return None;
        }
        let store = host.store_of(&facts.session);
        let is_owners = |run| store.run(run).is_ok_and(|row| row.is_some_and(|row| row.origin == Origin::Owner));
        let said = log.iter().filter_map(|entry| match &entry.message {
            Message::User { text, .. } if is_owners(&entry.run) => Some(text.as_str()),
            _ => None,
        });
        let named = said.flat_map(outbound::servers_in).collect();
        let components = host.catalog().components().map(|installed| installed.subject()).collect();
        Some(Places { named, components, facts })
    }

    /// Whether it matters where links lead, after this has been read.
    pub fn matter(labels: &Labels) -> bool {
        labels.tainted.is_some() && labels.private.is_some() && Guard::LiveLinks.is_up()
    }

    /// What a text goes through on its way to people.
    pub fn inert(&self) -> Inert<'_> {
        Inert::new(Box::new(|server, address| self.has(server, address)))
    }

    fn has(&self, server: &str, address: &str) -> bool {
        if self.named.contains(server) {
            return true;
        }
        let (method, url) = ("GET".to_owned(), address.split('#').next().unwrap_or(address).to_owned());
        let body = RequestBody::Whole(Vec::new());
        let request = HttpRequest { method, url, headers: Vec::new(), body, first_byte_timeout_ms: 0 };
        let Ok(plan) = plan_http(&request, &HttpLimits::default()) else { return false };
        let action = Action::SendRequest(plan);
        self.components.iter().any(|subject| subject.grants.naming(&action, &self.facts).is_some())
    }
}
