//! The partner ports, in our words. `partners` speaks to real systems behind them, `testkit` plays them.
//! Every call carries its step's context: correlation and trace go with it to the partner.

use std::borrow::Cow;
use std::time::Duration;

use domain::fulfillment::{
    Accepted, FulfillmentRequest, GoodsIssue, GoodsIssued, Inquiry, Rejected, Withdrawal, Withdrawn,
};
use domain::order::{
    Allocation, AllocationRequest, CreditApproved, CreditQuery, CreditRefused, CrmUpdate, Deallocation, InvoiceRequest,
    Invoiced, LineQuantity, PriceQuery, Quote, Released, SalesOrder, SalesOrderCancellation, StockQuery,
};
use domain::party::Party;
use domain::{DocumentNumber, EffectRequest, FulfillmentCommand, PartnerId, Rejection};
use jiff::Timestamp;

use crate::context::Context;
use crate::failure::{Code, Failure, Wait};

/// Whether a call is made for the first time. A repeat goes to a partner that may have done it already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// Nothing was sent before.
    First,
    /// Something may have been.
    Repeat {
        /// Whoever sent it last was at it no longer than this: a partner that shows what it took only after a while
        /// counts from here.
        over_by: Timestamp,
    },
}

/// Why a call to a partner has no usable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallFailure {
    /// The partner understood and said no. Nothing was done.
    Refused(Rejection),
    /// The partner said "later". Nothing was done.
    Limited {
        /// Who.
        partner: PartnerId,
        /// How much later.
        retry_after: Duration,
    },
    /// It never left: no connection. Nothing was done.
    NotSent {
        /// What went wrong.
        code: Code,
        /// In words, redacted.
        cause: Cow<'static, str>,
    },
    /// It was sent, and what became of it is not known: no answer in time, connection lost, 5xx, unreadable answer.
    Unknown {
        /// What went wrong.
        code: Code,
        /// In words, redacted.
        cause: Cow<'static, str>,
    },
    /// The partner's gate is closed: whatever is to be asked waits outside the queue.
    Closed {
        /// When to ask again.
        until: Timestamp,
        /// What keeps it.
        why: Wait,
        /// What came of the call that found it closed; `None` where nothing was sent.
        after: Option<Box<CallFailure>>,
    },
    /// Our own fault: configuration, credentials, a request that the partner cannot read. Nothing was done.
    Ours {
        /// What went wrong.
        code: Code,
        /// In words, redacted.
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

    /// Whether what was asked was certainly not done.
    pub fn is_undone(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Limited { .. } | Self::NotSent { .. } | Self::Ours { .. } => true,
            Self::Unknown { .. } => false,
            Self::Closed { after, .. } => after.as_ref().is_none_or(|failure| failure.is_undone()),
        }
    }

    /// How the step ends, not before `earliest` where it waits.
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

/// Who is about to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient<'a> {
    /// The ERP.
    Erp,
    /// A third party's warehouse.
    Warehouse(&'a PartnerId),
}

impl<'a> Recipient<'a> {
    /// The one that `request` goes to.
    pub fn of(request: &'a impl EffectRequest) -> Self {
        request.warehouse().map_or(Self::Erp, Self::Warehouse)
    }
}

/// Who knows whether a partner may be asked now. Asked before a claim, so that work that has to wait writes nothing.
pub trait Ready {
    /// Whether `to` may be asked. What this obtains (the one probe, a place among the calls in flight, a token) is the
    /// next call's to the same partner on behalf of the same work.
    ///
    /// # Errors
    /// Deferred, until it may be asked.
    fn ready(&self, cx: &Context, to: Recipient<'_>) -> impl Future<Output = Result<(), Failure>>;
}

/// Whoever speaks to a partner without a gate may always ask.
impl Ready for () {
    async fn ready(&self, _cx: &Context, _to: Recipient<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

/// The ERP's word on a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PriceAnswer {
    /// So much.
    Quoted(Quote),
    /// It cannot price that.
    Unpriceable(Rejection),
}

/// The ERP's word on credit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreditAnswer {
    /// Yes.
    Approved(CreditApproved),
    /// No.
    Refused(CreditRefused),
}

/// The system that owns prices, credit, stock and documents.
pub trait Erp {
    /// Asks for price and tax. Changes nothing.
    fn price(&self, cx: &Context, query: &PriceQuery) -> impl Future<Output = Result<PriceAnswer, CallFailure>>;

