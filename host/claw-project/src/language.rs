//! The languages that projects are written in.

use std::fmt;
use std::str::FromStr;

/// A language with an SDK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Rust.
    Rust,
    /// TypeScript and JavaScript.
    JavaScript,
    /// Python.
    Python,
    /// C.
    C,
    /// Go.
    Go,
}

impl Language {
    /// All of them.
    pub const ALL: [Language; 5] = [Language::Rust, Language::JavaScript, Language::Python, Language::C, Language::Go];

    /// Its word on the command line, which is the name of its SDK's folder too.
    pub fn word(self) -> &'static str {
        match self {
            Language::Rust => "rust",
            Language::JavaScript => "js",
            Language::Python => "python",
            Language::C => "c",
            Language::Go => "go",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Language {
    type Err = String;

    fn from_str(word: &str) -> Result<Language, String> {
        Language::ALL.into_iter().find(|language| language.word() == word).ok_or_else(|| {
            let words = Language::ALL.map(Language::word).join(", ");
            format!("`{word}` is none of {words}")
        })
    }
}
