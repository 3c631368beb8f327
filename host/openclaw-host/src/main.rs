//! The program `openclaw-host`.

fn main() {
    // Hidden subcommands are processes of the host itself. They are dispatched before clap, tokio and the log start:
    // what runs behind a wall should bring nothing with it, and should start fast.
    let code = match std::env::args_os().nth(1).as_deref().and_then(|word| word.to_str()) {
        Some("worker") => claw_sandbox::worker_main(),
        Some("compile") => claw_sandbox::compile_main(),
        Some("exec-child") => claw_effects::exec_child_main(),
        _ => openclaw_host::cli::main(openclaw_host::app::serve),
    };
    #[expect(clippy::disallowed_methods, reason = "the end of main")]
    std::process::exit(code);
}
