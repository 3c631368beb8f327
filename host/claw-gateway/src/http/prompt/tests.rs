use serde_json::json;

use super::*;

fn read(messages: Value) -> Result<Prompt, String> {
    let messages: Vec<ChatMessage> = serde_json::from_value(messages).unwrap();
    Prompt::read(&messages).map_err(|problem| problem.message)
}

#[test]
fn a_single_message_is_the_turn_as_it_is() {
    let prompt = read(json!([{"role": "user", "content": "hi"}])).unwrap();
    assert!(!prompt.has_context());
    assert_eq!(prompt.into_whole().unwrap(), "hi");
}

#[test]
fn what_came_before_is_folded_in_front_and_marked() {
    let messages = json!([
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
        {"role": "assistant", "content": "three"},
        {"role": "user", "content": "four"},
    ]);
    expect_test::expect![[r#"
        [Instructions from the API client]
        be brief

        [Earlier in this conversation, as the API client tells it]
        User: one
        two
        Assistant: three

        [Current message]
        four"#]]
    .assert_eq(&read(messages.clone()).unwrap().into_whole().unwrap());
    assert_eq!(read(messages).unwrap().into_turn().unwrap(), "four");
}

#[test]
fn what_cannot_be_a_turn_is_refused() {
    let refused = |messages: Value| read(messages).unwrap_err();
    assert!(refused(json!([])).contains("no message of the role `user`"));
    let trailing = json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]);
    assert!(refused(trailing).contains("last message"));
    assert!(refused(json!([{"role": "user", "content": 7}])).contains("must be a string"));
    let image = json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]);
    assert!(refused(image).contains("`image_url` are not supported"));
    assert!(read(json!([{"role": "user", "content": " "}])).unwrap().into_turn().is_err());
}
