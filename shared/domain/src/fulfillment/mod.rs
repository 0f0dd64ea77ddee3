//! A fulfillment: the part of an order that one warehouse ships, from the request to the last delivery.
//!
//! Every report of a warehouse is kept in a set or in a latest-wins register, so that reports in any order, any number of
//! times, end in the same state. Statuses are computed from them and never stored.
//!
//! This file has the state, the commands and the [`Workflow`]. `decide` turns commands into events and events into state;
//! `status` has the predicates on the request and its withdrawal; `package` is one package, `content` compares packages with
//! the request, `distribution` distributes goods over lines of one product, `tracing` checks lots and serial numbers,
//! `goods_issues` computes what the ERP posts. `request`, `watch`, `progress`, `due` and `reviews` are what follows for
//! partners, for the clock, for the order, for steps and for people; `changed` is when the order's register last changed.

mod changed;
mod content;
mod decide;
mod distribution;
mod due;
mod effect;
mod event;
mod goods_issues;
mod package;
mod progress;
mod request;
mod review;
mod reviews;
mod status;
#[cfg(test)]
mod tests;
mod tracing;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

pub use effect::FulfillmentEffect;
pub use event::*;
pub use package::{Contents, Leg, Package};
pub use request::{FulfillmentRequest, GoodsIssue, Inquiry, Withdrawal};
pub use review::FulfillmentReview;
pub use watch::Watch;

use serde::{Deserialize, Serialize};

use crate::due::DueWork;
use crate::fulfillment::changed::Changed;
use crate::goods::LineQuantity;
use crate::ids::{FulfillmentId, PackageId};
use crate::rejection::Rejection;
use crate::review::{Decision, Decisions, Review};
use crate::workflow::{EffectFailed, EffectRejected, EffectStarted, OpenEffects, Timer, Workflow};

/// The state of one fulfillment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fulfillment {
    /// The fulfillment as the order assigned it.
    pub opened: Opened,
    /// Whether several of its lines request one product, so that a package's goods may count for another line.
    has_shared_products: bool,
    /// The warehouse's acceptances. Two references are two orders at the warehouse, which is reviewed.
    pub accepted: BTreeSet<Accepted>,
    /// The warehouse's rejections.
    pub rejected: BTreeSet<Rejected>,
    /// The references that the warehouse withdrew.
    pub withdrawn: BTreeSet<Withdrawn>,
    /// The warehouse's reasons for refusing a requested withdrawal.
    pub withdrawal_refused: BTreeSet<Rejection>,
    /// When the warehouse closed the fulfillment; the earliest reported time.
    pub closed: Option<Timestamp>,
    /// The packages that the warehouse listed when it closed the fulfillment; `None` while no report has a list.
    pub listed: Option<BTreeSet<PackageId>>,
    /// Every package that was reported. Copies of the state share those that do not differ: each commit copies the state
    /// before it, and there may be a thousand packages.
    pub packages: BTreeMap<PackageId, Arc<Package>>,
    /// The goods issues in the ERP. A second one of a package is a duplicate, which is reviewed.
    pub goods_issues: BTreeMap<PackageId, Arc<BTreeSet<GoodsIssued>>>,
    /// The lines of every announced and unanswered goods issue. A repeat posts the same lines under the same key, and no
    /// other package posts them.
    pub postings: BTreeMap<PackageId, Vec<LineQuantity>>,
    /// Every expected report that did not arrive in time.
    pub late: BTreeSet<Late>,
    /// The partner's reason for each refused effect, until a person decides to retry it or it is announced again.
    #[serde(with = "crate::pairs")]
    pub rejected_effects: BTreeMap<FulfillmentEffect, Rejection>,
    /// The decisions that people took.
    pub decisions: Decisions<FulfillmentReview>,
    /// The announced and unanswered effects.
    pub open_effects: OpenEffects<FulfillmentEffect>,
    changed: Changed,
}

/// What may be requested of a fulfillment, answered for it or reported about it.
#[derive(Debug, Clone, PartialEq)]
pub enum FulfillmentCommand {
    /// Opens the fulfillment and announces its request, in one commit.
    Open(Opened, EffectStarted<FulfillmentEffect>),
    /// Withdraws the fulfillment without a call, if its request was certainly never sent.
    CloseNotSent(Opened),
    /// The warehouse accepted the fulfillment.
    RecordAccepted(Accepted),
    /// The warehouse rejected the fulfillment.
    RecordRejected(Rejected),
    /// The warehouse withdrew the fulfillment, or never had it.
    RecordWithdrawn(Withdrawn),
    /// The warehouse refused a requested withdrawal.
    RecordWithdrawalRefused(Rejection),
    /// The warehouse reported a package's content or label.
    RecordPacked(Packed),
    /// The warehouse voided a label.
    RecordVoided(Voided),
    /// The warehouse or the carrier reported a package's milestone.
    RecordMilestone(Milestone),
    /// The warehouse closed the fulfillment: it packs no more.
    RecordClosed(Closed),
    /// The ERP posted a goods issue.
    RecordGoodsIssued(GoodsIssued),
    /// An expected report did not arrive in time. Opens the fulfillment if its request was never announced.
    RaiseLate(Opened, Late),
    /// All reports of one message, in one commit.
    RecordAll(Vec<FulfillmentCommand>),
    /// A person decided a review.
    Decide(Decision<FulfillmentReview>),
    /// An effect is about to happen.
    Announce(EffectStarted<FulfillmentEffect>),
    /// A call ended without a usable answer.
    RecordEffectFailed(EffectFailed<FulfillmentEffect>),
    /// A partner refused a call.
    RecordEffectRejected(EffectRejected<FulfillmentEffect>),
}

