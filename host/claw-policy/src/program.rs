//! What kind of program a command runs, as far as its name and arguments tell.
//!
//! A grant or a policy for `ls` must not open `env ls`, `sh -c …` or `python -c …`: such programs do whatever their
//! arguments say. Nor must a grant for `git log **` open `git log --output=x`. The tables err on the side of asking;
//! they save questions and are no wall, the sandbox is.

mod arguments;

use std::path::Path;

use claw_core::effect::ExecPlan;

/// What policies may know about a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProgramKind {
    /// A command shell.
    pub(crate) shell: bool,
    /// Its purpose is to run other programs.
    pub(crate) wrapper: bool,
    /// An interpreter whose code stands in the arguments or comes from standard input.
    pub(crate) interpreter_inline: bool,
    /// The first argument that makes it run code, or write where the argument says.
    pub(crate) risky_argument: Option<String>,
    /// Its file stands in the workspace: whoever asks may have written it.
    pub(crate) in_workspace: bool,
}

const SHELLS: &[&str] = &[
    "sh",
    "bash",
    "dash",
    "zsh",
    "fish",
    "ksh",
    "mksh",
    "lksh",
    "pdksh",
    "yash",
    "ash",
    "hush",
    "csh",
    "tcsh",
    "rbash",
    "rc",
    "es",
    "elvish",
    "nu",
    "xonsh",
    "osh",
    "oil",
    "ysh",
    "pwsh",
    "powershell",
];

const WRAPPERS: &[&str] = &[
    "env",
    "nice",
    "nohup",
    "timeout",
    "xargs",
    "sudo",
    "sudoedit",
    "doas",
    "busybox",
    "toybox",
    "setsid",
    "stdbuf",
    "ionice",
    "chrt",
    "taskset",
    "numactl",
    "setarch",
    "linux32",
    "linux64",
    "prlimit",
    "time",
    "watch",
    "parallel",
    "chroot",
    "unshare",
    "nsenter",
    "setpriv",
    "capsh",
    "su",
    "runuser",
    "pkexec",
    "runcon",
    "systemd-run",
    "flock",
    "script",
    "screen",
    "tmux",
    "strace",
    "ltrace",
    "unbuffer",
    "daemonize",
    "start-stop-daemon",
    "at",
    "batch",
    "crontab",
    "ssh",
    "entr",
    "fakeroot",
    "proot",
    "bwrap",
    "firejail",
    "choom",
    "coproc",
    "exec",
    "dbus-run-session",
    "npx",
    "bunx",
    "uvx",
    "pipx",
    "run-parts",
    "rlwrap",
    "socat",
    "nc",
    "ncat",
    "valgrind",
    "perf",
    "catchsegv",
    "docker",
    "podman",
    "nerdctl",
    "kubectl",
    "machinectl",
    "toolbox",
    "distrobox",
    "flatpak",
    "snap",
    "nix",
    "nix-shell",
    "direnv",
    "conda",
    "mise",
    "asdf",
    "poetry",
    "pipenv",
    "uv",
    "faketime",
    "torsocks",
    "proxychains",
    "sshpass",
    "mosh",
    "logsave",
];

/// Interpreters, each with the options that neither carry code nor take a value. Any other option in front of the
/// script counts as inline code, and so does a missing script: the code then comes from standard input.
const INTERPRETERS: &[(&[&str], &[&str])] = &[
    (&["python", "pypy"], &["-b", "-B", "-d", "-E", "-I", "-O", "-OO", "-P", "-q", "-s", "-S", "-u", "-v"]),
    (&["perl"], &["-c", "-t", "-T", "-u", "-U", "-w", "-W", "-X"]),
    (&["ruby", "jruby", "truffleruby"], &["-c", "-v", "-w"]),
    (&["node", "nodejs"], &["--check", "-c", "--no-warnings", "--trace-warnings", "--enable-source-maps"]),
    (&["php"], &["-n", "-q"]),
    (&["lua", "luajit", "tclsh", "wish", "expect", "Rscript", "julia", "guile", "racket", "groovy", "jshell"], &[]),
    (&["escript", "elixir", "runghc", "runhaskell", "osascript", "swipl", "ocaml", "scala", "gjs", "qjs"], &[]),
];

