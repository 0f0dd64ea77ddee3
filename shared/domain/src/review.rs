//! Decisions that people must take. They are not errors: an order that needs one stands on a worklist, with its options.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One item of the worklist. Derived from an order's or fulfilment's facts, so it comes and goes with them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Review {
    /// What it is about: stable, for machines.
    pub kind: ReviewKind,
    /// Why, for people. No personal data.
    pub reason: String,
}

/// The kinds of decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReviewKind {
    /// The ERP cannot price the order, or a unit does not convert exactly.
    Unpriceable,
    /// The ERP refused credit.
    CreditRefused,
    /// Stock is short and the order may not go.
    StockShort,
    /// No warehouse may or can ship it.
    Unroutable,
    /// A warehouse refused its share.
    FulfillmentRejected,
    /// More was shipped than was asked.
    OverShipped,
    /// A package's content does not match the fulfilment.
    ContentMismatch,
    /// The same order came again with other content.
    ConflictingSubmission,
    /// Something happened to an order that was cancelled.
    ShippedAfterCancel,
    /// A cancelled order still has something to undo at a partner.
    CancelIncomplete,
    /// A partner refused what we asked of it.
    PartnerRefused,
    /// The partner cannot say whether a call took effect.
    OutcomeUnknown,
    /// It should have come further by now.
    Overdue,
    /// The warehouse sent a code that the registry does not map.
    UnknownCode,
    /// A partner has one thing of ours more than once: an order, a posting, an invoice.
    MadeTwice,
    /// The ERP posted what the packages do not bear out.
    PostingMismatch,
    /// A package moved although its label was void.
    MovedThoughVoid,
    /// A package comes back undelivered.
    ReturnedToSender,
}

impl ReviewKind {
    /// What may be decided.
    pub fn options(self) -> &'static [&'static str] {
        match self {
            Self::Unpriceable | Self::PartnerRefused => &["retry", "cancel"],
            Self::CreditRefused => &["approve", "cancel"],
            Self::StockShort => &["wait", "ship_available", "cancel"],
            Self::Unroutable | Self::FulfillmentRejected => &["route_again", "cancel"],
            Self::OverShipped => &["approve", "recall"],
            Self::ContentMismatch => &["accept", "recall"],
            Self::ConflictingSubmission => &["keep", "amend"],
            Self::ShippedAfterCancel => &["recall", "offer_return"],
            Self::CancelIncomplete | Self::OutcomeUnknown => &["retry", "settled_by_hand"],
            Self::MadeTwice | Self::PostingMismatch => &["reverse", "settled_by_hand"],
            Self::MovedThoughVoid => &["accept", "recall"],
            Self::ReturnedToSender => &["ship_again", "refund"],
            Self::Overdue | Self::UnknownCode => &["acknowledge"],
        }
    }
}
