use serde_json::{Value, json};

use super::*;

fn sent(status: u16, body: &Value) -> Result<i64, Trouble> {
    read::<Sent>(status, body.to_string().as_bytes()).map(|sent| sent.message_id)
}

fn refusal(code: u16, words: &str) -> Value {
    json!({"ok": false, "error_code": code, "description": words})
}

#[test]
fn an_answer_is_its_result() {
    let body = json!({"ok": true, "result": {"message_id": 7, "date": 1, "chat": {"id": 1, "type": "private"}}});
    assert_eq!(sent(200, &body), Ok(7));
}

#[test]
fn what_telegram_refuses_is_told_apart() {
    let words = |code, words: &str| sent(code, &refusal(code, words)).unwrap_err().of_sending();
    let rejected = [
        (400, "Bad Request: chat not found"),
        (403, "Forbidden: bot was blocked by the user"),
        (401, "Unauthorized"),
        (404, "Not Found"),
    ];
    for (code, text) in rejected {
        assert!(matches!(words(code, text), Failure::Rejected(why) if why.contains(text)), "{text}");
    }
    let conflict = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
    let Failure::Unavailable(why) = words(409, conflict) else { panic!("a conflict may pass") };
    assert!(why.contains("only one can"), "{why}");
    assert!(matches!(words(502, "Bad Gateway"), Failure::Unavailable(_)));
}

#[test]
fn a_flood_says_how_long_to_wait() {
    let mut flood = refusal(429, "Too Many Requests: retry after 12");
    flood["parameters"] = json!({"retry_after": 12});
    let limited = sent(429, &flood).unwrap_err();
    assert!(matches!(limited.of_sending(), Failure::Limited(12_000)));
    flood["parameters"] = json!({"retry_after": u32::MAX});
    assert!(matches!(sent(429, &flood).unwrap_err().of_polling(), Failure::Limited(u32::MAX)));
}

#[test]
fn what_can_be_mended_is_known() {
    let unreadable = "Bad Request: can't parse entities: Unsupported start tag \"x\" at byte offset 0";
    assert_eq!(sent(400, &refusal(400, unreadable)), Err(Trouble::Unreadable(unreadable.to_owned())));
    let same = "Bad Request: message is not modified: specified new message content is exactly the same";
    assert_eq!(sent(400, &refusal(400, same)), Err(Trouble::Unchanged(same.to_owned())));
    let words = "Bad Request: group chat was upgraded to a supergroup chat";
    let mut moved = refusal(400, words);
    moved["parameters"] = json!({"migrate_to_chat_id": -1001234567890_i64});
    assert_eq!(sent(400, &moved), Err(Trouble::Moved(-1_001_234_567_890, words.to_owned())));
}

#[test]
fn an_answer_that_is_none_leaves_open_what_happened_unless_its_status_says() {
    let page = Value::from("<html>");
    assert!(matches!(sent(200, &page).unwrap_err().of_sending(), Failure::Unknown(_)));
    assert!(matches!(sent(200, &json!({"ok": true})).unwrap_err().of_sending(), Failure::Unknown(_)));
    assert!(matches!(sent(503, &page).unwrap_err().of_sending(), Failure::Unavailable(_)));
    assert!(matches!(sent(413, &page).unwrap_err().of_sending(), Failure::Rejected(_)));
    // A poll loses nothing.
    assert!(matches!(sent(200, &page).unwrap_err().of_polling(), Failure::Unavailable(_)));
    assert!(matches!(sent(401, &page).unwrap_err().of_polling(), Failure::Rejected(_)));
}
