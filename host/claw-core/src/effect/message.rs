//! Messages to people: `openclaw:message`.

use serde::{Deserialize, Serialize};

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRequest {
    /// `session`: the run's own conversation.
    pub to: String,
    /// What is said.
    pub text: String,
}
