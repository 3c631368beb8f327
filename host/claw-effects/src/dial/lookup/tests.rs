use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::*;

/// Answers lookups from a list, the last answer again and again, and notes what was asked. What passed the check is
/// reached at `server`, as a test cannot dial public addresses.
#[derive(Debug)]
pub(crate) struct Script {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
    server: SocketAddr,
}

impl Script {
    pub(crate) fn new(answers: &[&[&str]], server: SocketAddr) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        let answers = Mutex::new(answers.iter().map(parse).collect());
        Arc::new(Script { answers, asked: Mutex::default(), server })
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) fn ask(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.lock().unwrap().push(name.to_owned());
        let mut answers = self.answers.lock().unwrap();
        if answers.len() > 1 { Ok(answers.pop_front().unwrap()) } else { Ok(answers[0].clone()) }
    }

    pub(super) fn reach(&self, addresses: &[IpAddr]) -> Vec<SocketAddr> {
        let reach = |address: &IpAddr| match address.is_loopback() {
            true => SocketAddr::new(*address, 0),
            false => self.server,
        };
        addresses.iter().map(reach).collect()
    }
}

async fn look_up(name: &str, answer: &[&str], own_addresses: OwnAddresses) -> Result<Vec<IpAddr>, LookupError> {
    let script = Script::new(&[answer], ([127, 0, 0, 1], 1).into());
    CheckedLookup { lookup: Lookup::Scripted(script), own_addresses }.addresses(name).await
}

#[tokio::test]
async fn one_special_address_among_public_ones_refuses_the_name() {
    // NET-10, NET-15
    let answers: [&[&str]; 6] = [
        &["8.8.8.8", "127.0.0.1"],
        &["10.0.0.1"],
        &["169.254.169.254"],
        &["::1", "8.8.8.8"],
        &["168.63.129.16"],
        &["::ffff:8.8.8.8"],
    ];
    for answer in answers {
        let found = look_up("example.test", answer, OwnAddresses::Allowed).await;
        assert!(matches!(found, Err(LookupError::NotPublic { .. })), "{answer:?}: {found:?}");
    }
    let found = look_up("example.test", &["8.8.8.8", "2606:4700::1111"], OwnAddresses::Allowed).await;
    assert_eq!(found.unwrap().len(), 2);
}

#[tokio::test]
async fn localhost_is_never_asked_of_anybody() {
    for name in ["localhost", "evil.localhost"] {
        let found = look_up(name, &["8.8.8.8"], OwnAddresses::Allowed).await.unwrap();
        assert!(found.iter().all(IpAddr::is_loopback));
    }
}

#[tokio::test]
async fn a_name_without_an_address_says_so() {
    let found = look_up("example.test", &[], OwnAddresses::Refused).await;
    assert!(matches!(found, Err(LookupError::NoAddress { .. })));
}

#[test]
fn only_addresses_of_this_machine_can_be_bound() {
    for own in ["127.0.0.1", "127.3.2.1", "0.0.0.0", "::1", "::ffff:127.0.0.1"] {
        assert!(is_of_this_machine(own.parse().unwrap()), "{own}");
    }
    for other in ["8.8.8.8", "2606:4700::1111", "203.0.113.7"] {
        assert!(!is_of_this_machine(other.parse().unwrap()), "{other}");
    }
}
