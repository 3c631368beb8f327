//! What frontmatter is made of, with the line in which each part stands.

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Counted from 1 within the file.
    pub line: usize,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing was written.
    Nothing,
    Text(String),
    List(Vec<Node>),
    /// In the order of the file; no name stands twice.
    Map(Vec<(String, Node)>),
}

/// What is wrong, and in which line of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub line: usize,
    pub message: String,
}

impl Fault {
    pub fn new(line: usize, message: impl Into<String>) -> Self {
        Fault { line, message: message.into() }
    }
}

impl Node {
    /// The member of a map; `None` if there is none, or nothing was written.
    pub fn get(&self, name: &str) -> Option<&Node> {
        let Value::Map(members) = &self.value else { return None };
        members.iter().find(|(known, node)| known == name && node.value != Value::Nothing).map(|(_, node)| node)
    }
}
