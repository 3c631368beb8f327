//! Parameters of `packages.*`.

use claw_core::id::{ComponentName, Digest};
use serde::Deserialize;
use serde_json::Value;

use super::{Request, host, parse};
use crate::call::{Call, PackageCall};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrepareParams {
    source: String,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    manifest: Option<Digest>,
}

pub(super) fn prepare(params: Value) -> Result<Request, String> {
    let PrepareParams { source, key, manifest } = parse(params)?;
    host(Call::Packages(PackageCall::Prepare { source, key, manifest }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AcceptParams {
    digest: Digest,
    #[serde(default)]
    grants: Vec<String>,
    #[serde(default)]
    keeps: bool,
    #[serde(default)]
    other_publisher: bool,
}

pub(super) fn accept(params: Value) -> Result<Request, String> {
    let AcceptParams { digest, grants, keeps, other_publisher } = parse(params)?;
    host(Call::Packages(PackageCall::Accept { digest, grants, keeps, other_publisher }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NameParams {
    name: ComponentName,
}

fn named(params: Value, call: impl FnOnce(ComponentName) -> PackageCall) -> Result<Request, String> {
    let NameParams { name } = parse(params)?;
    host(Call::Packages(call(name)))
}

pub(super) fn roll_back(params: Value) -> Result<Request, String> {
    named(params, |name| PackageCall::RollBack { name })
}

pub(super) fn pin(params: Value) -> Result<Request, String> {
    named(params, |name| PackageCall::Pin { name, is_pinned: true })
}

pub(super) fn unpin(params: Value) -> Result<Request, String> {
    named(params, |name| PackageCall::Pin { name, is_pinned: false })
}

pub(super) fn remove(params: Value) -> Result<Request, String> {
    named(params, |name| PackageCall::Remove { name })
}

pub(super) fn verify(params: Value) -> Result<Request, String> {
    named(params, |name| PackageCall::Verify { name })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokeParams {
    what: String,
    #[serde(default)]
    reason: String,
}

pub(super) fn revoke(params: Value) -> Result<Request, String> {
    let RevokeParams { what, reason } = parse(params)?;
    host(Call::Packages(PackageCall::Revoke { what, reason }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnrevokeParams {
    what: String,
}

pub(super) fn unrevoke(params: Value) -> Result<Request, String> {
    let UnrevokeParams { what } = parse(params)?;
    host(Call::Packages(PackageCall::Unrevoke { what }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevocationsParams {
    #[serde(default)]
    fetch: bool,
}

pub(super) fn revocations(params: Value) -> Result<Request, String> {
    let RevocationsParams { fetch } = parse(params)?;
    host(Call::Packages(PackageCall::Revocations { fetch }))
}
