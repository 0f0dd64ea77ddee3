//! Decisions that people must take. They are not errors: an order that needs one stands on a worklist, with its options.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{base32, fingerprint};
use crate::workflow::{Effect, OUTCOME_UNKNOWN, Rejection};

/// One item of the worklist. Derived from an order's or fulfillment's facts, so it comes and goes with them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Review {
    /// What it is about: stable, for machines.
    pub kind: ReviewKind,
    /// Why, for people. No personal data.
    pub reason: String,
}

impl Review {
    /// Its name within its stream. Another reason is another review: what was decided of two pieces too many says nothing
    /// of three.
    pub fn key(&self) -> String {
        format!("{}-{}", self.kind.as_str(), base32(&fingerprint(&[self.kind.as_str(), &self.reason]), 12))
    }
}

/// What somebody decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// Which review: its [`Review::key`].
    pub review: String,
    /// What it was about.
    pub kind: ReviewKind,
    /// What is to be done.
    pub choice: Choice,
    /// Who decided: the client of the API.
    pub by: String,
    /// Why, in their words; no personal data.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What was decided in one stream, by the review's key.
pub type Decisions = BTreeMap<String, Decision>;

/// Whether `decision` is one that can be taken of `open` reviews, with the `options` of their kinds.
///
/// # Errors
/// The review is not open (any more), or does not offer that choice.
pub(crate) fn allowed(
    open: &[Review],
    options: impl Fn(ReviewKind) -> &'static [Choice],
    decision: &Decision,
) -> Result<(), Rejection> {
    let Some(review) = open.iter().find(|review| review.key() == decision.review) else {
        return Err(Rejection::new("REVIEW_NOT_OPEN", "nothing of that name waits for a decision (any more)"));
    };
    let options = options(review.kind);
    if options.contains(&decision.choice) {
        return Ok(());
    }
    let options: Vec<&str> = options.iter().map(|choice| choice.as_str()).collect();
    Err(Rejection::new("CHOICE_NOT_OFFERED", format!("it can be decided as {}", options.join(" or "))))
}

/// The reviews that nobody decided yet, each once, in an order that does not depend on how they were found.
pub(crate) fn open(mut reviews: Vec<Review>, decided: &Decisions) -> Vec<Review> {
    reviews.retain(|review| !decided.contains_key(&review.key()));
    reviews.sort();
    reviews.dedup();
    reviews
}

/// A partner's refusal as somebody's decision.
pub(crate) fn refusal(effect: &Effect, why: &Rejection) -> Review {
    let kind = if why.code == OUTCOME_UNKNOWN { ReviewKind::OutcomeUnknown } else { ReviewKind::PartnerRefused };
    Review { kind, reason: format!("{effect:?}: {why}") }
}

