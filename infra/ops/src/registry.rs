//! `crossdock partner apply`: writes partners' documents into the registry, and takes a change back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use cloud::operator::{OperatorDocuments, StoredDocument};
use domain::PartnerId;
use engine::{Code, Failure};
use jiff::Timestamp;
use partners::Registry;
use serde_json::{Value, json};

use crate::audit::Act;
use crate::change::{Change, NOTHING_CHANGED};
use crate::connection::Connection;
use crate::dlq::lease;
use crate::documents::check;
use crate::output::{self, FOUND, Output, words};

#[derive(Args)]
pub(crate) struct Apply {
    /// Documents, or folders with documents. A partner that they do not name stays as it is.
    #[arg(required_unless_present = "rollback", conflicts_with = "rollback", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Applies the partner's document as it was before its last change.
    #[arg(long, value_name = "PARTNER")]
    rollback: Option<PartnerId>,
    /// Of the replaced documents, this one.
    #[arg(long, value_name = "VERSION", requires = "rollback")]
    to: Option<u64>,
    #[command(flatten)]
    change: Change,
}

/// A document that is to replace another one.
#[derive(Debug)]
struct Replacement {
    before: Option<StoredDocument>,
    next: StoredDocument,
    /// What changes, for people.
    changes: Vec<String>,
}

/// The lease of the registry.
const REGISTRY: &str = "registry";

pub(crate) async fn apply(asked: &Apply, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let deployment = connection.deployment()?;
    let documents = deployment.documents()?;
    let current = documents.current().await.map_err(|failure| words(&failure))?;
    let wanted = match wanted(asked, &documents, &current).await? {
        Ok(wanted) => wanted,
        Err(mistakes) => return Ok(mistaken(&mistakes)),
    };
    let replacements = match replacements(&current, wanted) {
        Ok(replacements) => replacements,
        Err(mistakes) => return Ok(mistaken(&mistakes)),
    };
    let shown = shown(&replacements, !asked.change.execute);
    let changes = || replacements.iter().flat_map(|one| one.changes.iter().cloned()).collect::<Vec<String>>();
    if replacements.is_empty() {
        return Ok(out.print(&shown, || vec!["The registry has these documents already.".to_owned()]));
    }
    if !asked.change.execute {
        return Ok(out.print(&shown, || changes().into_iter().chain([NOTHING_CHANGED.to_owned()]).collect()));
    }
    let ids: Vec<&str> = replacements.iter().map(|one| one.next.partner.as_str()).collect();
    let about = ids.join(",");
    asked.change.confirmed(connection, deployment.environment(), &format!("partner apply {about}"))?;
    let (audit, who) = (deployment.audit()?, connection.operator()?);
    let act = Act { who: &who, why: &asked.change.why, verb: "partner apply", about: &about, now: Timestamp::now() };
    let work = async {
        // Under the lease no other operator changes the registry: what was checked together is what will be there together.
        if documents.current().await? != current {
            return Err(Failure::transient(
                Code::StoreBusy,
                "the registry was changed meanwhile, and nothing was written: run it again",
            ));
        }
        for (done, Replacement { before, next, .. }) in replacements.iter().enumerate() {
            if !documents.replace(before.as_ref(), next).await? {
                let why = format!(
                    "the document of {} was changed meanwhile; {done} others were written: run it again",
                    next.partner
                );
                return Err(Failure::transient(Code::StoreBusy, why));
            }
        }
        Ok(((), shown.clone()))
    };
    if let Err(exit) = lease::alone(&audit, connection, REGISTRY, &act, Box::pin(work)).await? {
        return Ok(exit);
    }
    output::say(
        "Functions believe an earlier document for a minute. Then announce all due work, because orders that wait for a corrected",
    );
    output::say("document may go on: docs/runbooks/deploy.md#announce-due-work-again");
    Ok(out.print(&shown, changes))
}

/// The documents that the registry is to have, by partner; or the mistakes in them.
async fn wanted(
    asked: &Apply,
    documents: &OperatorDocuments,
    current: &[StoredDocument],
) -> Result<Result<BTreeMap<String, Value>, Vec<String>>, String> {
    let Some(partner) = &asked.rollback else {
        let checked = check(&asked.files)?;
        let by_id = |document: Value| (document["id"].as_str().unwrap_or_default().to_owned(), document);
        let wanted = checked.documents.into_iter().map(by_id).collect();
        return Ok(if checked.mistakes.is_empty() { Ok(wanted) } else { Err(checked.mistakes) });
    };
    let replaced = documents.replaced(partner.as_str()).await.map_err(|failure| words(&failure))?;
    let newest = current.iter().find(|one| one.partner == partner.as_str()).map_or(u64::MAX, |one| one.version);
    // A run that died after its copy left one of the version that is still current.
    let is_meant =
        |one: &&StoredDocument| one.version < newest && asked.to.is_none_or(|version| one.version == version);
    let Some(meant) = replaced.iter().rev().find(is_meant) else {
        let versions: Vec<String> = replaced.iter().map(|one| one.version.to_string()).collect();
        return Err(format!("{partner} has no such replaced document; it has: {}", versions.join(", ")));
    };
    let document: Value = serde_json::from_str(&meant.document).map_err(|why| format!("{partner}: {why}"))?;
    Ok(Ok([(partner.to_string(), document)].into()))
}

