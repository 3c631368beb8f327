//! Where the content of a conversation came from, as far as it decides what may leave the machine.

use serde::{Deserialize, Serialize};

/// Characters of a cause that are kept.
const CAUSE_CHARS: usize = 200;

/// What has flowed into a run or a conversation. Labels are only ever added; a reset begins without any.
///
/// Each carries its first cause, for people. Content that was read before a label came up is not looked at again: the
/// labels say what may have been read, not what was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    /// Content from somebody else than the owner has come in, and may try to give orders.
    pub tainted: Option<String>,
    /// Data of the owner's has been read.
    pub private: Option<String>,
}

impl Labels {
    /// Content from outside.
    pub fn tainted(cause: &str) -> Labels {
        Labels { tainted: Some(cause.chars().take(CAUSE_CHARS).collect()), private: None }
    }

    /// Data of the owner's.
    pub fn private(cause: &str) -> Labels {
        Labels { tainted: None, private: Some(cause.chars().take(CAUSE_CHARS).collect()) }
    }

    /// Adds what is new in `other`; says whether anything was.
    pub fn join(&mut self, other: &Labels) -> bool {
        let add = |mine: &mut Option<String>, theirs: &Option<String>| {
            let is_new = mine.is_none() && theirs.is_some();
            if is_new {
                mine.clone_from(theirs);
            }
            is_new
        };
        let tainted = add(&mut self.tainted, &other.tainted);
        add(&mut self.private, &other.private) || tainted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_added_once_and_keeps_its_first_cause() {
        let mut labels = Labels::default();
        assert!(!labels.join(&Labels::default()));
        assert!(labels.join(&Labels::tainted("a page")));
        assert!(!labels.join(&Labels::tainted("another page")));
        assert!(labels.join(&Labels { tainted: Some("a third".into()), ..Labels::private("a file") }));
        assert_eq!(labels, Labels { tainted: Some("a page".into()), private: Some("a file".into()) });
        assert_eq!(Labels::private(&"x".repeat(1000)).private.unwrap().len(), CAUSE_CHARS);
    }
}
