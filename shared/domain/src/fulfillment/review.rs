//! The decisions that a fulfillment leaves to people. None of them is a cancellation: only a whole order is cancelled.

use std::time::Duration;

use crate::review::{Choice, ReviewKind, Team, words};

words! {
    /// A decision about a fulfillment.
    FulfillmentReview {
        /// A package's content does not match the fulfillment.
        ContentMismatch = "content_mismatch",
        /// A required lot or serial number is missing.
        TraceMissing = "trace_missing",
        /// One serial number was shipped twice.
        SerialTwice = "serial_twice",
        /// A partner refused what we requested.
        PartnerRefused = "partner_refused",
        /// The partner cannot say whether a call took effect.
        OutcomeUnknown = "outcome_unknown",
        /// The warehouse's answer, or the departure, is overdue.
        Late = "late",
        /// No news of a package arrived for so long that the carrier has to search for it.
        TrackingExpired = "tracking_expired",
        /// The warehouse sent a code that the registry does not map.
        UnknownCode = "unknown_code",
        /// A partner has two documents of one kind: a warehouse order, or a goods issue.
        DuplicateDocument = "duplicate_document",
        /// The ERP posted other goods than the packages hold.
        PostingMismatch = "posting_mismatch",
        /// A package moved although its label was voided.
        MovedThoughVoid = "moved_though_void",
        /// A package comes back undelivered.
        ReturnedToSender = "returned_to_sender",
    }
}

impl ReviewKind for FulfillmentReview {
    const ALL: &'static [Self] = Self::ALL;
    const PARTNER_REFUSED: Self = Self::PartnerRefused;
    const OUTCOME_UNKNOWN: Self = Self::OutcomeUnknown;

    fn as_str(self) -> &'static str {
        self.as_str()
    }

    fn options(self) -> &'static [Choice] {
        match self {
            Self::ContentMismatch | Self::MovedThoughVoid | Self::TraceMissing | Self::SerialTwice => {
                &[Choice::Accept, Choice::Recall]
            }
            Self::PartnerRefused | Self::OutcomeUnknown => &[Choice::Retry, Choice::ResolvedManually],
            Self::DuplicateDocument | Self::PostingMismatch => &[Choice::ResolvedManually],
            Self::ReturnedToSender => &[Choice::OfferReturn, Choice::Acknowledge],
            Self::Late | Self::TrackingExpired | Self::UnknownCode => &[Choice::Acknowledge],
        }
    }

    fn team(self) -> Team {
        match self {
            Self::PostingMismatch => Team::Finance,
            Self::ContentMismatch
            | Self::TraceMissing
            | Self::SerialTwice
            | Self::PartnerRefused
            | Self::OutcomeUnknown
            | Self::Late
            | Self::TrackingExpired
            | Self::UnknownCode
            | Self::DuplicateDocument
            | Self::MovedThoughVoid
            | Self::ReturnedToSender => Team::Logistics,
        }
    }

    fn respond_within(self) -> Duration {
        let hours = |n: u64| Duration::from_secs(n * 3_600);
        match self {
            Self::OutcomeUnknown | Self::PartnerRefused => hours(4),
            Self::ContentMismatch
            | Self::TraceMissing
            | Self::SerialTwice
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
