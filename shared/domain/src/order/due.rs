//! The due work of an order's steps. Each entry comes from the predicate that the step itself uses.

use std::collections::BTreeSet;

use crate::due::{DueWork, digest};
use crate::ids::FulfillmentId;
use crate::order::Order;
use crate::order::crm::CrmState;
use crate::shipment::RequestStatus;

impl Order {
    /// All due work. The digests name what may be due again while the same work is still in the set.
    pub(super) fn due_work(&self) -> BTreeSet<DueWork> {
        let whole = [
            // Messages that came before the order wait for its stream.
            Some(DueWork::new("due-wake")),
            // A quote for an earlier revision is ignored.
            self.price_query().map(|query| DueWork::new("order-price").with(&query.revision)),
            self.credit_query().map(|query| DueWork::new("credit-check").with(&query.amount)),
            self.allocation_request().map(|request| DueWork::new("stock-allocate").with(&request.allocation_no)),
            self.deallocation().map(|request| DueWork::new("stock-deallocate").with(&request.allocation_no)),
            // The check ends when all that is short has arrived; what is short after another allocation is another check.
            self.stock_query().map(|query| {
                let what = (self.stock.next_allocation(), query.lines);
                DueWork::new("backorder-check").with(&digest(&what))
            }),
            self.may_create_sales_order().then(|| DueWork::new("sales-order-create")),
            self.sales_order_cancellation().map(|_| DueWork::new("sales-order-cancel")),
            self.routing_query().map(|query| DueWork::new("order-route").with(&query.digest())),
            self.invoice_request().map(|_| DueWork::new("invoice-create")),
            self.crm_digest().map(|digest| DueWork::new("crm-update").with(&digest)),
        ];
        whole.into_iter().flatten().chain(self.fulfillment_work()).chain(self.return_work()).collect()
    }

    /// What its returns have to know: what is reserved for them, and the invoice.
    fn return_work(&self) -> impl Iterator<Item = DueWork> {
        let invoice = self.stage.invoice().map(|invoiced| &invoiced.invoice);
        let invoiced = invoice.into_iter().flat_map(|invoice| {
            let step = move |id| DueWork::new("return-invoice-record").about("return", id).with(invoice);
            self.returnables.returns().into_iter().map(step)
        });
        self.returnables.due_work().chain(invoiced)
    }

    /// The order's half of the work on its fulfillments; the other half is in their own streams, and each half wakes the step
    /// whatever the other one says. A report that makes a half untrue may be old: the newer one makes it true again, and
    /// so wakes the step.
    fn fulfillment_work(&self) -> impl Iterator<Item = DueWork> {
        self.fulfillments.assignments.keys().flat_map(|id| {
            let status = self.fulfillments.progress.get(id).map(|progress| progress.request_status);
            let about = |step: &'static str| DueWork::new(step).about("fulfillment", id);
            let requested = self.is_request_due(id, status).then(|| about("fulfillment-request"));
            // Each report of a fulfillment that is still to be withdrawn wakes the step again: the warehouse may have accepted
            // it once more.
            let as_of = self.fulfillments.progress.get(id).map_or(0, |progress| progress.as_of);
            let withdrawal = self.fulfillments.is_returning(id);
            let withdrawal = withdrawal.then(|| about("fulfillment-withdraw").with(&as_of));
            requested.into_iter().chain(withdrawal).chain([about("fulfillment-watch")])
        })
    }

    /// Whether a fulfillment is to be requested, as far as its reports show.
    fn is_request_due(&self, id: &FulfillmentId, status: Option<RequestStatus>) -> bool {
        self.assignment(id).is_some() && matches!(status, None | Some(RequestStatus::Requested))
    }

    /// The order's half of the CRM's update: what its own stream has of the content. The packages are the fulfillments' half. The order
    /// wakes the step where packages changed together with the register, and the fulfillment where they changed alone. An
    /// update that was overtaken at the CRM is sent again with the same content.
    fn crm_digest(&self) -> Option<String> {
        let digest = self.crm_half();
        match &self.crm {
            CrmState::Newest(shown) if shown.order_digest.as_ref() == Some(&digest) => None,
            CrmState::Stale(newer) => Some(format!("after {} {digest}", newer.version)),
            CrmState::Nothing | CrmState::Newest(_) => Some(digest),
        }
    }
}