macro_rules! words {
    ($(#[$type_doc:meta])* $type:ident { $($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)? }) => {
        $(#[$type_doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $type { $($(#[$doc])* #[serde(rename = $text)] $name),+ }

        impl $type {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// As it is written on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

words! {
    /// What can be decided.
    Choice {
        /// Whoever said no is asked again.
        Retry = "retry",
        /// The order is cancelled.
        Cancel = "cancel",
        /// It may go on as it is.
        Approve = "approve",
        /// It waits, as it does anyway.
        Wait = "wait",
        /// What there is ships, and the rest later.
        ShipAvailable = "ship_available",
        /// Warehouses are weighed again, those that refused included.
        RouteAgain = "route_again",
        /// What was shipped stands for what was ordered.
        Accept = "accept",
        /// The goods are called back, outside of Crossdock.
        Recall = "recall",
        /// What was known first stands.
        Keep = "keep",
        /// The customer is offered a return.
        OfferReturn = "offer_return",
        /// Somebody settled it in the partner's own system.
        ResolvedManually = "resolved_manually",
        /// It was seen; nothing follows.
        Acknowledge = "acknowledge",
    }
}

words! {
    /// The kinds of decision.
    ReviewKind {
        /// The ERP cannot price the order, or a unit does not convert exactly.
        Unpriceable = "unpriceable",
        /// The ERP's price or tax is not what the customer was promised.
        PriceDisagrees = "price_disagrees",
        /// The ERP refused credit.
        CreditRefused = "credit_refused",
        /// Stock is short and the order may not go.
        StockShort = "stock_short",
        /// No warehouse may or can ship it.
        Unroutable = "unroutable",
        /// A warehouse refused its fulfillment.
        FulfillmentRejected = "fulfillment_rejected",
        /// A warehouse did not give a fulfillment back: it is being picked, or has gone.
        WithdrawalRefused = "withdrawal_refused",
        /// More was shipped than was asked.
        OverShipped = "over_shipped",
        /// A package's content does not match the fulfillment.
        ContentMismatch = "content_mismatch",
        /// A lot or a serial number is missing that has to be known.
        TraceMissing = "trace_missing",
        /// One serial number was shipped twice.
        SerialTwice = "serial_twice",
        /// The same order came again with other content.
        ConflictingSubmission = "conflicting_submission",
        /// Something happened to an order that was cancelled.
        ShippedAfterCancel = "shipped_after_cancel",
        /// A partner refused what we asked of it.
        PartnerRefused = "partner_refused",
        /// The partner cannot say whether a call took effect.
        OutcomeUnknown = "outcome_unknown",
        /// It should have come further by now.
        Overdue = "overdue",
        /// The warehouse should have answered, or packed, or shipped by now.
        Late = "late",
        /// Nothing was heard of a package for so long that it must be looked for.
        TrackingExpired = "tracking_expired",
        /// The warehouse sent a code that the registry does not map.
        UnknownCode = "unknown_code",
        /// A partner has one thing of ours more than once: an order, a posting, an invoice.
        DuplicateDocument = "duplicate_document",
        /// The ERP posted what the packages do not bear out.
        PostingMismatch = "posting_mismatch",
        /// A package moved although its label was void.
        MovedThoughVoid = "moved_though_void",
        /// A package comes back undelivered.
        ReturnedToSender = "returned_to_sender",
    }
}

impl ReviewKind {
    /// What may be decided of it in a warehouse's fulfillment: what is cancelled is an order, never a fulfillment of it alone.
    pub fn options_of_fulfillment(self) -> &'static [Choice] {
        if self == Self::PartnerRefused { &[Choice::Retry, Choice::ResolvedManually] } else { self.options() }
    }

    /// What may be decided of it in an order.
    pub fn options(self) -> &'static [Choice] {
        match self {
            Self::Unpriceable | Self::PartnerRefused => &[Choice::Retry, Choice::Cancel, Choice::ResolvedManually],
            Self::PriceDisagrees | Self::CreditRefused => &[Choice::Approve, Choice::Cancel],
            Self::StockShort => &[Choice::Wait, Choice::ShipAvailable, Choice::Cancel],
            Self::Unroutable | Self::FulfillmentRejected => &[Choice::RouteAgain, Choice::Cancel],
            Self::OverShipped => &[Choice::Approve, Choice::Recall],
            Self::ContentMismatch | Self::MovedThoughVoid | Self::TraceMissing | Self::SerialTwice => {
                &[Choice::Accept, Choice::Recall]
            }
            Self::ConflictingSubmission => &[Choice::Keep],
            Self::ShippedAfterCancel => &[Choice::Recall, Choice::OfferReturn],
            Self::OutcomeUnknown => &[Choice::Retry, Choice::ResolvedManually],
            Self::DuplicateDocument | Self::PostingMismatch => &[Choice::ResolvedManually],
            Self::ReturnedToSender => &[Choice::OfferReturn, Choice::Acknowledge],
            Self::WithdrawalRefused | Self::Overdue | Self::Late | Self::TrackingExpired | Self::UnknownCode => {
                &[Choice::Acknowledge]
            }
        }
    }

    /// Within how long somebody should have decided: what holds an order up sooner than what only has to be cleared up.
    pub fn patience(self) -> Duration {
        let hours = |n: u64| Duration::from_secs(n * 3_600);
        match self {
            Self::Unpriceable
            | Self::PriceDisagrees
            | Self::CreditRefused
            | Self::Unroutable
            | Self::FulfillmentRejected
            | Self::WithdrawalRefused
            | Self::OutcomeUnknown
            | Self::PartnerRefused
            | Self::ShippedAfterCancel => hours(4),
            Self::StockShort
            | Self::OverShipped
            | Self::ContentMismatch
            | Self::TraceMissing
            | Self::SerialTwice
            | Self::ConflictingSubmission
            | Self::Overdue
            | Self::Late
            | Self::TrackingExpired
            | Self::UnknownCode
            | Self::DuplicateDocument
            | Self::PostingMismatch
            | Self::MovedThoughVoid
            | Self::ReturnedToSender => hours(24),
        }
    }
}
