//! The status that people read: a pure function of the facts.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fulfillment::{MilestoneKind, PackageStatus};
use crate::ids::{DocumentNumber, FulfillmentId};
use crate::order::event::{RequestStatus, Template, WithdrawalReason};
use crate::order::line_quantities::LineQuantities;
use crate::order::state::{Credit, Desired, OrderState, SalesOrderState, Stage};
use crate::review::{Review, ReviewKind, open, refusal};
use crate::workflow::Effect;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Received; not priced yet.
    Submitted,
    /// The ERP cannot price it; somebody has to decide.
    Unpriceable,
    /// Priced; credit and stock are being asked for.
    Priced,
    /// Credit was refused; somebody has to decide.
    CreditRefused,
    /// It waits for stock.
    Backordered,
    /// Nothing more is begun for it until somebody lets it go on.
    OnHold,
    /// In the ERP, free to go.
    Released,
    /// No warehouse may or can ship it; somebody has to decide.
    Unroutable,
    /// Its warehouses are chosen and asked.
    Routed,
    /// Every warehouse said yes.
    Accepted,
    /// Some of it left.
    PartiallyShipped,
    /// All of it left.
    Shipped,
    /// All of it arrived.
    Delivered,
    /// Delivered and invoiced: done.
    Invoiced,
    /// A cancellation is wished and not yet carried out everywhere.
    Cancelling,
    /// Cancelled: done.
    Cancelled,
}

impl Status {
    /// The status as it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Unpriceable => "unpriceable",
            Self::Priced => "priced",
            Self::CreditRefused => "credit_refused",
            Self::Backordered => "backordered",
            Self::OnHold => "on_hold",
            Self::Released => "released",
            Self::Unroutable => "unroutable",
            Self::Routed => "routed",
            Self::Accepted => "accepted",
            Self::PartiallyShipped => "partially_shipped",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Invoiced => "invoiced",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
        }
    }

    /// Every status, in the order of a smooth run.
    pub const ALL: [Self; 16] = [
        Self::Submitted,
        Self::Unpriceable,
        Self::Priced,
        Self::CreditRefused,
        Self::Backordered,
        Self::OnHold,
        Self::Released,
        Self::Unroutable,
        Self::Routed,
        Self::Accepted,
        Self::PartiallyShipped,
        Self::Shipped,
        Self::Delivered,
        Self::Invoiced,
        Self::Cancelling,
        Self::Cancelled,
    ];

    /// Whether nothing more will happen by itself.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Invoiced | Self::Cancelled)
    }
}

impl OrderState {
    /// Where the order stands.
    pub fn status(&self) -> Status {
        let line_quantities = self.line_quantities();
        let some = |part: fn(&LineQuantities) -> bool| line_quantities.iter().any(part);
        let shipped = some(|l| !l.shipped.is_zero());
        // What left before (or in spite of) a wish goes its way; the wish is about the rest.
        match &self.desired {
            Desired::Cancelled(_) if !shipped && !self.is_kept() => {
                return if self.undo_left() { Status::Cancelling } else { Status::Cancelled };
            }
            Desired::OnHold(_) if !shipped => return Status::OnHold,
            Desired::Cancelled(_) | Desired::OnHold(_) | Desired::Active => {}
        }
        match &self.stage {
            Stage::Submitted => Status::Submitted,
            Stage::Unpriceable(_) => Status::Unpriceable,
            Stage::Priced(_, Credit::Refused(_)) => Status::CreditRefused,
            Stage::Priced(..) if !self.allocations.is_empty() && !self.stock_suffices() => Status::Backordered,
            Stage::Priced(..) => Status::Priced,
            Stage::Invoiced(..) => Status::Invoiced,
            Stage::Released(_) | Stage::Unroutable(..) | Stage::Routed(_) if shipped => {
                let waiting =
                    |l: &LineQuantities| !l.open.is_zero() || !l.in_fulfillment.is_zero() || !l.backordered.is_zero();
                if self.all_delivered(&line_quantities) {
                    Status::Delivered
                } else if some(waiting) {
                    Status::PartiallyShipped
                } else {
                    Status::Shipped
                }
            }
            Stage::Released(_) => Status::Released,
            Stage::Unroutable(..) => Status::Unroutable,
            Stage::Routed(_) if self.all_accepted() => Status::Accepted,
            Stage::Routed(_) => Status::Routed,
        }
    }

    /// Whether credit and stock allow the release.
    pub fn may_release(&self) -> bool {
        matches!(self.stage, Stage::Priced(_, Credit::Approved(_)))
            && self.stock_suffices()
            && self.to_deallocate.is_empty()
    }

    /// Whether there is something to ship, and all of it where nothing less may go.
    fn stock_suffices(&self) -> bool {
        let sources = self.allocations.values().flat_map(|allocation| &allocation.lines);
        let any = sources.into_iter().any(|line| !line.sources.is_empty());
        any && (!self.submission.ship_complete || self.overrides.parts || !self.is_short())
    }

