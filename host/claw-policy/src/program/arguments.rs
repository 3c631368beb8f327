//! Arguments that make an otherwise harmless program run code, or write where they say.
//!
//! One profile for each family of programs. Options are compared as the program itself would read them: a long one
//! may be abbreviated and carry its value behind `=`, a letter may stand in a bundle. Where a reading is in doubt the
//! argument counts: the price is a question.

/// What is known of one family of programs.
struct Profile {
    programs: &'static [&'static str],
    /// `--long`, `-x` (a letter, also in a bundle such as `-vx`), or `-word` (as it stands, or with `=value`).
    options: &'static [&'static str],
    /// First operands that name another program, or that change what the program will run the next time.
    commands: &'static [&'static str],
    /// Beginnings of any argument.
    beginnings: &'static [&'static str],
    /// The only options that may stand in front of the first operand; `None` if these are options like all others.
    leading: Option<&'static [&'static str]>,
}

const NONE: Profile = Profile { programs: &[], options: &[], commands: &[], beginnings: &[], leading: None };

const PROFILES: &[Profile] = &[
    Profile {
        programs: &["git"],
        options: &[
            "-O",
            "--ext-diff",
            "--textconv",
            "--output",
            "--output-directory",
            "--upload-pack",
            "--receive-pack",
            "--exec",
            "--open-files-in-pager",
            "--template",
            "--config",
            "--config-env",
            "--separate-git-dir",
            "--git-dir",
            "--work-tree",
            "--extcmd",
            "--tool",
            "--smtp-server",
            "--sendmail-cmd",
            "--to-cmd",
            "--cc-cmd",
            "--editor",
            "--gpg-sign",
            "--remote",
        ],
        commands: &[
            "bisect",
            "citool",
            "clone",
            "config",
            "credential",
            "daemon",
            "difftool",
            "filter-branch",
            "gui",
            "help",
            "hook",
            "http-backend",
            "instaweb",
            "maintenance",
            "mergetool",
            "p4",
            "rebase",
            "remote-ext",
            "remote-fd",
            "send-email",
            "shell",
            "submodule",
            "svn",
            "web--browse",
        ],
        beginnings: &["ext::", "fd::"],
        // `-c core.pager=…`, `-C /`, `--exec-path=…`, `--git-dir=…`, `-p` and their like.
        leading: Some(&["--version", "--no-pager", "-P", "--no-optional-locks", "--literal-pathspecs", "--bare"]),
    },
    Profile {
        programs: &["find", "gfind"],
        options: &["-exec", "-execdir", "-ok", "-okdir", "-delete", "-fls", "-fprint", "-fprint0", "-fprintf"],
        ..NONE
    },
    Profile { programs: &["fd", "fdfind"], options: &["-x", "-X", "--exec", "--exec-batch"], ..NONE },
    Profile {
        programs: &["tar", "gtar", "bsdtar"],
        options: &[
            "-I",
            "-F",
            "-P",
            "--use-compress-program",
            "--to-command",
            "--checkpoint-action",
            "--info-script",
            "--new-volume-script",
            "--rsh-command",
            "--rmt-command",
            "--absolute-names",
            "--index-file",
            "--volno-file",
        ],
        ..NONE
    },
    Profile {
        programs: &["rsync"],
        options: &[
            "-e",
            "-M",
            "--rsh",
            "--rsync-path",
            "--remote-option",
            "--config",
            "--log-file",
            "--daemon",
            "--server",
        ],
        ..NONE
    },
    Profile {
        programs: &["curl"],
        options: &[
            "-o",
            "-O",
            "-K",
            "-D",
            "-c",
            "-T",
            "--output",
            "--output-dir",
            "--remote-name",
            "--remote-name-all",
            "--config",
            "--dump-header",
            "--cookie-jar",
            "--upload-file",
            "--engine",
            "--trace",
            "--trace-ascii",
            "--stderr",
            "--libcurl",
            "--hsts",
            "--alt-svc",
            "--etag-save",
        ],
        beginnings: &["@"],
        ..NONE
    },
    Profile {
        programs: &["wget", "wget2"],
        options: &[
            "-e",
            "-o",
            "-a",
            "-O",
            "-P",
            "-i",
            "--execute",
            "--output-file",
            "--append-output",
            "--output-document",
            "--directory-prefix",
            "--input-file",
            "--config",
            "--use-askpass",
            "--post-file",
            "--body-file",
            "--save-cookies",
            "--warc-file",
        ],
        ..NONE
    },
    Profile { programs: &["scp", "sftp"], options: &["-o", "-S", "-F", "-D", "-J"], ..NONE },
    Profile {
        programs: &["make", "gmake", "bmake"],
        options: &["-f", "-C", "-I", "-E", "--file", "--makefile", "--directory", "--include-dir", "--eval"],
        beginnings: &["SHELL=", "MAKEFLAGS=", "MAKEFILES=", ".SHELLFLAGS="],
        ..NONE
    },
    Profile {
        programs: &["npm", "pnpm", "yarn"],
        options: &[
            "-c",
            "-C",
            "--call",
            "--dir",
            "--cwd",
            "--prefix",
            "--script-shell",
            "--shell",
            "--node-options",
            "--userconfig",
            "--globalconfig",
            "--editor",
            "--git",
            "--python",
            "--viewer",
        ],
        commands: &["exec", "x", "dlx", "create", "init", "innit", "explore", "config", "set", "edit", "node", "help"],
        ..NONE
    },
    Profile {
        programs: &["pip"],
        options: &[
            "-e",
            "-t",
            "--editable",
            "--target",
            "--root",
            "--prefix",
            "--python",
            "--log",
            "--global-option",
            "--build-option",
            "--install-option",
            "--config-settings",
            "--report",
        ],
        commands: &["config"],
        ..NONE
    },
    Profile {
        programs: &["cargo"],
        options: &["-Z", "-C", "--config", "--manifest-path", "--target-dir"],
        commands: &["run", "r", "install", "script"],
        ..NONE
    },
    Profile {
        programs: &["go"],
        options: &["-exec", "-toolexec", "-vettool", "-overlay", "-modfile"],
        commands: &["run", "generate", "env", "tool"],
        beginnings: &["-C", "-o"],
        ..NONE
    },
    Profile {
        programs: &["cc", "gcc", "g++", "c++", "clang", "clang++", "ld", "as", "javac", "java", "rustc"],
        options: &["-wrapper", "-specs", "-plugin"],
        // `@` is a file of further arguments.
        beginnings: &[
            "@",
            "-B",
            "-fplugin",
            "-agentlib:",
            "-agentpath:",
            "-javaagent:",
            "-Xclang",
            "-Wl,",
            "-Clinker=",
        ],
        ..NONE
    },
    Profile {
        programs: &["rg", "ag", "ack", "bat", "batcat"],
        options: &["--pre", "--hostname-bin", "--pager", "--output"],
        ..NONE
    },
    Profile {
        programs: &["sort"],
        options: &["-o", "-T", "--output", "--compress-program", "--temporary-directory"],
        ..NONE
    },
    Profile { programs: &["split"], options: &["--filter"], ..NONE },
    Profile { programs: &["dd"], beginnings: &["of="], ..NONE },
    Profile { programs: &["zip"], options: &["-T", "-TT", "--unzip-command", "--test"], ..NONE },
    Profile { programs: &["cpio"], options: &["-F", "-O", "--rsh-command", "--file"], ..NONE },
    Profile {
        programs: &["hg"],
        options: &["-R", "--config", "--config-file", "--debugger", "--cwd", "--repository", "--tool"],
        commands: &["serve", "extdiff", "bisect"],
        ..NONE
    },
    Profile {
        programs: &["svn"],
        options: &["--config-option", "--config-dir", "--editor-cmd", "--diff-cmd", "--diff3-cmd"],
        ..NONE
    },
    Profile {
        programs: &["openssl"],
        options: &["-engine", "-provider-path", "-provider", "-out", "-config"],
        commands: &["engine", "s_server"],
        ..NONE
    },
    Profile {
        programs: &["tex", "latex", "pdftex", "pdflatex", "xetex", "xelatex", "luatex", "lualatex"],
        options: &["--shell-escape", "--enable-write18", "-shell-escape", "-enable-write18", "-output-directory"],
        // A first operand of this form is code.
        beginnings: &["\\"],
        ..NONE
    },
    Profile {
        programs: &["pandoc"],
        options: &["-F", "-L", "-o", "--filter", "--lua-filter", "--pdf-engine", "--output", "--defaults"],
        ..NONE
    },
    Profile { programs: &["tcpdump"], options: &["-z", "-w", "-F"], ..NONE },
    Profile { programs: &["nmap"], options: &["-o", "--script", "--interactive", "--datadir"], ..NONE },
    Profile { programs: &["ip"], commands: &["netns", "vrf"], ..NONE },
];

