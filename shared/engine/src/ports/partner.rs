//! The partner ports, in the domain's terms. `partners` implements them over HTTP, `testkit` in memory.
//! Every call has its step's context: the correlation id and the trace are sent to the partner.

use std::borrow::Cow;
use std::time::Duration;

use domain::fulfillment::{
    Accepted, FulfillmentRequest, GoodsIssue, GoodsIssued, Inquiry, Rejected, Withdrawal, Withdrawn,
};
use domain::intake::OrderRefusal;
use domain::order::{
    Allocation, AllocationRequest, CreditApproved, CreditQuery, CreditRefused, CrmUpdate, Deallocation, InvoiceRequest,
    Invoiced, LineQuantity, PriceQuery, Quote, Released, SalesOrder, SalesOrderCancellation, StockQuery,
};
use domain::party::Party;
use domain::{DocumentNumber, EffectRequest, FulfillmentCommand, PartnerId, Rejection};
use jiff::Timestamp;

use crate::context::Context;
use crate::failure::{Code, Failure, Wait};

/// Whether a write is sent for the first time. A repeat goes to a partner that may have carried it out already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// Nothing was sent before.
    First,
    /// An earlier attempt may have sent it.
    Repeat {
        /// The end of the last attempt's lease. A partner's settle time starts here.
        over_by: Timestamp,
    },
}

/// Why a call to a partner has no answer that the step can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallFailure {
    /// The partner rejected the request. Nothing was done.
    Refused(Rejection),
    /// The partner answered 429, or needs its settle time. Nothing was done.
    Limited {
        /// The partner that has to be waited for.
        partner: PartnerId,
        /// From now.
        retry_after: Duration,
    },
    /// Nothing was sent: no connection. Nothing was done.
    NotSent {
        /// The failure's code.
        code: Code,
        /// The reason, redacted.
        cause: Cow<'static, str>,
    },
    /// The request was sent and its outcome is unknown: no answer in time, connection lost, 5xx, unreadable answer.
    Unknown {
        /// The failure's code.
        code: Code,
        /// The reason, redacted.
        cause: Cow<'static, str>,
    },
    /// The partner's health does not admit the call. Its work waits outside the queue.
    Closed {
        /// When to try again.
        until: Timestamp,
        /// What the work waits for.
        why: Wait,
        /// The failure of the call that opened the circuit; `None` if nothing was sent.
        after: Option<Box<CallFailure>>,
    },
    /// Our own fault: configuration, credentials, a request that the partner cannot read. Nothing was done.
    Ours {
        /// The failure's code.
        code: Code,
        /// The reason, redacted.
        cause: Cow<'static, str>,
    },
}

impl CallFailure {
    /// The failure's code.
    pub fn code(&self) -> Code {
        match self {
            Self::Refused(_) => Code::PartnerRefused,
            Self::Limited { .. } | Self::Closed { after: None, .. } => Code::PartnerBusy,
            Self::Closed { after: Some(failure), .. } => failure.code(),
            Self::NotSent { code, .. } | Self::Unknown { code, .. } | Self::Ours { code, .. } => *code,
        }
    }

    /// Whether the request was certainly not carried out.
    pub fn is_undone(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Limited { .. } | Self::NotSent { .. } | Self::Ours { .. } => true,
            Self::Unknown { .. } => false,
            Self::Closed { after, .. } => after.as_ref().is_none_or(|failure| failure.is_undone()),
        }
    }

    /// The step's failure. If it waits, it waits until `earliest` at least.
    pub fn into_failure(self, earliest: Timestamp) -> Failure {
        match self {
            Self::Refused(rejection) => Failure::permanent(Code::PartnerRefused, rejection.to_string()),
            Self::Limited { partner, retry_after } => {
                let until = earliest.checked_add(retry_after).unwrap_or(Timestamp::MAX);
                Failure::Deferred { until, why: Wait::Limited(partner) }
            }
            Self::Closed { until, why, after: _ } => Failure::Deferred { until: until.max(earliest), why },
            Self::NotSent { code, cause } | Self::Unknown { code, cause } => Failure::Transient { code, cause },
            Self::Ours { code, cause } => Failure::Permanent { code, cause },
        }
    }
}

