//! Commits a person's decision of a review of an order, a fulfillment, a return or a delivery.
//!
//! - On: `POST /v1/reviews/{id}/decision` with an `Idempotency-Key` and the scope `reviews:decide`, or
//!   `reviews:decide:<team>` for the kinds of one team; the body is
//!   `{"choice": …, "note": …, "document": …}`.
//! - Does: calls no partner.
//! - Then: 202, and `order.`, `fulfillment.`, `return.` or `delivery.review_decided`, which starts the steps that waited for it;
//!   if the choice is to cancel, `order.cancel_requested`, too.
//! - Fails: 400/422 (not a decision), 403 (no scope), 404 (no such review), 409 (the review is closed, it does not
//!   offer the choice, the document's number is missing, or the key was used for another decision).

use domain::intake::{Delivery, DeliveryCommand};
use domain::review::{Choice, Decision, ManualDocument, ReviewKind};
use domain::{
    Fulfillment, FulfillmentCommand, FulfillmentId, Order, OrderCommand, OrderId, Return, ReturnCommand, ReturnId,
    Workflow,
};
use engine::http::{Offence, Problem, Request, Response};
use engine::stores::Parties;
use engine::{Context, Failure, Journal, Stream};
use serde::Deserialize;
use serde_json::json;
use usecases::change::{self, Answer, WorkKey};
use usecases::names;

/// The ports that this function uses.
#[derive(Debug)]
pub struct Ports<J, P> {
    /// Streams of orders, fulfillments, returns, and deliveries that cannot be read.
    pub journal: J,
    /// Shows whose name and address a note must not repeat.
    pub parties: P,
}

#[derive(Deserialize)]
struct Body {
    choice: Choice,
    #[serde(default)]
    note: String,
    document: Option<ManualDocument>,
}

/// In characters; the rest of a longer note is cut off.
const MAX_NOTE_LENGTH: usize = 500;

/// Answers the client.
///
/// # Errors
/// A failure of the store: the answer is then 503, and the client tries again with the same key.
pub async fn handle(
    ports: &Ports<impl Journal, impl Parties>,
    request: Request,
    cx: &Context,
) -> Result<Response, Failure> {
    let Some((stream, review)) = request.variable("id").split_once('.') else { return Ok(no_such_review().into()) };
    let answered = if let Ok(order) = stream.parse::<OrderId>() {
        decide::<Order>(ports, &order, Some(&order), review, &request, cx, OrderCommand::Decide).await?
    } else if let Ok(id) = stream.parse::<FulfillmentId>() {
        let order = Some(id.order());
        decide::<Fulfillment>(ports, &id, order, review, &request, cx, FulfillmentCommand::Decide).await?
    } else if let Ok(delivery) = stream.parse() {
        decide::<Delivery>(ports, &delivery, None, review, &request, cx, DeliveryCommand::Decide).await?
    } else if let Ok(id) = stream.parse::<ReturnId>() {
        let known = Stream::<Return>::load(&ports.journal, &id, cx).await?.state;
        let order = known.as_ref().and_then(Return::order);
        decide::<Return>(ports, &id, order, review, &request, cx, ReturnCommand::Decide).await?
    } else {
        Err(no_such_review())
    };
    Ok(match answered {
        Ok(Answer::Accepted) => Response::json(202, &json!({ "correlation_id": cx.correlation })),
        Ok(Answer::Refused(why)) => {
            Problem::new(409, why.code, "The review cannot be decided in this way").detail(why.reason).into()
        }
        Ok(Answer::Unknown) => no_such_review().into(),
        Err(problem) => problem.into(),
    })
}

/// Decides the review of the stream `id`. The outer error is the store's; the inner one is a mistake of the client.
async fn decide<W: Workflow>(
    ports: &Ports<impl Journal, impl Parties>,
    id: &W::Id,
    order: Option<&OrderId>,
    review: &str,
    request: &Request,
    cx: &Context,
    command: impl FnOnce(Decision<W::Review>) -> W::Command,
) -> Result<Result<Answer, Problem>, Failure> {
    let parsed = decision::<W::Review>(review, request).and_then(|decision| {
        let document = decision.document.as_ref().map(|document| json!(document).to_string()).unwrap_or_default();
        let payload = [&decision.review, decision.choice.as_str(), &decision.note, &document];
        Ok((WorkKey::of_client(&request.client, request.idempotency_key()?, &payload), decision))
    });
    match parsed {
        Ok((key, mut decision)) => {
            decision.note = without_receiver(ports, order, &decision.note, cx).await?;
            change::decide::<W>(&ports.journal, cx, id, &key, command(decision)).await.map(Ok)
        }
        Err(problem) => Ok(Err(problem)),
    }
}

/// The note without personal data. A receiver is looked up only where there is a note.
async fn without_receiver(
    ports: &Ports<impl Journal, impl Parties>,
    order: Option<&OrderId>,
    note: &str,
    cx: &Context,
) -> Result<String, Failure> {
    let Some(order) = order.filter(|_| !note.is_empty()) else { return Ok(engine::redact::text(note)) };
    let receiver = match names::load(&ports.journal, order, cx).await?.state {
        Some(order) => ports.parties.fetch(&order.terms.submission.ship_to).await?,
        None => None,
    };
    Ok(engine::redact::without_parties(note, &receiver))
}

fn decision<K: ReviewKind>(review: &str, request: &Request) -> Result<Decision<K>, Problem> {
    let name = review.split_once('-').map_or(review, |(name, _)| name);
    let kind = K::ALL.iter().copied().find(|kind| kind.as_str() == name).ok_or_else(no_such_review)?;
    request.allow_part("reviews:decide", kind.team().as_str())?;
    engine::http::json_text(&request.body)?;
    let Body { choice, note, document } =
        engine::json::typed(&request.body).map_err(|_not_shown| not_a_decision(kind.options()))?;
    let note = note.chars().take(MAX_NOTE_LENGTH).collect();
    Ok(Decision { review: review.to_owned(), kind, choice, document, by: request.client.clone(), note })
}

fn not_a_decision(options: &[Choice]) -> Problem {
    let options: Vec<&str> = options.iter().map(|choice| choice.as_str()).collect();
    let offence = Offence { pointer: "/choice".to_owned(), detail: format!("one of {}", options.join(", ")) };
    Problem { errors: vec![offence], ..Problem::new(422, "DECISION_INVALID", "The body is not a decision") }
}

fn no_such_review() -> Problem {
    Problem::new(404, "REVIEW_UNKNOWN", "There is no such review").detail("take the id from GET /v1/reviews")
}