/// The documents that differ from the current ones. All of them together have to be valid, also with those that stay.
fn replacements(current: &[StoredDocument], wanted: BTreeMap<String, Value>) -> Result<Vec<Replacement>, Vec<String>> {
    let stays = |one: &&StoredDocument| !wanted.contains_key(&one.partner);
    let staying = current.iter().filter(stays).map(|one| one.document.clone());
    let together: Vec<String> = staying.chain(wanted.values().map(Value::to_string)).collect();
    let registry = Registry::read(&together);
    let broken = wanted.keys().filter_map(|id| Some(format!("{id}: {}", registry.broken(id)?)));
    let mistakes: Vec<String> = broken.chain(registry.contradictions()).collect();
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let replacement = |(partner, document): (String, Value)| {
        let before = current.iter().find(|one| one.partner == partner).cloned();
        let known = before.as_ref().map_or(Value::Null, |one| serde_json::from_str(&one.document).unwrap_or_default());
        let mut changes = Vec::new();
        differences(&partner, &known, &document, &mut changes);
        let version = before.as_ref().map_or(1, |one| one.version + 1);
        let next = StoredDocument { partner, version, document: document.to_string() };
        (!changes.is_empty()).then_some(Replacement { before, next, changes })
    };
    Ok(wanted.into_iter().filter_map(replacement).collect())
}

/// The members that differ, each with its path: `eastco.limits.timeout_ms: 5000 -> 8000`.
fn differences(path: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    if before == after {
        return;
    }
    if let (Value::Object(old), Value::Object(new)) = (before, after) {
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            let of = |members: &serde_json::Map<String, Value>| members.get(name).cloned().unwrap_or_default();
            differences(&format!("{path}.{name}"), &of(old), &of(new), found);
        }
        return;
    }
    found.push(match (before, after) {
        (Value::Null, after) => format!("{path}: new: {after}"),
        (before, Value::Null) => format!("{path}: removed: {before}"),
        (before, after) => format!("{path}: {before} -> {after}"),
    });
}

fn shown(replacements: &[Replacement], dry_run: bool) -> Value {
    let one = |one: &Replacement| {
        let before = one.before.as_ref().map(|before| before.version);
        json!({ "partner": one.next.partner, "before": before, "version": one.next.version, "changes": one.changes })
    };
    json!({ "replaced": replacements.iter().map(one).collect::<Vec<Value>>(), "dry_run": dry_run })
}

fn mistaken(mistakes: &[String]) -> ExitCode {
    output::say(&mistakes.join("\n"));
    ExitCode::from(FOUND)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use partners::Partner;

    use super::*;

    fn document(text: &str) -> Value {
        Partner::from_toml(text).map(|(_, document)| document).unwrap_or_else(|_| unreachable!("a valid document"))
    }

    fn all() -> BTreeMap<String, Value> {
        let texts = [
            include_str!("../../partners/acme-crm.toml"),
            include_str!("../../partners/acme-erp.toml"),
            include_str!("../../partners/eastco.toml"),
        ];
        texts.into_iter().map(document).map(|one| (one["id"].as_str().unwrap().to_owned(), one)).collect()
    }

    fn stored(wanted: &BTreeMap<String, Value>) -> Vec<StoredDocument> {
        let one = |(partner, document): (&String, &Value)| StoredDocument {
            partner: partner.clone(),
            version: 4,
            document: document.to_string(),
        };
        wanted.iter().map(one).collect()
    }

    #[test]
    fn only_what_differs_is_replaced_under_the_next_version() {
        let current = stored(&all());
        assert!(replacements(&current, all()).unwrap().is_empty());
        let mut wanted = all();
        wanted.get_mut("eastco").unwrap()["limits"]["timeout_ms"] = json!(8_000);
        let [one] = replacements(&current, wanted).unwrap().try_into().unwrap();
        assert_eq!((one.next.version, one.before.unwrap().version), (5, 4));
        assert_eq!(one.changes, ["eastco.limits.timeout_ms: 5000 -> 8000"]);
        let [one] = replacements(&[], [all().pop_first().unwrap()].into()).unwrap().try_into().unwrap();
        assert!(one.next.version == 1 && one.changes[0].starts_with("acme-crm: new: {"), "{:?}", one.changes);
    }

    #[test]
    fn a_document_that_contradicts_one_that_stays_is_refused() {
        let current = stored(&all());
        let mut second = all().remove("acme-erp").unwrap();
        second["id"] = json!("other-erp");
        let mistakes = replacements(&current, [("other-erp".to_owned(), second)].into()).unwrap_err();
        assert!(mistakes.iter().any(|mistake| mistake.contains("erp")), "{mistakes:?}");
        let broken = [("eastco".to_owned(), json!({"id": "eastco"}))];
        assert!(!replacements(&current, broken.into()).unwrap_err().is_empty());
    }
}