impl Workflow for Fulfillment {
    type Id = FulfillmentId;
    type Event = FulfillmentEvent;
    type Command = FulfillmentCommand;
    type Effect = FulfillmentEffect;
    type Review = FulfillmentReview;

    const KIND: &'static str = "fulfillment";
    const FOLD: u32 = 1;

    fn create(command: FulfillmentCommand) -> Result<Vec<FulfillmentEvent>, Rejection> {
        if let FulfillmentCommand::Open(opened, started) = command {
            Ok(vec![FulfillmentEvent::Opened(opened), FulfillmentEvent::EffectStarted(started)])
        } else if let FulfillmentCommand::RaiseLate(opened, late) = command {
            Ok(vec![FulfillmentEvent::Opened(opened), FulfillmentEvent::Late(late)])
        } else if let FulfillmentCommand::CloseNotSent(opened) = command {
            Ok(vec![FulfillmentEvent::Opened(opened), FulfillmentEvent::Withdrawn(Withdrawn { reference: None })])
        } else {
            Err(Rejection::new("FULFILLMENT_UNKNOWN", "there is no such fulfillment"))
        }
    }

    fn begin(event: &FulfillmentEvent) -> Option<Self> {
        let FulfillmentEvent::Opened(opened) = event else { return None };
        let mut opened = opened.clone();
        // Found by line, for each line of each package.
        opened.lines.sort_by_key(|goods| goods.line);
        Some(Self {
            has_shared_products: opened.has_shared_products(),
            opened,
            accepted: BTreeSet::new(),
            rejected: BTreeSet::new(),
            withdrawn: BTreeSet::new(),
            withdrawal_refused: BTreeSet::new(),
            closed: None,
            listed: None,
            packages: BTreeMap::new(),
            goods_issues: BTreeMap::new(),
            postings: BTreeMap::new(),
            late: BTreeSet::new(),
            rejected_effects: BTreeMap::new(),
            decisions: Decisions::new(),
            open_effects: OpenEffects::default(),
            changed: Changed::OPENED,
        })
    }

    fn decide(&self, command: FulfillmentCommand) -> Result<Vec<FulfillmentEvent>, Rejection> {
        self.decide_command(command)
    }

    fn evolve(mut self, event: &FulfillmentEvent) -> Self {
        self.apply_and_mark(event);
        self
    }

    fn is_fact(event: &FulfillmentEvent) -> bool {
        matches!(
            event,
            FulfillmentEvent::PackagePacked(_)
                | FulfillmentEvent::PackageVoided(_)
                | FulfillmentEvent::MilestoneRecorded(_)
                | FulfillmentEvent::Closed(_)
        )
    }

    fn committed(&mut self, version: u64) {
        self.changed.committed(version);
    }

    fn open_effects(&self) -> &OpenEffects<FulfillmentEffect> {
        &self.open_effects
    }

    fn ordered_at(&self) -> Option<Timestamp> {
        self.opened.ordered_at
    }

    fn reviews(&self) -> Vec<Review<FulfillmentReview>> {
        self.reviews()
    }

    fn timers(&self, event: &FulfillmentEvent) -> Vec<Timer> {
        if let FulfillmentEvent::Accepted(_) = event {
            return vec![Timer { name: "warehouse-acknowledgement", since: None }];
        }
        let FulfillmentEvent::GoodsIssued(issued) = event else { return vec![] };
        let left = self.packages.get(&issued.package).and_then(|package| package.left_at());
        left.map(|since| Timer { name: "shipment-to-erp", since: Some(since) }).into_iter().collect()
    }

    fn refusal(event: &FulfillmentEvent) -> Option<&Rejection> {
        if let FulfillmentEvent::RequestRejected(rejection) = event { Some(rejection) } else { None }
    }

    fn due(state: Option<&Self>, _id: &FulfillmentId) -> BTreeSet<DueWork> {
        state.map_or_else(due::before_opening, Self::due_work)
    }

    fn announce(started: EffectStarted<FulfillmentEffect>) -> FulfillmentCommand {
        FulfillmentCommand::Announce(started)
    }

    fn effect_failed(failed: EffectFailed<FulfillmentEffect>) -> FulfillmentCommand {
        FulfillmentCommand::RecordEffectFailed(failed)
    }

    fn effect_rejected(rejected: EffectRejected<FulfillmentEffect>) -> FulfillmentCommand {
        FulfillmentCommand::RecordEffectRejected(rejected)
    }
}
