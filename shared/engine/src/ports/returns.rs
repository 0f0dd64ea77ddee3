//! The ports of the returns workflow: what partners are asked for a return, and what their deliveries say of one.

use domain::returns::{
    Adjustment, Announced, Announcement, AnnouncementWithdrawal, AnnouncementWithdrawn, AskedLine,
    AuthorizationRequest, Authorized, InvoicedOrder, Moved, Movement, Outcome, Policy, Posted, ReturnPicture,
};
use domain::{ExternalId, OrderId, PartnerId, ReturnCommand, ReturnId};
use jiff::Timestamp;

use crate::context::Context;
use crate::delivery::Delivery;
use crate::failure::Failure;
use crate::inbound::Unmappable;
use crate::partner::{Attempt, CallFailure};

/// The ERP, as far as it authorizes, credits and stocks what comes back.
pub trait ErpReturns {
    /// Creates the return order. Its number is written on the parcel.
    fn authorize(
        &self,
        cx: &Context,
        request: &AuthorizationRequest,
        attempt: Attempt,
    ) -> impl Future<Output = Result<Authorized, CallFailure>>;

    /// Posts what was received, or its changed state.
    fn move_stock(
        &self,
        cx: &Context,
        movement: &Movement,
        attempt: Attempt,
    ) -> impl Future<Output = Result<Moved, CallFailure>>;

    /// Posts a credit memo or, if the adjustment is a debit, a debit memo. The answer is the posted document as the ERP reads it
    /// back, which may have other amounts than were requested.
    fn adjust(
        &self,
        cx: &Context,
        adjustment: &Adjustment,
        attempt: Attempt,
    ) -> impl Future<Output = Result<Posted, CallFailure>>;

    /// Reads what was invoiced of an order, by line in the unit of the invoice. `None` if there is no invoice. Changes nothing.
    fn read_invoice(
        &self,
        cx: &Context,
        order: &OrderId,
    ) -> impl Future<Output = Result<Option<InvoicedOrder>, CallFailure>>;
}

/// A 3PL, as far as it receives what comes back.
pub trait WarehouseReturns {
    /// Has the warehouse expect a parcel, or another content of one that it expects.
    fn announce(
        &self,
        cx: &Context,
        announcement: &Announcement,
        attempt: Attempt,
    ) -> impl Future<Output = Result<Announced, CallFailure>>;

    /// Has the warehouse expect a parcel no more. Succeeds if it never did.
    fn withdraw_announcement(
        &self,
        cx: &Context,
        withdrawal: &AnnouncementWithdrawal,
        attempt: Attempt,
    ) -> impl Future<Output = Result<AnnouncementWithdrawn, CallFailure>>;

    /// Asks for what the warehouse received: the commands that its messages should have brought. Changes nothing.
    fn read_receipts(
        &self,
        cx: &Context,
        query: &ReceiptQuery,
    ) -> impl Future<Output = Result<Vec<ReturnCommand>, CallFailure>>;
}

/// What is asked of a warehouse about a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptQuery {
    /// The 3PL.
    pub warehouse: PartnerId,
    /// The warehouse's own id of its return.
    pub reference: ExternalId,
}

/// The CRM, as far as it shows returns.
pub trait CrmReturns {
    /// Shows the return as of `version`. Succeeds if the CRM shows a newer version already.
    fn show_return(
        &self,
        cx: &Context,
        picture: &ReturnPicture,
        version: u64,
    ) -> impl Future<Output = Result<(), CallFailure>>;
}

/// Knows the seller's rules for returns.
pub trait ReturnPolicies {
    /// The rules that a return requested now has.
    fn return_policy(&self, cx: &Context) -> impl Future<Output = Result<Policy, Failure>>;
}

/// A return that a customer asks for, read and validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReturn {
    /// The system that asks.
    pub source: PartnerId,
    /// The return's id in that system.
    pub external_id: ExternalId,
    /// The order that the goods were shipped for.
    pub order: OrderId,
    /// What the customer gets.
    pub outcome: Outcome,
    /// At least one; each number occurs once.
    pub lines: Vec<AskedLine>,
    /// By the sender's clock, and never later than its arrival.
    pub requested_at: Timestamp,
}

impl NewReturn {
    /// Our id.
    pub fn id(&self) -> ReturnId {
        ReturnId::derive(&self.source, &self.external_id)
    }
}

/// Reads requests for returns.
pub trait ReturnReader {
    /// The return in a CRM's delivery.
    fn read_return(&self, delivery: &Delivery) -> impl Future<Output = Result<Result<NewReturn, Unmappable>, Failure>>;
}

/// What a warehouse says of something that came back.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceiptReported {
    /// Our return; `None` if the warehouse does not know it.
    pub return_id: Option<ReturnId>,
    /// The warehouse's own id of its return.
    pub reference: ExternalId,
    /// When it was reported.
    pub at: Timestamp,
    /// The facts, in the message's order.
    pub commands: Vec<ReturnCommand>,
}

/// Reads warehouses' reports about returns.
pub trait ReceiptReader {
    /// The report in a warehouse's delivery.
    fn read_receipt(
        &self,
        delivery: &Delivery,
    ) -> impl Future<Output = Result<Result<ReceiptReported, Unmappable>, Failure>>;
}
