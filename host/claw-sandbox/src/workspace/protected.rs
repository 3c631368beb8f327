//! The names that no guest may change, whatever it was granted: one list for all ways to a file.
//!
//! Protected are files that make other programs run something, that let somebody in, or that change what the agent is.
//! Names are compared the way a file system that folds case would compare them.

use claw_core::guard::Guard;
use claw_core::text::is_ignorable;

use super::path::TEMP_PREFIX;

/// What kind of folder a path lies in; decides how much of it is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ground {
    /// The agent's workspace.
    Workspace,
    /// The agent's workspace, in a conversation that others may have talked into something: what is part of each prompt
    /// stays as it is.
    Guarded,
    /// The agent's workspace, lent to a component that did not come with the host: who the agent is, and what it
    /// remembers, is not for that one to say.
    Lent,
    /// A folder of the owner's, where the owner's own programs may look for what they run.
    Named,
    /// A component's own folder: nobody else looks there, so nothing is protected.
    Scratch,
}

/// Names that a shell, a login or a common tool reads when it starts, or that hold keys. Directories count with all
/// that is in them.
const OF_PEOPLE: &[&str] = &[
    ".aws",
    ".bash_aliases",
    ".bash_login",
    ".bash_logout",
    ".bash_profile",
    ".bashrc",
    ".config",
    ".cshrc",
    ".docker",
    ".emacs",
    ".emacs.d",
    ".exrc",
    ".forward",
    ".git-credentials",
    ".gitconfig",
    ".gnupg",
    ".inputrc",
    ".kshrc",
    ".kube",
    ".local",
    ".login",
    ".logout",
    ".mkshrc",
    ".netrc",
    ".npmrc",
    ".pam_environment",
    ".profile",
    ".pypirc",
    ".rhosts",
    ".screenrc",
    ".shosts",
    ".ssh",
    ".tcshrc",
    ".tmux.conf",
    ".vim",
    ".vimrc",
    ".xinitrc",
    ".xprofile",
    ".xsession",
    ".xsessionrc",
    ".zlogin",
    ".zlogout",
    ".zprofile",
    ".zshenv",
    ".zshrc",
    "authorized_keys",
    "authorized_keys2",
];

impl Ground {
    /// Whether a file or directory at this path may not be changed, made, replaced or removed. The path is relative to
    /// the folder and has neither links nor `..` in it.
    pub(crate) fn protects<'a>(self, components: impl Iterator<Item = &'a str>) -> bool {
        let folded: Vec<String> = components.map(folded).collect();
        let of_host =
            |name: &String| name.starts_with(".env") || name.starts_with(".openclaw") || name.starts_with(TEMP_PREFIX);
        match self {
            _ if !Guard::FsProtected.is_up() => false,
            Ground::Scratch => false,
            Ground::Workspace => folded.iter().any(of_host) || in_git_machinery(&folded) || in_skills(&folded),
            Ground::Guarded => Ground::Workspace.protects(folded.iter().map(String::as_str)) || of_prompt(&folded),
            Ground::Lent => Ground::Guarded.protects(folded.iter().map(String::as_str)) || in_memory(&folded),
            Ground::Named => {
                let of_people = |name: &String| OF_PEOPLE.contains(&name.as_str());
                folded.iter().any(|name| of_host(name) || of_people(name)) || in_git_machinery(&folded)
            }
        }
    }

    /// Whether a whole directory may not come to or leave this path: what it holds might be protected there, or here.
    pub(crate) fn protects_tree<'a>(self, components: impl Iterator<Item = &'a str> + Clone) -> bool {
        let in_git = || components.clone().any(|name| folded(name) == ".git");
        self.protects(components.clone()) || (self != Ground::Scratch && in_git())
    }
}

/// What the model is told to do comes from there: a run that was talked into something must not talk the next one into
/// it as well. SU-23
fn in_skills(folded: &[String]) -> bool {
    folded.first().is_some_and(|name| name == "skills" || name == ".agents")
}

/// The files at the workspace's top that tell the agent who it is and what to do. SU-23
fn of_prompt(folded: &[String]) -> bool {
    const FILES: [&str; 8] =
        ["agents.md", "soul.md", "identity.md", "user.md", "tools.md", "memory.md", "heartbeat.md", "bootstrap.md"];
    folded.first().is_some_and(|name| FILES.contains(&name.as_str()))
}

/// What the agent remembers. SU-23
fn in_memory(folded: &[String]) -> bool {
    folded.first().is_some_and(|name| name == "memory")
}

/// Hooks, settings and `.git` files: what Git runs, or where it looks for what it runs.
fn in_git_machinery(folded: &[String]) -> bool {
    folded.iter().enumerate().filter(|(_, name)| *name == ".git").any(|(index, _)| match &folded[index + 1..] {
        // A file `.git` redirects Git to another repository, whose hooks it then runs.
        [] => true,
        [name, ..] if matches!(&**name, "hooks" | "config" | "config.worktree" | "commondir") => true,
        [name, rest @ ..] if name == "modules" => rest.iter().any(|name| name == "hooks" || name == "config"),
        _ => false,
    })
}

/// The name as file systems that ignore case see it, for comparing with plain ASCII names (FS-24).
fn folded(name: &str) -> String {
    let visible = name.chars().filter(|ch| !is_ignorable(*ch));
    // `ſ` is a lower-case letter that folds to `s`; the Kelvin sign becomes `k` by itself.
    let lower: String = visible.flat_map(char::to_lowercase).map(|ch| if ch == 'ſ' { 's' } else { ch }).collect();
    // Windows shares drop dots and spaces at the end.
    lower.trim_end_matches(['.', ' ']).to_owned()
}
