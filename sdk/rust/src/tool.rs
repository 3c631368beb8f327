//! What the author of a tool writes.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Failure, ToolError};

#[cfg(test)]
mod tests;

/// One tool as the model sees it.
pub trait Tool {
    /// The arguments: a struct whose derived schema is shown to the model. Field docs become descriptions.
    type Args: DeserializeOwned + JsonSchema;

    /// 1 to 64 of `a-z A-Z 0-9 - _`, unique over all components that the owner installs.
    const NAME: &'static str;

    /// One paragraph for the model, at most 4,096 bytes: what the tool does and when to use it.
    const DESCRIPTION: &'static str;

    /// Whether results carry text from outside the owner (a web page, a stranger's mail). The host then treats the
    /// session as tainted.
    const UNTRUSTED_OUTPUT: bool = false;

    /// Runs one call and returns text for the model, at most 1 MiB. Each call runs in a fresh instance: nothing that
    /// it leaves in memory survives it.
    ///
    /// # Errors
    /// The closest [`ToolError`]. Host errors convert with `?` and keep their codes.
    fn call(args: Self::Args) -> Result<String, ToolError>;
}

/// The arguments of a tool that takes none.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoArgs {}

/// Writes a result as JSON text, for tools whose result is a value rather than prose.
///
/// # Errors
/// [`ToolError::Failed`] if the value has no JSON form, e.g. a map whose keys are not text.
pub fn json(value: &impl Serialize) -> Result<String, ToolError> {
    serde_json::to_string(value).map_err(|err| {
        ToolError::Failed(Failure { message: format!("cannot write the result as JSON: {err}"), sent: false })
    })
}
