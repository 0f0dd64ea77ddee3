//! The status that people read: a pure function of the facts.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::DocumentNumber;
use crate::order::event::{Allocation, Standing};
use crate::order::ladder::Ladder;
use crate::order::state::{Credit, Known, Stage, Stock, Wish};
use crate::review::{Review, ReviewKind};
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
    pub const ALL: [Self; 15] = [
        Self::Submitted,
        Self::Unpriceable,
        Self::Priced,
        Self::CreditRefused,
        Self::Backordered,
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

impl Known {
    /// Where the order stands.
    pub fn status(&self) -> Status {
        let ladders = self.ladders();
        let some = |part: fn(&Ladder) -> bool| ladders.iter().any(part);
        if let Wish::Cancel(_) = self.wish
            && !some(|l| !l.shipped.is_zero())
        {
            return if self.undo_left() { Status::Cancelling } else { Status::Cancelled };
        }
        match &self.stage {
            Stage::Submitted => Status::Submitted,
            Stage::Unpriceable(_) => Status::Unpriceable,
            Stage::Priced { credit: Credit::Refused(_), .. } => Status::CreditRefused,
            Stage::Priced { stock: Stock::Allocated(allocation), .. } if !self.stock_suffices(allocation) => {
                Status::Backordered
            }
            Stage::Priced { .. } => Status::Priced,
            Stage::Released(_) => Status::Released,
            Stage::Unroutable(..) => Status::Unroutable,
            Stage::Invoiced(..) => Status::Invoiced,
            Stage::Routed(_) => {
                if self.all_delivered(&ladders) {
                    Status::Delivered
                } else if some(|l| !l.shipped.is_zero()) {
                    let waiting =
                        |l: &Ladder| !l.open.is_zero() || !l.in_fulfillment.is_zero() || !l.backordered.is_zero();
                    if some(waiting) { Status::PartiallyShipped } else { Status::Shipped }
                } else if self.all_accepted() {
                    Status::Accepted
                } else {
                    Status::Routed
                }
            }
        }
    }

    /// Whether credit and stock allow the release.
    pub fn may_release(&self) -> bool {
        let Stage::Priced { credit: Credit::Approved(_), stock: Stock::Allocated(allocation), .. } = &self.stage else {
            return false;
        };
        self.stock_suffices(allocation)
    }

    /// Whether there is something to ship, and all of it where nothing less may go.
    fn stock_suffices(&self, allocation: &Allocation) -> bool {
        let any = allocation.lines.iter().any(|line| !line.sources.is_empty());
        let all = allocation.lines.iter().all(|line| line.short.is_zero());
        any && (all || !self.submission.ship_complete)
    }

    fn all_accepted(&self) -> bool {
        !self.assignments.is_empty()
            && self
                .assignments
                .keys()
                .all(|id| self.progress.get(id).is_some_and(|progress| progress.standing == Standing::Accepted))
    }

    /// Whether a cancelled order still has something at a partner: made, or possibly made.
    fn undo_left(&self) -> bool {
        let live = self
            .assignments
            .keys()
            .any(|id| self.progress.get(id).is_none_or(|progress| progress.standing != Standing::Rejected));
        live || self.allocation().is_some() || self.sales_order().is_some() || !self.sendings.is_empty()
    }

    /// The decisions that people have to take, from the facts alone.
    pub fn reviews(&self) -> Vec<Review> {
        let mut reviews = Vec::new();
        let mut raise = |kind: ReviewKind, reason: String| reviews.push(Review { kind, reason });
        let ladders = self.ladders();
        let shipped = ladders.iter().any(|ladder| !ladder.shipped.is_zero());
        match self.wish {
            // What keeps an order from going on needs a decision only while it is to go on.
            Wish::Fulfil => {
                reviews.extend(self.obstacles());
            }
            Wish::Cancel(_) if shipped => {
                raise(ReviewKind::ShippedAfterCancel, "goods left although the order was cancelled".to_owned());
                if ladders.iter().any(|ladder| !ladder.in_fulfillment.is_zero()) {
                    raise(ReviewKind::CancelIncomplete, "a warehouse still holds a part of it".to_owned());
                }
            }
            Wish::Cancel(_) if self.undo_left() => {
                raise(ReviewKind::CancelIncomplete, "the ERP or a warehouse still holds a part of it".to_owned());
            }
            Wish::Cancel(_) => {}
        }
        let mut raise = |kind: ReviewKind, reason: String| reviews.push(Review { kind, reason });
        for (effect, why) in self.refused.iter().filter(|(effect, _)| self.is_missed(effect, shipped)) {
            raise(ReviewKind::PartnerRefused, format!("{effect:?}: {why}"));
        }
        for (effect, surplus) in &self.surplus {
            let stands = self.document(effect);
            if surplus.iter().any(|document| Some(document) != stands) {
                let all: BTreeSet<&DocumentNumber> = surplus.iter().chain(stands).collect();
                let names: Vec<&str> = all.into_iter().map(DocumentNumber::as_str).collect();
                let reason = format!("{effect:?} made more than the order asked for: {}", names.join(", "));
                raise(ReviewKind::MadeTwice, reason);
            }
        }
        for conflict in &self.conflicts {
            let (source, id) = (&conflict.source, &conflict.external_id);
            raise(ReviewKind::ConflictingSubmission, format!("{source} sent it again as {id}, with other content"));
        }
        for ladder in ladders.iter().filter(|ladder| !ladder.over.is_zero()) {
            raise(ReviewKind::OverShipped, format!("line {}: {} more than ordered", ladder.line, ladder.over));
        }
        for reason in self.uncounted() {
            raise(ReviewKind::ContentMismatch, reason);
        }
        if self.overdue && !self.status().is_final() {
            let status = self.status().as_str();
            raise(ReviewKind::Overdue, format!("still {status} after {}", self.submission.deadline));
        }
        reviews.sort();
        reviews
    }

    /// What keeps the order from going on.
    fn obstacles(&self) -> Vec<Review> {
        let mut reviews = Vec::new();
        let mut raise = |kind: ReviewKind, reason: String| reviews.push(Review { kind, reason });
        match &self.stage {
            Stage::Unpriceable(why) => raise(ReviewKind::Unpriceable, why.to_string()),
            Stage::Priced { credit: Credit::Refused(refused), .. } => {
                raise(ReviewKind::CreditRefused, refused.reason.clone());
            }
            Stage::Priced { credit: Credit::Approved(_), stock: Stock::Allocated(_), .. } if !self.may_release() => {
                raise(ReviewKind::StockShort, "stock is short and the order may not go in parts".to_owned());
            }
            Stage::Unroutable(_, routed) => raise(ReviewKind::Unroutable, crate::routing::explain(&routed.candidates)),
            Stage::Submitted | Stage::Priced { .. } | Stage::Released(_) | Stage::Routed(_) | Stage::Invoiced(..) => {}
        }
        for progress in self.progress.values().filter(|progress| progress.standing == Standing::Rejected) {
            raise(ReviewKind::FulfillmentRejected, format!("the warehouse refused {}", progress.fulfillment));
        }
        reviews
    }

    /// Whether what a partner refused is still missed: not done by another attempt, and wanted.
    fn is_missed(&self, effect: &Effect, shipped: bool) -> bool {
        let wanted = self.wanted() || shipped;
        wanted && self.document(effect).is_none()
    }

    /// What came of an effect.
    pub(super) fn document(&self, effect: &Effect) -> Option<&DocumentNumber> {
        match effect {
            Effect::Allocate { .. } => self.allocation().map(|allocation| &allocation.number),
            Effect::CreateSalesOrder => self.sales_order(),
            Effect::Invoice => self.invoice().map(|invoiced| &invoiced.invoice),
            Effect::ReleaseAllocation { .. } | Effect::CancelSalesOrder | Effect::WithdrawFulfillment => None,
            Effect::RequestFulfillment | Effect::PostGoodsIssue { .. } => None,
        }
    }
}
