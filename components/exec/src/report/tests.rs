use super::*;

fn exit(end: End, stdout: &[u8], stderr: &[u8]) -> Exit {
    Exit { end, stdout: stdout.into(), stderr: stderr.into(), stdout_dropped: 0, stderr_dropped: 0, duration_ms: 12 }
}

#[test]
fn the_end_comes_first_and_then_the_output() {
    let text = report(&exit(End::Code(3), b"out\n", b"err"));
    assert_eq!(text, "exit code 3 after 12 ms\nstdout:\nout\nstderr:\nerr\n");
}

#[test]
fn signals_and_timeouts_are_told_apart() {
    assert_eq!(report(&exit(End::Signal(9), b"", b"")), "ended by signal 9 after 12 ms\n[no output]\n");
    assert!(report(&exit(End::TimedOut, b"x", b"")).starts_with("timed out;"));
}

#[test]
fn dropped_bytes_are_counted_where_they_were() {
    let text = report(&Exit { stdout_dropped: 7, ..exit(End::Code(0), b"headtail", b"") });
    assert_eq!(text, "exit code 0 after 12 ms\nstdout:\nhead\n[7 bytes dropped here]\ntail\n");
}

#[test]
fn output_that_is_not_text_is_shown_with_replacement_characters() {
    assert!(report(&exit(End::Code(0), b"a\xffb", b"")).contains("a\u{fffd}b"));
}

#[test]
fn a_host_that_keeps_too_much_does_not_flood_the_model() {
    let text = report(&exit(End::Code(0), &vec![b'x'; 1024 * 1024], b""));
    assert!(text.len() < 50 * 1024);
}
