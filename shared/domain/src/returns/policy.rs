//! What the seller decides in advance: which goods are credited, what a person has to see, fees, windows and deadlines. A return
//! keeps the policy that it was requested under, so that a later change does not judge it anew.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::review::words;

words! {
    /// Why goods come back, as far as it decides who bears the loss.
    ReasonClass {
        /// The seller sent the wrong goods or defective ones.
        SellerFault = "seller_fault",
        /// The carrier damaged them.
        CarrierDamage = "carrier_damage",
        /// The customer does not need them.
        ChangeOfMind = "change_of_mind",
        /// They could not be delivered.
        Undeliverable = "undeliverable",
        /// Another reason, or none that is mapped.
        Other = "other",
    }
}

words! {
    /// The state of goods, in the words of GS1's Core Business Vocabulary, best first. It describes the object; what the
    /// customer asks for and what the seller credits are other questions.
    Disposition {
        /// In stock.
        SellableAccessible = "sellable_accessible",
        /// Good, and not put away yet.
        SellableNotAccessible = "sellable_not_accessible",
        /// Incomplete; parts have to be replaced.
        NeedsReplacement = "needs_replacement",
        /// Not for sale, for another reason; in quarantine.
        NonSellableOther = "non_sellable_other",
        /// Damaged.
        Damaged = "damaged",
        /// Not as specified.
        NonConformant = "non_conformant",
        /// Past its date.
        Expired = "expired",
        /// Recalled by its maker.
        Recalled = "recalled",
        /// Discarded or given away.
        Disposed = "disposed",
        /// Destroyed.
        Destroyed = "destroyed",
        /// Another product than was expected.
        MismatchClass = "mismatch_class",
        /// Another piece of the product than was expected.
        MismatchInstance = "mismatch_instance",
        /// Another number than was expected.
        MismatchQuantity = "mismatch_quantity",
        /// Stolen.
        Stolen = "stolen",
        /// The warehouse's word is not mapped.
        Unknown = "unknown",
        /// Received and not judged yet.
        Returned = "returned",
        /// On its way, such as back to the seller.
        InTransit = "in_transit",
    }
}

impl Disposition {
    /// Whether the warehouse has looked at the goods.
    pub fn is_judged(self) -> bool {
        !matches!(self, Self::Returned | Self::InTransit)
    }

    fn is_sellable(self) -> bool {
        matches!(self, Self::SellableAccessible | Self::SellableNotAccessible)
    }

    /// Whether the word names a difference that a person has to look at, whatever the reason of the return is.
    fn is_unclear(self) -> bool {
        matches!(
            self,
            Self::MismatchClass | Self::MismatchInstance | Self::MismatchQuantity | Self::Stolen | Self::Unknown
        )
    }
}

words! {
    /// Whether the seller credits goods that came.
    Verdict {
        /// They are credited.
        Accept = "accept",
        /// They are not credited.
        Refuse = "refuse",
        /// A person decides.
        Person = "person",
    }
}

/// The seller's rules for one return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Policy {
    /// The first rule that fits decides; where none does, the usual table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acceptance: Vec<AcceptanceRule>,
    /// What a person has to approve before the ERP authorizes the return.
    #[serde(default)]
    pub approval: ApprovalPolicy,
    /// Deducted from every credit.
    #[serde(default)]
    pub fee: Fee,
    /// Whether the shipping charge is refunded, once, when all of the order came back with this return.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refund_shipping: bool,
    /// Whether the customer is credited for a parcel that could not be delivered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub credit_undeliverable: bool,
    /// The credit is given when the return is authorized, and taken back for what did not come within this many days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advance_days: Option<u32>,
    /// How often a warehouse that reports no inspection by itself is asked, in hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_hours: Option<u32>,
    /// Days after the authorization up to which its window can be extended.
    pub extension_limit_days: u32,
    /// The time by which each step is expected.
    pub deadlines: ReturnDeadlines,
}

/// A rule for goods that came. What it leaves out fits everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AcceptanceRule {
    /// Why the goods come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonClass>,
    /// The state in which they came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disposition: Option<Disposition>,
    /// Whether required lots and serial numbers are those that were shipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traced: Option<bool>,
    /// What follows.
    pub verdict: Verdict,
}

/// What needs approval. A threshold that is left out needs none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalPolicy {
    /// The value above which a person approves, in the order's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub above_value: Option<Decimal>,
    /// The value above which two persons approve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub four_eyes_above_value: Option<Decimal>,
    /// The part of the order's value above which a person approves, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above_percent_of_order: Option<u32>,
    /// Days since the delivery after which a person approves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_days: Option<u32>,
    /// The number of the customer's returns in the last 90 days above which a person approves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above_earlier_returns: Option<u32>,
    /// The reasons that a person approves.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub reasons: BTreeSet<ReasonClass>,
    /// Whether a person approves traced goods whose serial numbers the customer did not name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub missing_serials: bool,
}

/// A deduction for handling. It reduces the credit and its tax alike, and never below zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fee {
    /// No deduction.
    #[default]
    None,
    /// A part of what is accepted, in percent.
    Percent(u32),
}

/// Hours within which each step is expected; a step that is late is reviewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReturnDeadlines {
    /// From the request until the goods that it names are known as shipped.
    pub shipment: u32,
    /// From the authorization to the carrier's first scan.
    pub scan: u32,
    /// From the authorization to the receipt.
    pub receipt: u32,
    /// From the receipt to the inspection.
    pub inspection: u32,
    /// From the acceptance to the order's invoice.
    pub invoice: u32,
    /// From the acceptance, or the invoice if it is later, to the credit.
    pub credit: u32,
}

impl Policy {
    /// Whether goods in this state are credited. The stock action of a warehouse alone never accepts.
    pub fn verdict(&self, reason: ReasonClass, disposition: Disposition, traced: bool) -> Verdict {
        let fits = |rule: &&AcceptanceRule| {
            rule.reason.is_none_or(|it| it == reason)
                && rule.disposition.is_none_or(|it| it == disposition)
                && rule.traced.is_none_or(|it| it == traced)
        };
        let configured = self.acceptance.iter().find(fits).map(|rule| rule.verdict);
        configured.unwrap_or_else(|| usual_verdict(reason, disposition, traced))
    }
}

/// A fault of the seller or the carrier is accepted in any condition, a change of mind only if the goods can be sold again.
fn usual_verdict(reason: ReasonClass, disposition: Disposition, traced: bool) -> Verdict {
    if !traced || disposition.is_unclear() {
        return Verdict::Person;
    }
    match reason {
        ReasonClass::SellerFault | ReasonClass::CarrierDamage | ReasonClass::Undeliverable => Verdict::Accept,
        ReasonClass::ChangeOfMind if disposition.is_sellable() => Verdict::Accept,
        ReasonClass::ChangeOfMind => Verdict::Refuse,
        ReasonClass::Other => Verdict::Person,
    }
}
