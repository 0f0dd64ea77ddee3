//! A partner's delivery with another body. The original stays as evidence; what is stored is a new delivery,
//! `<id>/edit-<n>`, which is announced and read like any other.

use domain::PartnerId;
use engine::delivery::{Delivery, StoreOutcome};
use engine::stores::{Deliveries, sortable};
use jiff::Timestamp;
use serde_json::json;

use crate::audit::Audit;
use crate::output::words;

/// What is to be stored, and who wants it.
pub(crate) struct Edit<'a> {
    /// `<partner>/<delivery>`, also with `delivery/` before it, as parked messages have it.
    pub(crate) delivery: &'a str,
    /// The new body.
    pub(crate) body: Vec<u8>,
    pub(crate) who: &'a str,
    pub(crate) why: &'a str,
    /// Nothing is stored.
    pub(crate) dry_run: bool,
    pub(crate) now: Timestamp,
}

/// The result of an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edited {
    /// The new delivery's key.
    pub(crate) stored: String,
    /// Digest of the original body.
    pub(crate) before: String,
    /// Digest of the new body.
    pub(crate) after: String,
}

/// More edits of one delivery than anyone makes.
const MOST: u32 = 100;

/// Stores the edited delivery.
///
/// # Errors
/// The delivery cannot be edited, in words; failures of the stores.
pub(crate) async fn edit(deliveries: &impl Deliveries, audit: &impl Audit, edit: Edit<'_>) -> Result<Edited, String> {
    let Edit { delivery, body, who, why, dry_run, now } = edit;
    let (partner, id) = key(delivery)?;
    let original = deliveries.fetch(&partner, &id).await.map_err(|failure| words(&failure))?;
    let original = original.ok_or_else(|| format!("{partner}/{id} is not stored (any more)"))?;
    let before = original.digest();
    let mut next = Delivery { body, received_at: now, ..original };
    let after = next.digest();
    if after == before {
        return Err("the body is the original one: redrive the message instead".to_owned());
    }
    for n in 1..=MOST {
        next.id = format!("{id}/edit-{n}");
        let stored = deliveries.fetch(&partner, &next.id).await.map_err(|failure| words(&failure))?;
        if stored.is_some_and(|stored| stored.digest() != after) {
            continue;
        }
        let edited = Edited { stored: next.key(), before, after };
        if dry_run {
            return Ok(edited);
        }
        let document = json!({"at": now, "who": who, "why": why, "how": "edit", "original": format!("{partner}/{id}"),
            "stored": edited.stored, "before": edited.before, "after": edited.after});
        let record = async |part: &str| {
            let name = format!("{}/edit-{n}/{part}", sortable(now));
            let written = audit.record(&crate::audit::day(now), &name, &document.to_string()).await;
            written.map_err(|failure| words(&failure))
        };
        record("1-intent").await?;
        return match deliveries.store(&next).await.map_err(|failure| words(&failure))? {
            // The same edit, stored before: its first announcement may have been lost with the process.
            StoreOutcome::New | StoreOutcome::Same { .. } => record("2-done").await.map(|_| edited),
            StoreOutcome::Conflict { .. } => Err("someone else edits this delivery now: look at it again".to_owned()),
        };
    }
    Err(format!("{partner}/{id} was edited {MOST} times"))
}

fn key(delivery: &str) -> Result<(PartnerId, String), String> {
    if let Some((stream @ ("order" | "fulfillment"), _)) = delivery.split_once('/') {
        return Err(format!(
            "an event of the journal is never edited: history stays whole. Correct the {stream} by a new fact instead: \
             a change request (POST /v1/orders/{{id}}/…), a decision of its review, or the partner's own correction"
        ));
    }
    let key = delivery.strip_prefix("delivery/").unwrap_or(delivery);
    let parts = key.split_once('/').and_then(|(partner, id)| Some((partner.parse().ok()?, id)));
    let (partner, id) = parts.ok_or("give a delivery as <partner>/<delivery>, as `dlq sample` shows it")?;
    // An edit of an edit is the next edit of the original.
    let id = id.rsplit_once("/edit-").map_or(id, |(original, _n)| original);
    Ok((partner, id.to_owned()))
}
