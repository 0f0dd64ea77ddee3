//! Read models of a fulfillment: its reviews, and its entries in the order's timeline.

use domain::fulfillment::{FulfillmentEffect, Missing, Packed};
use domain::{Fulfillment, FulfillmentEvent, FulfillmentId};
use engine::http::Grant;
use engine::journal::events_of;
use engine::stores::ViewRow;
use engine::{Commit, Failure};
use jiff::Timestamp;

use crate::reference::Reference;
use crate::{Entry, OURS, OpenReview, TimedFold, decision_text, failed_text, rejected_text, started_text};

/// The row of the fulfillment's own reviews. They are not in the order's row, because the order's stream does not have
/// them.
pub fn rows(fulfillment: &TimedFold<Fulfillment>) -> Vec<ViewRow> {
    fulfillment.review_row(&fulfillment.state.opened.fulfillment.to_string()).into_iter().collect()
}

/// The fulfillment's own open reviews.
pub(crate) fn open_reviews(fulfillment: &TimedFold<Fulfillment>) -> Vec<OpenReview> {
    fulfillment.open_reviews(&fulfillment.state.opened.fulfillment.to_string())
}

/// The rows of the names that warehouse and carrier have for the fulfillment and its packages by this commit.
///
/// # Errors
/// The commit cannot be read.
pub(crate) fn references(commit: &Commit, now: Timestamp) -> Result<Vec<ViewRow>, Failure> {
    crate::reference::rows::<Fulfillment>(commit, now, |id, event| name(id, event).into_iter().collect())
}

fn name(fulfillment: &FulfillmentId, event: &FulfillmentEvent) -> Option<Reference> {
    if let FulfillmentEvent::Accepted(accepted) = event {
        Some(Reference::of_fulfillment(fulfillment, "warehouse_order", &accepted.reference))
    } else if let FulfillmentEvent::PackagePacked(Packed { tracking: Some(tracking), .. }) = event {
        Some(Reference::of_fulfillment(fulfillment, "tracking", tracking))
    } else {
        None
    }
}

/// One timeline entry per event of the fulfillment.
pub(crate) fn timeline(commits: &[Commit], now: Timestamp, grant: &Grant) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    let mut warehouse = String::new();
    for commit in commits {
        for event in events_of::<Fulfillment>(commit, now)? {
            if let FulfillmentEvent::Opened(opened) = &event {
                warehouse = opened.warehouse.to_string();
            }
            let (system, text, at) = describe(&event, &warehouse, commit.at, grant);
            entries.push(Entry::new(commit, &event, system, text, at, grant));
        }
    }
    Ok(entries)
}

/// The system in which an event happened, what happened, for people, and when. `at` is the commit's time.
fn describe<'a>(
    event: &FulfillmentEvent,
    warehouse: &'a str,
    at: Timestamp,
    grant: &Grant,
) -> (&'a str, String, Timestamp) {
    match event {
        FulfillmentEvent::Opened(opened) => (OURS, format!("{} opened for {warehouse}", opened.fulfillment), at),
        FulfillmentEvent::Accepted(accepted) => (warehouse, format!("accepted as {}", accepted.reference), at),
        FulfillmentEvent::Rejected(rejected) => (warehouse, format!("refused: {}", rejected.reason), at),
        FulfillmentEvent::PackagePacked(packed) => {
            let tracking = packed.tracking.as_ref().map_or(String::new(), |tracking| format!(", tracking {tracking}"));
            (warehouse, format!("packed package {}{tracking}", packed.package), packed.at)
        }
        FulfillmentEvent::PackageVoided(voided) => (warehouse, format!("voided package {}", voided.package), voided.at),
        FulfillmentEvent::MilestoneRecorded(milestone) => {
            let code = milestone.code.as_ref().map_or(String::new(), |code| format!(" ({code})"));
            let text = format!("package {} {}{code}", milestone.package, milestone.milestone.as_str());
            (warehouse, text, milestone.at)
        }
        FulfillmentEvent::Closed(closed) => (warehouse, "closed it: packs nothing more".to_owned(), closed.at),
        FulfillmentEvent::Withdrawn(withdrawn) => {
            let text = match &withdrawn.reference {
                Some(reference) => format!("withdrew {reference} unshipped"),
                None => "has no such fulfillment to withdraw".to_owned(),
            };
            (warehouse, text, at)
        }
        FulfillmentEvent::WithdrawalRefused(why) => (warehouse, format!("did not withdraw it: {why}"), at),
        FulfillmentEvent::Late(late) => {
            let missing = match &late.missing {
                Missing::Acknowledgement => "no acceptance or rejection".to_owned(),
                Missing::Departure => "no departure".to_owned(),
                Missing::News { package } => format!("no news of package {package}"),
            };
            (OURS, format!("{missing} by {}", late.due), at)
        }
        FulfillmentEvent::RequestRejected(why) => (OURS, format!("request refused: {why}"), at),
        FulfillmentEvent::ReviewDecided(decision) => (OURS, decision_text(decision, grant), at),
        FulfillmentEvent::GoodsIssued(issued) => {
            ("erp", format!("goods issue {} for package {}", issued.document, issued.package), at)
        }
        FulfillmentEvent::EffectStarted(started) => (OURS, started_text(started), at),
        FulfillmentEvent::EffectFailed(failed) => (OURS, failed_text(failed), at),
        FulfillmentEvent::EffectRejected(rejected) => {
            let by_the_erp = matches!(rejected.effect, FulfillmentEffect::PostGoodsIssue { .. });
            (if by_the_erp { "erp" } else { warehouse }, rejected_text(rejected), at)
        }
    }
}
