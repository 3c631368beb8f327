//! A command line as the model writes it, turned into arguments.
//!
//! Policies and approval cards speak about arguments, one by one. So a line that means nothing but a program and its
//! arguments is split here, and only a line that needs a shell runs in one, as the visible `sh -c <line>`.

#[cfg(test)]
mod tests;

/// What a line needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A program and its arguments; the first is not empty.
    Plain(Vec<String>),
    /// A shell.
    Shell,
    /// Nothing to run.
    Empty,
}

impl Line {
    /// Reads a line. Where in doubt, it needs a shell: taking shell text for plain arguments would run something else
    /// than was meant.
    pub fn parse(text: &str) -> Line {
        // A newline ends a command in a shell; around the line it means nothing.
        match split(text.trim()) {
            None => Line::Shell,
            Some(words) if words.is_empty() => Line::Empty,
            Some(words) if words[0].is_empty() || is_assignment(&words[0]) || is_shell_word(&words[0]) => Line::Shell,
            Some(words) => Line::Plain(words),
        }
    }

    /// The arguments to run `text` with; none if it is empty.
    pub fn argv(text: &str) -> Option<Vec<String>> {
        match Line::parse(text) {
            Line::Plain(words) => Some(words),
            Line::Shell => Some(vec!["sh".into(), "-c".into(), text.into()]),
            Line::Empty => None,
        }
    }
}

/// Splits a line into words; none if it needs a shell or a quote stays open.
fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(character) = chars.next() {
        match character {
            ' ' | '\t' => words.extend(word.take()),
            '\'' => single_quoted(&mut chars, word.get_or_insert_default())?,
            '"' => double_quoted(&mut chars, word.get_or_insert_default())?,
            '\\' => match chars.next()? {
                '\n' => return None,
                escaped => word.get_or_insert_default().push(escaped),
            },
            '~' | '#' if word.is_none() => return None,
            special if is_special(special) => return None,
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word);
    Some(words)
}

fn single_quoted(chars: &mut std::str::Chars, word: &mut String) -> Option<()> {
    loop {
        match chars.next()? {
            '\'' => return Some(()),
            plain => word.push(plain),
        }
    }
}

fn double_quoted(chars: &mut std::str::Chars, word: &mut String) -> Option<()> {
    loop {
        match chars.next()? {
            '"' => return Some(()),
            '$' | '`' => return None,
            '\\' => match chars.next()? {
                escaped @ ('"' | '\\' | '$' | '`') => word.push(escaped),
                '\n' => return None,
                other => word.extend(['\\', other]),
            },
            plain => word.push(plain),
        }
    }
}

/// What means something to a shell outside quotes. Control characters are not plain text either.
fn is_special(character: char) -> bool {
    matches!(
        character,
        '|' | '&' | ';' | '<' | '>' | '(' | ')' | '$' | '`' | '*' | '?' | '[' | ']' | '{' | '}' | '!' | '^'
    ) || character.is_control()
}

/// `NAME=value` in front of a command sets a variable.
fn is_assignment(word: &str) -> bool {
    let Some((name, _)) = word.split_once('=') else { return false };
    let name = name.strip_suffix('+').unwrap_or(name);
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|part| part.is_ascii_alphanumeric() || part == '_')
}

/// Words that only a shell knows, and programs of that name would do something else or nothing.
fn is_shell_word(word: &str) -> bool {
    matches!(
        word,
        "." | ":"
            | "alias"
            | "bg"
            | "break"
            | "case"
            | "cd"
            | "command"
            | "continue"
            | "do"
            | "done"
            | "elif"
            | "else"
            | "esac"
            | "eval"
            | "exec"
            | "exit"
            | "export"
            | "fg"
            | "fi"
            | "for"
            | "function"
            | "if"
            | "jobs"
            | "local"
            | "read"
            | "readonly"
            | "return"
            | "select"
            | "set"
            | "shift"
            | "source"
            | "then"
            | "time"
            | "times"
            | "trap"
            | "type"
            | "ulimit"
            | "umask"
            | "unalias"
            | "unset"
            | "until"
            | "wait"
            | "while"
    )
}
