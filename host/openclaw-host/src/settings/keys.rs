//! Where each key of a JSON5 text stands, so that a complaint can name line and column.
//!
//! Runs only on texts that the real parser has accepted, so it may be lenient: it follows brackets, strings and
//! comments and looks at nothing else.

use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

/// A place in a text; both count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in it.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// One key or list element, in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// E.g. `gateway.port`, `grants.web[0]`.
    pub path: String,
    /// Where the key (or the element) starts.
    pub position: Position,
}

/// Lists all keys of `text`.
pub fn keys(text: &str) -> Vec<Key> {
    let mut scanner = Scanner { rest: text.chars().peekable(), at: Position { line: 1, column: 1 }, keys: Vec::new() };
    scanner.value("");
    scanner.keys
}

struct Scanner<'a> {
    rest: Peekable<Chars<'a>>,
    at: Position,
    keys: Vec<Key>,
}

impl Scanner<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        if c == '\n' {
            self.at = Position { line: self.at.line + 1, column: 1 };
        } else {
            self.at.column += 1;
        }
        Some(c)
    }

    fn eat(&mut self, expected: char) -> bool {
        let found = self.rest.peek() == Some(&expected);
        if found {
            self.next();
        }
        found
    }

    /// Skips white space and comments.
    fn gap(&mut self) {
        while let Some(&c) = self.rest.peek() {
            if c.is_whitespace() || c == '\u{feff}' {
                self.next();
            } else if c == '/' {
                self.next();
                self.comment();
            } else {
                return;
            }
        }
    }

    fn comment(&mut self) {
        if self.eat('*') {
            let mut before = ' ';
            while let Some(c) = self.next() {
                if before == '*' && c == '/' {
                    return;
                }
                before = c;
            }
        } else {
            while self.next().is_some_and(|c| c != '\n') {}
        }
    }

    fn value(&mut self, path: &str) {
        self.gap();
        match self.rest.peek() {
            Some('{') => self.object(path),
            Some('[') => self.array(path),
            Some('"' | '\'') => {
                self.string();
            }
            _ => {
                self.word(|c| matches!(c, ',' | '}' | ']' | '/'));
            }
        }
    }

    fn object(&mut self, path: &str) {
        self.next();
        loop {
            self.gap();
            let position = self.at;
            let key = match self.rest.peek() {
                None => return,
                Some('}') => {
                    self.next();
                    return;
                }
                Some('"' | '\'') => self.string(),
                Some(_) => self.word(|c| matches!(c, ':' | '/' | '}' | ',')),
            };
            let path = if path.is_empty() { key } else { format!("{path}.{key}") };
            self.keys.push(Key { path: path.clone(), position });
            self.gap();
            self.eat(':');
            self.value(&path);
            self.gap();
            self.eat(',');
        }
    }

    fn array(&mut self, path: &str) {
        self.next();
        for index in 0.. {
            self.gap();
            if self.rest.peek().is_none() || self.eat(']') {
                return;
            }
            let path = format!("{path}[{index}]");
            self.keys.push(Key { path: path.clone(), position: self.at });
            self.value(&path);
            self.gap();
            self.eat(',');
        }
    }

    /// Reads a quoted text; escapes stay as they are, since no key of ours needs one.
    fn string(&mut self) -> String {
        let quote = self.next();
        let mut text = String::new();
        while let Some(c) = self.next() {
            if Some(c) == quote {
                break;
            }
            text.push(c);
            if c == '\\'
                && let Some(escaped) = self.next()
            {
                text.push(escaped);
            }
        }
        text
    }

    fn word(&mut self, ends: fn(char) -> bool) -> String {
        let mut text = String::new();
        while let Some(&c) = self.rest.peek() {
            if c.is_whitespace() || ends(c) {
                break;
            }
            text.push(c);
            self.next();
        }
        // A character that starts nothing must not stop the scan.
        if text.is_empty() {
            self.next();
        }
        text
    }
}
