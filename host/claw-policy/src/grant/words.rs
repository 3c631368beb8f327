//! Grants in words for people who are about to give them.

use std::collections::BTreeSet;

use super::{Access, Folder, FsGrant, Grant, SecretGrant};

impl Grant {
    /// What it lets a component do, as the end of "it may …".
    pub fn in_words(&self) -> String {
        match self {
            Grant::Fs(FsGrant { folder: Folder::Scratch, .. }) => "keep files in a folder of its own".to_owned(),
            Grant::Fs(FsGrant { folder, access }) => {
                let place = match folder {
                    Folder::Workspace => "the agent's workspace".to_owned(),
                    other => format!("your folder `{other}`"),
                };
                match access {
                    Access::Read => format!("read the files of {place}"),
                    Access::ReadWrite => format!("read, change and remove the files of {place}"),
                }
            }
            Grant::Http(grant) if grant.is_open() => "send requests to any server".to_owned(),
            Grant::Http(grant) => format!("send requests: {grant}"),
            Grant::Net(grant) if grant.is_open() => "open connections to any server".to_owned(),
            Grant::Net(grant) => format!("open connections to {grant}"),
            Grant::Exec(grant) if grant.is_open() => "run any program".to_owned(),
            Grant::Exec(grant) => format!("run programs: {grant}"),
            Grant::Secret(SecretGrant { name, reveal: false }) => {
                format!("have the secret `{name}` sent along, without seeing it")
            }
            Grant::Secret(SecretGrant { name, reveal: true }) => format!("see the secret `{name}`"),
            Grant::Kv(name) => format!("keep values in a store of its own, `{name}`"),
            Grant::Llm(name) => format!("ask the model `{name}`, on your account"),
            Grant::Message(name) if name.as_str() == "session" => "write into the conversation".to_owned(),
            Grant::Message(name) => format!("send messages to `{name}`"),
            Grant::Memory(access) => format!("{access} what the assistant remembers"),
            Grant::Schedule => "schedule runs".to_owned(),
            Grant::Sessions(grant) => grant.in_words().to_owned(),
        }
    }

    /// Whether it is open: as a grant it would name nothing, so each use of it is asked about.
    pub fn is_open(&self) -> bool {
        match self {
            Grant::Http(grant) => grant.is_open(),
            Grant::Net(grant) => grant.is_open(),
            Grant::Exec(grant) => grant.is_open(),
            _ => false,
        }
    }

    /// What whoever asks for it should think about, since it opens much; `None` if it is narrow enough, or
    /// [open](Grant::is_open).
    pub fn caution(&self) -> Option<&'static str> {
        match self {
            Grant::Fs(FsGrant { folder: Folder::Workspace, access: Access::ReadWrite }) => {
                Some("that is every file the assistant works on; `scratch` is a folder of its own")
            }
            Grant::Secret(SecretGrant { reveal: true, .. }) => {
                Some("what it sees it can pass on; a secret that is only sent along cannot get lost")
            }
            Grant::Exec(grant) if grant.takes_anything() => {
                Some("`**` takes every option, also those that write files or start other programs; list the arguments")
            }
            _ => None,
        }
    }

    /// The same with less: only reading, only sent along; `None` if there is no less of it.
    pub fn less(&self) -> Option<Grant> {
        match self {
            Grant::Fs(FsGrant { folder, access: Access::ReadWrite }) if *folder != Folder::Scratch => {
                Some(Grant::Fs(FsGrant { folder: folder.clone(), access: Access::Read }))
            }
            Grant::Http(grant) => {
                let reading: BTreeSet<_> =
                    grant.methods.iter().filter(|method| ["GET", "HEAD"].contains(&method.as_str())).cloned().collect();
                let is_less = !reading.is_empty() && reading.len() < grant.methods.len() && !grant.is_open();
                is_less.then(|| {
                    let mut less = grant.clone();
                    less.methods = reading;
                    Grant::Http(less)
                })
            }
            Grant::Secret(SecretGrant { name, reveal: true }) => {
                Some(Grant::Secret(SecretGrant { name: name.clone(), reveal: false }))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_much_is_cautioned_about_and_nothing_else_is() {
        for broad in ["fs workspace read-write", "secret key reveal", "exec git **", "exec git log * **"] {
            assert!(Grant::parse(broad).unwrap().caution().is_some(), "{broad}");
        }
        let narrow =
            ["fs workspace read", "fs scratch read-write", "fs notes read-write", "secret key", "exec git log *"];
        for narrow in narrow.into_iter().chain(["exec **", "http * GET", "http https://a.example GET", "kv a"]) {
            assert_eq!(Grant::parse(narrow).unwrap().caution(), None, "{narrow}");
        }
    }

    #[test]
    fn each_grant_has_words_and_what_can_be_less_says_how() {
        let cases = [
            ("fs workspace read", "read the files of the agent's workspace", None),
            (
                "fs workspace read-write",
                "read, change and remove the files of the agent's workspace",
                Some("fs workspace read"),
            ),
            ("fs scratch read-write", "keep files in a folder of its own", None),
            ("fs notes read", "read the files of your folder `notes`", None),
            ("http * GET,POST", "send requests to any server", None),
            (
                "http https://a.example GET,POST /v1/",
                "send requests: https://a.example GET,POST /v1/",
                Some("http https://a.example GET /v1/"),
            ),
            ("http https://a.example POST", "send requests: https://a.example POST", None),
            ("exec **", "run any program", None),
            ("exec * --version", "run any program", None),
            ("exec git log **", "run programs: git log **", None),
            ("net *", "open connections to any server", None),
            ("secret key reveal", "see the secret `key`", Some("secret key")),
            ("kv cache", "keep values in a store of its own, `cache`", None),
            ("message session", "write into the conversation", None),
        ];
        for (text, words, less) in cases {
            let grant = Grant::parse(text).unwrap();
            assert_eq!(grant.in_words(), words);
            assert_eq!(grant.less().map(|less| less.to_string()).as_deref(), less, "{text}");
            assert_eq!(grant.is_open(), words.contains(" any "), "{text}");
        }
    }
}
