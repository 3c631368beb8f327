//! What a program did, as text for the model.

use openclaw_sdk::exec::{End, Exit};

#[cfg(test)]
mod tests;

/// Bytes kept of each of stdout and stderr. 48 KiB is some 12,000 tokens.
pub const MAX_OUTPUT_BYTES: u64 = 48 * 1024;

/// Says how the program ended and what it wrote.
pub fn report(exit: &Exit) -> String {
    let mut text = match exit.end {
        End::Code(code) => format!("exit code {code}"),
        End::Signal(signal) => format!("ended by signal {signal}"),
        End::TimedOut => "timed out; the program and all it started were ended".to_owned(),
        End::MemoryLimit => "reached the limit of its memory and was ended".to_owned(),
    };
    text.push_str(&format!(" after {} ms\n", exit.duration_ms));
    push_output(&mut text, "stdout", &exit.stdout, exit.stdout_dropped);
    push_output(&mut text, "stderr", &exit.stderr, exit.stderr_dropped);
    if exit.stdout.is_empty() && exit.stderr.is_empty() {
        text.push_str("[no output]\n");
    }
    text
}

pub fn push_output(text: &mut String, name: &str, bytes: &[u8], dropped: u64) {
    if bytes.is_empty() {
        return;
    }
    text.push_str(name);
    text.push_str(":\n");
    if dropped == 0 {
        push_lossy(text, bytes);
    } else {
        // The host keeps the first and the last half.
        let (head, tail) = bytes.split_at(bytes.len() / 2);
        push_lossy(text, head);
        text.push_str(&format!("[{dropped} bytes dropped here]\n"));
        push_lossy(text, tail);
    }
}

/// The host promises the cap; the model's context does not depend on that promise.
fn push_lossy(text: &mut String, bytes: &[u8]) {
    let cap = MAX_OUTPUT_BYTES as usize;
    text.push_str(&String::from_utf8_lossy(&bytes[..bytes.len().min(cap)]));
    if !text.ends_with('\n') {
        text.push('\n');
    }
}
