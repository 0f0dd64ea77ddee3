//! Decisions that people must take. They are not errors: they are listed on a worklist, with the reason and the options.
//!
//! A review is derived from a stream's facts, so it appears and disappears with them; only the decision is stored. Each
//! workflow has its own [`ReviewKind`]s.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ids::{DocumentNumber, SiteCode, base32, fingerprint};
use crate::rejection::{OUTCOME_UNKNOWN, Rejection};

/// The kinds of decision that a workflow leaves to people.
pub trait ReviewKind: Copy + Ord + fmt::Debug + Serialize + DeserializeOwned + 'static {
    /// Every kind.
    const ALL: &'static [Self];
    /// A partner refused an effect.
    const PARTNER_REFUSED: Self;
    /// The outcome of a call to a partner cannot be known.
    const OUTCOME_UNKNOWN: Self;

    /// The kind as it is written on the wire.
    fn as_str(self) -> &'static str;

    /// What may be decided.
    fn options(self) -> &'static [Choice];

    /// Who decides it.
    fn team(self) -> Team;

    /// The time within which it should be decided: what stops the goods or the money is more urgent than a correction.
    fn respond_within(self) -> Duration;
}

/// One item of the worklist.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Review<K> {
    /// Stable, for machines.
    pub kind: K,
    /// For people. No personal data.
    pub reason: String,
}

impl<K: ReviewKind> Review<K> {
    /// Its name within its stream. Another reason makes another review: a decision about two pieces too many does not
    /// cover three.
    pub fn key(&self) -> String {
        format!("{}-{}", self.kind.as_str(), base32(&fingerprint(&[self.kind.as_str(), &self.reason]), 12))
    }

    /// A partner's refusal of `effect` as a review.
    pub(crate) fn of_refusal(effect: &impl fmt::Display, why: &Rejection) -> Self {
        let kind = if why.code == OUTCOME_UNKNOWN { K::OUTCOME_UNKNOWN } else { K::PARTNER_REFUSED };
        Self { kind, reason: format!("{effect}: {why}") }
    }
}

/// A person's decision of one review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decision<K> {
    /// The review's [`Review::key`].
    pub review: String,
    /// The review's kind.
    pub kind: K,
    /// What is to be done.
    pub choice: Choice,
    /// What a person made by hand at the partner, if the choice is `resolved_manually`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<ManualDocument>,
    /// The client of the API that decided.
    pub by: String,
    /// The person's words; no personal data.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A document that a person made by hand in a partner's own system, instead of a call that the partner refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ManualDocument {
    /// The partner's number of it.
    pub number: DocumentNumber,
    /// The site that all of an allocation is at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteCode>,
    /// The total of an invoice, including tax, in the order's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub total: Option<Decimal>,
}

/// The decisions of one stream, by the review's key.
pub type Decisions<K> = BTreeMap<String, Decision<K>>;

/// Checks that `decision` can be taken of the `open` reviews.
///
/// # Errors
/// The review is not open (any more), or does not offer that choice.
pub(crate) fn allowed<K: ReviewKind>(open: &[Review<K>], decision: &Decision<K>) -> Result<(), Rejection> {
    let Some(review) = open.iter().find(|review| review.key() == decision.review) else {
        return Err(Rejection::new("REVIEW_NOT_OPEN", "no review of that name waits for a decision (any more)"));
    };
    let options = review.kind.options();
    if options.contains(&decision.choice) {
        return Ok(());
    }
    let options: Vec<&str> = options.iter().map(|choice| choice.as_str()).collect();
    Err(Rejection::new("CHOICE_NOT_OFFERED", format!("it can be decided as {}", options.join(" or "))))
}

/// The undecided reviews, each once, in an order that does not depend on how they were found.
pub(crate) fn open<K: ReviewKind>(mut reviews: Vec<Review<K>>, decided: &Decisions<K>) -> Vec<Review<K>> {
    reviews.retain(|review| !decided.contains_key(&review.key()));
    reviews.sort();
    reviews.dedup();
    reviews
}

/// An enum whose variants have one word each on the wire, with `ALL` and `as_str`.
macro_rules! words {
    ($(#[$type_doc:meta])* $type:ident { $($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)? }) => {
        $(#[$type_doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub enum $type { $($(#[$doc])* #[serde(rename = $text)] $name),+ }

        impl $type {
            /// Every one, in the order of their definition.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// As it is written on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

pub(crate) use words;

words! {
    /// The people of a distributor that decide a kind of review.
    Team {
        /// What was ordered, and what no other team decides.
        Orders = "orders",
        /// Whether the customer may owe so much.
        Credit = "credit",
        /// Prices, invoices and postings.
        Finance = "finance",
        /// Stock, warehouses and shipments.
        Logistics = "logistics",
    }
}

words! {
    /// What can be decided. A workflow offers some of them for each of its kinds.
    Choice {
        /// The partner is asked again.
        Retry = "retry",
        /// The order is cancelled.
        Cancel = "cancel",
        /// It may go on as it is.
        Approve = "approve",
        /// It goes on waiting.
        Wait = "wait",
        /// What is in stock ships now, and the rest later.
        ShipAvailable = "ship_available",
        /// The order is routed again; warehouses that refused are considered, too.
        RouteAgain = "route_again",
        /// What was shipped is accepted instead of what was ordered.
        Accept = "accept",
        /// The goods are recalled, outside of Crossdock.
        Recall = "recall",
        /// The first content is kept.
        Keep = "keep",
        /// The customer is offered a return.
        OfferReturn = "offer_return",
        /// It was resolved in the partner's own system.
        ResolvedManually = "resolved_manually",
        /// It was read; nothing follows.
        Acknowledge = "acknowledge",
    }
}
