//! The decisions that an order leaves to people.

use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::review::{Choice, Review, ReviewKind, Team, words};

words! {
    /// A decision about an order.
    OrderReview {
        /// The ERP cannot price the order, or a unit does not convert exactly.
        Unpriceable = "unpriceable",
        /// The ERP's price or tax is not the one that the customer was promised.
        PriceDisagrees = "price_disagrees",
        /// The ERP refused credit.
        CreditRefused = "credit_refused",
        /// An approval of credit had expired when it arrived, or approvals expire again and again before the release.
        CreditExpired = "credit_expired",
        /// Stock is short and the order may not ship in parts.
        StockShort = "stock_short",
        /// Stock is shown again and again that cannot be allocated or is not in the warehouse.
        StockNotAllocated = "stock_not_allocated",
        /// No warehouse may or can ship it.
        Unroutable = "unroutable",
        /// A warehouse refused its fulfillment.
        FulfillmentRejected = "fulfillment_rejected",
        /// A warehouse did not withdraw a fulfillment: it is being picked, or has left.
        WithdrawalRefused = "withdrawal_refused",
        /// More was shipped than was ordered.
        OverShipped = "over_shipped",
        /// A warehouse's report does not match the order.
        ContentMismatch = "content_mismatch",
        /// The same order came again, with other content or after its cancellation.
        ConflictingSubmission = "conflicting_submission",
        /// Something of a cancelled order was shipped.
        ShippedAfterCancel = "shipped_after_cancel",
        /// The cancelled order whose purchase order number it took over was shipped all the same.
        PredecessorShipped = "predecessor_shipped",
        /// A partner refused what we requested.
        PartnerRefused = "partner_refused",
        /// The partner cannot say whether a call took effect.
        OutcomeUnknown = "outcome_unknown",
        /// The order did not end by its deadline.
        Overdue = "overdue",
        /// The ERP's invoice has another total or currency than the order.
        InvoiceDisagrees = "invoice_disagrees",
        /// The ERP has two documents of one kind for the order.
        DuplicateDocument = "duplicate_document",
        /// An operator discarded a message whose work was still due.
        WorkDiscarded = "work_discarded",
    }
}

impl ReviewKind for OrderReview {
    const ALL: &'static [Self] = Self::ALL;
    const PARTNER_REFUSED: Self = Self::PartnerRefused;
    const OUTCOME_UNKNOWN: Self = Self::OutcomeUnknown;

    fn as_str(self) -> &'static str {
        self.as_str()
    }

    fn options(self) -> &'static [Choice] {
        match self {
            Self::Unpriceable | Self::StockNotAllocated => &[Choice::Retry, Choice::Cancel],
            Self::PartnerRefused => &[Choice::Retry, Choice::Cancel, Choice::ResolvedManually],
            Self::PriceDisagrees => &[Choice::Approve, Choice::Cancel],
            Self::CreditRefused => &[Choice::Approve, Choice::Retry, Choice::Cancel],
            Self::CreditExpired => &[Choice::Retry, Choice::Approve, Choice::Cancel],
            Self::StockShort => &[Choice::Wait, Choice::ShipAvailable, Choice::Cancel],
            Self::Unroutable | Self::FulfillmentRejected => &[Choice::RouteAgain, Choice::Cancel],
            Self::OverShipped => &[Choice::Approve, Choice::Recall],
            Self::ContentMismatch => &[Choice::Accept, Choice::Recall],
            Self::ConflictingSubmission => &[Choice::Keep],
            Self::PredecessorShipped => &[Choice::Acknowledge, Choice::Cancel],
            Self::ShippedAfterCancel => &[Choice::Recall, Choice::OfferReturn],
            Self::OutcomeUnknown => &[Choice::Retry, Choice::ResolvedManually],
            Self::InvoiceDisagrees => &[Choice::Accept, Choice::ResolvedManually],
            Self::DuplicateDocument => &[Choice::ResolvedManually],
            Self::WithdrawalRefused | Self::Overdue | Self::WorkDiscarded => &[Choice::Acknowledge],
        }
    }

    fn team(self) -> Team {
        match self {
            Self::CreditRefused | Self::CreditExpired => Team::Credit,
            Self::Unpriceable | Self::PriceDisagrees | Self::InvoiceDisagrees => Team::Finance,
            Self::StockShort
            | Self::StockNotAllocated
            | Self::Unroutable
            | Self::FulfillmentRejected
            | Self::WithdrawalRefused
            | Self::OverShipped
            | Self::ContentMismatch
            | Self::ShippedAfterCancel => Team::Logistics,
            Self::ConflictingSubmission
            | Self::PredecessorShipped
            | Self::PartnerRefused
            | Self::OutcomeUnknown
            | Self::Overdue
            | Self::WorkDiscarded
            | Self::DuplicateDocument => Team::Orders,
        }
    }

    fn respond_within(self) -> Duration {
        let hours = |n: u64| Duration::from_secs(n * 3_600);
        match self {
            Self::Unpriceable
            | Self::PriceDisagrees
            | Self::CreditRefused
            | Self::CreditExpired
            | Self::Unroutable
            | Self::FulfillmentRejected
            | Self::WithdrawalRefused
            | Self::OutcomeUnknown
            | Self::PartnerRefused
            | Self::ShippedAfterCancel
            | Self::PredecessorShipped
            | Self::WorkDiscarded => hours(4),
            Self::StockShort
            | Self::StockNotAllocated
            | Self::OverShipped
            | Self::ContentMismatch
            | Self::ConflictingSubmission
            | Self::Overdue
            | Self::InvoiceDisagrees
            | Self::DuplicateDocument => hours(24),
        }
    }
}

/// A parked message that an operator discarded, or that its queue is about to lose, although its work, for the order or one of
/// its fulfillments, was still due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct WorkDiscarded {
    /// The step that the message was for.
    pub step: String,
    /// The stream that the work is on.
    pub stream: String,
    /// The code that the message was parked with.
    pub code: String,
    /// The operator.
    pub by: String,
    /// The operator's words; no personal data.
    pub note: String,
    /// When the dead-letter queue loses the message; `None` if the operator discarded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub lost_at: Option<Timestamp>,
}

impl WorkDiscarded {
    /// What a person has to know of it.
    pub(super) fn review(&self) -> Review<OrderReview> {
        Review { kind: OrderReview::WorkDiscarded, reason: self.text() }
    }

    /// What happened to the message, for people.
    pub fn text(&self) -> String {
        let Self { step, stream, code, by, note, lost_at } = self;
        match lost_at {
            None => format!("{by} discarded a message of {step} about {stream} ({code}): {note}"),
            Some(at) => {
                format!("a message of {step} about {stream} ({code}) is lost by its queue at {at}, {by} says: {note}")
            }
        }
    }
}
