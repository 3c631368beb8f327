use super::*;

#[test]
fn a_chat_is_a_number_or_a_public_name_and_may_have_a_topic() {
    for text in ["42", "-1001234567890", "-1001234567890/17"] {
        let chat: Chat = text.parse().unwrap();
        assert_eq!(write(chat.id().as_i64().unwrap(), chat.topic), text);
    }
    let public: Chat = "@my_group/3".parse().unwrap();
    assert_eq!((public.id(), public.topic), (Value::from("@my_group"), Some(3)));
    assert_eq!(public.moved(-5).id(), Value::from(-5));
    for text in ["", "@", "@a b", "x", "1/", "1/x", "1/2/3", "/2", "1.5", "99999999999999999999"] {
        assert!(text.parse::<Chat>().is_err(), "{text}");
    }
}
