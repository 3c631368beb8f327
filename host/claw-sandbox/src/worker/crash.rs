//! What a person or a model reads of a crash: the trap, the innermost functions, and the guest's own last words.

use super::call::cut;

/// Functions that are named, innermost first.
const FUNCTIONS: usize = 5;
/// Characters of a function's name.
const NAME_CHARACTERS: usize = 80;
/// Lines and bytes of the guest's last words.
const LAST_LINES: usize = 2;
const LAST_BYTES: usize = 300;

/// Describes a crash in one line.
pub(super) fn describe(error: &wasmtime::Error, printed: &str) -> String {
    let mut message = format!("the guest crashed: {}", error.root_cause());
    if let Some(trace) = error.downcast_ref::<wasmtime::WasmBacktrace>() {
        // Only its text has the names as people wrote them.
        let names = functions(&trace.to_string());
        if !names.is_empty() {
            message.push_str(&format!(" in {}", names.join(" < ")));
        }
    }
    if let Some(words) = last_words(printed) {
        message.push_str(&format!("; it printed: {words}"));
    }
    message
}

/// The functions of a backtrace: lines such as `  0:   0x1a2b - module.wasm!crate::function`.
fn functions(trace: &str) -> Vec<String> {
    let names = trace.lines().filter_map(|line| Some(line.split_once(" - ")?.1));
    // Components are mostly built without names.
    let names = names.map(without_module).filter(|name| !name.starts_with("<wasm function"));
    names.take(FUNCTIONS).map(|name| without_hash(name).chars().take(NAME_CHARACTERS).collect()).collect()
}

fn without_module(name: &str) -> &str {
    match name.split_once('!') {
        Some((module, function)) if !module.contains("::") => function,
        _ => name,
    }
}

fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => name,
        _ => name,
    }
}

/// The last lines of what it printed, without the advice that Rust gives to who has a terminal.
fn last_words(printed: &str) -> Option<String> {
    let lines: Vec<_> = printed.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let lines: Vec<_> = lines.into_iter().filter(|line| !line.starts_with("note: ")).collect();
    let last = lines[lines.len().saturating_sub(LAST_LINES)..].join(" ");
    (!last.is_empty()).then(|| cut(last, LAST_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    // RS-23
    #[test]
    fn functions_are_named_as_people_wrote_them() {
        let trace = "error while executing at wasm backtrace:\n\
            \x20   0:   0x1a2b - tool.wasm!core::panicking::panic_fmt::h0123456789abcdef\n\
            \x20   1:   0x1a - <unknown>!<alloc::vec::Vec<T> as core::ops::Drop>::drop\n\
            \x20                - inlined::here\n\
            \x20                   at src/lib.rs:3:4\n\
            \x20   2:   0x2b - tool.wasm!<wasm function 12>";
        let expected = ["core::panicking::panic_fmt", "<alloc::vec::Vec<T> as core::ops::Drop>::drop", "inlined::here"];
        assert_eq!(functions(trace), expected);
        let long = format!("   0: 0x1 - m!{}", "x".repeat(1000));
        assert_eq!(functions(&long)[0].len(), NAME_CHARACTERS);
    }

    #[test]
    fn the_last_words_are_the_panic_and_not_the_advice_after_it() {
        let printed =
            "hello\n\nthread 'main' panicked at src/lib.rs:1:2:\nit broke\nnote: run with `RUST_BACKTRACE=1`\n";
        assert_eq!(last_words(printed).unwrap(), "thread 'main' panicked at src/lib.rs:1:2: it broke");
        assert_eq!(last_words("\n \n"), None);
        assert!(last_words(&"x".repeat(10_000)).unwrap().len() < LAST_BYTES + 4);
    }
}
