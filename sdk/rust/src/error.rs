//! From the host's errors to the tool's.

use crate::{Failure, HostError, ToolError};

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
