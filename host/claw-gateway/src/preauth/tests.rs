use tokio::io::AsyncReadExt as _;

use super::*;

#[test]
fn a_header_declares_its_length_as_soon_as_it_is_there() {
    assert_eq!(declared(&[0x81]), None);
    assert_eq!(declared(&[0x81, 0x80 | 5]), Some(5));
    assert_eq!(declared(&[0x81, 0xfe, 1]), None);
    assert_eq!(declared(&[0x81, 0xfe, 1, 0]), Some(256));
    assert_eq!(declared(&[0x81, 0xff, 0, 0, 0, 0, 0x40, 0, 0]), None);
    assert_eq!(declared(&[0x81, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0]), Some(1 << 30));
}

// GW-12
#[tokio::test]
async fn a_frame_that_announces_too_much_is_refused_on_its_header() {
    let header: &[u8] = &[0x81, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4];
    let (mut stream, gate) = Limited::new(header, 64);
    assert!(stream.read(&mut [0; 64]).await.is_err());
    assert!(gate.exceeded());
}

#[tokio::test]
async fn many_small_frames_do_not_add_up_to_more_than_one() {
    let frames = [0x81, 0x80, 0, 0, 0, 0].repeat(100);
    let (mut stream, gate) = Limited::new(frames.as_slice(), 64);
    let mut read = Vec::new();
    assert!(stream.read_to_end(&mut read).await.is_err());
    assert_eq!(read, frames[..64 + HEADER_BYTES]);
    assert!(gate.exceeded());
}

#[tokio::test]
async fn an_open_gate_lets_everything_through_unchanged() {
    let bytes: Vec<u8> = (0..200).map(|n| if n == 1 { 0x85 } else { n }).collect();
    let (mut stream, gate) = Limited::new(bytes.as_slice(), 64);
    let mut first = [0; 10];
    stream.read_exact(&mut first).await.unwrap();
    gate.open();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert_eq!([first.as_slice(), &rest].concat(), bytes);
}
