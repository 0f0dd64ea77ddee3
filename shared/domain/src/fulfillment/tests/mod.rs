//! The fulfillment's unit tests, by subject. Here are their helpers.
#![allow(clippy::unwrap_used, clippy::panic)]

use crate::fulfillment::{Closed, Missing, Watch};
use crate::fulfillment::{FulfillmentEffect, FulfillmentRequest, FulfillmentReview};
use crate::order::Traced;
use crate::review::{Choice, Decision, Review};
use crate::samples::{
    accepted, apply, at, begin, closed, decision, each, failed, goods_issued, id, kit, late, line_no, line_quantity,
    milestone, open, open_as, opened, packed, part, play, quantity, refused, rejected, started, too_late, traceable,
    voided, watched, with_lots, with_serials, withdrawn,
};
use crate::shipment::RequestStatus;
use crate::shipment::{MilestoneKind, PackageStatus};
use crate::{Fulfillment, FulfillmentCommand, PackageId, Workflow};

mod decisions;
mod due;
mod goods_issues;
mod kits;
mod packages;
mod requests;
mod same_sku;
mod shortages;
mod table;
mod tracing;
mod watching;
mod withdrawals;

const GOODS_ISSUE: fn() -> FulfillmentEffect = || FulfillmentEffect::PostGoodsIssue { package: id("P-1") };

fn lines(amount: u32) -> Vec<crate::order::LineQuantity> {
    vec![line_quantity(1, amount)]
}

fn status(state: &Fulfillment, package: &str) -> PackageStatus {
    state.packages.get(&id::<PackageId>(package)).unwrap().status()
}

fn kinds(state: &Fulfillment) -> Vec<FulfillmentReview> {
    state.reviews().into_iter().map(|review| review.kind).collect()
}

fn shipped(state: &Fulfillment) -> u32 {
    amount(&state.progress().unwrap().shipped)
}

fn delivered(state: &Fulfillment) -> u32 {
    amount(&state.progress().unwrap().delivered)
}

fn amount(by_line: &std::collections::BTreeMap<crate::LineNo, crate::Quantity>) -> u32 {
    by_line.get(&line_no(1)).map_or(0, |quantity| quantity.amount().try_into().unwrap())
}

fn request_status(state: &Fulfillment) -> RequestStatus {
    state.progress().unwrap().request_status
}

/// The decision to send a refused request again.
fn retry() -> Decision<FulfillmentReview> {
    let refused = apply(open(&lines(3)), refusal(FulfillmentEffect::Request, "REJECTED"));
    decision(&reviews(&refused), FulfillmentReview::PartnerRefused, Choice::Retry)
}

fn refusal(effect: FulfillmentEffect, code: &str) -> FulfillmentCommand {
    FulfillmentCommand::RecordEffectRejected(refused(effect, code))
}

fn reviews(state: &Fulfillment) -> Vec<Review<FulfillmentReview>> {
    state.reviews()
}

/// The state after the first review of this kind was decided.
fn decide(state: Fulfillment, kind: FulfillmentReview, choice: Choice) -> Fulfillment {
    let decision = decision(&reviews(&state), kind, choice);
    apply(state, FulfillmentCommand::Decide(decision))
}

fn unfilled(state: &Fulfillment) -> u32 {
    amount(&state.progress().unwrap().unfilled)
}

fn posting(state: &Fulfillment, package: &str) -> Option<Vec<crate::order::LineQuantity>> {
    state.goods_issue(&id(package)).map(|issue| issue.lines)
}

fn is_posted(state: &Fulfillment) -> bool {
    state.progress().unwrap().goods_issued
}

fn permutations(facts: &[FulfillmentCommand]) -> Vec<Vec<FulfillmentCommand>> {
    crate::samples::permutations(facts)
}
