//! The ports of the returns workflow, in each role's protocol.

use domain::ReturnCommand;
use domain::returns::{
    Adjustment, Announced, Announcement, AnnouncementWithdrawal, AnnouncementWithdrawn, AuthorizationRequest,
    Authorized, InvoicedOrder, Moved, Movement, Policy, Posted, ReturnPicture,
};
use domain::{OrderId, PartnerId, Rejection};
use engine::delivery::Delivery;
use engine::inbound::Unmappable;
use engine::partner::{Attempt, CallFailure, Documents, Secrets};
use engine::partner_health::PartnerHealthStore;
use engine::returns::{
    CrmReturns, ErpReturns, NewReturn, ReceiptQuery, ReceiptReader, ReceiptReported, ReturnPolicies, ReturnReader,
    WarehouseReturns,
};
use engine::{Clock, Code, Context, Failure};

use crate::client::PartnerClient;
use crate::client::transport::Transport;
use crate::partners::Partners;
use crate::registry::{CrmProtocol, Protocol, WarehouseProtocol};
use crate::{crm, erp, threepl};

impl<S: Documents + Secrets, T: Transport, C: Clock, H: PartnerHealthStore> ErpReturns for Partners<S, T, C, H> {
    async fn authorize(
        &self,
        cx: &Context,
        request: &AuthorizationRequest,
        attempt: Attempt,
    ) -> Result<Authorized, CallFailure> {
        self.call_erp(cx, async |client| erp::rest::returns::authorize(client, request, attempt).await).await
    }

    async fn move_stock(&self, cx: &Context, movement: &Movement, attempt: Attempt) -> Result<Moved, CallFailure> {
        self.call_erp(cx, async |client| erp::rest::returns::move_stock(client, movement, attempt).await).await
    }

    async fn adjust(&self, cx: &Context, adjustment: &Adjustment, attempt: Attempt) -> Result<Posted, CallFailure> {
        self.call_erp(cx, async |client| erp::rest::returns::adjust(client, adjustment, attempt).await).await
    }

    async fn read_invoice(&self, cx: &Context, order: &OrderId) -> Result<Option<InvoicedOrder>, CallFailure> {
        self.call_erp(cx, async |client| erp::rest::returns::read_invoice(client, order).await).await
    }
}

impl<S: Documents + Secrets, T: Transport, C: Clock, H: PartnerHealthStore> Partners<S, T, C, H> {
    /// Calls the warehouse `id` about a return. ShipBob's protocol has no returns here yet, and nothing is guessed: a person
    /// makes the return there by hand.
    async fn call_about_return<A>(
        &self,
        id: &PartnerId,
        cx: &Context,
        rest: impl AsyncFnOnce(&PartnerClient<'_, S, T>) -> Result<A, CallFailure>,
    ) -> Result<A, CallFailure> {
        let (warehouse, protocol) = self.warehouse(id).await?;
        match protocol {
            WarehouseProtocol::Rest => self.call(&warehouse, cx, rest).await,
            WarehouseProtocol::Shipbob { .. } => {
                let why = format!("{id}: its protocol has no returns here; make the return there by hand");
                Err(CallFailure::Refused(Rejection::new("RETURNS_NOT_OFFERED", why)))
            }
        }
    }
}

impl<S: Documents + Secrets, T: Transport, C: Clock, H: PartnerHealthStore> WarehouseReturns for Partners<S, T, C, H> {
    async fn announce(
        &self,
        cx: &Context,
        announcement: &Announcement,
        attempt: Attempt,
    ) -> Result<Announced, CallFailure> {
        let rest = async |client: &PartnerClient<'_, S, T>| {
            threepl::rest::returns::announce(client, announcement, attempt).await
        };
        self.call_about_return(&announcement.expected.warehouse, cx, rest).await
    }

    async fn withdraw_announcement(
        &self,
        cx: &Context,
        withdrawal: &AnnouncementWithdrawal,
        _attempt: Attempt,
    ) -> Result<AnnouncementWithdrawn, CallFailure> {
        let rest = async |client: &PartnerClient<'_, S, T>| threepl::rest::returns::withdraw(client, withdrawal).await;
        self.call_about_return(&withdrawal.warehouse, cx, rest).await
    }

    async fn read_receipts(&self, cx: &Context, query: &ReceiptQuery) -> Result<Vec<ReturnCommand>, CallFailure> {
        let rest = async |client: &PartnerClient<'_, S, T>| threepl::rest::returns::read_receipts(client, query).await;
        self.call_about_return(&query.warehouse, cx, rest).await
    }
}

impl<S: Documents + Secrets, T: Transport, C: Clock, H: PartnerHealthStore> CrmReturns for Partners<S, T, C, H> {
    async fn show_return(&self, cx: &Context, picture: &ReturnPicture, version: u64) -> Result<(), CallFailure> {
        let (crm, protocol) = self.crm(&picture.source).await?;
        match protocol {
            CrmProtocol::Rest => {
                self.call(&crm, cx, async |client| crm::rest::returns::show(client, picture, version).await).await
            }
        }
    }
}

impl<S: Documents, T, C: Clock, H> ReturnPolicies for Partners<S, T, C, H> {
    async fn return_policy(&self, _cx: &Context) -> Result<Policy, Failure> {
        let registry = self.registry().await?;
        let mut erps = registry.partners().filter(|partner| matches!(partner.protocol, Protocol::Erp(_)));
        let policy = erps.next().map(|erp| erp.returns.clone());
        policy.ok_or_else(|| Failure::transient(Code::PartnerUnknown, "the registry has no ERP, which has the rules"))
    }
}

impl<S: Documents, T, C: Clock, H> ReturnReader for Partners<S, T, C, H> {
    async fn read_return(&self, delivery: &Delivery) -> Result<Result<NewReturn, Unmappable>, Failure> {
        let partner = self.partner(&delivery.partner).await?;
        Ok(match partner.protocol {
            Protocol::Crm(CrmProtocol::Rest) => crm::rest::returns::read_return(&partner, delivery),
            Protocol::Erp(_) | Protocol::Warehouse(_) => Err(Unmappable::Unrelated("only a CRM requests returns")),
        })
    }
}

impl<S: Documents, T, C: Clock, H> ReceiptReader for Partners<S, T, C, H> {
    async fn read_receipt(&self, delivery: &Delivery) -> Result<Result<ReceiptReported, Unmappable>, Failure> {
        let partner = self.partner(&delivery.partner).await?;
        Ok(match partner.protocol {
            Protocol::Warehouse(WarehouseProtocol::Rest) => threepl::rest::returns::read_receipt(&partner, delivery),
            Protocol::Warehouse(WarehouseProtocol::Shipbob { .. }) => {
                Err(Unmappable::UnknownTopic(crate::wire::fields::topic(&delivery.topic)))
            }
            Protocol::Crm(_) | Protocol::Erp(_) => Err(Unmappable::Unrelated("only a warehouse receives returns")),
        })
    }
}
