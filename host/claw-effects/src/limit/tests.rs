use super::*;

fn name(text: &str) -> ComponentName {
    ComponentName::parse(text).unwrap()
}

#[track_caller]
fn check_busy(result: Result<Slot, EffectError>) {
    assert!(matches!(&result, Err(EffectError::Limit(text)) if text.starts_with("E_BUSY")), "{result:?}");
}

#[test]
fn a_component_gets_32_and_leaves_the_others_theirs() {
    // NET-35
    let slots = Arc::new(Slots::default());
    let mut held: Vec<Slot> = (0..PER_COMPONENT).map(|_| slots.take(&name("greedy")).unwrap()).collect();
    check_busy(slots.take(&name("greedy")));
    let other = slots.take(&name("modest")).unwrap();
    held.pop();
    held.push(slots.take(&name("greedy")).unwrap());
    check_busy(slots.take(&name("greedy")));
    drop((held, other));
    assert!(slots.held().is_empty());
}

#[test]
fn all_components_together_have_a_limit() {
    // NET-35
    let slots = Arc::new(Slots::default());
    let held: Vec<Slot> =
        (0..TOGETHER).map(|count| slots.take(&name(&format!("c{}", count / PER_COMPONENT))).unwrap()).collect();
    check_busy(slots.take(&name("late")));
    drop(held);
    assert!(slots.take(&name("late")).is_ok());
}
