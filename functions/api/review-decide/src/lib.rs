//! Takes a decision on something that an order or a fulfillment left to people.
//!
//! - On: `POST /v1/reviews/{id}/decision` with an `Idempotency-Key` and the scope `reviews:decide`; the body is
//!   `{"choice": …, "note": …}`.
//! - Does: nothing outside.
//! - Then: `order.review_decided` or `fulfillment.review_decided`, on which the steps that it concerns go on.
//! - Fails: 400/422 (not a decision), 403, 404 (no such review), 409 (not open any more, not offered, or the key belongs to another decision).

use domain::review::{Choice, Decision, ReviewKind};
use domain::{FulfillmentId, OrderId};
use engine::http::{Offence, Problem, Request, Response};
use engine::requests::{self, Answer, WorkKey};
use engine::{Context, Failure, Journal};
use serde::Deserialize;
use serde_json::json;

/// All that this function may touch.
#[derive(Debug)]
pub struct Ports<J> {
    /// Orders' and fulfillments' streams.
    pub journal: J,
}

#[derive(Deserialize)]
struct Body {
    choice: Choice,
    #[serde(default)]
    note: String,
}

/// The longest note that is taken, in characters.
const LONGEST_NOTE: usize = 500;

/// Answers the client.
///
/// # Errors
/// The store's: the client is told to try again with the same key.
pub async fn handle(ports: &Ports<impl Journal>, request: Request, cx: &Context) -> Result<Response, Failure> {
    let parsed = request.allow("reviews:decide").and_then(|()| {
        let (subject, decision) = decision(&request)?;
        let says = [&decision.review, decision.choice.as_str(), &decision.note];
        Ok((WorkKey::of_client(&request.client, request.idempotency_key()?, &says), (subject, decision)))
    });
    let (key, (stream, decision)) = match parsed {
        Ok(parsed) => parsed,
        Err(problem) => return Ok(problem.into()),
    };
    let answer = match stream {
        Subject::Order(id) => requests::decide_order(&ports.journal, cx, &id, &key, decision).await?,
        Subject::LineQuantity(id) => requests::decide_fulfillment(&ports.journal, cx, &id, &key, decision).await?,
    };
    Ok(match answer {
        Answer::Accepted => Response::json(202, &json!({ "correlation_id": cx.correlation })),
        Answer::Refused(why) => Problem::new(409, why.code, "This cannot be decided so").detail(why.reason).into(),
        Answer::Unknown => no_such_review().into(),
    })
}

/// Whose review it is.
enum Subject {
    Order(OrderId),
    LineQuantity(FulfillmentId),
}

fn decision(request: &Request) -> Result<(Subject, Decision), Problem> {
    let (stream, review) = request.variable("id").split_once('.').ok_or_else(no_such_review)?;
    let subject = match (stream.parse().map(Subject::Order), stream.parse().map(Subject::LineQuantity)) {
        (Ok(order), _) => order,
        (Err(_), Ok(fulfillment)) => fulfillment,
        (Err(_), Err(_)) => return Err(no_such_review()),
    };
    let word = review.split_once('-').map_or(review, |(word, _)| word);
    let kind = ReviewKind::ALL.iter().copied().find(|kind| kind.as_str() == word).ok_or_else(no_such_review)?;
    engine::http::json_text(&request.body)?;
    let options = match &subject {
        Subject::Order(_) => kind.options(),
        Subject::LineQuantity(_) => kind.options_of_fulfillment(),
    };
    let Body { choice, note } = serde_json::from_slice(&request.body).map_err(|_not_shown| not_a_decision(options))?;
    let note = engine::redact::text(&note.chars().take(LONGEST_NOTE).collect::<String>());
    Ok((subject, Decision { review: review.to_owned(), kind, choice, by: request.client.clone(), note }))
}

fn not_a_decision(options: &[Choice]) -> Problem {
    let options: Vec<&str> = options.iter().map(|choice| choice.as_str()).collect();
    let offence = Offence { pointer: "/choice".to_owned(), detail: format!("one of {}", options.join(", ")) };
    Problem { errors: vec![offence], ..Problem::new(422, "DECISION_INVALID", "The body is not a decision") }
}

fn no_such_review() -> Problem {
    Problem::new(404, "REVIEW_UNKNOWN", "There is no such review").detail("take the id from GET /v1/reviews")
}
