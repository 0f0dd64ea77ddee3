//! Commits a change request of an API client: to cancel, hold, release or amend an order.
//!
//! - On: `POST /v1/orders/{id}/{change}` with an `Idempotency-Key` and the scope `orders:write`; `change` is `cancel`,
//!   `hold`, `release-hold` or `amend`.
//! - Does: calls no partner.
//! - Then: 202 and `order.cancel_requested`, `.held`, `.hold_released`, `.amend_requested`, `.amended` or
//!   `.request_rejected`, with `order.withdrawal_requested` for each fulfillment that the change withdraws.
//! - Fails: 400/422 (not a change request; the answer points to each mistake), 403 (no scope), 404 (no such order of
//!   the client's, or no such change), 405 (the timeline), 409 (the order cannot be changed in this way, or the key was used for another request).

use std::collections::BTreeMap;

use domain::{OrderId, PartnerId};
use engine::http::{Offence, Problem, Request, Response};
use engine::inbound::{ChangeRequest, NewOrder};
use engine::stores::Parties;
use engine::{Context, Failure, Journal};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use usecases::change::{self, Answer, Sender, WorkKey};

/// The ports that this function uses.
#[derive(Debug)]
pub struct Ports<J, P, R> {
    /// Orders' streams.
    pub journal: J,
    /// Stores the address of an amendment; shows whose name a reason must not repeat.
    pub parties: P,
    /// Parses the order in an amendment. `main` sets it to the parser in `partners`.
    pub read: R,
}

/// The member that every change request has.
#[derive(Deserialize)]
struct Body {
    reason: String,
}

/// In characters.
const MAX_REASON_LENGTH: usize = 500;

/// Answers the client.
///
/// # Errors
/// A failure of the store: the answer is then 503, and the client tries again with the same key.
pub async fn handle<R>(
    ports: &Ports<impl Journal, impl Parties, R>,
    request: Request,
    cx: &Context,
) -> Result<Response, Failure>
where
    R: Fn(&PartnerId, &[u8], jiff::Timestamp) -> Result<NewOrder, Vec<Offence>>,
{
    let (sender, key, order, change) = match parse(&request, &ports.read, cx) {
        Ok(parsed) => parsed,
        Err(problem) => return Ok(refused(problem)),
    };
    let answer = change::change(&ports.journal, &ports.parties, cx, &order, &key, &sender, change).await?;
    Ok(match answer {
        Answer::Accepted => {
            let location = format!("/v1/orders/{order}");
            let body = json!({ "id": order, "status_url": location, "correlation_id": cx.correlation });
            Response::json(202, &body).with("location", location)
        }
        Answer::Refused(why) => {
            Problem::new(409, why.code, "The order cannot be changed in this way").detail(why.reason).into()
        }
        Answer::Unknown => no_such_order().into(),
    })
}

fn refused(problem: Problem) -> Response {
    let is_read_only = problem.status == 405;
    let response = Response::from(problem);
    if is_read_only { response.with("allow", "GET") } else { response }
}

fn parse<R>(request: &Request, read: &R, cx: &Context) -> Result<(Sender, WorkKey, OrderId, ChangeRequest), Problem>
where
    R: Fn(&PartnerId, &[u8], jiff::Timestamp) -> Result<NewOrder, Vec<Offence>>,
{
    let grant = request.grant("orders:write")?;
    let change = request.variable("change");
    if !CHANGES.contains(&change) {
        return Err(no_such_change(change));
    }
    let key = request.idempotency_key()?;
    let order = request.variable("id").parse::<OrderId>().map_err(|_| no_such_order())?;
    // The body's text is the payload: two bodies with one meaning but different text are different requests.
    let body = String::from_utf8_lossy(&request.body);
    let key = WorkKey::of_client(&request.client, key, &[change, &body]);
    let may_override = request.allow("orders:override").is_ok();
    let sender = Sender { name: request.client.clone(), asked_at: None, grant, may_override };
    Ok((sender, key, order, change_request(request, read, cx)?))
}

/// Parses the change in the path and its body.
fn change_request<R>(request: &Request, read: &R, cx: &Context) -> Result<ChangeRequest, Problem>
where
    R: Fn(&PartnerId, &[u8], jiff::Timestamp) -> Result<NewOrder, Vec<Offence>>,
{
    engine::http::check_body(&request.body)?;
    let invalid =
        |errors| Problem { errors, ..Problem::new(422, "CHANGE_INVALID", "The body is not a change request") };
    // The order of an amendment is written again without its reason, which would hide a member that is given twice.
    engine::json::read(&request.body)
        .map_err(|refused| invalid(vec![Offence { pointer: refused.pointer, detail: refused.why }]))?;
    let reason = engine::json::typed::<Body>(&request.body).ok().map(|body| body.reason);
    let reason =
        reason.filter(|reason| (1..=MAX_REASON_LENGTH).contains(&reason.chars().count())).ok_or_else(|| {
            let detail = format!("needs 1 to {MAX_REASON_LENGTH} characters, without personal data");
            invalid(vec![Offence { pointer: "/reason".to_owned(), detail }])
        })?;
    match request.variable("change") {
        "cancel" => Ok(ChangeRequest::Cancel { reason, asked_at: cx.now }),
        "hold" => Ok(ChangeRequest::Hold { reason }),
        "release-hold" => Ok(ChangeRequest::ReleaseHold { reason }),
        "amend" => {
            let client = || Problem::new(403, "CLIENT_UNNAMED", "The token's client has no usable name");
            let source = request.client.parse::<PartnerId>().map_err(|_| client())?;
            let new = read(&source, &without_reason(&request.body), cx.now).map_err(invalid)?;
            Ok(ChangeRequest::Amend { new: Box::new(new), reason })
        }
        unknown => Err(no_such_change(unknown)),
    }
}

const CHANGES: [&str; 4] = ["cancel", "hold", "release-hold", "amend"];

/// `change` is the last part of the path, where an order's parts that are only read stand, too.
fn no_such_change(change: &str) -> Problem {
    if change == "timeline" {
        return Problem::new(405, "METHOD_NOT_ALLOWED", "The path is there, and not for this method").detail("use GET");
    }
    Problem::new(404, "CHANGE_UNKNOWN", "There is no such change of an order")
        .detail(format!("one of {}", CHANGES.join(", ")))
}

/// An amendment's body without the reason, which is the order. Numbers keep their text, so that `1.10` does not become
/// `1.1`.
fn without_reason(body: &[u8]) -> Vec<u8> {
    let members = engine::json::typed::<BTreeMap<String, Box<RawValue>>>(body);
    let order = members.map(|mut members| {
        members.remove("reason");
        serde_json::to_vec(&members)
    });
    order.ok().and_then(Result::ok).unwrap_or_default()
}

fn no_such_order() -> Problem {
    Problem::new(404, "ORDER_UNKNOWN", "There is no such order")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amendments_order_is_its_body_without_the_reason_and_keeps_the_text_of_numbers() {
        let body = br#"{"reason": "one less", "lines": [{"quantity": 1.10}]}"#;
        assert_eq!(without_reason(body), br#"{"lines":[{"quantity": 1.10}]}"#);
    }
}
