use claw_core::id::Seq;

use super::*;
use crate::facts::ModelFacts;
use crate::sample::{ABLE, assistant, call, denied, done, prompt, reader, shown, user};

fn show(messages: &[Message]) -> Vec<String> {
    let show_call = |answered: AnsweredCall<'_>| {
        let mark = if answered.failed { "!" } else { "" };
        format!("{}={mark}{}", answered.call.id, answered.outcome)
    };
    let show = |turn| match turn {
        Turn::User { text, images } if images.is_empty() => format!("user {text}"),
        Turn::User { text, images } => format!("user {text} {images:?}"),
        Turn::Assistant { text, calls, .. } => {
            let calls: Vec<String> = calls.into_iter().map(show_call).collect();
            format!("assistant {text} [{}]", calls.join(", "))
        }
    };
    let prompt = prompt(messages.to_vec());
    turns(&reader("h", "m"), &prompt, &ImageKind::ALL).into_iter().map(show).collect()
}

#[test]
fn words_of_a_person_between_call_and_outcome_stand_after_the_outcomes() {
    let calls = vec![call("a", "clock", "{}"), call("b", "clock", "{}")];
    let messages =
        [user("go"), assistant("", calls), done("b", "two"), user("hurry"), denied("a", "no"), assistant("ok", vec![])];
    assert_eq!(
        show(&messages),
        ["user go", "assistant  [a=!E_POLICY_DENY: no, b=two]", "user hurry", "assistant ok []"]
    );
}

#[test]
fn a_call_without_an_outcome_is_answered_with_what_is_known() {
    let messages =
        [assistant("", vec![call("a", "clock", "{}")]), user("again"), assistant("x", vec![]), done("a", "late")];
    assert_eq!(
        show(&messages),
        [format!("assistant  [a=!{NO_OUTCOME}]"), "user again".into(), "assistant x []".into()]
    );
}

#[test]
fn an_id_that_repeats_in_a_later_exchange_keeps_its_own_outcome() {
    let once = || assistant("", vec![call("a", "clock", "{}")]);
    let messages = [once(), done("a", "one"), once(), done("a", "two")];
    assert_eq!(show(&messages), ["assistant  [a=one]", "assistant  [a=two]"]);
}

#[test]
fn notices_empty_texts_and_outcomes_without_call_are_left_out() {
    let notice = Message::Notice { text: "approval card 1234".to_owned() };
    assert_eq!(show(&[done("a", "x"), notice, user(" "), assistant("", vec![]), user("hi")]), ["user hi"]);
}

#[test]
fn a_summary_is_told_as_what_it_is() {
    let summary = Message::Summary { text: "they met".to_owned(), kept_from: Seq(3) };
    assert_eq!(show(&[summary, user("hi")]), [format!("user {SUMMARY}they met{SUMMARY_END}"), "user hi".to_owned()]);
}

#[test]
fn malformed_arguments_in_the_history_become_an_object() {
    let arguments = |text| Value::Object(object_arguments(&call("a", "clock", text))).to_string();
    assert_eq!(arguments(r#"{"zone":"UTC"}"#), r#"{"zone":"UTC"}"#);
    assert_eq!(arguments(r#"{"zone":"#), r#"{"malformed_arguments":"{\"zone\":"}"#);
    assert_eq!(arguments("[1]"), r#"{"malformed_arguments":"[1]"}"#);
}

#[test]
fn lines_tell_of_images_that_cannot_be_sent() {
    let (_, mut shown) = shown(ImageKind::Png, b"png", "look");
    let told = |facts: &ModelFacts, prompt: &Prompt| match turns(
        &Reader { facts, ..reader("h", "m") },
        prompt,
        &ImageKind::ALL,
    )
    .remove(0)
    {
        Turn::User { text, images } => (text.into_owned(), images.len()),
        other => panic!("{other:?}"),
    };
    assert_eq!(told(&ABLE, &shown), ("look".to_owned(), 1));
    let blind = ModelFacts { images: false, ..ABLE };
    let why = "look\n[image left out: image/png, 3 bytes; this model cannot look at images]";
    assert_eq!(told(&blind, &shown), (why.to_owned(), 0));
    shown.images.clear();
    let why = "look\n[image left out: image/png, 3 bytes; its file is not there any more]";
    assert_eq!(told(&ABLE, &shown), (why.to_owned(), 0));
}
