//! Packages, for clients.

use claw_gateway::{Caller, PackageCall, RpcError};
use serde_json::{Value, json};

use super::{Api, by};
use crate::causes;
use crate::packages::{Acceptance, PackagesError, view};

impl Api {
    pub(super) async fn packages(&self, caller: &Caller, call: PackageCall) -> Result<Value, RpcError> {
        let (host, by) = (&self.host, by(caller));
        let done = match call {
            PackageCall::List => {
                let packages = host.store.packages().map_err(|err| refused(&err.into()))?;
                return Ok(json!({"packages": packages.iter().map(|it| view::package(host, it)).collect::<Vec<_>>()}));
            }
            PackageCall::Prepare { source, key, manifest } => {
                let offer = host.prepare_package(&source, key.as_deref(), manifest).await;
                return offer.map(|offer| view::offer(host, &offer)).map_err(|err| refused(&err));
            }
            PackageCall::Verify { name } => {
                let broken = host.verify_package(&name).await.map_err(|err| refused(&err))?;
                let broken = broken.iter().map(|(receipt, why)| json!({"digest": receipt.digest, "why": why}));
                return Ok(json!({"name": name, "broken": broken.collect::<Vec<_>>()}));
            }
            PackageCall::Revoke { what, reason } => {
                let what = host.revoke(&what, &reason, &by).await.map_err(|err| refused(&err))?;
                return Ok(json!({"ok": true, "what": what.to_string()}));
            }
            PackageCall::Unrevoke { what } => {
                let (what, still) = host.unrevoke(&what, &by).await.map_err(|err| refused(&err))?;
                return Ok(json!({"ok": true, "what": what.to_string(), "still": still.map(|it| it.to_string())}));
            }
            PackageCall::Revocations { fetch } => {
                if fetch {
                    host.fetch_revocations().await.map_err(|err| refused(&err))?;
                }
                return Ok(view::revocations(&host.revocations));
            }
            PackageCall::Accept { digest, grants, keeps, other_publisher } => {
                host.accept_package(&digest, Acceptance { grants, keeps, other_publisher }, &by).await
            }
            PackageCall::RollBack { name } => host.roll_back_package(&name, &by).await,
            PackageCall::Pin { name, is_pinned } => host.pin_package(&name, is_pinned).await,
            PackageCall::Remove { name } => {
                let (removed, secrets) = host.remove_package(&name, &by).await.map_err(|err| refused(&err))?;
                let version = &removed.receipt().version;
                return Ok(json!({"ok": true, "name": name, "version": version, "secrets": secrets}));
            }
        };
        done.map(|package| view::package(host, &package)).map_err(|err| refused(&err))
    }
}

fn refused(err: &PackagesError) -> RpcError {
    let message = causes::chain(err);
    match err {
        PackagesError::Store(_) | PackagesError::File { .. } => RpcError::unavailable(message),
        _ => RpcError::invalid(message),
    }
}
