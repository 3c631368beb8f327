use std::collections::{HashSet, VecDeque};

use super::*;
use crate::id::AgentId;

const EXPIRES: u64 = 100;

fn question() -> Approval {
    Approval {
        id: ApprovalId::from_random(7),
        session: SessionKey::parse("main", &AgentId::parse("main").unwrap()).unwrap(),
        run: RunId::parse("r").unwrap(),
        call: CallId::parse("c").unwrap(),
        component: ComponentName::parse("exec").unwrap(),
        build: Digest([2; 32]),
        digest: Digest([1; 32]),
        card: Card { action: "exec.run".into(), title: "May I?".into(), lines: vec![] },
        argv: vec![],
        cwd: None,
        choices: vec![Choice { label: "this".into(), grant: "exec touch a".into(), terms: Terms::default() }],
        created: Timestamp(0),
        expires: Timestamp(EXPIRES),
        state: ApprovalState::Pending,
    }
}

/// Everything that can befall it, at each kind of moment.
fn steps() -> Vec<(Step<'static>, Timestamp)> {
    let always = |choice| Answer::Always(Always { choice, uses: Some(2), for_ms: Some(5) });
    let answers = [Answer::Once, always(0), always(1), Answer::Deny, Answer::Pause];
    let answers = answers.map(|answer| Step::Answer(answer, "ws:owner"));
    let steps = answers.into_iter().chain([Step::Expire, Step::Withdraw, Step::Use]);
    // A clock may also step back.
    let moments = [0, EXPIRES - 1, EXPIRES, EXPIRES + 1].map(Timestamp);
    steps.flat_map(|step| moments.map(|at| (step.clone(), at))).collect()
}

/// Walks every history of steps: the states are finite, so all that can be reached is seen.
#[test]
fn no_history_uses_an_approval_twice_or_without_a_timely_yes() {
    let mut seen = HashSet::new();
    // A state, whether a timely yes was given on the way, and how often it was used.
    let mut queue = VecDeque::from([(question(), false, 0)]);
    while let Some((approval, yes, uses)) = queue.pop_front() {
        if !seen.insert((format!("{:?}", approval.state), yes, uses)) {
            continue;
        }
        assert!(uses <= 1, "{approval:?}");
        for (step, at) in steps() {
            let Some(state) = approval.after(&step, at) else { continue };
            assert_ne!(state, ApprovalState::Pending, "nothing is asked again");
            let timely = matches!(step, Step::Answer(Answer::Once | Answer::Always(_), _)) && at.0 < EXPIRES;
            let yes = yes || timely;
            assert!(yes || !matches!(state, ApprovalState::Approved { .. } | ApprovalState::Used { .. }), "{step:?}");
            let uses = uses + u32::from(step == Step::Use);
            assert_eq!(step == Step::Use, matches!(state, ApprovalState::Used { .. }), "{step:?}");
            queue.push_back((Approval { state, ..approval.clone() }, yes, uses));
        }
    }
    // Pending, approved once and always (at two moments each), denied and paused (likewise), expired, withdrawn, used.
    assert_eq!(seen.len(), 1 + 4 + 4 + 1 + 1 + 4);
}

#[test]
fn an_end_is_an_end() {
    let ends = [
        ApprovalState::Denied { by: "a".into(), at: Timestamp(1), paused: false },
        ApprovalState::Expired,
        ApprovalState::Withdrawn,
        ApprovalState::Used { at: Timestamp(1) },
    ];
    for end in ends {
        let approval = Approval { state: end, ..question() };
        assert!(steps().iter().all(|(step, at)| approval.after(step, *at).is_none()), "{approval:?}");
    }
}

#[test]
fn always_gives_a_choice_of_the_card_for_as_long_as_was_said() {
    let always = |choice| Answer::Always(Always { choice, uses: Some(2), for_ms: Some(5) });
    let chosen = question().chosen(always(0), Timestamp(10)).unwrap();
    assert_eq!(chosen.terms, Terms { uses: Some(2), until: Some(Timestamp(15)), ..Terms::default() });
    assert_eq!(question().chosen(always(1), Timestamp(10)), None);
    assert_eq!(question().after(&Step::Answer(always(1), "x"), Timestamp(10)), None, "there is no such choice");
    assert_eq!(question().chosen(Answer::Once, Timestamp(10)), None);
}
