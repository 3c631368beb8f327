use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use super::*;

type Entering<'a> = Pin<Box<dyn Future<Output = Result<Place, Full>> + 'a>>;

fn name(text: &str) -> ComponentName {
    ComponentName::parse(text).unwrap()
}

fn poll<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// Asks for a place and gives it if it is free at once.
fn enter(turnstile: &Turnstile, component: &str) -> Option<Result<Place, Full>> {
    let component = name(component);
    let mut entering = Box::pin(turnstile.enter(&component));
    poll(&mut entering)
}

fn queue<'a>(turnstile: &'a Turnstile, component: &'a ComponentName) -> Entering<'a> {
    let mut entering: Entering<'a> = Box::pin(turnstile.enter(component));
    assert!(poll(&mut entering).is_none(), "it was to wait");
    entering
}

// RS-24
#[test]
fn a_components_first_call_never_waits_for_others() {
    let turnstile = Turnstile::new(4, 2);
    let mut looping = Vec::new();
    for number in 0..64 {
        looping.push(enter(&turnstile, &format!("loop-{number}")).expect("a first call").unwrap());
    }
    for _ in 0..2 {
        looping.push(enter(&turnstile, "loop-0").expect("a shared place").unwrap());
    }
    assert!(enter(&turnstile, "loop-1").is_none(), "the shared places are used up");
    assert!(enter(&turnstile, "friendly").is_some(), "and still a newcomer starts at once");
}

// RS-24
#[test]
fn components_take_turns_and_each_ones_calls_stay_in_order() {
    let turnstile = Turnstile::new(4, 1);
    let (greedy, modest) = (name("greedy"), name("modest"));
    let _first = (enter(&turnstile, "greedy"), enter(&turnstile, "modest"));
    let shared = enter(&turnstile, "greedy").unwrap().unwrap();
    let mut waiting = vec![
        ("greedy 1", queue(&turnstile, &greedy)),
        ("greedy 2", queue(&turnstile, &greedy)),
        ("greedy 3", queue(&turnstile, &greedy)),
        ("modest 1", queue(&turnstile, &modest)),
    ];
    let mut order = Vec::new();
    let mut place = shared;
    while !waiting.is_empty() {
        drop(place);
        let mut entered = Vec::new();
        for (at, (who, entering)) in waiting.iter_mut().enumerate() {
            if let Some(got) = poll(entering) {
                entered.push((at, *who, got.unwrap()));
            }
        }
        assert_eq!(entered.len(), 1, "one place, one call");
        let (at, who, got) = entered.pop().unwrap();
        drop(waiting.remove(at));
        order.push(who);
        place = got;
    }
    assert_eq!(order, ["greedy 1", "modest 1", "greedy 2", "greedy 3"]);
}

#[test]
fn who_gives_up_waiting_holds_up_nobody() {
    let turnstile = Turnstile::new(1, 0);
    let component = name("a");
    let running = enter(&turnstile, "a").unwrap().unwrap();
    let given_up = queue(&turnstile, &component);
    let mut patient = queue(&turnstile, &component);
    drop(given_up);
    drop(running);
    assert!(poll(&mut patient).is_some());
}

#[test]
fn a_place_that_comes_too_late_for_its_caller_goes_to_the_next() {
    let turnstile = Turnstile::new(1, 0);
    let component = name("a");
    let running = enter(&turnstile, "a").unwrap().unwrap();
    let late = queue(&turnstile, &component);
    let mut next = queue(&turnstile, &component);
    // The place has been sent to `late`, which goes away without having looked.
    drop(running);
    assert!(poll(&mut next).is_none());
    drop(late);
    assert!(poll(&mut next).is_some());
}

#[test]
fn a_component_with_too_many_waiting_calls_is_busy() {
    let turnstile = Turnstile::new(1, 0);
    let component = name("a");
    let _running = enter(&turnstile, "a");
    let mut waiting: Vec<_> = (0..WAITING).map(|_| queue(&turnstile, &component)).collect();
    assert!(matches!(enter(&turnstile, "a"), Some(Err(Full))));
    assert!(enter(&turnstile, "b").is_some_and(|entered| entered.is_ok()), "others are not");
    // Whoever gave up makes room.
    waiting.pop();
    assert!(enter(&turnstile, "a").is_none());
}

#[test]
fn a_component_without_calls_leaves_nothing_behind() {
    let turnstile = Turnstile::new(2, 1);
    let places = (enter(&turnstile, "a"), enter(&turnstile, "a"));
    drop(places);
    let state = turnstile.lock();
    assert!(state.lines.is_empty() && state.turns.is_empty() && state.shared == 1);
}
