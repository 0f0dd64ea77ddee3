//! Begins a return exactly once, by whichever way and however often it is requested.

use domain::returns::{Content, Origin, ReturnRequest};
use domain::{Fulfillment, Order, Rejection, Return, ReturnCommand};
use engine::returns::{NewReturn, ReturnPolicies};
use engine::{Context, Failure, Journal, Outcome, Stream};

use crate::names;

/// The outcome of a request for a return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requested {
    /// The return began.
    Created,
    /// It began before, with the same content. Nothing was written.
    Same,
    /// It began before, with other content. Nothing was written.
    Different,
    /// The order is not known (yet).
    OrderUnknown,
    /// The order has no such line, or the line no such unit. Nothing was written.
    Refused(Rejection),
}

/// Begins the return `new`, with the goods as its order shipped them and the policy of now.
///
/// # Errors
/// Failures of the stores.
pub async fn request(
    journal: &impl Journal,
    policies: &impl ReturnPolicies,
    cx: &Context,
    work_key: &str,
    new: &NewReturn,
) -> Result<Requested, Failure> {
    let order = names::load(journal, &new.order, cx).await?;
    let Some(order) = &order.state else { return Ok(Requested::OrderUnknown) };
    let content = match content(journal, cx, order, new).await? {
        Ok(content) => content,
        Err(rejection) => return Ok(Requested::Refused(rejection)),
    };
    let mut stream = Stream::<Return>::load(journal, &new.id(), cx).await?;
    if stream.version == 0 {
        let request = ReturnCommand::Request(ReturnRequest {
            return_id: new.id(),
            source: new.source.clone(),
            external_id: new.external_id.clone(),
            origin: Origin::Customer,
            outcome: new.outcome,
            content: Some(content.clone()),
            policy: policies.return_policy(cx).await?,
            requested_at: new.requested_at,
        });
        if stream.commit(journal, cx, &cx.cause(work_key), request).await? == Outcome::Applied {
            return Ok(Requested::Created);
        }
    }
    let is_same = stream.state.as_ref().is_some_and(|state| state.asks_the_same(new.outcome, &content));
    Ok(if is_same { Requested::Same } else { Requested::Different })
}

async fn content(
    journal: &impl Journal,
    cx: &Context,
    order: &Order,
    new: &NewReturn,
) -> Result<Result<Content, Rejection>, Failure> {
    let mut fulfillments = Vec::new();
    for id in order.fulfillments.assignments.keys() {
        fulfillments.extend(Stream::<Fulfillment>::load(journal, id, cx).await?.state);
    }
    Ok(Content::of(&new.id(), order, &fulfillments, &new.lines, new.requested_at))
}
