//! Parameters of `components.*`.

use claw_core::grant::Terms;
use claw_core::id::ComponentName;
use serde::Deserialize;
use serde_json::Value;

use super::{Request, host, parse};
use crate::call::Call;

#[derive(Deserialize)]
struct ComponentParams {
    name: ComponentName,
}

pub(super) fn inspect(params: Value) -> Result<Request, String> {
    let params: ComponentParams = parse(params)?;
    host(Call::ComponentsInspect { name: params.name })
}

pub(super) fn grants(params: Value) -> Result<Request, String> {
    let params: ComponentParams = parse(params)?;
    host(Call::Grants { name: params.name })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeGrantsParams {
    name: ComponentName,
    #[serde(default)]
    add: Vec<AddParams>,
    #[serde(default)]
    remove: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddParams {
    grant: String,
    #[serde(default)]
    terms: Terms,
}

pub(super) fn change_grants(params: Value) -> Result<Request, String> {
    let ChangeGrantsParams { name, add, remove } = parse(params)?;
    if add.is_empty() && remove.is_empty() {
        return Err("`add` and `remove` are both empty".to_owned());
    }
    let add = add.into_iter().map(|AddParams { grant, terms }| (grant, terms)).collect();
    host(Call::ChangeGrants { name, add, remove })
}

pub(super) fn pause(params: Value) -> Result<Request, String> {
    let params: ComponentParams = parse(params)?;
    host(Call::PauseComponent { name: params.name })
}

pub(super) fn resume(params: Value) -> Result<Request, String> {
    let params: ComponentParams = parse(params)?;
    host(Call::ResumeComponent { name: params.name })
}
