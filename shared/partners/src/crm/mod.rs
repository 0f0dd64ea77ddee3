//! CRMs: customers' orders come from them, and they show how each order is doing.

pub(crate) mod order;
pub(crate) mod rest;
pub(crate) mod returns;

use domain::intake::OrderRefusal;
use domain::order::CrmUpdate;
use engine::delivery::Delivery;
use engine::http::Request;
use engine::inbound::{NewOrder, OrderChange, Unmappable};
use engine::partner::{CallFailure, Crm, Documents, Secrets};
use engine::partner_health::PartnerHealthStore;
use engine::{Clock, Context};

use crate::client::transport::Transport;
use crate::partners::Partners;
use crate::registry::{CrmProtocol, Partner};

impl<S: Documents + Secrets, T: Transport, C: Clock, H: PartnerHealthStore> Crm for Partners<S, T, C, H> {
    async fn update(&self, cx: &Context, update: &CrmUpdate, version: u64) -> Result<(), CallFailure> {
        let (crm, protocol) = self.crm(&update.source).await?;
        match protocol {
            CrmProtocol::Rest => {
                self.call(&crm, cx, async |client| rest::client::update(client, update, version).await).await
            }
        }
    }

    async fn refuse(&self, cx: &Context, refusal: &OrderRefusal, version: u64) -> Result<(), CallFailure> {
        let (crm, protocol) = self.crm(&refusal.source).await?;
        match protocol {
            CrmProtocol::Rest => {
                self.call(&crm, cx, async |client| rest::client::refuse(client, refusal, version).await).await
            }
        }
    }
}

pub(crate) fn topic(protocol: CrmProtocol, request: &Request) -> String {
    match protocol {
        CrmProtocol::Rest => crate::rest::topic(request),
    }
}

pub(crate) fn read_order(
    protocol: CrmProtocol,
    partner: &Partner,
    delivery: &Delivery,
) -> Result<NewOrder, Unmappable> {
    match protocol {
        CrmProtocol::Rest => rest::map::read_order(partner, delivery),
    }
}

pub(crate) fn read_change(
    protocol: CrmProtocol,
    partner: &Partner,
    delivery: &Delivery,
) -> Result<OrderChange, Unmappable> {
    match protocol {
        CrmProtocol::Rest => rest::map::read_change(partner, delivery),
    }
}
