//! Packages as the JSON that clients know.

use claw_core::grant::GrantRow;
use claw_package::Finding;
use claw_policy::Given;
use claw_store::{Package, Receipt};
use serde_json::{Value, json};

use super::Offer;
use super::difference::Difference;
use crate::host::Host;
use crate::revocations::{FeedState, Revocations, Whose};

/// An offer, whole: what is shown here is what will be in force.
pub fn offer(host: &Host, offer: &Offer) -> Value {
    let Offer {
        name,
        digest,
        manifest,
        bytes,
        source,
        declared,
        undeclared,
        left_out,
        signed,
        is_new_key,
        findings,
        known,
        ..
    } = offer;
    let given: Vec<String> = known.iter().flat_map(|package| granted(host, package)).map(|row| row.grant).collect();
    let before = host.catalog().component(name).map(|it| it.subject().declared.clone());
    let asks = declared.scopes().iter().map(|grant| {
        let less = grant.less().map(|less| json!({"grant": less.to_string(), "words": less.in_words()}));
        json!({
            "grant": grant.to_string(),
            "words": grant.in_words(),
            "asksEachTime": grant.is_open(),
            "given": given.contains(&grant.to_string()),
            "less": less,
        })
    });
    let tools = manifest.tools.iter().map(|tool| {
        json!({"name": tool.name, "description": tool.description, "untrustedOutput": tool.untrusted_output,
            "schema": serde_json::from_str::<Value>(&tool.schema).unwrap_or_default()})
    });
    let known = known.as_ref().zip(offer.changes(before.as_ref())).map(|(package, changes)| {
        json!({
            "version": package.receipt().version,
            "digest": package.current,
            "publisher": package.receipt().publisher(),
            "isPinned": package.is_pinned,
            "isSame": package.current == *digest,
            "more": changes.more,
            "less": changes.less,
            "saysOtherwise": changes.says_otherwise,
            "differences": changes.differences.iter().map(|Difference { what, before, now }| json!({
                "what": what, "before": before, "now": now,
            })).collect::<Vec<_>>(),
            "otherPublisher": changes.other_publisher,
        })
    });
    json!({
        "name": name,
        "version": manifest.version,
        "summary": manifest.summary,
        "digest": digest,
        "bytes": bytes,
        "source": source,
        "signed": signed.as_ref().map(|signed| json!({
            "key": signed.by.to_string(), "comment": signed.comment, "isNewKey": is_new_key,
        })),
        "tools": tools.collect::<Vec<_>>(),
        "imports": offer.imports,
        "asks": asks.collect::<Vec<_>>(),
        "undeclared": undeclared.iter().map(|(family, import)| json!({
            "family": family, "import": import, "words": family.in_words(),
        })).collect::<Vec<_>>(),
        // What it imports, where it has no manifest that would say what it wants.
        "families": declared.imports().map(|families| families.iter().map(|family| json!({
            "family": family, "words": family.in_words(),
        })).collect::<Vec<_>>()),
        "leftOut": left_out,
        "readme": offer.readme,
        "findings": findings.iter().map(|Finding { kind, what }| json!({"kind": kind, "what": what})).collect::<Vec<_>>(),
        "installed": known,
    })
}

fn granted(host: &Host, package: &Package) -> Vec<GrantRow> {
    host.store.grants(&package.name, &package.current).unwrap_or_default()
}

/// A package that is installed.
pub fn package(host: &Host, package: &Package) -> Value {
    let given = granted(host, package).into_iter().filter_map(|row| Given::parse(&row.grant, row.terms).ok());
    let mut value = receipt(package.receipt());
    value["name"] = json!(package.name);
    value["isPinned"] = json!(package.is_pinned);
    value["given"] = given.map(|given| crate::api::given(&given)).collect();
    value["error"] = json!(host.catalog().refused().get(package.name.as_str()));
    value["versions"] = package.versions.iter().map(receipt).collect();
    value
}

/// What is revoked, and how the list stands.
pub fn revocations(revocations: &Revocations) -> Value {
    let revoked = revocations.all().into_iter().map(|it| {
        let (by, at, list) = match &it.whose {
            Whose::Owner { by, at } => (Some(by), Some(at.0), None),
            Whose::List { url } => (None, None, Some(url)),
        };
        json!({"what": it.what.to_string(), "reason": it.reason, "by": by, "at": at, "list": list})
    });
    let feed = revocations.feed().map(|FeedState { url, serial, fetched, trouble }| {
        json!({"url": url, "serial": serial, "fetched": fetched.map(|at| at.0), "trouble": trouble})
    });
    json!({"revoked": revoked.collect::<Vec<_>>(), "list": feed})
}

/// What was accepted.
pub fn receipt(receipt: &Receipt) -> Value {
    // What it said of itself is what `components.*` shows of it.
    let Receipt { version, digest, key, source, manifest, described: _, by, at } = receipt;
    json!({
        "version": version, "digest": digest, "publisher": receipt.publisher(), "key": key, "source": source,
        "manifest": manifest, "by": by, "at": at.0,
    })
}
