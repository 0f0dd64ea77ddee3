//! Faults of the ports of the returns workflow.

use domain::returns::{
    Adjustment, Announced, Announcement, AnnouncementWithdrawal, AnnouncementWithdrawn, AuthorizationRequest,
    Authorized, InvoicedOrder, Moved, Movement, Policy, Posted, ReturnPicture,
};
use domain::{OrderId, ReturnCommand};
use engine::delivery::Delivery;
use engine::inbound::Unmappable;
use engine::partner::{Attempt, CallFailure};
use engine::returns::{
    CrmReturns, ErpReturns, NewReturn, ReceiptQuery, ReceiptReader, ReceiptReported, ReturnPolicies, ReturnReader,
    WarehouseReturns,
};
use engine::{Context, Failure};

use super::faults::{Faulty, call_lost, store_lost};

impl<P: ErpReturns> ErpReturns for Faulty<P> {
    async fn authorize(
        &self,
        cx: &Context,
        request: &AuthorizationRequest,
        attempt: Attempt,
    ) -> Result<Authorized, CallFailure> {
        self.script.around("erp.authorize", call_lost, self.inner.authorize(cx, request, attempt)).await
    }
    async fn move_stock(&self, cx: &Context, movement: &Movement, attempt: Attempt) -> Result<Moved, CallFailure> {
        self.script.around("erp.move_stock", call_lost, self.inner.move_stock(cx, movement, attempt)).await
    }
    async fn adjust(&self, cx: &Context, adjustment: &Adjustment, attempt: Attempt) -> Result<Posted, CallFailure> {
        self.script.around("erp.adjust", call_lost, self.inner.adjust(cx, adjustment, attempt)).await
    }
    async fn read_invoice(&self, cx: &Context, order: &OrderId) -> Result<Option<InvoicedOrder>, CallFailure> {
        self.script.around("erp.read_invoice", call_lost, self.inner.read_invoice(cx, order)).await
    }
}

impl<P: WarehouseReturns> WarehouseReturns for Faulty<P> {
    async fn announce(
        &self,
        cx: &Context,
        announcement: &Announcement,
        attempt: Attempt,
    ) -> Result<Announced, CallFailure> {
        self.script.around("warehouse.announce", call_lost, self.inner.announce(cx, announcement, attempt)).await
    }
    async fn withdraw_announcement(
        &self,
        cx: &Context,
        withdrawal: &AnnouncementWithdrawal,
        attempt: Attempt,
    ) -> Result<AnnouncementWithdrawn, CallFailure> {
        let call = self.inner.withdraw_announcement(cx, withdrawal, attempt);
        self.script.around("warehouse.withdraw_announcement", call_lost, call).await
    }
    async fn read_receipts(&self, cx: &Context, query: &ReceiptQuery) -> Result<Vec<ReturnCommand>, CallFailure> {
        self.script.around("warehouse.read_receipts", call_lost, self.inner.read_receipts(cx, query)).await
    }
}

impl<P: CrmReturns> CrmReturns for Faulty<P> {
    async fn show_return(&self, cx: &Context, picture: &ReturnPicture, version: u64) -> Result<(), CallFailure> {
        self.script.around("crm.show_return", call_lost, self.inner.show_return(cx, picture, version)).await
    }
}

impl<P: ReturnPolicies> ReturnPolicies for Faulty<P> {
    async fn return_policy(&self, cx: &Context) -> Result<Policy, Failure> {
        self.script.around("registry.return_policy", store_lost, self.inner.return_policy(cx)).await
    }
}

impl<P: ReturnReader> ReturnReader for Faulty<P> {
    async fn read_return(&self, delivery: &Delivery) -> Result<Result<NewReturn, Unmappable>, Failure> {
        self.script.around("registry.read_return", store_lost, self.inner.read_return(delivery)).await
    }
}

impl<P: ReceiptReader> ReceiptReader for Faulty<P> {
    async fn read_receipt(&self, delivery: &Delivery) -> Result<Result<ReceiptReported, Unmappable>, Failure> {
        self.script.around("registry.read_receipt", store_lost, self.inner.read_receipt(delivery)).await
    }
}
