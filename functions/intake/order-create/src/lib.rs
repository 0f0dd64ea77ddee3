//! Creates an order that an API client submits.
//!
//! - On: `POST /v1/orders`, with an `Idempotency-Key` and the scope `orders:write`.
//! - Does: calls no partner. Writes the order's first commit, its address, its unique keys and its deadline in one
//!   transaction.
//! - Then: 202 and `order.submitted`; for a second id of an order `order.alias_added` and `order.aliased`;
//!   `order.submission_conflicted` if the order exists with other content or is cancelled; `order.purchase_order_moved` and
//!   `order.purchase_order_taken` if it takes the number of a cancelled order over.
//! - Fails: 400/422 (not an order; the answer points to each mistake), 403 (no scope), 409 (the order exists with other
//!   content or is cancelled, or the key was used for another order), 503 (among others while a cancelled order with the
//!   same purchase order number is being undone), 413 (its first commit would not fit into the journal).

use domain::{OrderId, PartnerId};
use engine::http::{Offence, Problem, Request, Response};
use engine::inbound::NewOrder;
use engine::{Code, Context, Failure, Journal};
use serde_json::json;
use usecases::submission::{self, Submitted};

/// The ports that this function uses.
#[derive(Debug)]
pub struct Ports<J, R> {
    /// Orders' streams; a new one with its address.
    pub journal: J,
    /// Parses a client's order. `main` sets it to the parser in `partners`.
    pub read: R,
}

/// Answers the client.
///
/// # Errors
/// A failure of the store: the answer is then 503, and the client tries again with the same key.
pub async fn handle<R>(ports: &Ports<impl Journal, R>, request: Request, cx: &Context) -> Result<Response, Failure>
where
    R: Fn(&PartnerId, &[u8], jiff::Timestamp) -> Result<NewOrder, Vec<Offence>>,
{
    let key = match request.grant("orders:write").and_then(|_its_own| request.idempotency_key()) {
        Ok(key) => key,
        Err(problem) => return Ok(problem.into()),
    };
    if let Err(problem) = engine::http::check_body(&request.body) {
        return Ok(problem.into());
    }
    let Ok(source) = request.client.parse::<PartnerId>() else {
        return Ok(Problem::new(403, "CLIENT_UNNAMED", "The token's client has no usable name").into());
    };
    let new = match (ports.read)(&source, &request.body, cx.now) {
        Ok(new) => new,
        Err(offences) => return Ok(not_an_order(offences).into()),
    };
    let own_id = new.submission.ship_to.order.clone();
    let own_key = format!("{}/{key}", request.client);
    match submission::submit(&ports.journal, cx, &own_key, new, Some(&own_key)).await {
        // Where another source submitted the order first, the client's own id is an alias, by which it is found.
        Ok((_, submitted)) => Ok(answer(&own_id, submitted, cx)),
        Err(Failure::Permanent { code: Code::CommitTooLarge, .. }) => {
            let problem = Problem::new(413, "ORDER_TOO_LARGE", "The order is too large");
            Ok(problem.detail("send it as several orders, each under its own number").into())
        }
        Err(failure) => Err(failure),
    }
}

fn answer(order: &OrderId, submitted: Submitted, cx: &Context) -> Response {
    let location = format!("/v1/orders/{order}");
    match submitted {
        Submitted::Created | Submitted::Same => {
            let body = json!({ "id": order, "status_url": location, "correlation_id": cx.correlation });
            Response::json(202, &body).with("location", location)
        }
        Submitted::Conflicting => {
            let problem = Problem::new(409, "ORDER_EXISTS", "The order exists with other content, or is cancelled");
            problem.detail(format!("{order} stays as it is, and a review was opened")).into()
        }
        Submitted::KeyReused => {
            let problem = Problem::new(409, "KEY_REUSED", "The idempotency key was used for another order");
            problem.detail("use a new key for a new order").into()
        }
    }
}

fn not_an_order(offences: Vec<Offence>) -> Problem {
    Problem { errors: offences, ..Problem::new(422, "ORDER_INVALID", "The body is not an order") }
}
