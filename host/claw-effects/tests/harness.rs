//! Runs the cases of a test program that has to be a program of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// A small stand-in for the usual harness, with its list and its filter.
pub fn run(args: &[&str], cases: &[(&str, fn())]) -> ExitCode {
    if args.contains(&"--list") {
        // Runners ask a second time for what is ignored: here that is nothing.
        let listed = if args.contains(&"--ignored") { &[] } else { cases };
        listed.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let filter = args.iter().find(|arg| !arg.starts_with('-')).copied().unwrap_or_default();
    let exact = args.contains(&"--exact");
    let wanted = |name: &str| if exact { name == filter } else { name.contains(filter) };
    let mut failed = Vec::new();
    for (name, test) in cases.iter().filter(|(name, _)| wanted(name)) {
        let passed = catch_unwind(AssertUnwindSafe(test)).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        if !passed {
            failed.push(name);
        }
    }
    println!("\n{} failed {failed:?}", failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
