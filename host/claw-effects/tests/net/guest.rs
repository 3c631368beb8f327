//! What a guest can do: ask, be decided on, and be served by the real brokers.

use claw_core::effect::{ConnectRequest, EffectError, HttpRequest, RequestBody};
use claw_core::id::{AgentId, ComponentName, Digest, RunId, SessionKey, Timestamp};
use claw_core::inbound::Origin;
use claw_core::label::Labels;
use claw_core::mode::Mode;
use claw_effects::{
    Connection, Dialer, HttpAnswer, HttpBroker, HttpLimits, NetBroker, NetLimits, TrustRoots, plan_connect, plan_http,
};
use claw_policy::{Action, Decision, Facts, Grants, Policy, PolicyFile, Preset, Subject, Trust};
use tokio_util::sync::CancellationToken;

use crate::network::FORBIDDEN;

/// A guest's view: what it was granted, and the brokers.
pub struct Guest {
    policy: Policy,
    grants: Grants,
    http: HttpBroker,
    net: NetBroker,
    pub cancel: CancellationToken,
}

/// Why a guest got nothing.
#[derive(Debug)]
pub enum Refused {
    /// By the policy: a broker has never heard of it.
    Policy,
    Effect(EffectError),
}

impl Guest {
    pub fn granted<const N: usize>(grants: [&str; N]) -> Guest {
        Guest::under(Policy::load(Preset::Cautious, &[]).unwrap(), Grants::parse(grants).unwrap())
    }

    /// A guest whose owner allows everything: what is refused now, the brokers refuse.
    pub fn unbound() -> Guest {
        let everything = PolicyFile { name: "test".into(), text: "permit (principal, action, resource);".into() };
        let literals = FORBIDDEN.map(|address| match address.is_ipv6() {
            true => format!("http http://[{address}] GET"),
            false => format!("http http://{address} GET"),
        });
        let mut grants = vec!["http * GET".to_owned(), "net *".to_owned()];
        grants.extend(literals);
        let grants = Grants::parse(grants.iter().map(String::as_str)).unwrap();
        Guest::under(Policy::load(Preset::Trusting, &[everything]).unwrap(), grants)
    }

    fn under(policy: Policy, grants: Grants) -> Guest {
        let (http, net) = brokers(HttpLimits::default(), NetLimits::default());
        Guest { policy, grants, http, net, cancel: CancellationToken::new() }
    }

    /// Gives the guest brokers with other limits.
    pub fn limit(&mut self, http: HttpLimits, net: NetLimits) {
        (self.http, self.net) = brokers(http, net);
    }

    fn decide(&self, action: Action) -> Result<claw_policy::Permit, Refused> {
        let subject = Subject {
            component: owner(),
            publisher: "openclaw".to_owned(),
            digest: Digest([0; 32]),
            trust: Trust::Shipped,
            declared: self.grants.clone().into(),
            grants: self.grants.clone().into(),
        };
        let facts = Facts {
            session: SessionKey::parse("main", &AgentId::parse("main").unwrap()).unwrap(),
            run: RunId::parse("run-1").unwrap(),
            origin: Origin::Owner,
            person_present: false,
            labels: Labels::default(),
            mode: Mode::Act,
            at: Timestamp(0),
        };
        match self.policy.decide(&subject, &facts, action) {
            Decision::Allow(permit) => Ok(permit),
            Decision::Ask(_) | Decision::Deny(_) => Err(Refused::Policy),
        }
    }

    pub async fn get(&self, url: &str) -> Result<HttpAnswer, Refused> {
        let headers = vec![("authorization".to_owned(), b"Bearer mine".to_vec())];
        let request = HttpRequest {
            method: "GET".into(),
            url: url.into(),
            headers,
            body: RequestBody::Whole(vec![]),
            first_byte_timeout_ms: 9000,
        };
        let plan = plan_http(&request, &HttpLimits::default()).map_err(Refused::Effect)?;
        let permit = self.decide(Action::SendRequest(plan))?;
        self.http.send(permit, None, &owner(), &|_| None, &self.cancel).await.map_err(Refused::Effect)
    }

    pub async fn connect(&self, url: &str) -> Result<Connection, Refused> {
        let request = ConnectRequest { url: url.into(), headers: vec![], protocols: vec![] };
        let plan = plan_connect(&request).map_err(Refused::Effect)?;
        let permit = self.decide(Action::OpenConnection(plan))?;
        self.net.connect(permit, &owner(), &|_| None, &self.cancel).await.map_err(Refused::Effect)
    }
}

fn brokers(http: HttpLimits, net: NetLimits) -> (HttpBroker, NetBroker) {
    let dialer = Dialer::new(None, &TrustRoots::Public).unwrap();
    (HttpBroker::new(http, dialer.clone()), NetBroker::new(net, dialer))
}

fn owner() -> ComponentName {
    ComponentName::parse("probe").unwrap()
}
