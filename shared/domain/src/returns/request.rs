//! The way to the authorization: what the order has to reserve, who has to approve, and the request to the ERP.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::ids::{LineNo, OrderId, PurchaseOrder, ReturnId};
use crate::quantity::Quantity;
use crate::rejection::Rejection;
use crate::returnable::{Reservation, ReservationRequest};
use crate::returns::effect::ReturnEffect;
use crate::returns::event::{Approval, Content, Extended, Origin, Outcome, ReturnEvent, ReturnLine};
use crate::returns::{Return, ReturnStage};
use crate::workflow::EffectRequest;

/// Asks the ERP to authorize the return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationRequest {
    /// Our id, the ERP's external reference.
    pub return_id: ReturnId,
    /// The order that the goods were shipped for.
    pub order: OrderId,
    /// What comes back: what the order has reserved.
    pub lines: BTreeMap<LineNo, Quantity>,
}

impl EffectRequest for AuthorizationRequest {
    type Effect = ReturnEffect;

    fn effect(&self) -> ReturnEffect {
        ReturnEffect::AuthorizeReturn
    }

    fn key(&self) -> String {
        format!("authorize-return/{}", self.return_id)
    }
}

impl Return {
    /// The request that the order has not answered.
    pub fn reservation_request(&self) -> Option<ReservationRequest> {
        let answered = self.reserved.as_ref().map_or(0, |reserved| reserved.round);
        let refused = self.reservation_refused.as_ref().map_or(0, |refused| refused.round);
        let is_due = self.request.content.is_some() && answered.max(refused) < self.round;
        is_due.then(|| ReservationRequest {
            return_id: self.id().clone(),
            round: self.round,
            lines: self.lines().iter().map(|line| (line.line, self.expected(line))).collect(),
        })
    }

    /// How much of a line is in the return: all that was asked for, what stays of a closed line, or nothing of a denied return.
    pub(super) fn expected(&self, line: &ReturnLine) -> Quantity {
        let kept = self.kept.get(&line.line).copied();
        match &self.stage {
            ReturnStage::Denied(_) => Quantity::zero(line.quantity.uom()),
            ReturnStage::Requested | ReturnStage::Authorized(_) => kept.unwrap_or(line.quantity),
        }
    }

    /// What the order has reserved of a line.
    pub(super) fn reservation(&self, line: LineNo) -> Option<&Reservation> {
        self.reserved.as_ref()?.lines.iter().find(|reservation| reservation.line == line)
    }

    /// Whether anything that was asked for has not left a warehouse as far as is known.
    pub(super) fn awaits_shipment(&self) -> bool {
        self.reserved.as_ref().is_some_and(|reserved| reserved.lines.iter().any(|line| !line.waiting.is_zero()))
    }

    /// How many persons have to approve, whether they have or not.
    pub fn approvals_needed(&self) -> usize {
        let Some(Content { assessment, lines, .. }) = &self.request.content else { return 1 };
        let policy = &self.request.policy.approval;
        let above = |limit: Option<Decimal>| limit.is_some_and(|limit| assessment.value > limit);
        let above_count = |limit: Option<u32>, count: u32| limit.is_some_and(|limit| count > limit);
        if above(policy.four_eyes_above_value) {
            return 2;
        }
        let needed = self.request.origin == Origin::Warehouse
            || above(policy.above_value)
            || above_count(policy.above_percent_of_order, assessment.percent_of_order)
            || above_count(policy.after_days, assessment.days_since_delivery)
            || above_count(policy.above_earlier_returns, assessment.earlier_returns)
            || (policy.missing_serials && assessment.serials_missing)
            || lines.iter().any(|line| policy.reasons.contains(&line.reason));
        usize::from(needed)
    }

    /// Whether enough persons approved, each of them once.
    pub fn is_approved(&self) -> bool {
        self.approvals.len() >= self.approvals_needed()
    }

    /// The authorization that is due: approved, and all that can ever be reserved is.
    pub fn authorization_request(&self) -> Option<AuthorizationRequest> {
        let Content { order, .. } = self.request.content.as_ref()?;
        let reserved = self.reserved.as_ref().filter(|reserved| reserved.round == self.round)?;
        let lines: BTreeMap<LineNo, Quantity> = reserved
            .lines
            .iter()
            .filter_map(|line| Some((line.line, Quantity::new(line.reserved(), line.asked.uom()).ok()?)))
            .filter(|(_, quantity)| !quantity.is_zero())
            .collect();
        let is_due = self.stage == ReturnStage::Requested
            && self.is_approved()
            && !self.awaits_shipment()
            && !lines.is_empty()
            && !self.rejected_effects.contains_key(&ReturnEffect::AuthorizeReturn);
        is_due.then(|| AuthorizationRequest { return_id: self.id().clone(), order: order.clone(), lines })
    }

    /// The reference of the order for the exchanged goods, once it is due. It is the order's external id and its purchase order
    /// number: with the customer's own number it would be taken for the order that comes back.
    pub fn exchange_reference(&self) -> Option<PurchaseOrder> {
        let is_due = self.request.outcome == Outcome::Exchange
            && self.exchange.is_none()
            && matches!(self.stage, ReturnStage::Authorized(_));
        is_due.then(|| format!("exchange/{}", self.id()).parse().ok()).flatten()
    }

    /// A person's approval counts once.
    pub(super) fn approve(&self, approval: Approval) -> Vec<ReturnEvent> {
        let is_known = self.request.content.is_some();
        if !is_known || self.stage != ReturnStage::Requested || self.is_approved() {
            return refuse("NOTHING_TO_APPROVE", "the return waits for no approval (any more)");
        }
        if self.approvals.contains_key(&approval.by) {
            return refuse("FOUR_EYES", "a second person has to approve");
        }
        vec![ReturnEvent::Approved(approval)]
    }

    /// A window is only extended, up to the policy's limit.
    pub(super) fn extend(&self, extended: Extended) -> Vec<ReturnEvent> {
        let ReturnStage::Authorized(authorized) = &self.stage else {
            return refuse("NOT_AUTHORIZED", "the return has no window yet, or is denied");
        };
        let days = i64::from(self.request.policy.extension_limit_days);
        let limit = authorized.at.checked_add(jiff::SignedDuration::from_hours(days * 24));
        if !self.closed.is_empty() {
            refuse("RETURN_CLOSED", "no more goods are expected")
        } else if extended.valid_until <= authorized.valid_until
            || limit.is_ok_and(|limit| extended.valid_until > limit)
        {
            refuse("WINDOW_INVALID", "the new end is no later one, or is beyond the limit")
        } else {
            vec![ReturnEvent::Extended(extended)]
        }
    }
}

/// A refused request.
pub(super) fn refuse(code: &str, reason: &str) -> Vec<ReturnEvent> {
    vec![ReturnEvent::RequestRejected(Rejection::new(code, reason))]
}
