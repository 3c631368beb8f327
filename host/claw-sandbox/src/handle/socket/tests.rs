use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::*;
use crate::frame::{FromWorker, VERSION, encode};

fn pair() -> (Reader, Writer, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let (reader, writer) = split(ours.into()).unwrap();
    (reader, writer, theirs)
}

#[tokio::test]
async fn frames_come_out_as_they_went_in_however_they_are_cut() {
    let (mut reader, _writer, mut worker) = pair();
    let note = "x".repeat(40_000);
    let progress = FromWorker::Progress { id: 7, percent: None, note: note.clone() };
    let bytes = [encode(&FromWorker::Ready { version: VERSION }).unwrap(), encode(&progress).unwrap()].concat();
    let sender = tokio::task::spawn_blocking(move || {
        for part in bytes.chunks(999) {
            worker.write_all(part).unwrap();
        }
    });
    assert!(matches!(reader.next().await.unwrap(), Some((FromWorker::Ready { version: VERSION }, _))));
    let second = reader.next().await.unwrap();
    assert!(matches!(second, Some((FromWorker::Progress { id: 7, note: came, .. }, _)) if came == note));
    sender.await.unwrap();
    assert!(reader.next().await.unwrap().is_none(), "the end");
}

#[tokio::test]
async fn a_frame_longer_than_any_is_refused_before_room_is_made_for_it() {
    let (mut reader, _writer, mut worker) = pair();
    worker.write_all(&u32::MAX.to_le_bytes()).unwrap();
    assert!(reader.next().await.is_err());
}

// RS-32
#[tokio::test]
async fn a_write_that_is_given_up_leaves_no_half_frame() {
    let (_reader, mut writer, mut worker) = pair();
    let first = vec![1; 4 << 20];
    // Nobody reads, so this cannot end.
    let cut = tokio::time::timeout(Duration::from_millis(20), writer.write(&first)).await;
    assert!(cut.is_err(), "the socket took it all");
    let received = tokio::task::spawn_blocking(move || {
        let mut received = vec![0; (4 << 20) + 3];
        worker.read_exact(&mut received).unwrap();
        received
    });
    writer.write(&[2, 2, 2]).await.unwrap();
    let received = received.await.unwrap();
    assert!(received[..4 << 20] == first && received[4 << 20..] == [2, 2, 2]);
}

#[tokio::test]
async fn writing_to_a_worker_that_died_is_an_error() {
    let (_reader, mut writer, worker) = pair();
    drop(worker);
    assert!(writer.write(&[0; 100]).await.is_err());
}
