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
        reads: None,
    };
    let ProgramKind { shell, wrapper, interpreter_inline, risky_argument, in_workspace } = ProgramKind::of(&plan);
    let words =
        [(shell, "shell"), (wrapper, "wrapper"), (interpreter_inline, "inline"), (in_workspace, "in workspace")];
    let risky = risky_argument.map(|argument| format!("argument {argument}"));
    let words = words.into_iter().filter(|(is, _)| *is).map(|(_, word)| word.to_owned());
    let words: Vec<String> = words.chain(risky).collect();
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

#[track_caller]
fn check_risky(lines: &[(&str, &str)]) {
    for (line, expected) in lines {
        let argv: Vec<&str> = line.split(' ').collect();
        let plan = crate::fixture::plan(&argv);
        assert_eq!(ProgramKind::of(&plan).risky_argument.as_deref().unwrap_or_default(), *expected, "{line}");
    }
}

#[test]
fn arguments_that_make_git_run_or_write_are_known() {
    // EX-04
    check_risky(&[
        ("git -c core.pager=x log", "-c"),
        ("git -c alias.x=!id x", "-c"),
        ("git -ccore.pager=x log", "-ccore.pager=x"),
        ("git --exec-path=/tmp status", "--exec-path=/tmp"),
        ("git -C / status", "-C"),
        ("git --git-dir=/x status", "--git-dir=/x"),
        ("git --work-tree / status", "--work-tree"),
        ("git --config-env=core.pager=X log", "--config-env=core.pager=X"),
        ("git -p log", "-p"),
        ("git --paginate log", "--paginate"),
        ("git diff --ext-diff", "--ext-diff"),
        ("git diff --ext", "--ext"),
        ("git diff --output=/x", "--output=/x"),
        ("git log --output /x", "--output"),
        ("git log --outp=x", "--outp=x"),
        ("git fetch --upload-pack=id origin", "--upload-pack=id"),
        ("git push --receive-pack id", "--receive-pack"),
        ("git archive --exec=id HEAD", "--exec=id"),
        ("git fetch ext::sh", "ext::sh"),
        ("git grep -Oid x", "-Oid"),
        ("git init --template=x", "--template=x"),
        ("git config core.pager id", "config"),
        ("git --no-pager rebase -x id", "rebase"),
        ("git submodule foreach id", "submodule"),
    ]);
    check_risky(&[
        ("git status", ""),
        ("git --no-pager log --oneline -5 -p -c", ""),
        ("git diff --stat -- a b", ""),
        ("git add -A", ""),
        ("git commit -m config", ""),
        ("git push -u origin main", ""),
    ]);
}

#[test]
fn arguments_that_make_other_programs_run_or_write_are_known() {
    // EX-04
    check_risky(&[
        ("find . -exec rm {} ;", "-exec"),
        ("find . -fprintf x y", "-fprintf"),
        ("tar -cf x --checkpoint-action=exec=id .", "--checkpoint-action=exec=id"),
        ("tar -cf x --checkpoint-act=exec=id .", "--checkpoint-act=exec=id"),
        ("tar -xIf id x", "-xIf"),
        ("tar xIf id x", "xIf"),
        ("tar x --to-command id", "--to-command"),
        ("rsync -e id a b", "-e"),
        ("rsync -ave id a b", "-ave"),
        ("rsync --rsh=id a b", "--rsh=id"),
        ("curl -so x http://a", "-so"),
        ("curl --config x", "--config"),
        ("wget -Ox http://a", "-Ox"),
        ("scp -oProxyCommand=id a b:", "-oProxyCommand=id"),
        ("make -f /tmp/x", "-f"),
        ("make SHELL=/tmp/x", "SHELL=/tmp/x"),
        ("make --eval=x", "--eval=x"),
        ("npm exec x", "exec"),
        ("npm run build --script-shell=x", "--script-shell=x"),
        ("pip3 install --target / x", "--target"),
        ("cargo --config x build", "--config"),
        ("go build -toolexec=id", "-toolexec=id"),
        ("gcc @args", "@args"),
        ("rg --pre id x", "--pre"),
        ("sort --compress-program=id x", "--compress-program=id"),
        ("split --filter=id x", "--filter=id"),
        ("dd if=a of=b", "of=b"),
        ("zip -TT id x", "-TT"),
        ("ip netns exec x", "netns"),
    ]);
    check_risky(&[
        ("find . -name x -print", ""),
        ("tar -xzf a.tgz", ""),
        ("tar xzf a.tgz", ""),
        ("rsync -av a b", ""),
        ("make test", ""),
        ("npm run build", ""),
        ("cargo test", ""),
        ("ls --output", ""),
    ]);
    for pager in ["less", "more", "man", "vim", "nano"] {
        check(&format!("/usr/bin/{pager}"), &[pager, "x"], expect!["inline"]);
    }
}

#[test]
fn a_program_in_the_workspace_may_have_been_written_by_who_asks() {
    // EX-51
    check("/desk/tools/build", &["./tools/build"], expect!["in workspace"]);
    check("/desk-2/build", &["/desk-2/build"], expect![""]);
}