/// The partner of the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient<'a> {
    /// The ERP.
    Erp,
    /// A third party's warehouse.
    Warehouse(&'a PartnerId),
}

impl<'a> Recipient<'a> {
    /// The recipient of `request`.
    pub fn of(request: &'a impl EffectRequest) -> Self {
        request.warehouse().map_or(Self::Erp, Self::Warehouse)
    }
}

/// Checks a partner's health before a step claims an effect, so that work that has to wait writes nothing.
pub trait Ready {
    /// Obtains a permit to call `to`: the probe, a place among the calls in flight, a token. The next call to the same partner
    /// for the same work uses it.
    ///
    /// # Errors
    /// Deferred, until the partner may be called.
    fn ready(&self, cx: &Context, to: Recipient<'_>) -> impl Future<Output = Result<(), Failure>>;
}

/// For tests: always ready.
impl Ready for () {
    async fn ready(&self, _cx: &Context, _to: Recipient<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

/// The ERP's answer to a price query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PriceAnswer {
    /// Price and tax of each line.
    Quoted(Quote),
    /// The ERP has no price, for the reason given.
    Unpriceable(Rejection),
}

/// The ERP's answer to a credit query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreditAnswer {
    /// The customer may buy for the amount.
    Approved(CreditApproved),
    /// The customer may not.
    Refused(CreditRefused),
}

/// The system that owns prices, credit, stock and documents.
pub trait Erp {
    /// Asks for price and tax. Changes nothing.
    fn price(&self, cx: &Context, query: &PriceQuery) -> impl Future<Output = Result<PriceAnswer, CallFailure>>;

    /// Asks for credit. Changes nothing.
    fn credit(&self, cx: &Context, query: &CreditQuery) -> impl Future<Output = Result<CreditAnswer, CallFailure>>;

    /// Allocates stock.
    fn allocate(
        &self,
        cx: &Context,
        request: &AllocationRequest,
        attempt: Attempt,
    ) -> impl Future<Output = Result<Allocation, CallFailure>>;

    /// Asks how much stock there is for lines that are short, at most each line's quantity. Changes nothing.
    fn stock(&self, cx: &Context, query: &StockQuery) -> impl Future<Output = Result<Vec<LineQuantity>, CallFailure>>;

    /// Deallocates all stock that is allocated under the allocation's reference. Succeeds if there is none.
    fn deallocate(
        &self,
        cx: &Context,
        request: &Deallocation,
        attempt: Attempt,
    ) -> impl Future<Output = Result<(), CallFailure>>;

    /// Creates the sales order; if the order was amended, updates the one under its reference.
    fn create_sales_order(
        &self,
        cx: &Context,
        order: &SalesOrder,
        attempt: Attempt,
    ) -> impl Future<Output = Result<Released, CallFailure>>;

    /// Cancels the sales order under the order's reference. Returns its number; `None` if there is none.
    fn cancel_sales_order(
        &self,
        cx: &Context,
        request: &SalesOrderCancellation,
        attempt: Attempt,
    ) -> impl Future<Output = Result<Option<DocumentNumber>, CallFailure>>;

    /// Posts a goods issue.
    fn post_goods_issue(
        &self,
        cx: &Context,
        issue: &GoodsIssue,
        attempt: Attempt,
    ) -> impl Future<Output = Result<GoodsIssued, CallFailure>>;