    /// Whether the ERP's price is what the customer was promised, or somebody let it stand.
    pub fn price_agrees(&self) -> bool {
        self.overrides.price || self.disagreement().is_none()
    }

    /// How the ERP's price differs from what the customer was promised.
    fn disagreement(&self) -> Option<String> {
        let (expected, price) = (self.submission.expected.as_ref()?, self.price()?);
        if expected.total != price.total.amount {
            return Some(format!("the ERP asks for {}, promised was a total of {}", price.total, expected.total));
        }
        let tax = expected.tax.filter(|tax| *tax != price.tax.amount)?;
        Some(format!("the ERP asks for tax of {}, promised was {tax}", price.tax))
    }

    fn all_accepted(&self) -> bool {
        let mut live = self.assignments.keys().filter(|id| !self.will_not_ship(id)).peekable();
        live.peek().is_some()
            && live.all(|id| {
                self.progress.get(id).is_some_and(|progress| progress.request_status == RequestStatus::Accepted)
            })
    }

    /// Whether a warehouse ships a fulfillment although it was asked back.
    fn is_kept(&self) -> bool {
        self.withdrawals.keys().any(|fulfillment| self.keeps(fulfillment))
    }

    pub(super) fn keeps(&self, fulfillment: &FulfillmentId) -> bool {
        let refused = |progress: &crate::order::Progress| progress.withdrawal_refused.is_some();
        self.has_shipped(fulfillment)
            || (!self.will_not_ship(fulfillment) && self.progress.get(fulfillment).is_some_and(refused))
    }

    /// Whether nothing of a cancelled order ships, for certain: what was made for it can be undone.
    pub fn nothing_will_ship(&self) -> bool {
        self.is_cancelled()
            && self.assignments.keys().chain(self.progress.keys()).all(|fulfillment| self.will_not_ship(fulfillment))
    }

    /// Whether a cancelled order still has something at a partner: made, or possibly made.
    fn undo_left(&self) -> bool {
        let made = matches!(self.sales_order, SalesOrderState::Made(_));
        !self.nothing_will_ship()
            || made
            || !self.allocations.is_empty()
            || !self.to_deallocate.is_empty()
            || !self.open_effects.is_empty()
    }

    /// What the customer should know now.
    pub(super) fn notices(&self) -> BTreeSet<Template> {
        let line_quantities = self.line_quantities();
        let asked_back = |why| move |(_, reason): &(&FulfillmentId, &WithdrawalReason)| **reason == why;
        let back = PackageStatus::At(MilestoneKind::ReturnToSender);
        let kept =
            |why| self.withdrawals.iter().filter(asked_back(why)).any(|(fulfillment, _)| self.keeps(fulfillment));
        let fulfil = matches!(self.desired, Desired::Active);
        let said = [
            (
                Template::Backordered,
                fulfil && line_quantities.iter().any(|quantities| !quantities.backordered.is_zero()),
            ),
            (
                Template::PartlyCancelled,
                fulfil && line_quantities.iter().any(|quantities| !quantities.cancelled.is_zero()),
            ),
            (Template::OnHold, matches!(self.desired, Desired::OnHold(_))),
            (Template::Cancelled, self.status() == Status::Cancelled),
            (Template::CancelRejected, self.is_cancelled() && kept(WithdrawalReason::Cancelled)),
            (Template::Delayed, self.overdue),
            (
                Template::ReturnedToSender,
                self.progress.values().flat_map(|progress| &progress.packages).any(|package| package.status == back),
            ),
        ];
        said.into_iter().filter_map(|(template, so)| so.then_some(template)).collect()
    }

    /// The decisions that people have to take, from the facts alone, less what they decided.
    pub fn reviews(&self) -> Vec<Review> {
        let mut reviews = Vec::new();
        let line_quantities = self.line_quantities();
        let shipped = line_quantities.iter().any(|quantities| !quantities.shipped.is_zero());
        // What keeps an order from going on needs a decision only while it is to go on.
        if matches!(self.desired, Desired::Active) {
            reviews.extend(self.obstacles());
        }
        let mut raise = |kind: ReviewKind, reason: String| reviews.push(Review { kind, reason });
        for (fulfillment, why) in &self.withdrawals {
            let refused = self.progress.get(fulfillment).and_then(|progress| progress.withdrawal_refused.as_ref());
            if self.is_cancelled() && self.has_shipped(fulfillment) && *why == WithdrawalReason::Cancelled {
                raise(ReviewKind::ShippedAfterCancel, format!("{fulfillment} left although the order was cancelled"));
            } else if let (Some(refused), true) = (refused, self.keeps(fulfillment)) {
                raise(ReviewKind::WithdrawalRefused, format!("{fulfillment} was not given back: {refused}"));
            }
        }
        if self.is_cancelled() && shipped {
            for fulfillment in self.progress.keys().filter(|fulfillment| !self.assignments.contains_key(*fulfillment)) {
                raise(ReviewKind::ShippedAfterCancel, format!("{fulfillment} left although the order was cancelled"));
            }
        }
        for (effect, why) in self.refused.iter().filter(|(effect, _)| self.is_missed(effect, shipped)) {
            let Review { kind, reason } = refusal(effect, why);
            raise(kind, reason);
        }
        for (effect, duplicates) in &self.duplicates {
            let stands = self.document(effect);
            if duplicates.iter().any(|document| Some(document) != stands) {
                let all: BTreeSet<&DocumentNumber> = duplicates.iter().chain(stands).collect();
                let names: Vec<&str> = all.into_iter().map(DocumentNumber::as_str).collect();
                let reason = format!("{effect:?} made more than the order asked for: {}", names.join(", "));
                raise(ReviewKind::DuplicateDocument, reason);
            }
        }
        for conflict in &self.conflicts {
            let (source, id) = (&conflict.source, &conflict.external_id);
            raise(ReviewKind::ConflictingSubmission, format!("{source} sent it again as {id}, with other content"));
        }
        for quantities in line_quantities.iter().filter(|quantities| !quantities.over.is_zero()) {
            reviews.push(over_shipped(quantities));
        }
        let mut raise = |kind: ReviewKind, reason: String| reviews.push(Review { kind, reason });
        for reason in self.uncounted() {
            raise(ReviewKind::ContentMismatch, reason);
        }
        if self.overdue && !self.status().is_final() {
            let status = self.status().as_str();
            raise(ReviewKind::Overdue, format!("still {status} after {}", self.submission.deadline));
        }
        open(reviews, &self.decisions)
    }

