use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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
    assert_eq!(prompt.into_whole().unwrap().0, "hi");
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
    .assert_eq(&read(messages.clone()).unwrap().into_whole().unwrap().0);
    assert_eq!(read(messages).unwrap().into_turn().unwrap().0, "four");
}

#[test]
fn what_cannot_be_a_turn_is_refused() {
    let refused = |messages: Value| read(messages).unwrap_err();
    assert!(refused(json!([])).contains("no message of the role `user`"));
    let trailing = json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]);
    assert!(refused(trailing).contains("last message"));
    assert!(refused(json!([{"role": "user", "content": 7}])).contains("must be a string"));
    let part = |part: Value| refused(json!([{"role": "user", "content": [part]}]));
    assert!(part(json!({"type": "input_audio", "input_audio": {}})).contains("`input_audio` are not supported"));
    assert!(part(json!({"type": "image_url"})).contains("`image_url` are not supported"));
    let elsewhere = json!({"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}});
    assert!(part(elsewhere).contains("the host fetches nothing for a client"));
    assert!(read(json!([{"role": "user", "content": " "}])).unwrap().into_turn().is_err());
}

fn shown(content: &str) -> Value {
    let url = format!("data:image/gif;base64,{}", STANDARD.encode(format!("GIF89a{content}")));
    json!({"type": "image_url", "image_url": {"url": url, "detail": "low"}})
}

fn contents(images: &[NewImage]) -> Vec<String> {
    images.iter().map(|image| String::from_utf8(image.content()[6..].to_vec()).unwrap()).collect()
}

#[test]
fn images_belong_to_their_turn_and_the_newest_ones_of_before_come_along() {
    let text = |text: &str| json!({"type": "text", "text": text});
    let before: Vec<Value> = (0..8).map(|number| shown(&number.to_string())).collect();
    let messages = json!([
        {"role": "user", "content": before},
        {"role": "assistant", "content": "eight"},
        {"role": "user", "content": [text("and"), shown("a"), text("these?"), shown("b")]},
    ]);
    let (text, images) = read(messages.clone()).unwrap().into_whole().unwrap();
    assert_eq!(contents(&images), ["2", "3", "4", "5", "6", "7", "a", "b"]);
    assert!(text.contains("User: \n[image]\n[image]") && text.ends_with("[Current message]\nand\nthese?"), "{text}");
    let (text, images) = read(messages).unwrap().into_turn().unwrap();
    assert_eq!((text.as_str(), contents(&images)), ("and\nthese?", vec!["a".to_owned(), "b".to_owned()]));
    let alone = read(json!([{"role": "user", "content": [shown("a")]}])).unwrap().into_turn().unwrap();
    assert_eq!((alone.0.as_str(), alone.1.len()), ("", 1));
    let nine: Vec<Value> = (0..9).map(|number| shown(&number.to_string())).collect();
    assert!(read(json!([{"role": "user", "content": nine}])).unwrap_err().contains("image 9 is one too many"));
}
