//! Partners that answer at once, and reports that are ready-made: what they cost is no part of the measurement.

use domain::fulfillment::{FulfillmentRequest, GoodsIssue, GoodsIssued, Inquiry, Withdrawal};
use domain::ids::DocumentNumber;
use domain::intake::OrderRefusal;
use domain::order::{
    Allocation, AllocationRequest, CreditQuery, CrmUpdate, Deallocation, InvoiceRequest, Invoiced, LineQuantity,
    PriceQuery, Released, SalesOrder, SalesOrderCancellation, StockQuery,
};
use domain::party::Party;
use domain::{FulfillmentCommand, FulfillmentId};
use engine::delivery::Delivery;
use engine::inbound::{ReportReader, Reported, Sites, Unmappable};
use engine::partner::{
    Attempt, CallFailure, CreditAnswer, Crm, Erp, PriceAnswer, Ready, Recipient, Warehouse, WarehouseAnswer,
    WithdrawalAnswer,
};
use engine::{Context, Failure};

/// All partners.
#[derive(Debug)]
pub(crate) struct Partners;

impl Ready for Partners {
    async fn ready(&self, _: &Context, _: Recipient<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

impl Crm for Partners {
    async fn update(&self, _: &Context, _: &CrmUpdate, _: u64) -> Result<(), CallFailure> {
        Ok(())
    }
    async fn refuse(&self, _: &Context, _: &OrderRefusal, _: u64) -> Result<(), CallFailure> {
        panic!("the order was taken")
    }
}

impl Sites for Partners {
    async fn sites(&self, _: &Context) -> Result<Vec<domain::routing::Site>, Failure> {
        Ok(vec![])
    }
}

/// The commands of a report are its body.
#[derive(Debug)]
pub(crate) struct Report(pub(crate) FulfillmentId, pub(crate) Vec<FulfillmentCommand>);

impl ReportReader for Report {
    async fn read_report(&self, _: &Delivery) -> Result<Result<Reported, Unmappable>, Failure> {
        Ok(Ok(Reported { fulfillment: self.0.clone(), commands: self.1.clone() }))
    }
}

impl Erp for Partners {
    async fn post_goods_issue(&self, _: &Context, issue: &GoodsIssue, _: Attempt) -> Result<GoodsIssued, CallFailure> {
        let document = format!("GI-{}", issue.package).parse().expect("a document's number");
        Ok(GoodsIssued { package: issue.package.clone(), document, lines: issue.lines.clone() })
    }
    async fn price(&self, _: &Context, _: &PriceQuery) -> Result<PriceAnswer, CallFailure> {
        panic!("the order is priced")
    }
    async fn credit(&self, _: &Context, _: &CreditQuery) -> Result<CreditAnswer, CallFailure> {
        panic!("the order has credit")
    }
    async fn allocate(&self, _: &Context, _: &AllocationRequest, _: Attempt) -> Result<Allocation, CallFailure> {
        panic!("the order has its stock")
    }
    async fn stock(&self, _: &Context, _: &StockQuery) -> Result<Vec<LineQuantity>, CallFailure> {
        panic!("the order has its stock")
    }
    async fn deallocate(&self, _: &Context, _: &Deallocation, _: Attempt) -> Result<(), CallFailure> {
        panic!("the order needs its stock")
    }
    async fn create_sales_order(&self, _: &Context, _: &SalesOrder, _: Attempt) -> Result<Released, CallFailure> {
        panic!("the order has a sales order")
    }
    async fn cancel_sales_order(
        &self,
        _: &Context,
        _: &SalesOrderCancellation,
        _: Attempt,
    ) -> Result<Option<DocumentNumber>, CallFailure> {
        panic!("the order is not cancelled")
    }
    async fn invoice(&self, _: &Context, _: &InvoiceRequest, _: Attempt) -> Result<Invoiced, CallFailure> {
        Ok(crate::samples::invoiced("INV-1"))
    }
}

impl Warehouse for Partners {
    async fn request(
        &self,
        _: &Context,
        request: &FulfillmentRequest,
        _: &Party,
        _: Attempt,
    ) -> Result<WarehouseAnswer, CallFailure> {
        let reference = format!("W-{}", request.fulfillment).parse().expect("a reference");
        Ok(WarehouseAnswer::Accepted(domain::fulfillment::Accepted { reference }))
    }
    async fn withdraw(&self, _: &Context, _: &Withdrawal, _: Attempt) -> Result<WithdrawalAnswer, CallFailure> {
        panic!("no fulfillment is withdrawn")
    }
    async fn inquire(&self, _: &Context, _: &Inquiry) -> Result<Vec<FulfillmentCommand>, CallFailure> {
        Ok(vec![])
    }
}