/// The first argument that makes `name`, a program as it is called, run code or write where the argument says.
pub(super) fn risky<'a>(name: &str, arguments: &'a [String]) -> Option<&'a str> {
    let profile = PROFILES.iter().find(|profile| super::is_one_of(profile.programs, name))?;
    let first_operand = arguments.iter().position(|argument| !argument.starts_with('-')).unwrap_or(arguments.len());
    let is_tar = profile.programs.contains(&"tar");
    arguments.iter().enumerate().find_map(|(index, argument)| {
        let leads = index < first_operand;
        let refused = match profile.leading {
            Some(allowed) if leads => !allowed.contains(&argument.as_str()),
            _ => profile.options.iter().any(|option| is_option(argument, option)),
        };
        let commands = index == first_operand && profile.commands.contains(&argument.as_str());
        let begins = profile.beginnings.iter().any(|beginning| argument.starts_with(beginning));
        // The first word of an old-style tar command is a bundle without its dash: `tar xIf …`.
        let bundle = is_tar && index == 0 && leads_a_bundle(argument, profile.options);
        (refused || commands || begins || bundle).then_some(argument.as_str())
    })
}

/// Whether the program would take `argument` for `option`.
fn is_option(argument: &str, option: &str) -> bool {
    let given = argument.split('=').next().unwrap_or_default();
    if option.starts_with("--") {
        // Abbreviated; `--` alone ends the options.
        return given.len() > 2 && given.starts_with("--") && option.starts_with(given);
    }
    let bundle = argument.strip_prefix('-').filter(|rest| !rest.starts_with('-'));
    match (option.strip_prefix('-'), bundle) {
        (Some(letter), Some(bundle)) if letter.len() == 1 => bundle.contains(letter),
        (Some(word), Some(_)) => given.strip_prefix('-') == Some(word),
        _ => false,
    }
}

fn leads_a_bundle(argument: &str, options: &[&str]) -> bool {
    !argument.starts_with('-')
        && argument.chars().all(|c| c.is_ascii_alphanumeric())
        && options.iter().any(|option| is_option(&format!("-{argument}"), option) && option.len() == 2)
}
