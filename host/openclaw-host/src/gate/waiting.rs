//! The questions that wait for a person, and which of them are shown together.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use claw_core::approval::Approval;
use claw_core::id::ApprovalId;
use claw_policy::{MAX_CARD_BYTES, card_len};
use tokio::sync::oneshot;

/// Nobody reads more calls on one card.
const MAX_TOGETHER: usize = 10;

/// The open questions.
#[derive(Default)]
pub(super) struct Waiting {
    questions: Mutex<Questions>,
}

#[derive(Default)]
struct Questions {
    open: HashMap<ApprovalId, Question>,
    /// Counts questions.
    next: u64,
}

struct Question {
    approval: Approval,
    answer: oneshot::Sender<Approval>,
    /// Its position among all questions.
    place: u64,
    /// The card that shows it, by the place of the first question on it.
    card: u64,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    LinedUp,
    Stored,
    Told,
}

impl Waiting {
    /// Registers a question, before it is stored. One that fits on a card that nobody has seen yet needs no leave.
    ///
    /// # Errors
    /// What `may_ask` says; the question is not registered then.
    pub(super) fn line_up<E>(
        &self,
        approval: &Approval,
        may_ask: impl FnOnce() -> Result<(), E>,
    ) -> Result<oneshot::Receiver<Approval>, E> {
        let mut questions = self.lock();
        let place = questions.next;
        let card = match questions.card_with_room(approval) {
            Some(card) => card,
            None => may_ask().map(|()| place)?,
        };
        questions.next += 1;
        let (answer, answered) = oneshot::channel();
        let question = Question { approval: approval.clone(), answer, place, card, stage: Stage::LinedUp };
        questions.open.insert(approval.id.clone(), question);
        Ok(answered)
    }

    /// Notes that a question is stored, and so may be shown.
    pub(super) fn stored(&self, id: &ApprovalId) {
        if let Some(question) = self.lock().open.get_mut(id) {
            question.stage = Stage::Stored;
        }
    }

    /// What the card of a question shows, in the order of asking; nothing if it was shown already, or if the question
    /// has its answer.
    pub(super) fn to_tell(&self, id: &ApprovalId) -> Vec<Approval> {
        let mut questions = self.lock();
        let Some(Question { card, stage: Stage::Stored, .. }) = questions.open.get(id) else { return Vec::new() };
        let card = *card;
        let on_it = questions.open.values_mut().filter(|other| other.card == card && other.stage == Stage::Stored);
        let mut together: Vec<_> = on_it
            .map(|question| {
                question.stage = Stage::Told;
                (question.place, question.approval.clone())
            })
            .collect();
        together.sort_by_key(|(place, _)| *place);
        together.into_iter().map(|(_, approval)| approval).collect()
    }

    /// Gives an answer to whoever waits for it.
    pub(super) fn answer(&self, approval: Approval) {
        if let Some(question) = self.lock().open.remove(&approval.id) {
            let _ = question.answer.send(approval);
        }
    }

    /// Nobody waits for the answer any more.
    pub(super) fn forget(&self, id: &ApprovalId) {
        self.lock().open.remove(id);
    }

