//! Headers without end.

use std::mem::forget;

use openclaw_sdk::{JsonSchema, ToolError};
use serde::Deserialize;
use wasip2::http::types::Fields;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// One by one.
    Append,
    /// One of this many bytes.
    Long,
    /// A list at once.
    FromList,
    /// Copies of one that is full.
    Clone,
}

impl How {
    pub fn build(&self, count: usize) -> Result<String, ToolError> {
        let refused = |err: wasip2::http::types::HeaderError| ToolError::Limit(format!("{err:?}"));
        let fields = Fields::new();
        match self {
            How::Append => {
                for index in 0..count {
                    fields.append(&format!("x-{index}"), b"value").map_err(refused)?;
                }
            }
            How::Long => fields.append("x-long", &vec![b'x'; count]).map_err(refused)?,
            How::FromList => {
                let list = vec![("x".to_owned(), Vec::new()); count];
                forget(Fields::from_list(&list).map_err(refused)?);
            }
            How::Clone => {
                fields.append("x-long", &[b'x'; 16 << 10]).map_err(refused)?;
                (0..count).for_each(|_| forget(fields.clone()));
            }
        }
        Ok(format!("built {count}"))
    }
}