    /// What keeps the order from going on.
    fn obstacles(&self) -> Vec<Review> {
        let mut reviews = Vec::new();
        let mut raise = |kind: ReviewKind, reason: String| reviews.push(Review { kind, reason });
        if !self.overrides.price
            && let Some(disagreement) = self.disagreement()
        {
            raise(ReviewKind::PriceDisagrees, disagreement);
        }
        match &self.stage {
            Stage::Unpriceable(why) => raise(ReviewKind::Unpriceable, why.to_string()),
            Stage::Priced(_, Credit::Refused(refused)) => raise(ReviewKind::CreditRefused, refused.reason.clone()),
            Stage::Priced(_, Credit::Approved(_)) if !self.allocations.is_empty() && !self.stock_suffices() => {
                raise(ReviewKind::StockShort, "stock is short and the order may not go in parts".to_owned());
            }
            Stage::Unroutable(_, routed) => {
                raise(ReviewKind::Unroutable, crate::routing::explain(&routed.candidates));
                for fulfillment in self.refusals() {
                    raise(ReviewKind::FulfillmentRejected, format!("the warehouse refused {fulfillment}"));
                }
            }
            Stage::Submitted | Stage::Priced(..) | Stage::Released(_) | Stage::Routed(_) | Stage::Invoiced(..) => {}
        }
        reviews
    }

    /// Fulfillments that their warehouses refused, as long as nobody said to ask them again.
    pub fn refusals(&self) -> impl Iterator<Item = &FulfillmentId> {
        let refused = |fulfillment: &&FulfillmentId| match self
            .progress
            .get(*fulfillment)
            .map(|progress| progress.request_status)
        {
            Some(RequestStatus::Rejected) => true,
            Some(RequestStatus::Withdrawn) => self.withdrawals.get(*fulfillment) == Some(&WithdrawalReason::NoResponse),
            Some(RequestStatus::Requested | RequestStatus::Accepted) | None => false,
        };
        self.assignments.keys().filter(refused).filter(|fulfillment| !self.retry_allowed.contains(*fulfillment))
    }

    /// Whether what a partner refused is still missed: not done by another attempt, and wanted.
    fn is_missed(&self, effect: &Effect, shipped: bool) -> bool {
        match effect {
            Effect::Deallocate { .. } | Effect::CancelSalesOrder => true,
            // An amended order's is there, and says what the order said before.
            Effect::CreateSalesOrder => (!self.is_cancelled() || shipped) && !self.is_released(),
            Effect::Allocate { .. }
            | Effect::Invoice
            | Effect::RequestFulfillment
            | Effect::WithdrawFulfillment
            | Effect::PostGoodsIssue { .. } => (!self.is_cancelled() || shipped) && self.document(effect).is_none(),
        }
    }

    /// What came of an effect.
    pub(super) fn document(&self, effect: &Effect) -> Option<&DocumentNumber> {
        match effect {
            Effect::Allocate { part } => self.allocations.get(part).map(|allocation| &allocation.number),
            Effect::CreateSalesOrder => self.sales_order(),
            Effect::Invoice => self.invoice().map(|invoiced| &invoiced.invoice),
            Effect::Deallocate { .. }
            | Effect::CancelSalesOrder
            | Effect::RequestFulfillment
            | Effect::WithdrawFulfillment
            | Effect::PostGoodsIssue { .. } => None,
        }
    }
}

/// A line of which more is on its way than was ordered.
pub(super) fn over_shipped(quantities: &LineQuantities) -> Review {
    let reason = format!("line {}: {} more than ordered", quantities.line, quantities.over);
    Review { kind: ReviewKind::OverShipped, reason }
}
