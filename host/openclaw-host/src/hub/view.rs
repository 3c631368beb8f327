//! Skills of ClawHub as the JSON that clients know.

use claw_package::{Finding, Hit};
use serde_json::{Value, json};

use super::{Installed, Receipt, SkillOffer, revoked};
use crate::host::Host;

/// What was found.
pub fn hits(host: &Host, hits: &[Hit]) -> Value {
    let hit = |hit: &Hit| {
        json!({
            "slug": hit.slug, "owner": hit.owner_handle, "name": hit.display_name, "summary": hit.summary,
            "version": hit.version,
        })
    };
    json!({"source": host.hub.base.as_str(), "results": hits.iter().map(hit).collect::<Vec<_>>()})
}

/// An offer, whole: what is shown here is what will lie on disk.
pub fn offer(offer: &SkillOffer) -> Value {
    let SkillOffer { slug, owner, version, summary, source, archive, card, files, suspicious, findings, known, .. } =
        offer;
    let known = known.as_ref().map(|(installed, changed)| {
        let receipt = installed.receipt();
        json!({
            "version": receipt.version, "owner": receipt.owner, "isPinned": installed.is_pinned,
            "isSame": receipt.archive == *archive, "otherOwner": receipt.owner != *owner, "changed": changed,
        })
    });
    let files = files.iter().map(|(path, bytes, digest)| json!({"path": path, "bytes": bytes, "digest": digest}));
    let installs = card.install.iter().map(|it| json!({"kind": it.kind, "label": it.label, "what": it.what}));
    json!({
        "slug": slug,
        "owner": owner,
        "version": version,
        "summary": summary,
        "source": source,
        "archive": archive,
        "name": card.name.as_ref().unwrap_or(slug),
        "description": card.description,
        "wants": {
            "os": card.os, "bins": card.bins, "anyBins": card.any_bins, "env": card.env, "config": card.config,
            "install": installs.collect::<Vec<_>>(), "tool": card.command_tool,
        },
        "files": files.collect::<Vec<_>>(),
        "suspicious": suspicious,
        "findings": findings.iter().map(|Finding { kind, what }| json!({"kind": kind, "what": what})).collect::<Vec<_>>(),
        "installed": known,
    })
}

/// Something that is installed.
pub fn installed(host: &Host, installed: &Installed) -> Value {
    let mut value = receipt(installed.receipt());
    value["isPinned"] = json!(installed.is_pinned);
    value["error"] = json!(revoked(installed.receipt(), &host.revocations).map(|why| why.to_string()));
    value["versions"] = installed.versions.iter().map(receipt).collect();
    value
}

/// What was accepted.
fn receipt(receipt: &Receipt) -> Value {
    let Receipt { slug, owner, version, source, archive, within: _, files, by, at } = receipt;
    json!({
        "slug": slug, "owner": owner, "version": version, "source": source, "archive": archive, "files": files.len(),
        "by": by, "at": at.0,
    })
}
