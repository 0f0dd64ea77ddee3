//! The decision that an unreadable delivery leaves to people.

use std::time::Duration;

use crate::review::{Choice, ReviewKind, Team, words};

words! {
    /// A decision about a delivery.
    DeliveryReview {
        /// It was acknowledged and cannot be read. Only its sender or a partner's document can mend that.
        Unmappable = "unmappable_delivery",
    }
}

impl ReviewKind for DeliveryReview {
    const ALL: &'static [Self] = Self::ALL;
    // A delivery has no effects at partners, so no review of one is ever made.
    const PARTNER_REFUSED: Self = Self::Unmappable;
    const OUTCOME_UNKNOWN: Self = Self::Unmappable;

    fn as_str(self) -> &'static str {
        self.as_str()
    }

    fn options(self) -> &'static [Choice] {
        match self {
            Self::Unmappable => &[Choice::Acknowledge],
        }
    }

    fn team(self) -> Team {
        match self {
            Self::Unmappable => Team::Orders,
        }
    }

    fn respond_within(self) -> Duration {
        match self {
            Self::Unmappable => Duration::from_secs(4 * 3_600),
        }
    }
}
