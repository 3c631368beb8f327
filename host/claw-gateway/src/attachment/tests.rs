use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use claw_core::image::{ImageKind, MAX_IMAGES, MAX_IMAGES_BYTES};
use serde_json::{Value, json};

use super::*;

fn png(bytes: usize) -> Vec<u8> {
    let mut content = b"\x89PNG\r\n\x1a\n".to_vec();
    content.resize(bytes, 7);
    content
}

fn read(attachments: Value) -> Result<Vec<NewImage>, String> {
    images(serde_json::from_value(attachments).unwrap())
}

#[track_caller]
fn check_refused(attachments: Value, why: &str) {
    let refused = read(attachments).unwrap_err();
    assert!(refused.contains(why), "{refused}");
}

#[test]
fn an_image_is_taken_in_each_way_that_clients_write_it() {
    let content = png(41);
    let base64 = STANDARD.encode(&content);
    let ways = [
        json!({"content": base64}),
        json!({"type": "image", "mimeType": "image/png", "fileName": "cat.png", "content": base64}),
        json!({"content": STANDARD_NO_PAD.encode(&content)}),
        json!({"content": format!("data:image/png;base64,{base64}")}),
        json!({"content": format!("{base64}\n"), "sizeBytes": 41}),
    ];
    for way in ways {
        let images = read(json!([way])).unwrap();
        assert_eq!(images[0].content(), content, "{way}");
    }
    assert_eq!(read(json!([])), Ok(Vec::new()));
}

#[test]
fn what_is_no_image_or_another_one_is_refused_by_its_name() {
    let png = STANDARD.encode(png(20));
    let pdf = STANDARD.encode("%PDF-1.7");
    check_refused(json!([{"content": png}, {"content": pdf}]), "attachment 2 is no PNG, JPEG, GIF or WebP");
    check_refused(json!([{"fileName": "a.pdf", "content": pdf}]), "`a.pdf` is no PNG");
    check_refused(json!([{"fileName": "a\n\u{202e}b", "content": pdf}]), "`a\\n\\u{202e}b` is no PNG");
    check_refused(
        json!([{"mimeType": "image/jpeg", "content": png}]),
        "is called `image/jpeg`, but its bytes are image/png",
    );
    check_refused(json!([{"content": format!("data:image/gif;base64,{png}")}]), "is called `image/gif`");
    check_refused(json!([{"type": "file", "content": png}]), "put other files into the workspace");
    check_refused(json!([{"content": ""}]), "is no PNG");
}

#[test]
fn broken_base64_is_refused() {
    for content in ["iVBO*w0K", "iVBORw0KGgo=====", "iVBORw0KG", "iVBORw0K Ggo=", "https://example.com/cat.png"] {
        check_refused(json!([{"content": content}]), "is not in base64");
    }
}

#[test]
fn number_and_size_have_a_limit_and_too_much_is_not_decoded() {
    let small = json!({"content": STANDARD.encode(png(20))});
    assert_eq!(read(Value::Array(vec![small.clone(); MAX_IMAGES])).unwrap().len(), MAX_IMAGES);
    check_refused(Value::Array(vec![small; MAX_IMAGES + 1]), "attachment 9 is one too many");
    let largest = json!({"content": STANDARD.encode(png(MAX_IMAGE_BYTES))});
    assert!(read(json!([largest])).is_ok());
    check_refused(json!([{"content": STANDARD.encode(png(MAX_IMAGE_BYTES + 1))}]), "has more than 3932160 bytes");
    // No base64 at all: it is not even looked at.
    check_refused(json!([{"content": "*".repeat(2 * MAX_IMAGE_BYTES)}]), "has more than 3932160 bytes");
    check_refused(Value::Array(vec![largest; 4]), &format!("attachment 4 makes it more than {MAX_IMAGES_BYTES} bytes"));
}

// A picture of 65535 times 65535 points in a hundred bytes: whoever unpacked it would need 16 GiB.
#[test]
fn a_bomb_of_dimensions_stays_packed() {
    let mut bomb = png(16);
    bomb.extend_from_slice(b"IHDR\0\0\xff\xff\0\0\xff\xff\x08\x06\0\0\0");
    let images = read(json!([{"content": STANDARD.encode(&bomb)}])).unwrap();
    assert_eq!(images[0].content(), bomb);
}

#[test]
fn only_an_address_that_holds_the_image_is_taken() {
    let url = |mime: &str| format!("data:{mime};base64,{}", STANDARD.encode(png(20)));
    assert_eq!(of_data_url(&url("image/png")).unwrap().kept(claw_core::id::Digest([0; 32])).kind, ImageKind::Png);
    assert!(of_data_url(&url("image/webp")).unwrap_err().contains("is called `image/webp`"));
    for url in
        ["https://example.com/cat.png", "http://169.254.169.254/", "file:///etc/passwd", "data:image/png,abc", ""]
    {
        assert!(of_data_url(url).unwrap_err().contains("the host fetches nothing for a client"), "{url}");
    }
}