    /// Creates the invoice.
    fn invoice(
        &self,
        cx: &Context,
        request: &InvoiceRequest,
        attempt: Attempt,
    ) -> impl Future<Output = Result<Invoiced, CallFailure>>;
}

/// The system that shows the customer how an order is doing.
pub trait Crm {
    /// Updates the order to `version`. Succeeds if the CRM shows a newer version already.
    fn update(&self, cx: &Context, update: &CrmUpdate, version: u64) -> impl Future<Output = Result<(), CallFailure>>;

    /// Shows that the CRM's order was not taken, and why. `version` is lower than that of any [`Crm::update`], and succeeds in
    /// the same way.
    fn refuse(
        &self,
        cx: &Context,
        refusal: &OrderRefusal,
        version: u64,
    ) -> impl Future<Output = Result<(), CallFailure>>;
}

/// A warehouse's answer to a fulfillment request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WarehouseAnswer {
    /// It will ship, under its own reference.
    Accepted(Accepted),
    /// It will not ship, for the reason given.
    Rejected(Rejected),
}

/// A warehouse's answer to a withdrawal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WithdrawalAnswer {
    /// It will not ship, or never had the fulfillment.
    Withdrawn(Withdrawn),
    /// The fulfillment is being packed, or was shipped.
    TooLate(Rejection),
}

/// A third party's warehouse.
pub trait Warehouse {
    /// Requests that it ships to `party`.
    fn request(
        &self,
        cx: &Context,
        request: &FulfillmentRequest,
        party: &Party,
        attempt: Attempt,
    ) -> impl Future<Output = Result<WarehouseAnswer, CallFailure>>;

    /// Withdraws the fulfillment under its reference. Succeeds if there is none.
    fn withdraw(
        &self,
        cx: &Context,
        withdrawal: &Withdrawal,
        attempt: Attempt,
    ) -> impl Future<Output = Result<WithdrawalAnswer, CallFailure>>;

    /// Asks for a fulfillment's state: the commands that its messages should have brought. Changes nothing.
    fn inquire(
        &self,
        cx: &Context,
        inquiry: &Inquiry,
    ) -> impl Future<Output = Result<Vec<FulfillmentCommand>, CallFailure>>;
}

/// The store of partners' documents.
pub trait Documents {
    /// The newest version of each partner's document, as JSON.
    fn documents(&self) -> impl Future<Output = Result<Vec<String>, Failure>>;
}

/// The names that partners have.
pub trait PartnerNames {
    /// Whether a partner has this name.
    fn is_partner(&self, name: &str) -> impl Future<Output = Result<bool, Failure>>;
}

/// The store of secrets, by name.
pub trait Secrets {
    /// The secret `partner/<role>/<id>`, `webhook/<id>` or `api/tokens`, from a cache of bounded age. `fresh` reads past the
    /// cache, at most every few seconds, because anyone who sends a wrong signature causes such a read.
    fn secret(&self, name: &str, fresh: bool) -> impl Future<Output = Result<secrecy::SecretString, Failure>>;
}

/// What a deployment provides for calls to partners.
#[derive(Debug)]
pub struct PartnerPorts<D, S, C, H> {
    /// Partners' documents.
    pub documents: D,
    /// Their tokens and signing secrets.
    pub secrets: S,
    /// The clock that waits and latencies are measured by.
    pub clock: C,
    /// The partners' health, shared by all functions.
    pub partner_health: H,
    /// The longest that one request may take, less than the function's timeout.
    pub call_timeout: Duration,
    /// Whether partners may have loopback and private addresses: on a local stack only.
    pub may_be_private: bool,
}

/// Documents from one store, secrets from another.
impl<D: Documents, S> Documents for (D, S) {
    fn documents(&self) -> impl Future<Output = Result<Vec<String>, Failure>> {
        self.0.documents()
    }
}

impl<D, S: Secrets> Secrets for (D, S) {
    fn secret(&self, name: &str, fresh: bool) -> impl Future<Output = Result<secrecy::SecretString, Failure>> {
        self.1.secret(name, fresh)
    }
}
