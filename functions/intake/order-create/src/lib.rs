//! Takes an order in by our own API.
//!
//! - On: `POST /v1/orders`, with an `Idempotency-Key` and the scope `orders:write`.
//! - Does: nothing outside; the order's first commit, its natural keys and its deadline are one transaction.
//! - Then: `order.submitted`.
//! - Fails: 400/422 (not an order, with the offending places), 409 (the order or the key exists with other content), 403.

use domain::{OrderId, PartnerId};
use engine::http::{Offence, Problem, Request, Response};
use engine::inbound::NewOrder;
use engine::stores::Parties;
use engine::{Context, Failure, Journal};
use serde_json::json;
use usecases::submission::{self, Submitted};

/// All that this function may touch.
#[derive(Debug)]
pub struct Ports<J, P, R> {
    /// Orders' streams.
    pub journal: J,
    /// Personal data: this function writes it.
    pub parties: P,
    /// Reads a body as an order of a client's: `partners`' own reader, bound to this API.
    pub read: R,
}

/// Answers the client.
///
/// # Errors
/// The stores': the client is told to try again with the same key.
pub async fn handle<R>(
    ports: &Ports<impl Journal, impl Parties, R>,
    request: Request,
    cx: &Context,
) -> Result<Response, Failure>
where
    R: Fn(&PartnerId, &[u8], jiff::Timestamp) -> Result<NewOrder, Vec<Offence>>,
{
    if let Err(problem) = request.allow("orders:write") {
        return Ok(problem.into());
    }
    let key = match request.idempotency_key() {
        Ok(key) => key,
        Err(problem) => return Ok(problem.into()),
    };
    if let Err(problem) = engine::http::json_text(&request.body) {
        return Ok(problem.into());
    }
    let Ok(source) = request.client.parse::<PartnerId>() else {
        return Ok(Problem::new(403, "CLIENT_UNNAMED", "The token's client has no usable name").into());
    };
    let new = match (ports.read)(&source, &request.body, cx.now) {
        Ok(new) => new,
        Err(offences) => return Ok(not_an_order(offences).into()),
    };
    let own_key = format!("{}/{key}", request.client);
    let (order, submitted) =
        submission::submit(&ports.journal, &ports.parties, cx, &own_key, new, Some(&own_key)).await?;
    Ok(answer(&order, submitted, cx))
}

fn answer(order: &OrderId, submitted: Submitted, cx: &Context) -> Response {
    let location = format!("/v1/orders/{order}");
    match submitted {
        Submitted::Created | Submitted::Same => {
            let body = json!({ "id": order, "status_url": location, "correlation_id": cx.correlation });
            Response::json(202, &body).with("location", location)
        }
        Submitted::Conflicting => {
            let problem = Problem::new(409, "ORDER_EXISTS", "The order exists with other content");
            problem.detail(format!("it is {order}; the first content stands and a review was raised")).into()
        }
        Submitted::KeyReused => {
            let problem = Problem::new(409, "KEY_REUSED", "The idempotency key belongs to another order");
            problem.detail("use a new key for a new order").into()
        }
    }
}

fn not_an_order(offences: Vec<Offence>) -> Problem {
    Problem { errors: offences, ..Problem::new(422, "ORDER_INVALID", "The body is not an order") }
}
