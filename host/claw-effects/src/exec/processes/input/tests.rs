use std::fs::File;
use std::io::Read;

use rustix::pipe::{PipeFlags, pipe_with};

use super::*;

fn input() -> (Input, File) {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    (Input::new(Sink::Pipe(Arc::new(watched(write).unwrap()))), File::from(read))
}

#[tokio::test]
async fn what_a_pipe_cannot_hold_is_fed_as_it_is_read() {
    let (input, mut read) = input();
    let bytes: Vec<u8> = (0..900_000_u32).map(|number| number as u8).collect();
    input.write(&bytes, true).unwrap();
    let EffectError::Invalid(_) = input.write(b"x", false).unwrap_err() else { panic!("it has ended") };
    let reader = tokio::task::spawn_blocking(move || {
        let mut all = Vec::new();
        read.read_to_end(&mut all).unwrap();
        all
    });
    tokio::select! {
        all = reader => assert!(all.unwrap() == bytes),
        () = input.feed() => {}
    }
}

#[tokio::test]
async fn a_program_that_does_not_read_gets_no_more_than_it_may_keep() {
    let (input, _read) = input();
    input.write(&vec![0; MAX_WAITING_BYTES], false).unwrap();
    let EffectError::Limit(text) = input.write(&vec![0; MAX_WAITING_BYTES], false).unwrap_err() else { panic!() };
    assert!(text.starts_with("E_BUSY: "), "{text}");
}

#[tokio::test]
async fn a_closed_input_is_said() {
    let (input, read) = input();
    drop(read);
    let EffectError::Invalid(text) = input.write(b"x", false).unwrap_err() else { panic!() };
    assert!(text.contains("has closed its input"), "{text}");
}
