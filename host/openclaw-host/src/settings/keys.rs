//! Where each key of a JSON5 text stands, so that a complaint can name line and column, and a value can be replaced.
//!
//! Runs only on texts that the real parser has accepted, so it may be lenient: it follows brackets, strings and
//! comments and looks at nothing else.

use std::fmt;
use std::ops::Range;
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
    /// The bytes of its value.
    pub value: Range<usize>,
}

/// Lists all keys of `text`.
pub fn keys(text: &str) -> Vec<Key> {
    layout(text).1
}

/// The bytes of the whole value, without what stands around it, and its keys.
pub fn layout(text: &str) -> (Range<usize>, Vec<Key>) {
    let at = Position { line: 1, column: 1 };
    let mut scanner = Scanner { len: text.len(), rest: text.chars(), at, keys: Vec::new() };
    let root = scanner.value("");
    (root, scanner.keys)
}

struct Scanner<'a> {
    len: usize,
    rest: Chars<'a>,
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

    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    /// Bytes before the next character.
    fn offset(&self) -> usize {
        self.len - self.rest.as_str().len()
    }

    fn eat(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        if found {
            self.next();
        }
        found
    }

    /// Skips white space and comments.
    fn gap(&mut self) {
        while let Some(c) = self.peek() {
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

    fn value(&mut self, path: &str) -> Range<usize> {
        self.gap();
        let start = self.offset();
        match self.peek() {
            Some('{') => self.object(path),
            Some('[') => self.array(path),
            Some('"' | '\'') => {
                self.string();
            }
            _ => {
                self.word(|c| matches!(c, ',' | '}' | ']' | '/'));
            }
        }
        start..self.offset()
    }

    /// The value of a key that stands at `position`.
    fn keyed(&mut self, path: String, position: Position) {
        let place = self.keys.len();
        self.keys.push(Key { path: path.clone(), position, value: 0..0 });
        self.keys[place].value = self.value(&path);
        self.gap();
        self.eat(',');
    }

    fn object(&mut self, path: &str) {
        self.next();
        loop {
            self.gap();
            let position = self.at;
            let key = match self.peek() {
                None => return,
                Some('}') => {
                    self.next();
                    return;
                }
                Some('"' | '\'') => self.string(),
                Some(_) => self.word(|c| matches!(c, ':' | '/' | '}' | ',')),
            };
            let path = if path.is_empty() { key } else { format!("{path}.{key}") };
            self.gap();
            self.eat(':');
            self.keyed(path, position);
        }
    }

    fn array(&mut self, path: &str) {
        self.next();
        for index in 0.. {
            self.gap();
            if self.peek().is_none() || self.eat(']') {
                return;
            }
            self.keyed(format!("{path}[{index}]"), self.at);
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
        while let Some(c) = self.peek() {
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
