//! Writes of no bytes.

use openclaw_sdk::workspace::{Change, commit};
use openclaw_sdk::{JsonSchema, ToolError};
use serde::Deserialize;
use wasip2::cli::stdout;
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
use wasip2::http::types::{Fields, OutgoingRequest};
use wasip2::io::streams::OutputStream;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Stdout,
    /// The file `flood.txt` of the workspace.
    File,
    /// The body of a request that is never sent.
    Body,
}

impl Kind {
    pub fn write(&self, count: usize) -> Result<(), ToolError> {
        let failed = |what: &str| ToolError::failed(format!("there is no {what}"));
        match self {
            Kind::Stdout => nothing(&stdout::get_stdout(), count),
            Kind::File => {
                commit(&[Change::Put(("flood.txt".into(), Vec::new()))])?;
                let directories = get_directories();
                let (directory, _) = directories.first().ok_or_else(|| failed("directory"))?;
                let file = directory
                    .open_at(PathFlags::empty(), "flood.txt", OpenFlags::empty(), DescriptorFlags::WRITE)
                    .map_err(|code| ToolError::failed(code.message()))?;
                nothing(&file.write_via_stream(0).map_err(|code| ToolError::failed(code.message()))?, count)
            }
            Kind::Body => {
                let request = OutgoingRequest::new(Fields::new());
                let body = request.body().map_err(|()| failed("body"))?;
                nothing(&body.write().map_err(|()| failed("stream"))?, count)
            }
        }
    }
}

fn nothing(stream: &OutputStream, count: usize) -> Result<(), ToolError> {
    for _ in 0..count {
        stream.blocking_write_and_flush(&[]).map_err(|err| ToolError::failed(err.to_string()))?;
    }
    Ok(())
}
