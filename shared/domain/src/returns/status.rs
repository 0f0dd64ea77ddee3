//! What people read of a return, computed from its facts.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::ids::LineNo;
use crate::returns::credits::Ledger;
use crate::returns::effect::Account;
use crate::returns::event::{Closing, Origin, Outcome};
use crate::returns::receipts::{Distribution, count};
use crate::returns::{Return, ReturnStage};
use crate::review::words;

words! {
    /// The status of a return.
    ReturnStatus {
        /// It is not known to which order the goods belong.
        Unmatched = "unmatched",
        /// The order has not reserved the goods, or not all of them have left a warehouse.
        Requested = "requested",
        /// A person has to approve it.
        AwaitingApproval = "awaiting_approval",
        /// The ERP is asked for its authorization.
        Approved = "approved",
        /// The customer may send the goods.
        Authorized = "authorized",
        /// The carrier has them.
        InTransit = "in_transit",
        /// A warehouse has some of them, and has not judged all that it has.
        Received = "received",
        /// All that came is judged.
        Inspected = "inspected",
        /// All that came and is accepted is credited, and more is expected.
        PartlyCredited = "partly_credited",
        /// All is credited.
        Credited = "credited",
        /// Nothing is credited.
        Denied = "denied",
        /// Its window passed before all came.
        Expired = "expired",
        /// It was cancelled before all came.
        Cancelled = "cancelled",
        /// A parcel that could not be delivered is back.
        ReturnedToSender = "returned_to_sender",
    }
}

words! {
    /// Where the goods of a line are.
    LineCustody {
        /// The customer has them.
        Advised = "advised",
        /// The carrier has them.
        InTransit = "in_transit",
        /// A warehouse has some, not all of them judged.
        Received = "received",
        /// The warehouse judged all that came.
        Inspected = "inspected",
        /// The ERP's stock shows all that came in its state.
        Disposed = "disposed",
    }
}

impl Return {
    /// The status for people.
    pub fn status(&self) -> ReturnStatus {
        let distribution = self.distribution();
        let came: Decimal = distribution.lines.values().map(count).sum();
        let credited: Decimal = self.lines().iter().map(|line| self.credited(line.line)).sum();
        let expected: Decimal = self.lines().iter().map(|line| self.expected(line).amount()).sum();
        let has_come = came > Decimal::ZERO;
        match &self.stage {
            ReturnStage::Denied(_) => ReturnStatus::Denied,
            ReturnStage::Requested if self.request.content.is_none() => ReturnStatus::Unmatched,
            ReturnStage::Requested if self.closed.contains(&Closing::Cancelled) && !has_come => ReturnStatus::Cancelled,
            ReturnStage::Requested if self.awaits_shipment() || self.reserved.is_none() => ReturnStatus::Requested,
            ReturnStage::Requested if !self.is_approved() => ReturnStatus::AwaitingApproval,
            ReturnStage::Requested => ReturnStatus::Approved,
            ReturnStage::Authorized(_) if !has_come => self.status_without_goods(),
            ReturnStage::Authorized(_) if self.awaits_inspection() => ReturnStatus::Received,
            ReturnStage::Authorized(_) if self.is_for_custody_only() => match self.request.origin {
                Origin::Undeliverable => ReturnStatus::ReturnedToSender,
                Origin::Customer | Origin::Warehouse => ReturnStatus::Inspected,
            },
            ReturnStage::Authorized(_) if credited.is_zero() || !self.adjustments().is_empty() => {
                ReturnStatus::Inspected
            }
            ReturnStage::Authorized(_) if credited < expected => ReturnStatus::PartlyCredited,
            ReturnStage::Authorized(_) => ReturnStatus::Credited,
        }
    }

    fn status_without_goods(&self) -> ReturnStatus {
        let is_closed = self.lines().iter().all(|line| self.kept.contains_key(&line.line));
        match (is_closed, self.closed.last()) {
            (true, Some(Closing::Expired)) => ReturnStatus::Expired,
            (true, Some(Closing::Cancelled) | None) => ReturnStatus::Cancelled,
            (false, _) if self.scanned.is_some() => ReturnStatus::InTransit,
            (false, _) => ReturnStatus::Authorized,
        }
    }

    /// Whether nothing of it is ever credited.
    pub(super) fn is_for_custody_only(&self) -> bool {
        self.request.outcome == Outcome::Repair
            || (self.request.origin == Origin::Undeliverable && !self.request.policy.credit_undeliverable)
    }

    /// The units of a line that are credited, by us or by the ERP itself.
    pub fn credited(&self, line: LineNo) -> Decimal {
        let account = Account::Line(line);
        self.ledgers.get(&account).map_or(Decimal::ZERO, Ledger::units) + self.units_by_erp(account)
    }

    /// Where the goods of each line are, and how many of them came.
    pub fn custody(&self) -> BTreeMap<LineNo, (LineCustody, Decimal)> {
        let distribution = self.distribution();
        let is_posted = self.movement().is_none();
        let of = |line: LineNo| (self.custody_of(line, &distribution, is_posted), distribution.received(line));
        self.lines().iter().map(|line| (line.line, of(line.line))).collect()
    }

    fn custody_of(&self, line: LineNo, distribution: &Distribution, is_posted: bool) -> LineCustody {
        let states = distribution.lines.get(&line);
        if states.is_none_or(|states| count(states).is_zero()) {
            return if self.scanned.is_some() { LineCustody::InTransit } else { LineCustody::Advised };
        }
        let is_judged = states.into_iter().flatten().all(|(state, _)| state.disposition.is_judged());
        match (is_judged, is_posted) {
            (false, _) => LineCustody::Received,
            (true, false) => LineCustody::Inspected,
            (true, true) => LineCustody::Disposed,
        }
    }
}
