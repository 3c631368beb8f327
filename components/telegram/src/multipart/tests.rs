use super::*;

#[test]
fn a_name_stays_within_its_quotes() {
    let file = OutgoingFile {
        key: "k1".into(),
        chat: "42".into(),
        name: "a\"; name=\"chat_id\"\r\n\r\n7.png".into(),
        media_type: "image/png".into(),
        bytes: b"\x89PNG\r\n--".to_vec(),
        caption: None,
        reply_to: None,
    };
    let form = Form::new(&[("chat_id", "42".to_owned())], "photo", &file);
    assert_eq!(form.content_type(), "multipart/form-data; boundary=openclaw-k1");
    let expected = b"--openclaw-k1\r\ncontent-disposition: form-data; name=\"chat_id\"\r\n\r\n42\r\n\
        --openclaw-k1\r\ncontent-disposition: form-data; name=\"photo\"; \
        filename=\"a%22; name=%22chat_id%22%0D%0A%0D%0A7.png\"\r\ncontent-type: image/png\r\n\r\n\
        \x89PNG\r\n--\r\n--openclaw-k1--\r\n";
    assert_eq!(String::from_utf8_lossy(&form.body), String::from_utf8_lossy(expected));
}
