use std::path::PathBuf;

use claw_core::effect::ExecPlan;
use claw_core::id::Digest;
use expect_test::{Expect, expect};

use super::ProgramKind;

#[track_caller]
fn check(program: &str, argv: &[&str], expect: Expect) {
    let plan = ExecPlan {
        program: PathBuf::from(program),
        program_digest: Digest([1; 32]),
        argv: argv.iter().map(|&argument| argument.to_owned()).collect(),
        cwd: PathBuf::from("/desk"),
        workspace: PathBuf::from("/desk"),
        env: Vec::new(),
        stdin: Vec::new(),
        timeout_ms: 1_000,
        max_output_bytes: 1_000,
        background: None,
    };
    let ProgramKind { shell, wrapper, interpreter_inline, in_workspace } = ProgramKind::of(&plan);
    let words =
        [(shell, "shell"), (wrapper, "wrapper"), (interpreter_inline, "inline"), (in_workspace, "in workspace")];
    let words: Vec<&str> = words.into_iter().filter(|(is, _)| *is).map(|(_, word)| word).collect();
    expect.assert_eq(&words.join(", "));
}

#[test]
fn ordinary_programs_are_none_of_it() {
    check("/usr/bin/git", &["git", "status"], expect![""]);
    check("/usr/bin/find", &["find", ".", "-name", "*.rs"], expect![""]);
    check("/usr/bin/python3.12", &["python3", "build.py", "-c", "x"], expect![""]);
    check("/usr/bin/python3.12", &["python3", "-u", "build.py"], expect![""]);
    check("/usr/bin/node", &["node", "--version"], expect![""]);
    check("/usr/bin/sed", &["sed", "--sandbox", "s/a/b/"], expect![""]);
}

#[test]
fn shells_are_known_by_their_file_and_by_how_they_are_called() {
    check("/usr/bin/dash", &["sh", "-c", "ls"], expect!["shell"]);
    check("/usr/bin/bash-5.2", &["tool"], expect!["shell"]);
    check("/usr/bin/BASH", &["BASH"], expect!["shell"]);
    check("/usr/bin/busybox", &["/bin/sh"], expect!["shell, wrapper"]);
}

#[test]
fn wrappers_are_not_the_program_they_run() {
    // EX-07
    for name in ["env", "nice", "nohup", "timeout", "stdbuf", "setsid", "xargs", "sudo", "doas", "busybox", "toybox"] {
        check(&format!("/usr/bin/{name}"), &[name, "ls"], expect!["wrapper"]);
    }
    check("/usr/bin/find", &["find", ".", "-exec", "rm", "{}", ";"], expect!["wrapper"]);
    check("/usr/lib/ld-linux-x86-64.so.2", &["ld-linux-x86-64.so.2", "/bin/ls"], expect!["wrapper"]);
}

#[test]
fn code_in_the_arguments_or_on_standard_input_is_inline() {
    // EX-09
    let inline: [&[&str]; 22] = [
        &["python3", "-c", "x"],
        &["python3", "-m", "http.server"],
        &["python3", "-Ic", "x"],
        &["python3", "-u", "-"],
        &["python3", "-i", "x.py"],
        &["python3"],
        &["node", "-e", "x"],
        &["node", "-p", "x"],
        &["node", "--eval=x"],
        &["node", "--import", "x", "y.js"],
        &["perl", "-e", "x"],
        &["perl", "-we", "x"],
        &["perl", "-E", "x"],
        &["perl", "-Mx", "y"],
        &["ruby", "-e", "x"],
        &["ruby", "-rx", "y"],
        &["php", "-r", "x"],
        &["lua", "-e", "x"],
        &["lua5.4", "-"],
        &["awk", "{ system($0) }"],
        &["gawk", "-f", "x"],
        &["sed", "1e id"],
    ];
    for argv in inline {
        check(&format!("/usr/bin/{}", argv[0]), argv, expect!["inline"]);
    }
}

#[test]
fn a_program_in_the_workspace_may_have_been_written_by_who_asks() {
    // EX-51
    check("/desk/tools/build", &["./tools/build"], expect!["in workspace"]);
    check("/desk-2/build", &["/desk-2/build"], expect![""]);
}