/// Options that print something and end.
const PRINT_AND_END: &[&str] = &["--version", "-V", "--help", "-h"];

/// Programs whose ordinary operands are code (`awk`, `sed` with its `e` command), or that run commands found in their
/// input: pagers and editors start a shell for `!`.
const ALWAYS_INLINE: &[&str] = &[
    "awk",
    "gawk",
    "mawk",
    "nawk",
    "original-awk",
    "deno",
    "bun",
    "R",
    "irb",
    "erl",
    "iex",
    "ghci",
    "gdb",
    "lldb",
    "sqlite",
    "psql",
    "mysql",
    "ed",
    "ex",
    "vi",
    "vim",
    "nvim",
    "view",
    "emacs",
    "m4",
    "dc",
    "less",
    "more",
    "most",
    "pg",
    "man",
    "info",
    "nano",
    "pico",
    "mc",
    "ftp",
    "gnuplot",
    "mail",
    "mutt",
    "octave",
];

impl ProgramKind {
    /// Classifies by the program's own name and by the name it was called by: multi-call programs obey the latter.
    pub(crate) fn of(plan: &ExecPlan) -> ProgramKind {
        let arguments = plan.argv.get(1..).unwrap_or(&[]);
        let typed = plan.argv.first().map(|typed| Path::new(typed.as_str()));
        let mut kind =
            ProgramKind { in_workspace: plan.program.starts_with(&plan.workspace), ..ProgramKind::default() };
        let own = plan.program.file_name();
        // Most programs are called by their own name: looking it up once is enough.
        let called = typed.and_then(Path::file_name).filter(|called| Some(*called) != own);
        for name in [own, called].into_iter().flatten() {
            let name = name.to_string_lossy();
            kind.shell |= is_one_of(SHELLS, &name);
            kind.wrapper |= is_wrapper(&name);
            kind.interpreter_inline |= runs_inline_code(&name, arguments);
            if kind.risky_argument.is_none() {
                kind.risky_argument = arguments::risky(&name, arguments).map(str::to_owned);
            }
        }
        kind
    }
}

fn is_wrapper(name: &str) -> bool {
    // The dynamic loader runs the program it is given.
    let is_loader = name.starts_with("ld-") || name.starts_with("ld.so");
    is_loader || is_one_of(WRAPPERS, name)
}

fn runs_inline_code(name: &str, arguments: &[String]) -> bool {
    if is_one_of(&["sed", "gsed"], name) {
        // GNU sed runs commands for `e`, except in this mode.
        return !arguments.iter().any(|argument| argument == "--sandbox");
    }
    if is_one_of(ALWAYS_INLINE, name) {
        return true;
    }
    let found = INTERPRETERS.iter().find(|(names, _)| is_one_of(names, name));
    found.is_some_and(|(_, plain)| !starts_with_a_script(arguments, plain))
}

/// Whether the first thing that is not a plain option is a script file.
fn starts_with_a_script(arguments: &[String], plain: &[&str]) -> bool {
    let first = arguments.iter().map(String::as_str).find(|argument| !plain.contains(argument));
    first.is_some_and(|first| !first.starts_with('-') && !first.is_empty() || PRINT_AND_END.contains(&first))
}

/// Whether `name` is in the list, with or without a version behind it (`python3.12`, `perl5`, `gawk-5.1`).
fn is_one_of(list: &[&str], name: &str) -> bool {
    let unversioned = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    let is = |text: &str| list.iter().any(|known| known.eq_ignore_ascii_case(text));
    is(name) || unversioned.len() < name.len() && is(unversioned)
}

#[cfg(test)]
mod tests;
