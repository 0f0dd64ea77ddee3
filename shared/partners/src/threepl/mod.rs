//! Third parties' warehouses: they ship fulfillments and report what they did.

mod place;
pub(crate) mod rest;
mod shipbob;

use domain::fulfillment::{FulfillmentRequest, Inquiry, Withdrawal};
use domain::party::Party;
use domain::{FulfillmentCommand, PartnerId};
use engine::delivery::Delivery;
use engine::http::Request;
use engine::inbound::{Reported, Unmappable};
use engine::partner::{Attempt, CallFailure, Documents, Secrets, Warehouse, WarehouseAnswer, WithdrawalAnswer};
use engine::partner_health::PartnerHealthStore;
use engine::{Clock, Context};

use self::shipbob::client::Channel;
use crate::client::PartnerClient;
use crate::client::transport::Transport;
use crate::partners::Partners;
use crate::registry::{Partner, WarehouseProtocol};

impl<S: Documents + Secrets, T: Transport, C: Clock, H: PartnerHealthStore> Partners<S, T, C, H> {
    /// Calls the warehouse `id` in its protocol: one closure for each.
    async fn call_warehouse<A>(
        &self,
        id: &PartnerId,
        cx: &Context,
        rest: impl AsyncFnOnce(&PartnerClient<'_, S, T>) -> Result<A, CallFailure>,
        shipbob: impl AsyncFnOnce(&Channel<'_, S, T>) -> Result<A, CallFailure>,
    ) -> Result<A, CallFailure> {
        let (warehouse, protocol) = self.warehouse(id).await?;
        let call = async |client: &PartnerClient<'_, S, T>| match protocol {
            WarehouseProtocol::Rest => rest(client).await,
            WarehouseProtocol::Shipbob { channel } => shipbob(&Channel { client, id: channel }).await,
        };
        self.call(&warehouse, cx, call).await
    }
}

impl<S: Documents + Secrets, T: Transport, C: Clock, H: PartnerHealthStore> Warehouse for Partners<S, T, C, H> {
    async fn request(
        &self,
        cx: &Context,
        request: &FulfillmentRequest,
        party: &Party,
        attempt: Attempt,
    ) -> Result<WarehouseAnswer, CallFailure> {
        let rest =
            async |client: &PartnerClient<'_, S, T>| rest::client::request(client, request, party, attempt).await;
        let shipbob = async |channel: &Channel<'_, S, T>| channel.request(request, party, attempt).await;
        self.call_warehouse(&request.warehouse, cx, rest, shipbob).await
    }

    /// A repeat needs no look-up: to cancel a shipment that is already cancelled changes nothing.
    async fn withdraw(
        &self,
        cx: &Context,
        withdrawal: &Withdrawal,
        _attempt: Attempt,
    ) -> Result<WithdrawalAnswer, CallFailure> {
        let rest = async |client: &PartnerClient<'_, S, T>| rest::client::withdraw(client, withdrawal).await;
        let shipbob = async |channel: &Channel<'_, S, T>| channel.withdraw(withdrawal).await;
        self.call_warehouse(&withdrawal.warehouse, cx, rest, shipbob).await
    }

    async fn inquire(&self, cx: &Context, inquiry: &Inquiry) -> Result<Vec<FulfillmentCommand>, CallFailure> {
        let rest = async |client: &PartnerClient<'_, S, T>| rest::client::inquire(client, inquiry).await;
        let shipbob = async |channel: &Channel<'_, S, T>| channel.inquire(inquiry).await;
        self.call_warehouse(&inquiry.warehouse, cx, rest, shipbob).await
    }
}

pub(crate) fn topic(protocol: WarehouseProtocol, request: &Request) -> String {
    match protocol {
        WarehouseProtocol::Rest => crate::rest::topic(request),
        WarehouseProtocol::Shipbob { .. } => shipbob::map::topic(request),
    }
}

pub(crate) fn read_report(
    protocol: WarehouseProtocol,
    partner: &Partner,
    delivery: &Delivery,
) -> Result<Reported, Unmappable> {
    match protocol {
        WarehouseProtocol::Rest => rest::map::read_report(partner, delivery),
        WarehouseProtocol::Shipbob { .. } => shipbob::map::read_report(partner, delivery),
    }
}
