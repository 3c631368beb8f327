//! YAML, as far as frontmatter needs it. Its limits are what frontmatter never comes near, so that a small file cannot
//! become a large value: there are no aliases, little depth and few values.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::node::{Fault, Node, Value};

#[cfg(test)]
mod tests;

/// Maps and lists within each other. Those of skills have five.
const MAX_DEPTH: usize = 16;
/// Values in one text.
const MAX_NODES: usize = 4096;

/// Reads one value; `first_line` is the line of the file in which the text begins.
///
/// # Errors
/// The first fault.
pub fn read(text: &str, first_line: usize) -> Result<Node, Fault> {
    let mut reader = Reader { parser: Parser::new_from_str(text), first_line, nodes: 0 };
    loop {
        match reader.next()? {
            (Event::StreamEnd, line) => return Ok(Node { line, value: Value::Nothing }),
            (Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing, _) => {}
            (event, line) => {
                let node = reader.node(event, line, 0)?;
                reader.expect_end()?;
                return Ok(node);
            }
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    first_line: usize,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, usize), Fault> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, self.line(&span))),
            Some(Err(err)) => {
                let line = self.first_line + err.marker().line().saturating_sub(1);
                Err(Fault::new(line, format!("not valid YAML: {}", err.info())))
            }
            None => Ok((Event::StreamEnd, self.first_line)),
        }
    }

    fn line(&self, span: &Span) -> usize {
        self.first_line + span.start.line().saturating_sub(1)
    }

    /// Makes a value of an event and of those that belong to it.
    fn node(&mut self, event: Event<'a>, line: usize, depth: usize) -> Result<Node, Fault> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Fault::new(line, format!("more than {MAX_NODES} values")));
        }
        if depth > MAX_DEPTH {
            return Err(Fault::new(line, format!("more than {MAX_DEPTH} maps and lists within each other")));
        }
        let value = match event {
            Event::Scalar(text, style, ..) if style == ScalarStyle::Plain && is_nothing(&text) => Value::Nothing,
            Event::Scalar(text, ..) => Value::Text(text.into_owned()),
            Event::SequenceStart(..) => self.list(depth)?,
            Event::MappingStart(..) => self.map(depth)?,
            Event::Alias(_) => return Err(Fault::new(line, "aliases (`*name`) are not taken")),
            _ => return Err(Fault::new(line, "a value is missing")),
        };
        Ok(Node { line, value })
    }

    fn list(&mut self, depth: usize) -> Result<Value, Fault> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, line) => items.push(self.node(event, line, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Fault> {
        let mut members: Vec<(String, Node)> = Vec::new();
        loop {
            let (event, line) = self.next()?;
            let name = match event {
                Event::MappingEnd => return Ok(Value::Map(members)),
                Event::Scalar(name, ..) => name.into_owned(),
                _ => return Err(Fault::new(line, "a name is expected before the colon")),
            };
            // Which of the two counts would be a matter of taste.
            if members.iter().any(|(known, _)| *known == name) {
                return Err(Fault::new(line, format!("`{}` stands here twice", crate::show::excerpt(&name))));
            }
            let (event, line) = self.next()?;
            members.push((name, self.node(event, line, depth + 1)?));
        }
    }

    fn expect_end(&mut self) -> Result<(), Fault> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentEnd | Event::Nothing, _) => {}
                (_, line) => return Err(Fault::new(line, "a second document begins here")),
            }
        }
    }
}

fn is_nothing(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}
