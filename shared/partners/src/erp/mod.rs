//! The ERP: it owns prices, credit, stock and documents.

mod kits;
pub(crate) mod rest;

use domain::DocumentNumber;
use domain::fulfillment::{GoodsIssue, GoodsIssued};
use domain::order::{
    Allocation, AllocationRequest, CreditQuery, Deallocation, InvoiceRequest, Invoiced, LineQuantity, PriceQuery,
    Released, SalesOrder, SalesOrderCancellation, StockQuery,
};
use engine::delivery::Delivery;
use engine::http::Request;
use engine::inbound::{OrderChange, Unmappable};
use engine::partner::{Attempt, CallFailure, CreditAnswer, Documents, Erp, PriceAnswer, Secrets};
use engine::partner_health::PartnerHealthStore;
use engine::{Clock, Context};

use crate::client::PartnerClient;
use crate::client::transport::Transport;
use crate::partners::Partners;
use crate::registry::{ErpProtocol, Partner};

impl<S: Documents + Secrets, T: Transport, C: Clock, H: PartnerHealthStore> Partners<S, T, C, H> {
    /// Calls the ERP in its protocol: one closure for each.
    pub(crate) async fn call_erp<A>(
        &self,
        cx: &Context,
        rest: impl AsyncFnOnce(&PartnerClient<'_, S, T>) -> Result<A, CallFailure>,
    ) -> Result<A, CallFailure> {
        let (erp, protocol) = self.erp().await?;
        match protocol {
            ErpProtocol::Rest => self.call(&erp, cx, rest).await,
        }
    }
}

impl<S: Documents + Secrets, T: Transport, C: Clock, H: PartnerHealthStore> Erp for Partners<S, T, C, H> {
    async fn price(&self, cx: &Context, query: &PriceQuery) -> Result<PriceAnswer, CallFailure> {
        self.call_erp(cx, async |client| rest::pricing::price(client, query).await).await
    }

    async fn credit(&self, cx: &Context, query: &CreditQuery) -> Result<CreditAnswer, CallFailure> {
        self.call_erp(cx, async |client| rest::credit::credit(client, query).await).await
    }

    async fn allocate(
        &self,
        cx: &Context,
        request: &AllocationRequest,
        attempt: Attempt,
    ) -> Result<Allocation, CallFailure> {
        self.call_erp(cx, async |client| rest::stock::allocate(client, request, attempt).await).await
    }

    async fn stock(&self, cx: &Context, query: &StockQuery) -> Result<Vec<LineQuantity>, CallFailure> {
        self.call_erp(cx, async |client| rest::stock::stock(client, query).await).await
    }

    /// Looks up by reference at every attempt, so a repeat needs nothing else.
    async fn deallocate(&self, cx: &Context, request: &Deallocation, _attempt: Attempt) -> Result<(), CallFailure> {
        self.call_erp(cx, async |client| rest::stock::deallocate(client, request).await).await
    }

    async fn create_sales_order(
        &self,
        cx: &Context,
        order: &SalesOrder,
        attempt: Attempt,
    ) -> Result<Released, CallFailure> {
        self.call_erp(cx, async |client| rest::sales_order::create(client, order, attempt).await).await
    }

    /// Looks up by reference at every attempt, so a repeat needs nothing else.
    async fn cancel_sales_order(
        &self,
        cx: &Context,
        request: &SalesOrderCancellation,
        _attempt: Attempt,
    ) -> Result<Option<DocumentNumber>, CallFailure> {
        self.call_erp(cx, async |client| rest::sales_order::cancel(client, request).await).await
    }

    async fn post_goods_issue(
        &self,
        cx: &Context,
        issue: &GoodsIssue,
        attempt: Attempt,
    ) -> Result<GoodsIssued, CallFailure> {
        self.call_erp(cx, async |client| rest::goods_issue::post(client, issue, attempt).await).await
    }

    async fn invoice(&self, cx: &Context, request: &InvoiceRequest, attempt: Attempt) -> Result<Invoiced, CallFailure> {
        self.call_erp(cx, async |client| rest::invoice::create(client, request, attempt).await).await
    }
}

pub(crate) fn topic(protocol: ErpProtocol, request: &Request) -> String {
    match protocol {
        ErpProtocol::Rest => crate::rest::topic(request),
    }
}

pub(crate) fn read_change(
    protocol: ErpProtocol,
    partner: &Partner,
    delivery: &Delivery,
) -> Result<OrderChange, Unmappable> {
    match protocol {
        ErpProtocol::Rest => rest::changes::read(partner, delivery),
    }
}
