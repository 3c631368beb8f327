//! The conformance component (`tests/conformance/README.md`), written with the SDK for Rust.

use openclaw_sdk::http::Request;
use openclaw_sdk::scope::{self, Access};
use openclaw_sdk::{
    Denial, JsonSchema, NoArgs, Tool, ToolError, config, files, json, keyvalue, log, secrets, serde_json, session,
};
use serde::{Deserialize, Serialize};

openclaw_sdk::export_component! {
    name: "conformance",
    version: "0.1.0",
    summary: "Does what every SDK must be able to do.",
    tools: [Echo, Fail, WriteFile, ReadFile, Fetch, Setting, Report, Remember, Crash, Flood],
    scopes: [
        scope::workspace(Access::ReadWrite),
        scope::http("*", &["GET"]),
        scope::secret("canary"),
        scope::store("cache"),
    ],
}

const MAX_BODY_BYTES: usize = 64 * 1024;
const WHY: &str = "because of the test";

struct Echo;

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EchoArgs {
    /// Any text.
    text: String,
    /// Any whole number.
    count: i64,
    /// Another text.
    note: Option<String>,
    /// Any texts.
    tags: Vec<String>,
}

impl Tool for Echo {
    type Args = EchoArgs;
    const NAME: &'static str = "echo";
    const DESCRIPTION: &'static str = "Gives its arguments back.";

    fn call(args: EchoArgs) -> Result<String, ToolError> {
        json(&args)
    }
}

struct Fail;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FailArgs {
    /// The error to end with.
    kind: Kind,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    InvalidArguments,
    Denied,
    NotFound,
    Limit,
    Cancelled,
    Unavailable,
    Failed,
    FailedAfterSending,
}

impl Tool for Fail {
    type Args = FailArgs;
    const NAME: &'static str = "fail";
    const DESCRIPTION: &'static str = "Ends with an error.";

    fn call(args: FailArgs) -> Result<String, ToolError> {
        Err(match args.kind {
            Kind::InvalidArguments => ToolError::invalid(WHY),
            Kind::Denied => ToolError::Denied(Denial { code: "E_TEST".into(), reason: WHY.into() }),
            Kind::NotFound => ToolError::NotFound(WHY.into()),
            Kind::Limit => ToolError::Limit(WHY.into()),
            Kind::Cancelled => ToolError::Cancelled,
            Kind::Unavailable => ToolError::Unavailable(WHY.into()),
            Kind::Failed => ToolError::failed(WHY),
            Kind::FailedAfterSending => ToolError::failed_after_sending(WHY),
        })
    }
}

struct WriteFile;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WriteFileArgs {
    /// Path relative to the workspace.
    path: String,
    /// The new text.
    text: String,
}

impl Tool for WriteFile {
    type Args = WriteFileArgs;
    const NAME: &'static str = "write_file";
    const DESCRIPTION: &'static str = "Writes a file of the workspace.";

    fn call(args: WriteFileArgs) -> Result<String, ToolError> {
        files::write(&args.path, args.text)?;
        Ok("written".into())
    }
}

struct ReadFile;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReadFileArgs {
    /// Path relative to the workspace.
    path: String,
}

impl Tool for ReadFile {
    type Args = ReadFileArgs;
    const NAME: &'static str = "read_file";
    const DESCRIPTION: &'static str = "Reads a file of the workspace.";

    fn call(args: ReadFileArgs) -> Result<String, ToolError> {
        files::read_text(&args.path)
    }
}

struct Fetch;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FetchArgs {
    /// An absolute URL.
    url: String,
    /// A secret to send in the header `x-key`.
    secret: Option<String>,
}

impl Tool for Fetch {
    type Args = FetchArgs;
    const NAME: &'static str = "fetch";
    const DESCRIPTION: &'static str = "Fetches a page.";

    fn call(args: FetchArgs) -> Result<String, ToolError> {
        let mut request = Request::new("GET", &args.url);
        if let Some(name) = &args.secret {
            request = request.header("x-key", &secrets::get(name)?.placeholder());
        }
        let answer = request.send(MAX_BODY_BYTES)?;
        let body = String::from_utf8_lossy(&answer.body);
        json(&serde_json::json!({ "status": answer.status, "body": body }))
    }
}

struct Setting;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SettingArgs {
    /// Its name.
    key: String,
}

impl Tool for Setting {
    type Args = SettingArgs;
    const NAME: &'static str = "setting";
    const DESCRIPTION: &'static str = "Reads a setting.";

    fn call(args: SettingArgs) -> Result<String, ToolError> {
        Ok(config::get(&args.key)?.unwrap_or_else(|| "not set".into()))
    }
}

struct Report;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReportArgs {
    /// What to report.
    message: String,
}

impl Tool for Report {
    type Args = ReportArgs;
    const NAME: &'static str = "report";
    const DESCRIPTION: &'static str = "Writes a line into the log and reports progress.";

    fn call(args: ReportArgs) -> Result<String, ToolError> {
        log::log(log::Level::Info, "conformance", &args.message);
        session::progress(Some(50), &args.message);
        Ok("reported".into())
    }
}

struct Remember;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RememberArgs {
    /// A key of the store.
    key: String,
    /// Its new value.
    value: Option<String>,
}

impl Tool for Remember {
    type Args = RememberArgs;
    const NAME: &'static str = "remember";
    const DESCRIPTION: &'static str = "Gives what was remembered and remembers something else.";

    fn call(args: RememberArgs) -> Result<String, ToolError> {
        let store = keyvalue::open("cache")?;
        let before = store.get(&args.key)?.map(|value| String::from_utf8_lossy(&value).into_owned());
        if let Some(value) = args.value {
            store.set(&args.key, value.as_bytes())?;
        }
        json(&serde_json::json!({ "before": before }))
    }
}

struct Crash;

impl Tool for Crash {
    type Args = NoArgs;
    const NAME: &'static str = "crash";
    const DESCRIPTION: &'static str = "Crashes.";

    fn call(_: NoArgs) -> Result<String, ToolError> {
        panic!("{WHY}")
    }
}

struct Flood;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FloodArgs {
    /// How many bytes.
    bytes: i64,
}

impl Tool for Flood {
    type Args = FloodArgs;
    const NAME: &'static str = "flood";
    const DESCRIPTION: &'static str = "Gives a long text.";

    fn call(args: FloodArgs) -> Result<String, ToolError> {
        Ok("x".repeat(usize::try_from(args.bytes).unwrap_or(0)))
    }
}
