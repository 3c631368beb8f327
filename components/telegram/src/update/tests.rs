use serde_json::json;

use super::*;

fn message(more: Value) -> Value {
    let mut message = json!({
        "message_id": 5, "date": 1_700_000_000,
        "from": {"id": 7, "is_bot": false, "first_name": "Ada", "last_name": "Lovelace", "username": "ada"},
        "chat": {"id": 7, "type": "private", "first_name": "Ada"},
    });
    message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    message
}

fn one(more: Value) -> Received {
    let mut batch = batch(vec![json!({"update_id": 100, "message": message(more)})], None);
    assert_eq!((batch.messages.len(), batch.cursor.as_str()), (1, "101"));
    batch.messages.remove(0)
}

#[test]
fn a_private_message_is_direct() {
    let received = one(json!({"text": "hello", "entities": [{"type": "bold", "offset": 0, "length": 5}]}));
    assert_eq!((received.id.as_str(), received.chat.as_str(), received.text.as_str()), ("5", "7", "hello"));
    assert_eq!((received.sender.id.as_str(), received.sender.name.as_str()), ("7", "Ada Lovelace (@ada)"));
    assert_eq!((received.direct, received.sent_ms), (true, 1_700_000_000_000));
}

#[test]
fn a_topic_of_a_forum_is_a_chat_of_its_own_and_a_mere_reply_is_not() {
    let chat = json!({"id": -1001, "type": "supergroup", "title": "Group", "is_forum": true});
    let in_topic = one(json!({"text": "a", "chat": chat, "message_thread_id": 3, "is_topic_message": true}));
    assert_eq!((in_topic.chat.as_str(), in_topic.direct), ("-1001/3", false));
    assert_eq!(one(json!({"text": "a", "chat": chat, "message_thread_id": 3})).chat, "-1001");
    let speaker =
        json!({"text": "a", "chat": chat, "sender_chat": {"id": -1001, "type": "supergroup", "title": "Group"}});
    assert_eq!(one(speaker).sender.id, "-1001");
}

#[test]
fn what_comes_as_a_file_is_attached() {
    let photo = json!([{"file_id": "s", "file_size": 1}, {"file_id": "l", "width": 9, "height": 9, "file_size": 7}]);
    let pdf = json!({"file_id": "d", "file_name": "a\nb.pdf", "mime_type": "application/pdf", "file_size": 9});
    let gif = json!({"file_id": "g", "mime_type": "video/mp4"});
    for (more, said, file) in [
        (json!({"photo": photo, "caption": "look"}), "look", ("l", "", "image/jpeg", 7)),
        (json!({"document": pdf}), "", ("d", "a\nb.pdf", "application/pdf", 9)),
        (json!({"document": {"file_id": "x"}, "animation": gif}), "", ("g", "", "video/mp4", 0)),
        (json!({"voice": {"file_id": "v", "duration": 3}}), "", ("v", "", "", 0)),
    ] {
        let received = one(more);
        let [found] = &received.attachments[..] else { panic!("{:?}", received.attachments) };
        assert_eq!(received.text, said);
        assert_eq!((found.id.as_str(), found.name.as_str(), found.media_type.as_str(), found.size), file);
    }
}

#[test]
fn what_is_no_text_and_no_file_becomes_a_line() {
    for (more, said) in [
        (json!({"sticker": {"file_id": "x", "emoji": "👍"}}), "[sticker: 👍]"),
        (json!({"venue": {"title": "x"}, "location": {"latitude": 1.5, "longitude": 2.5}}), "[venue]"),
    ] {
        assert_eq!(one(more).text, said);
    }
}

#[test]
fn what_nobody_wrote_is_passed_over_and_holds_nothing_up() {
    let updates = vec![
        json!({"update_id": 8, "edited_message": message(json!({"text": "again"}))}),
        json!({"update_id": 9, "message": message(json!({"new_chat_members": []}))}),
        json!({"update_id": 10, "message": {"message_id": "odd"}}),
        json!({"update_id": 12, "message": message(json!({"text": "hello"}))}),
        json!("odd"),
    ];
    let found = batch(updates, Some("8".to_owned()));
    assert_eq!((found.messages.len(), found.cursor.as_str()), (1, "13"));
    assert_eq!(batch(Vec::new(), Some("13".to_owned())).cursor, "13");
    assert_eq!(batch(Vec::new(), None).cursor, "");
}
