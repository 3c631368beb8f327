//! Programs in their sandbox, for real. This binary is the test runner, the launcher and the hostile program in one:
//! the supervisor has to be a subcommand of some program, and the attacks need system calls that no shell makes.

mod background;
mod bench;
mod cases;
mod ground;
#[path = "../harness.rs"]
mod harness;
mod probe;
mod stop;
mod walls;

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
        _ => return harness::run(&args, &[cases::ALL, walls::ALL, background::ALL, stop::ALL].concat()),
    }
    ExitCode::SUCCESS
}
