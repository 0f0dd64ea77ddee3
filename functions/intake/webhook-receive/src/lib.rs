//! Takes a partner's webhook in: proves the sender, keeps the raw bytes, answers. Nothing else happens before the answer.
//!
//! - On: `POST /v1/webhooks/{partner}`.
//! - Does: one conditional write of the delivery.
//! - Then: `delivery.received`, from that table's stream.
//! - Fails: 401 (signature), 404 (no such partner), 413 (too large), 400 (not JSON): nothing is stored. 503: try again.

use engine::delivery::{Delivery, StoreOutcome};
use engine::http::{Problem, Request, Response};
use engine::inbound::{Senders, Unverified, Verified};
use engine::stores::Deliveries;
use engine::{Context, Failure};
use serde_json::json;

/// All that this function may touch.
#[derive(Debug)]
pub struct Ports<D, S> {
    /// Raw deliveries.
    pub deliveries: D,
    /// Partners' documents and signing secrets.
    pub registry: S,
}

/// The largest body that is taken: with its attributes it has to fit a DynamoDB item of 400 KB.
pub const LARGEST: usize = 256 * 1024;

/// Answers the sender.
///
/// # Errors
/// The store's: the sender is told to try again.
pub async fn handle(
    ports: &Ports<impl Deliveries, impl Senders>,
    request: Request,
    cx: &Context,
) -> Result<Response, Failure> {
    let partner = request.variables.get("partner").map_or("", String::as_str);
    if request.body.len() > LARGEST {
        let largest = format!("the body has {} bytes, at most {LARGEST} are taken", request.body.len());
        return Ok(Problem::new(413, "BODY_TOO_LARGE", "The body is too large").detail(largest).into());
    }
    let sender = match ports.registry.verify(partner, &request, cx.now).await {
        Ok(sender) => sender,
        Err(unverified) => return refuse(unverified, partner, cx),
    };
    if let Err(problem) = readable(&request.body) {
        return Ok(problem.into());
    }
    let delivery = delivery(sender, request, cx);
    match ports.deliveries.store(&delivery).await? {
        StoreOutcome::New | StoreOutcome::Same => {}
        StoreOutcome::Conflict { stored } => keep_beside(&ports.deliveries, delivery.clone(), &stored).await?,
    }
    Ok(Response::json(202, &json!({ "delivery": delivery.id, "correlation_id": cx.correlation })))
}

/// Whether the body can be read at all; what it says is the next step's concern.
fn readable(body: &[u8]) -> Result<(), Problem> {
    let unpacked = |why: &str| Problem::new(400, "BODY_NOT_GZIP", "The body cannot be unpacked").detail(why);
    let plain = partners::plain_body(body).map_err(unpacked)?;
    engine::http::json_text(&plain).map(|_text| ())
}

/// The sender used one id for two bodies. The first stands under that id; the second is kept beside it, so that whatever it
/// says is weighed against what the order or the fulfillment knows already.
async fn keep_beside(deliveries: &impl Deliveries, mut delivery: Delivery, kept: &str) -> Result<(), Failure> {
    let digest = delivery.digest();
    let (partner, id) = (delivery.partner.clone(), delivery.id.clone());
    tracing::error!(%partner, delivery = %id, kept, other = %digest, "{partner} sent {id} again with another body");
    delivery.id = format!("{id}~{}", digest.get(..16).unwrap_or(&digest));
    deliveries.store(&delivery).await.map(|_kept_or_same| ())
}

fn delivery(sender: Verified, request: Request, cx: &Context) -> Delivery {
    Delivery {
        partner: sender.partner,
        role: sender.role,
        id: sender.delivery,
        topic: sender.topic,
        body: request.body,
        received_at: cx.now,
        correlation: cx.correlation.clone(),
        traceparent: cx.traceparent.clone(),
    }
}

/// A refusal is counted per partner by its log line; the sender learns what was checked, not what would have been right.
fn refuse(unverified: Unverified, partner: &str, cx: &Context) -> Result<Response, Failure> {
    let (correlation, partner) = (cx.correlation.as_str(), engine::redact::text(partner));
    match unverified {
        Unverified::UnknownPartner => {
            tracing::warn!(partner, correlation, reason = "unknown_partner", "refused a webhook of an unknown partner");
            Ok(Problem::new(404, "PARTNER_UNKNOWN", "No partner of this name sends webhooks here").into())
        }
        Unverified::BadSignature(why) => {
            tracing::warn!(
                partner,
                correlation,
                reason = "bad_signature",
                why,
                "refused a webhook of {partner}: {why}"
            );
            Ok(Problem::new(401, "SIGNATURE_INVALID", "The sender could not be verified").detail(why).into())
        }
        Unverified::Unchecked(failure) => Err(failure),
    }
}
