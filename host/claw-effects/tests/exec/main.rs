//! Programs in their sandbox, for real. This binary is the test runner, the launcher and the hostile program in one:
//! the supervisor has to be a subcommand of some program, and the attacks need system calls that no shell makes.

mod background;
mod bench;
mod cases;
mod probe;
mod walls;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["exec-child", ..] => claw_effects::exec_child_main(),
        ["exec-child-without-landlock"] => {
            probe::hide_landlock();
            claw_effects::exec_child_main()
        }
        ["probe", action, rest @ ..] => probe::act(action, rest),
        ["background-host", workspace, scratch] => background::be_a_host(workspace, scratch),
        ["host", workspace, scratch] => cases::be_a_host(workspace, scratch),
        ["measure"] => bench::measure(),
        _ => return run_tests(&args),
    }
    ExitCode::SUCCESS
}

fn all() -> impl Iterator<Item = &'static (&'static str, fn())> {
    cases::ALL.iter().chain(walls::ALL).chain(background::ALL)
}

/// A small stand-in for the usual harness, with its list and its filter.
fn run_tests(args: &[&str]) -> ExitCode {
    if args.contains(&"--list") {
        // Runners ask a second time for what is ignored: here that is nothing.
        if !args.contains(&"--ignored") {
            all().for_each(|(name, _)| println!("{name}: test"));
        }
        return ExitCode::SUCCESS;
    }
    let filter = args.iter().find(|arg| !arg.starts_with('-')).copied().unwrap_or_default();
    let exact = args.contains(&"--exact");
    let wanted = |name: &str| if exact { name == filter } else { name.contains(filter) };
    let mut failed = Vec::new();
    for (name, test) in all().filter(|(name, _)| wanted(name)) {
        let passed = catch_unwind(AssertUnwindSafe(test)).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        if !passed {
            failed.push(name);
        }
    }
    println!("\n{} failed {failed:?}", failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