    /// Asks for credit. Changes nothing.
    fn credit(&self, cx: &Context, query: &CreditQuery) -> impl Future<Output = Result<CreditAnswer, CallFailure>>;

    /// Sets stock aside.
    fn allocate(
        &self,
        cx: &Context,
        request: &AllocationRequest,
        attempt: Attempt,
    ) -> impl Future<Output = Result<Allocation, CallFailure>>;

    /// Asks how much there is of what is short, for each line at most what was asked. Changes nothing.
    fn stock(&self, cx: &Context, query: &StockQuery) -> impl Future<Output = Result<Vec<LineQuantity>, CallFailure>>;

    /// Gives stock back: whatever stands under the allocation's reference and was not given back before. That nothing
    /// stands there is success.
    fn deallocate(
        &self,
        cx: &Context,
        request: &Deallocation,
        attempt: Attempt,
    ) -> impl Future<Output = Result<(), CallFailure>>;

    /// Creates the sales order; where the order was amended, changes the one that stands under its reference.
    fn create_sales_order(
        &self,
        cx: &Context,
        order: &SalesOrder,
        attempt: Attempt,
    ) -> impl Future<Output = Result<Released, CallFailure>>;

    /// Cancels whatever sales order stands under the order's reference. Returns its number; `None` where there is none.
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

    /// Invoices.
    fn invoice(
        &self,
        cx: &Context,
        request: &InvoiceRequest,
        attempt: Attempt,
    ) -> impl Future<Output = Result<Invoiced, CallFailure>>;
}

/// The system that the customer's people look at.
pub trait Crm {
    /// Shows `update` as of `version`. A CRM that shows a newer version keeps it; that is no failure.
    fn update(&self, cx: &Context, update: &CrmUpdate, version: u64) -> impl Future<Output = Result<(), CallFailure>>;
}

/// The warehouse's word on a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WarehouseAnswer {
    /// It will ship.
    Accepted(Accepted),
    /// It will not.
    Rejected(Rejected),
}

/// The warehouse's word on a fulfillment that is asked back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WithdrawalAnswer {
    /// It will not ship it, or never had it.
    Withdrawn(Withdrawn),
    /// It is too late: it is being picked, or has gone.
    TooLate(Rejection),
}

/// A third party's warehouse.
pub trait Warehouse {
    /// Asks it to ship to `party`.
    fn request(
        &self,
        cx: &Context,
        request: &FulfillmentRequest,
        party: &Party,
        attempt: Attempt,
    ) -> impl Future<Output = Result<WarehouseAnswer, CallFailure>>;

    /// Asks it to give a fulfillment back unshipped: whatever stands under the fulfillment's reference. That nothing
    /// stands there is success.
    fn withdraw(
        &self,
        cx: &Context,
        withdrawal: &Withdrawal,
        attempt: Attempt,
    ) -> impl Future<Output = Result<WithdrawalAnswer, CallFailure>>;

    /// Asks how a fulfillment stands: what its messages should have told. Changes nothing.
    fn inquire(
        &self,
        cx: &Context,
        inquiry: &Inquiry,
    ) -> impl Future<Output = Result<Vec<FulfillmentCommand>, CallFailure>>;
}

/// Where partners' documents come from.
pub trait Documents {
    /// Every partner's document, as JSON, newest version.
    fn documents(&self) -> impl Future<Output = Result<Vec<String>, Failure>>;
}

/// Where secrets come from, by name.
pub trait Secrets {
    /// The secret `partner/<id>` or `api/tokens`, read from a cache of bounded age; `fresh` reads past the cache,
    /// though never more often than every few seconds: strangers' wrong signatures ask for it.
    fn secret(&self, name: &str, fresh: bool) -> impl Future<Output = Result<secrecy::SecretString, Failure>>;
}

/// Documents from one place, secrets from another.
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
