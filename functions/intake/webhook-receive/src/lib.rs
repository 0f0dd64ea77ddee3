//! Receives a partner's webhook: verifies the sender, stores the raw bytes, answers. Nothing else happens before the
//! answer.
//!
//! - On: `POST /v1/webhooks/{partner}`.
//! - Does: one conditional write of the delivery. If the same one is stored for more than a minute, it is announced again
//!   by a second write: its first announcement may be lost, and a second one changes nothing.
//! - Then: 202, and `delivery.received`, which `delivery-relay` publishes from the table's stream.
//! - Fails: 400 (not JSON, or not gzip), 401 (signature, or no such partner): nothing is
//!   stored.
//!   503: the sender has to send again.

use engine::delivery::{Delivery, StoreOutcome};
use engine::http::{Problem, Request, Response};
use engine::inbound::{Senders, Unverified, Verified};
use engine::stores::Deliveries;
use engine::{Context, Failure};
use jiff::SignedDuration;
use serde_json::json;

/// The ports that this function uses.
#[derive(Debug)]
pub struct Ports<D, S> {
    /// Raw deliveries.
    pub deliveries: D,
    /// Verifies senders by their documents and secrets.
    pub registry: S,
}

/// Answers the sender.
///
/// # Errors
/// A failure of the store, or a failure to read the sender's document or secret: the answer is then 503, and the sender
/// sends again.
pub async fn handle(
    ports: &Ports<impl Deliveries, impl Senders>,
    request: Request,
    cx: &Context,
) -> Result<Response, Failure> {
    let partner = request.variables.get("partner").map_or("", String::as_str);
    let sender = match ports.registry.verify(partner, &request, cx.now).await {
        Ok(sender) => sender,
        Err(unverified) => return refuse(unverified, partner, cx),
    };
    if let Err(problem) = check_is_json(&request.body) {
        return Ok(problem.into());
    }
    let delivery = delivery(sender, request, cx);
    if let StoreOutcome::Conflict { stored } = store(&ports.deliveries, &delivery).await? {
        store_beside(&ports.deliveries, delivery.clone(), &stored).await?;
    }
    Ok(Response::json(202, &json!({ "delivery": delivery.id, "correlation_id": cx.correlation })))
}

/// Checks that the body is JSON, perhaps compressed by gzip. The next step checks what it says.
fn check_is_json(body: &[u8]) -> Result<(), Problem> {
    let not_gzip = |why: &str| Problem::new(400, "BODY_NOT_GZIP", "The body cannot be unpacked").detail(why);
    let plain = partners::plain_body(body).map_err(not_gzip)?;
    engine::http::json_text(&plain).map(|_text| ())
}

/// How long the first announcement of a delivery may take. A sender that repeats it earlier, as many do at once, causes
/// no second one.
const ANNOUNCED_WITHIN: SignedDuration = SignedDuration::from_secs(60);

/// Stores a delivery, and announces it again if the same one was stored before.
async fn store(deliveries: &impl Deliveries, delivery: &Delivery) -> Result<StoreOutcome, Failure> {
    let outcome = deliveries.store(delivery).await?;
    match &outcome {
        StoreOutcome::Same { received_at } if delivery.received_at.duration_since(*received_at) > ANNOUNCED_WITHIN => {
            deliveries.announce_again(&delivery.key()).await?;
        }
        StoreOutcome::New | StoreOutcome::Same { .. } | StoreOutcome::Conflict { .. } => {}
    }
    Ok(outcome)
}

/// Stores a delivery whose id the sender has already used for another body. The first body keeps the id; this one gets
/// an id with its digest, and is then processed like any other delivery. `stored` is the digest of the first body.
async fn store_beside(deliveries: &impl Deliveries, mut delivery: Delivery, stored: &str) -> Result<(), Failure> {
    let digest = delivery.digest();
    let (partner, id) = (delivery.partner.clone(), delivery.id.clone());
    tracing::error!(%partner, delivery = %id, stored, other = %digest, "{partner} sent {id} again with another body");
    delivery.id = format!("{id}~{}", digest.get(..16).unwrap_or(&digest));
    store(deliveries, &delivery).await.map(|_new_or_same| ())
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

/// The answer to a request that was not verified, and its log line, by which a metric counts refusals per partner. The
/// answer says which check failed, and not what would have passed.
fn refuse(unverified: Unverified, partner: &str, cx: &Context) -> Result<Response, Failure> {
    let (correlation, partner) = (cx.correlation.as_str(), engine::redact::text(partner));
    match unverified {
        Unverified::UnknownPartner(why) => {
            tracing::warn!(partner, correlation, reason = "unknown_partner", "refused a webhook of an unknown partner");
            Ok(unverified_sender(why))
        }
        Unverified::BadSignature(why) => {
            tracing::warn!(
                partner,
                correlation,
                reason = "bad_signature",
                why,
                "refused a webhook of {partner}: {why}"
            );
            Ok(unverified_sender(why))
        }
        Unverified::Unchecked(failure) => Err(failure),
    }
}

fn unverified_sender(why: &str) -> Response {
    Problem::new(401, "SIGNATURE_INVALID", "The sender could not be verified").detail(why).into()
}
