//! Skills of ClawHub, for clients.

use claw_gateway::{Caller, HubCall, RpcError};
use serde_json::{Value, json};

use super::{Api, by};
use crate::causes;
use crate::hub::{HubError, SkillAcceptance, named, view};

impl Api {
    pub(super) async fn hub(&self, caller: &Caller, call: HubCall) -> Result<Value, RpcError> {
        self.ask_hub(by(caller), call).await.map_err(|err| refused(&err))
    }

    async fn ask_hub(&self, by: String, call: HubCall) -> Result<Value, HubError> {
        let host = &self.host;
        Ok(match call {
            HubCall::Search { words, limit } => view::hits(host, &host.search_skills(&words, limit).await?),
            HubCall::Prepare { skill } => view::offer(&*host.prepare_skill(&named(&skill)?).await?),
            HubCall::Accept { archive, suspicious, overwrite, other_owner } => {
                let acceptance = SkillAcceptance { suspicious, overwrite, other_owner };
                view::installed(host, &host.accept_skill(&archive, acceptance, &by).await?)
            }
            HubCall::List => {
                let skills: Vec<_> = host.hub.all().iter().map(|it| view::installed(host, it)).collect();
                json!({"skills": skills})
            }
            HubCall::RollBack { skill, overwrite } => {
                view::installed(host, &host.roll_back_skill(&named(&skill)?.slug, overwrite, &by).await?)
            }
            HubCall::Pin { skill, is_pinned } => {
                view::installed(host, &host.pin_skill(&named(&skill)?.slug, is_pinned).await?)
            }
            HubCall::Remove { skill } => view::installed(host, &host.remove_skill(&named(&skill)?.slug, &by).await?),
            HubCall::Verify { skill } => {
                let slug = named(&skill)?.slug;
                json!({"slug": slug, "changed": host.verify_skill(&slug).await?})
            }
        })
    }
}

fn refused(err: &HubError) -> RpcError {
    let message = causes::chain(err);
    match err {
        HubError::File { .. } | HubError::Vault(_) => RpcError::unavailable(message),
        _ => RpcError::invalid(message),
    }
}
