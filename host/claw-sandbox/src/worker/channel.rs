//! The calls of a channel that carry bytes: by their types, where a [`super::plain`] call would make each byte a value.

use claw_core::channel::{self, FETCH, INTERFACE, MAX_FETCHED_BYTES, SEND_FILE};
use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, ComponentType, InstancePre, Lift, Lower};

use super::guest::{Guest, wit};
use crate::channel::function;

/// As in `wit/channel`.
#[derive(ComponentType, Lower)]
#[component(record)]
struct OutgoingFile {
    key: String,
    chat: String,
    name: String,
    #[component(name = "media-type")]
    media_type: String,
    bytes: Vec<u8>,
    caption: Option<String>,
    #[component(name = "reply-to")]
    reply_to: Option<String>,
}

/// As in `wit/channel`.
#[derive(ComponentType, Lift)]
#[component(variant)]
enum Failure {
    #[component(name = "rejected")]
    Rejected(String),
    #[component(name = "limited")]
    Limited(u32),
    #[component(name = "unavailable")]
    Unavailable(String),
    #[component(name = "unknown")]
    Unknown(String),
}

/// What a function of a channel gives: an answer, or why there is none.
type Answer<T> = wasmtime::Result<Result<T, wit::ToolError>>;

/// Sends a file; gives the service's id of the message.
///
/// # Errors
/// If the guest traps, or a limit ends it.
pub(super) fn send_file(
    pre: &InstancePre<Guest>,
    store: &mut Store<Guest>,
    arguments: &str,
    bytes: Vec<u8>,
) -> Answer<String> {
    let file: channel::OutgoingFile = match serde_json::from_str(arguments) {
        Ok(file) => file,
        Err(err) => return Ok(Err(wit::ToolError::InvalidArguments(err.to_string()))),
    };
    let channel::OutgoingFile { key, chat, name, media_type, caption, reply_to, .. } = file;
    call(pre, store, SEND_FILE, (OutgoingFile { key, chat, name, media_type, bytes, caption, reply_to },))
}

/// Gives the bytes of an attachment.
///
/// # Errors
/// If the guest traps, or a limit ends it.
pub(super) fn fetch(pre: &InstancePre<Guest>, store: &mut Store<Guest>, arguments: &str) -> Answer<Vec<u8>> {
    #[derive(serde::Deserialize)]
    struct Fetch {
        attachment: String,
    }
    let Fetch { attachment } = match serde_json::from_str(arguments) {
        Ok(fetch) => fetch,
        Err(err) => return Ok(Err(wit::ToolError::InvalidArguments(err.to_string()))),
    };
    let fetched = call::<_, Vec<u8>>(pre, store, FETCH, (attachment,))?;
    Ok(fetched.and_then(|bytes| match bytes.len() {
        0..=MAX_FETCHED_BYTES => Ok(bytes),
        many => Err(wit::ToolError::Limit(format!(
            "the attachment has {many} bytes; at most {MAX_FETCHED_BYTES} are taken"
        ))),
    }))
}

fn call<A, T>(pre: &InstancePre<Guest>, store: &mut Store<Guest>, called: &str, arguments: A) -> Answer<T>
where
    A: ComponentNamedList + Lower,
    T: ComponentType + Lift + 'static,
{
    let Some(index) = find(pre, called) else {
        return Ok(Err(wit::ToolError::NotFound(format!("the component has no function for `{called}`"))));
    };
    let instance = pre.instantiate(&mut *store)?;
    let function = instance.get_typed_func::<A, (Result<T, Failure>,)>(&mut *store, index)?;
    let (answer,) = function.call(&mut *store, arguments)?;
    // As what is called by its types: a failure is told in JSON.
    Ok(answer.map_err(|failure| {
        let failure = match failure {
            Failure::Rejected(why) => channel::Failure::Rejected(why),
            Failure::Limited(ms) => channel::Failure::Limited(ms),
            Failure::Unavailable(why) => channel::Failure::Unavailable(why),
            Failure::Unknown(why) => channel::Failure::Unknown(why),
        };
        let message = serde_json::to_string(&failure).expect("channel: plain words always serialize");
        wit::ToolError::Failed(wit::Failure { message, sent: false })
    }))
}

fn find(pre: &InstancePre<Guest>, called: &str) -> Option<ComponentExportIndex> {
    let component = pre.component();
    let interface = component.get_export_index(None, INTERFACE)?;
    component.get_export_index(Some(&interface), function(called)?)
}
