//! The skill `image`: pictures of the workspace. `exif` and `picture` are pure.

mod exif;
mod picture;

use openclaw_sdk::{HostError, JsonSchema, Tool, ToolError, files, scope, workspace};
use serde::Deserialize;

use crate::picture::{Format, Wanted};

openclaw_sdk::export_component! {
    name: "image",
    version: env!("CARGO_PKG_VERSION"),
    summary: "Measures, resizes and converts pictures.",
    tools: [Info, Resize],
    scopes: [scope::workspace(scope::Access::ReadWrite)],
}

/// The file is in memory beside its pixels, and a call has 64 MiB unless the owner gave more.
const MAX_FILE_BYTES: u64 = 64 << 20;
/// What `workspace::commit` takes.
const MAX_OUTPUT_BYTES: usize = 16 << 20;

struct Info;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct InfoArgs {
    /// Path of the picture in the workspace.
    path: String,
}

impl Tool for Info {
    type Args = InfoArgs;
    const NAME: &'static str = "image_info";
    const DESCRIPTION: &'static str = "Tells the format and size of a picture (PNG, JPEG, GIF, WebP, BMP), and whether the \
        file says where it was taken.";

    fn call(args: InfoArgs) -> Result<String, ToolError> {
        picture::describe(&read(&args.path)?)
    }
}

struct Resize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ResizeArgs {
    /// Path of the picture in the workspace.
    path: String,
    /// Pixels that the new picture may be wide; its proportions stay.
    width: Option<u32>,
    /// Pixels that the new picture may be high; its proportions stay.
    height: Option<u32>,
    /// Path of the new picture. Default: the old one with the new size in its name.
    output: Option<String>,
    /// Format of the new picture. Default: what the name of `output` ends with, else the old one's.
    format: Option<Format>,
    /// Whether a file at `output` may be replaced.
    #[serde(default)]
    overwrite: bool,
}

impl Tool for Resize {
    type Args = ResizeArgs;
    const NAME: &'static str = "image_resize";
    const DESCRIPTION: &'static str = "Writes a copy of a picture with another size or format (PNG, JPEG, GIF, WebP, BMP), \
        upright and without metadata. The original stays.";

    fn call(args: ResizeArgs) -> Result<String, ToolError> {
        let named = args.output.as_deref().and_then(Format::of_name);
        if let (Some(output), None) = (&args.output, args.format.or(named)) {
            return Err(ToolError::invalid(format!(
                "`{output}` does not tell a format: end it with .png or give `format`"
            )));
        }
        let wanted = Wanted { width: args.width, height: args.height, format: args.format.or(named) };
        let made = picture::resize(&read(&args.path)?, &wanted)?;
        let output = args.output.unwrap_or_else(|| made.name(&args.path));
        if !args.overwrite && exists(&output)? {
            return Err(ToolError::invalid(format!(
                "`{output}` is there already: name another `output`, or set `overwrite`"
            )));
        }
        let bytes = made.bytes.len();
        if bytes > MAX_OUTPUT_BYTES {
            let most = MAX_OUTPUT_BYTES >> 20;
            return Err(ToolError::Limit(format!(
                "the new picture would have {} MiB, and {most} can be written: ask for fewer pixels or for JPEG",
                bytes >> 20
            )));
        }
        let said =
            format!("`{output}`: {}, {} x {} pixels, {bytes} bytes", made.format.name(), made.width, made.height);
        workspace::commit(&[workspace::Change::Put((output, made.bytes))])?;
        Ok(said)
    }
}

fn read(path: &str) -> Result<Vec<u8>, ToolError> {
    let bytes = workspace::read_range(path, 0, 0)?.size;
    if bytes > MAX_FILE_BYTES {
        let most = MAX_FILE_BYTES >> 20;
        return Err(ToolError::Limit(format!("`{path}` has {} MiB; at most {most} are read", bytes >> 20)));
    }
    files::read(path)
}

fn exists(path: &str) -> Result<bool, ToolError> {
    match workspace::read_range(path, 0, 0) {
        Ok(_) => Ok(true),
        Err(HostError::NotFound(_)) => Ok(false),
        Err(err) => Err(err.into()),
    }
}
