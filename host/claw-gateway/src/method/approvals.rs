//! Parameters of `exec.approval.*`, and answers.

use claw_core::approval::{Always, Answer};
use claw_core::id::ApprovalId;
use serde::Deserialize;
use serde_json::Value;

use super::{Request, host, parse};
use crate::call::Call;

#[derive(Deserialize)]
struct ApprovalParams {
    id: ApprovalId,
}

pub(super) fn get(params: Value) -> Result<Request, String> {
    let params: ApprovalParams = parse(params)?;
    host(Call::ApprovalGet { id: params.id })
}

#[derive(Deserialize)]
struct ApprovalResolveParams {
    id: ApprovalId,
    kind: Option<String>,
    #[serde(flatten)]
    answer: AnswerParams,
}

/// An answer, as the protocol and the HTTP API write it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AnswerParams {
    decision: String,
    /// For `allow-always`: its number on the card, from 1; the first if there is none.
    choice: Option<u8>,
    /// For `allow-always`: for so many effects.
    uses: Option<u32>,
    /// For `allow-always`: for so many seconds.
    for_seconds: Option<u64>,
}

pub(super) fn resolve(params: Value) -> Result<Request, String> {
    let params: ApprovalResolveParams = parse(params)?;
    if params.kind.as_deref().is_some_and(|kind| kind != "exec") {
        return Err("`kind` must be `exec`: this host has no other approvals".to_owned());
    }
    host(Call::ApprovalResolve { id: params.id, answer: answer(&params.answer)? })
}

/// What a person answers, in the words of the protocol and of the HTTP API.
pub(crate) fn answer(params: &AnswerParams) -> Result<Answer, String> {
    let AnswerParams { decision, choice, uses, for_seconds } = params;
    let answer = match decision.as_str() {
        "allow-once" | "once" => Answer::Once,
        "allow-always" | "always" => {
            let choice = choice.unwrap_or(1).checked_sub(1).ok_or("`choice` counts from 1")?;
            let for_ms = for_seconds.map(|seconds| seconds.saturating_mul(1000));
            if *uses == Some(0) || for_ms == Some(0) {
                return Err("`uses` and `forSeconds` begin at 1".to_owned());
            }
            return Ok(Answer::Always(Always { choice, uses: *uses, for_ms }));
        }
        "deny" => Answer::Deny,
        "pause" => Answer::Pause,
        _ => return Err("`decision` must be `allow-once`, `allow-always`, `deny` or `pause`".to_owned()),
    };
    if choice.is_some() || uses.is_some() || for_seconds.is_some() {
        return Err("`choice`, `uses` and `forSeconds` belong to `allow-always`".to_owned());
    }
    Ok(answer)
}