    /// All that wait.
    pub(super) fn open(&self) -> Vec<ApprovalId> {
        self.lock().open.keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Questions> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Questions {
    /// A card that nobody has seen, about the same kind of thing for the same component and run, with room for one
    /// more. Told questions close their card: an answer never covers what was not shown.
    fn card_with_room(&self, approval: &Approval) -> Option<u64> {
        let is_alike = |other: &Approval| {
            (&other.run, &other.component, &other.card.action)
                == (&approval.run, &approval.component, &approval.card.action)
        };
        let alike: Vec<_> = self.open.values().filter(|other| is_alike(&other.approval)).collect();
        let newest = alike.iter().map(|other| other.card).max()?;
        let on_it: Vec<_> = alike.into_iter().filter(|other| other.card == newest).collect();
        let bytes: usize = on_it.iter().map(|other| card_len(&other.approval.card)).sum();
        let has_room = on_it.len() < MAX_TOGETHER && bytes + card_len(&approval.card) <= MAX_CARD_BYTES;
        (has_room && on_it.iter().all(|other| other.stage != Stage::Told)).then_some(newest)
    }
}

#[cfg(test)]
mod tests {
    use claw_core::approval::{ApprovalState, Card};
    use claw_core::id::{AgentId, CallId, ComponentName, Digest, RunId, SessionKey, Timestamp};

    use super::*;

    fn question(number: u128, run: &str, value: &str) -> Approval {
        let card = Card {
            action: "http.request".to_owned(),
            title: "`web` wants to send a request".to_owned(),
            lines: vec![("URL".to_owned(), value.to_owned())],
        };
        Approval {
            id: ApprovalId::from_random(number),
            session: SessionKey::parse("main", &AgentId::parse("main").unwrap()).unwrap(),
            run: RunId::parse(run).unwrap(),
            call: CallId::parse("c").unwrap(),
            component: ComponentName::parse("web").unwrap(),
            build: Digest([0; 32]),
            digest: Digest([0; 32]),
            card,
            argv: Vec::new(),
            cwd: None,
            choices: Vec::new(),
            created: Timestamp(0),
            expires: Timestamp(1),
            state: ApprovalState::Pending,
        }
    }

    /// Registers and stores a question; says whether it needed leave.
    fn ask(waiting: &Waiting, question: &Approval) -> bool {
        let mut needed = false;
        let leave = || {
            needed = true;
            Ok::<_, ()>(())
        };
        waiting.line_up(question, leave).unwrap();
        waiting.stored(&question.id);
        needed
    }

    fn told(waiting: &Waiting, number: u128) -> Vec<u128> {
        let together = waiting.to_tell(&ApprovalId::from_random(number));
        together.iter().map(|approval| u128::from_str_radix(approval.id.as_str(), 16).unwrap()).collect()
    }

    #[test]
    fn what_comes_together_and_is_alike_is_shown_once_in_its_order() {
        let waiting = Waiting::default();
        assert!(ask(&waiting, &question(1, "r", "a")));
        assert!(!ask(&waiting, &question(2, "r", "b")));
        assert!(ask(&waiting, &question(3, "other", "a")), "of another run");
        let other = Approval { component: ComponentName::parse("x").unwrap(), ..question(4, "r", "a") };
        assert!(ask(&waiting, &other), "of another component");
        assert_eq!(told(&waiting, 2), [1, 2]);
        assert!(told(&waiting, 1).is_empty(), "it was shown already");
        assert_eq!((told(&waiting, 3), told(&waiting, 4)), (vec![3], vec![4]));
    }

    #[test]
    fn what_comes_after_a_card_was_seen_is_not_on_it() {
        let waiting = Waiting::default();
        ask(&waiting, &question(1, "r", "a"));
        assert_eq!(told(&waiting, 1), [1]);
        assert!(ask(&waiting, &question(2, "r", "b")));
        assert_eq!(told(&waiting, 2), [2]);
    }

    #[test]
    fn a_card_shows_no_more_than_somebody_reads() {
        let waiting = Waiting::default();
        let leaves = (1..=25).filter(|number| ask(&waiting, &question(*number, "r", "a"))).count();
        assert_eq!(leaves, 3, "ten on each card");
        assert_eq!(told(&waiting, 25).len(), 5);

        let waiting = Waiting::default();
        let long = "x".repeat(MAX_CARD_BYTES / 2);
        let leaves = (1..=4).filter(|number| ask(&waiting, &question(*number, "r", &long))).count();
        assert_eq!(leaves, 4, "two of them do not fit with their titles");
    }

    #[test]
    fn without_leave_or_before_it_is_stored_nothing_is_shown() {
        let waiting = Waiting::default();
        assert!(waiting.line_up(&question(1, "r", "a"), || Err(())).is_err());
        assert!(waiting.open().is_empty());
        waiting.line_up(&question(2, "r", "a"), || Ok::<_, ()>(())).unwrap();
        assert!(told(&waiting, 2).is_empty());
        ask(&waiting, &question(3, "r", "b"));
        assert_eq!(told(&waiting, 3), [3]);
    }
}
