//! The decisions that a return leaves to people.

use std::time::Duration;

use crate::review::{Choice, ReviewKind, Team, words};

words! {
    /// A decision about a return.
    ReturnReview {
        /// Goods arrived that no one had announced, and it is not known to which order they belong.
        Unmatched = "unmatched",
        /// A person has to approve the return.
        ApprovalNeeded = "approval_needed",
        /// The order cannot reserve what the return needs any more.
        NotReserved = "not_reserved",
        /// The policy leaves it to a person whether goods are credited.
        AcceptanceUndecided = "acceptance_undecided",
        /// Another product arrived than comes back.
        WrongItem = "wrong_item",
        /// More arrived than comes back.
        Excess = "excess",
        /// Components of a kit arrived that make no whole kit.
        LooseComponents = "loose_components",
        /// A warehouse's quantity is in a unit that cannot be counted.
        Uncountable = "uncountable",
        /// Goods arrived after the return was cancelled, had expired or was denied.
        ArrivedAfterEnd = "arrived_after_end",
        /// The ERP's credit or debit has other amounts than were requested.
        CreditDisagrees = "credit_disagrees",
        /// The ERP credited by itself what was not accepted, or what cannot be matched to a line.
        CreditedByErp = "credited_by_erp",
        /// The ERP has two documents of one request.
        DuplicateDocument = "duplicate_document",
        /// A partner refused what we requested.
        PartnerRefused = "partner_refused",
        /// The partner cannot say whether a call took effect.
        OutcomeUnknown = "outcome_unknown",
        /// A step did not happen in time.
        Late = "late",
    }
}

impl ReviewKind for ReturnReview {
    const ALL: &'static [Self] = Self::ALL;
    const PARTNER_REFUSED: Self = Self::PartnerRefused;
    const OUTCOME_UNKNOWN: Self = Self::OutcomeUnknown;

    fn as_str(self) -> &'static str {
        self.as_str()
    }

    fn options(self) -> &'static [Choice] {
        match self {
            Self::ApprovalNeeded => &[Choice::Approve, Choice::Cancel],
            Self::AcceptanceUndecided => &[Choice::Accept, Choice::Keep],
            Self::ArrivedAfterEnd => &[Choice::Accept, Choice::Acknowledge],
            Self::CreditDisagrees => &[Choice::Accept, Choice::ResolvedManually],
            Self::PartnerRefused | Self::OutcomeUnknown => &[Choice::Retry, Choice::ResolvedManually],
            Self::CreditedByErp | Self::DuplicateDocument => &[Choice::Accept, Choice::ResolvedManually],
            Self::Unmatched
            | Self::NotReserved
            | Self::WrongItem
            | Self::Excess
            | Self::LooseComponents
            | Self::Uncountable
            | Self::Late => &[Choice::Acknowledge],
        }
    }

    fn team(self) -> Team {
        match self {
            Self::CreditDisagrees | Self::CreditedByErp | Self::DuplicateDocument => Team::Finance,
            Self::Unmatched
            | Self::AcceptanceUndecided
            | Self::WrongItem
            | Self::Excess
            | Self::LooseComponents
            | Self::Uncountable
            | Self::ArrivedAfterEnd
            | Self::Late => Team::Logistics,
            Self::ApprovalNeeded | Self::NotReserved | Self::PartnerRefused | Self::OutcomeUnknown => Team::Orders,
        }
    }

    fn respond_within(self) -> Duration {
        let hours = |n: u64| Duration::from_secs(n * 3_600);
        match self {
            Self::ApprovalNeeded
            | Self::NotReserved
            | Self::CreditDisagrees
            | Self::CreditedByErp
            | Self::PartnerRefused
            | Self::OutcomeUnknown => hours(4),
            Self::Unmatched
            | Self::AcceptanceUndecided
            | Self::WrongItem
            | Self::Excess
            | Self::LooseComponents
            | Self::Uncountable
            | Self::ArrivedAfterEnd
            | Self::DuplicateDocument
            | Self::Late => hours(24),
        }
    }
}
