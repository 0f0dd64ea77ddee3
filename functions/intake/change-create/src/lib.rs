//! Takes a wish about an order in by our own API: to cancel, hold, release or amend it.
//!
//! - On: `POST /v1/orders/{id}/{change}` with an `Idempotency-Key` and the scope `orders:write`; `change` is `cancel`, `hold`,
//!   `release-hold` or `amend`.
//! - Does: nothing outside.
//! - Then: `order.cancel_requested`, `.held`, `.hold_released`, `.amend_requested`, `.amended` or `.request_rejected`.
//! - Fails: 400/422 (not a wish, with the offending places), 403, 404 (no such order or wish), 409 (it cannot be met, or the key belongs to another wish).

use std::collections::BTreeMap;

use domain::{OrderId, PartnerId};
use engine::http::{Offence, Problem, Request, Response};
use engine::inbound::{ChangeRequest, NewOrder};
use engine::stores::Parties;
use engine::{Context, Failure, Journal};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use usecases::change::{self, Answer, WorkKey};

/// All that this function may touch.
#[derive(Debug)]
pub struct Ports<J, P, R> {
    /// Orders' streams.
    pub journal: J,
    /// Personal data: an amendment may bring another address.
    pub parties: P,
    /// Reads a body as an order of a client's: `partners`' own reader, bound to this API.
    pub read: R,
}

/// What every wish says.
#[derive(Deserialize)]
struct Desired {
    reason: String,
}

/// The longest reason that is taken, in characters.
const LONGEST_REASON: usize = 500;

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
    let parsed = request.allow("orders:write").and_then(|()| {
        let key = request.idempotency_key()?.to_owned();
        let order = request.variable("id").parse::<OrderId>().map_err(|_| no_such_order())?;
        Ok((key, order, wanted(&request, &ports.read, cx)?))
    });
    let (key, order, wanted) = match parsed {
        Ok(parsed) => parsed,
        Err(problem) => return Ok(problem.into()),
    };
    // An amendment's numbers count to the letter: what is said is the body as it came.
    let body = String::from_utf8_lossy(&request.body);
    let key = WorkKey::of_client(&request.client, &key, &[request.variable("change"), &body]);
    let answer = change::change(&ports.journal, &ports.parties, cx, &order, &key, wanted).await?;
    Ok(match answer {
        Answer::Accepted => {
            let location = format!("/v1/orders/{order}");
            let body = json!({ "id": order, "status_url": location, "correlation_id": cx.correlation });
            Response::json(202, &body).with("location", location)
        }
        Answer::Refused(why) => Problem::new(409, why.code, "The order cannot be changed so").detail(why.reason).into(),
        Answer::Unknown => no_such_order().into(),
    })
}

/// What the request wants.
fn wanted<R>(request: &Request, read: &R, cx: &Context) -> Result<ChangeRequest, Problem>
where
    R: Fn(&PartnerId, &[u8], jiff::Timestamp) -> Result<NewOrder, Vec<Offence>>,
{
    engine::http::json_text(&request.body)?;
    let invalid =
        |errors| Problem { errors, ..Problem::new(422, "CHANGE_INVALID", "The body does not say what is wanted") };
    let reason = serde_json::from_slice::<Desired>(&request.body).ok().map(|desired| desired.reason);
    let reason = reason.filter(|reason| (1..=LONGEST_REASON).contains(&reason.chars().count())).ok_or_else(|| {
        let detail = format!("needs 1 to {LONGEST_REASON} characters, without personal data");
        invalid(vec![Offence { pointer: "/reason".to_owned(), detail }])
    })?;
    let reason = engine::redact::text(&reason);
    match request.variable("change") {
        "cancel" => Ok(ChangeRequest::Cancel { reason }),
        "hold" => Ok(ChangeRequest::Hold { reason }),
        "release-hold" => Ok(ChangeRequest::ReleaseHold { reason }),
        "amend" => {
            let client = || Problem::new(403, "CLIENT_UNNAMED", "The token's client has no usable name");
            let source = request.client.parse::<PartnerId>().map_err(|_| client())?;
            let new = read(&source, &without_reason(&request.body), cx.now).map_err(invalid)?;
            Ok(ChangeRequest::Amend { new: Box::new(new), reason })
        }
        _ => Err(Problem::new(404, "CHANGE_UNKNOWN", "An order cannot be changed so")
            .detail("one of cancel, hold, release-hold, amend")),
    }
}

/// The order in an amendment's body: all of it but the reason, to the letter.
fn without_reason(body: &[u8]) -> Vec<u8> {
    let members = serde_json::from_slice::<BTreeMap<String, Box<RawValue>>>(body);
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
    fn an_amendments_order_is_its_body_without_the_reason_and_its_numbers_to_the_letter() {
        let body = br#"{"reason": "one less", "lines": [{"quantity": 1.10}]}"#;
        assert_eq!(without_reason(body), br#"{"lines":[{"quantity": 1.10}]}"#);
    }
}
