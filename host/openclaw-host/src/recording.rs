//! What is kept of a call, so that it can be run again with the same answers.

use std::sync::{Mutex, PoisonError};

use claw_core::effect::{
    EffectError, EffectReply, EffectRequest, HttpRequest, RequestBody, SecretReply, SessionsRequest,
};
use claw_core::id::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Bytes of answers that are kept of one call; what is larger cannot be replayed.
const ANSWER_BYTES: usize = 1 << 20;

/// One call as it went, without what the log has anyway: arguments and outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// SHA-256 of the component's bytes.
    pub component: Digest,
    /// Where its random numbers came from.
    pub seed: [u8; 32],
    /// When it began.
    pub begins: Timestamp,
    /// What its clocks showed.
    pub clock: Vec<u32>,
    /// What it asked for and got, by number.
    pub effects: Vec<Effect>,
    /// Why it cannot be replayed, if so.
    pub lacks: Option<String>,
}

/// One effect and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Its number in the call.
    pub number: u32,
    /// The digest of the whole request.
    pub request: Digest,
    /// What was asked, for people.
    pub what: String,
    /// The answer.
    pub answer: Result<EffectReply, EffectError>,
    /// The body behind the answer.
    pub body: Option<Vec<u8>>,
}

impl Recording {
    /// The bytes that the store keeps.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("recording: plain data always serializes")
    }

    /// Reads them back; `None` for those of another release.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

/// The digest of a request.
pub fn digest(request: &EffectRequest) -> Digest {
    let bytes = postcard::to_stdvec(request).expect("recording: plain data always serializes");
    Digest(Sha256::digest(bytes).into())
}

/// Takes down the effects of a call as they are answered.
#[derive(Default)]
pub struct Recorder {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    effects: Vec<Effect>,
    bytes: usize,
    lacks: Option<String>,
}

impl Recorder {
    /// Takes down what of a request will not be kept.
    pub fn note(&self, request: &EffectRequest) {
        if let EffectRequest::Http(HttpRequest { body: RequestBody::Streamed { .. }, .. }) = request {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.lacks = Some("it streamed the body of a request, and streamed bodies are not kept".to_owned());
        }
    }

    /// Takes one answered effect down.
    pub fn add(&self, effect: Effect) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(EffectReply::Secret(SecretReply::Revealed(_))) = &effect.answer {
            kept.lacks = Some("a secret was revealed to it, and secrets are not kept".to_owned());
            return;
        }
        let bytes = postcard::to_stdvec(&effect).map_or(usize::MAX, |bytes| bytes.len());
        kept.bytes = kept.bytes.saturating_add(bytes);
        if kept.bytes > ANSWER_BYTES {
            kept.lacks = Some(format!("its answers are larger than {ANSWER_BYTES} bytes"));
            kept.effects.clear();
        } else {
            kept.effects.push(effect);
        }
    }

    /// Whether bodies of this size would still be kept.
    pub fn has_room_for(&self, bytes: usize) -> bool {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes.saturating_add(bytes) <= ANSWER_BYTES
    }

    /// All of it, in the order in which the call asked.
    pub fn finish(&self, recording: Recording) -> Recording {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut effects = std::mem::take(&mut kept.effects);
        effects.sort_by_key(|effect| effect.number);
        Recording { effects, lacks: kept.lacks.take().or(recording.lacks), ..recording }
    }
}

/// What was asked, in one line without contents.
pub fn describe(request: &EffectRequest) -> String {
    match request {
        EffectRequest::Exec(request) => format!("exec {}", request.argv.join(" ")),
        EffectRequest::Process(_) => "process".to_owned(),
        EffectRequest::Http(request) => format!("http {} {}", request.method, request.url),
        EffectRequest::Net(claw_core::effect::NetRequest::Connect(request)) => format!("net {}", request.url),
        EffectRequest::Net(_) => "net".to_owned(),
        EffectRequest::Secret(_) => "secret".to_owned(),
        EffectRequest::Kv(request) => format!("kv {}", request.store),
        EffectRequest::Llm(request) => format!("llm {}", request.model),
        EffectRequest::Message(request) => format!("message {}", request.to),
        EffectRequest::Sessions(SessionsRequest::Own { .. }) => "sessions own".to_owned(),
        EffectRequest::Sessions(SessionsRequest::All { .. }) => "sessions all".to_owned(),
        EffectRequest::Sessions(SessionsRequest::History { key, .. }) => format!("sessions history {key}"),
        EffectRequest::Sessions(SessionsRequest::Send { key, .. }) => format!("sessions send {key}"),
        EffectRequest::Sessions(SessionsRequest::Spawn(_)) => "sessions spawn".to_owned(),
    }
}
