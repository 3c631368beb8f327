//! Parameters of `hub.*`.

use claw_core::id::Digest;
use serde::Deserialize;
use serde_json::Value;

use super::{Request, host, parse};
use crate::call::{Call, HubCall};

/// Results of one search: nobody reads more.
const MAX_RESULTS: u32 = 100;
/// Bytes of what is looked for.
const MAX_WORDS: usize = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SearchParams {
    words: String,
    limit: Option<u32>,
}

pub(super) fn search(params: Value) -> Result<Request, String> {
    let SearchParams { words, limit } = parse(params)?;
    if words.trim().is_empty() || words.len() > MAX_WORDS {
        return Err(format!("`words` must have 1 to {MAX_WORDS} bytes"));
    }
    host(Call::Hub(HubCall::Search { words, limit: limit.unwrap_or(20).clamp(1, MAX_RESULTS) }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AcceptParams {
    archive: Digest,
    #[serde(default)]
    suspicious: bool,
    #[serde(default)]
    overwrite: bool,
    #[serde(default)]
    other_owner: bool,
}

pub(super) fn accept(params: Value) -> Result<Request, String> {
    let AcceptParams { archive, suspicious, overwrite, other_owner } = parse(params)?;
    host(Call::Hub(HubCall::Accept { archive, suspicious, overwrite, other_owner }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SkillParams {
    skill: String,
}

fn named(params: Value, call: impl FnOnce(String) -> HubCall) -> Result<Request, String> {
    let SkillParams { skill } = parse(params)?;
    host(Call::Hub(call(skill)))
}

pub(super) fn prepare(params: Value) -> Result<Request, String> {
    named(params, |skill| HubCall::Prepare { skill })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RollBackParams {
    skill: String,
    #[serde(default)]
    overwrite: bool,
}

pub(super) fn roll_back(params: Value) -> Result<Request, String> {
    let RollBackParams { skill, overwrite } = parse(params)?;
    host(Call::Hub(HubCall::RollBack { skill, overwrite }))
}

pub(super) fn pin(params: Value) -> Result<Request, String> {
    named(params, |skill| HubCall::Pin { skill, is_pinned: true })
}

pub(super) fn unpin(params: Value) -> Result<Request, String> {
    named(params, |skill| HubCall::Pin { skill, is_pinned: false })
}

pub(super) fn remove(params: Value) -> Result<Request, String> {
    named(params, |skill| HubCall::Remove { skill })
}

pub(super) fn verify(params: Value) -> Result<Request, String> {
    named(params, |skill| HubCall::Verify { skill })
}
