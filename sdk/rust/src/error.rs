//! From the host's errors to the tool's.

use crate::{Denial, Failure, HostError, ToolError, config, keyvalue};

#[cfg(test)]
mod tests;

impl From<HostError> for ToolError {
    /// Keeps the kind, and for refusals the code. What the host calls `other` becomes a failure of which nothing was
    /// sent; a tool whose call may have taken effect builds [`ToolError::Failed`] itself.
    fn from(error: HostError) -> Self {
        match error {
            HostError::Denied(denial) => ToolError::Denied(denial),
            HostError::Limit(text) => ToolError::Limit(text),
            HostError::Invalid(text) => ToolError::InvalidArguments(text),
            HostError::Unavailable(text) => ToolError::Unavailable(text),
            HostError::Cancelled => ToolError::Cancelled,
            HostError::NotFound(text) => ToolError::NotFound(text),
            HostError::Other(text) => ToolError::failed(text),
        }
    }
}

impl From<keyvalue::Error> for ToolError {
    /// `wasi:keyvalue` has no place for the host's codes; a refusal gets the general one.
    fn from(error: keyvalue::Error) -> Self {
        match error {
            keyvalue::Error::NoSuchStore => ToolError::NotFound("there is no such store".into()),
            keyvalue::Error::AccessDenied => ToolError::Denied(Denial {
                code: "E_POLICY_DENY".into(),
                reason: "the store is not granted to this component".into(),
            }),
            keyvalue::Error::Other(text) => ToolError::failed(text),
        }
    }
}

impl From<config::Error> for ToolError {
    fn from(error: config::Error) -> Self {
        match error {
            config::Error::Upstream(text) | config::Error::Io(text) => ToolError::failed(text),
        }
    }
}

impl ToolError {
    /// The arguments make no sense: say which, why, and what would.
    pub fn invalid(message: impl Into<String>) -> Self {
        ToolError::InvalidArguments(message.into())
    }

    /// The tool failed before anything took effect.
    pub fn failed(message: impl Into<String>) -> Self {
        ToolError::Failed(Failure { message: message.into(), sent: false })
    }

    /// The tool failed after something may have taken effect, so that trying again could do it twice.
    pub fn failed_after_sending(message: impl Into<String>) -> Self {
        ToolError::Failed(Failure { message: message.into(), sent: true })
    }
}
