//! Sends an order's status to the CRM.

use domain::intake::OrderRefusal;
use domain::order::CrmUpdate;
use engine::partner::{CallFailure, Secrets};

use super::map;
use super::wire::{Status, Version};
use crate::client::rejection::rejection;
use crate::client::transport::{Method, Transport};
use crate::client::{Answer, PartnerClient};

/// Shows `update` as of `version`. An order from elsewhere has our own id there: the CRM may have another order under the
/// other system's id.
pub(crate) async fn update<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    update: &CrmUpdate,
    version: u64,
) -> Result<(), CallFailure> {
    let is_its_own = update.source == client.partner.id;
    let id = if is_its_own { update.external_id.as_str() } else { update.order.as_str() };
    let status = map::status(update, version, client.cx.event_time, is_its_own, &client.partner.maps);
    let key = format!("crm-update/{}/{version}", update.order);
    put(client, id, key, &status).await
}

/// Shows that the CRM's own order was not taken.
pub(crate) async fn refuse<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    refusal: &OrderRefusal,
    version: u64,
) -> Result<(), CallFailure> {
    let status = map::refusal(refusal, version, client.cx.event_time);
    let key = format!("crm-refuse/{}/{version}", refusal.order);
    put(client, refusal.external_id.as_str(), key, &status).await
}

async fn put<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    id: &str,
    key: String,
    status: &Status<'_>,
) -> Result<(), CallFailure> {
    let put = client.write(Method::Put, client.url(&["orders", id, "status"])?, Some(key), status)?;
    match client.call(&put).await? {
        Answer::Done(_) => Ok(()),
        // The CRM already shows this version or a newer one.
        Answer::Conflict(reply) => match engine::json::typed::<Version>(&reply.body) {
            Ok(shown) if shown.version >= status.version => Ok(()),
            Ok(_) | Err(_) => Err(CallFailure::Refused(rejection(&reply))),
        },
        Answer::NotFound(reply) | Answer::Unprocessable(reply) => Err(CallFailure::Refused(rejection(&reply))),
    }
}
