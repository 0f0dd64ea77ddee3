//! Returns one order's details, or its timeline.
//!
//! - On: `GET /v1/orders/{id}` and `GET /v1/orders/{id}/timeline`, with the scope `orders:read`.
//! - Does: folds the order and its fulfillments from the journal, not from a view, so that an order can be read as soon
//!   as it was accepted. An alias shows its order.
//! - Then: 200 with the order or the timeline.
//! - Fails: 400 (malformed id), 403 (no scope), 404 (no such order).

use domain::{Fulfillment, Order, OrderId};
use engine::http::{Problem, Request, Response};
use engine::journal::stream_name;
use engine::{Commit, Context, Failure, Journal};
use futures::future::try_join_all;
use serde_json::json;
use usecases::names;
use views::TimedFold;

/// The ports that this function uses.
#[derive(Debug)]
pub struct Ports<J> {
    /// Orders' and fulfillments' streams.
    pub journal: J,
}

/// Answers the client.
///
/// # Errors
/// Failures of the journal.
pub async fn handle(ports: &Ports<impl Journal>, request: Request, cx: &Context) -> Result<Response, Failure> {
    if let Err(problem) = request.allow("orders:read") {
        return Ok(problem.into());
    }
    let Ok(id) = request.variables.get("id").map_or("", String::as_str).parse::<OrderId>() else {
        let problem = Problem::new(400, "ID_INVALID", "This is not an order's id");
        return Ok(problem.detail("an id is `ord_` and 26 letters and digits").into());
    };
    let (id, commits) = names::commits(&ports.journal, &id, cx.now).await?;
    let Some(order) = TimedFold::<Order>::of(&commits, cx.now)? else {
        return Ok(Problem::new(404, "ORDER_UNKNOWN", "There is no such order").into());
    };
    let ids = order.state.fulfillments.assignments.keys();
    let fulfillments: Vec<Vec<Commit>> =
        try_join_all(ids.map(async |id| ports.journal.read(&stream_name::<Fulfillment>(id)).await)).await?;
    if request.path.ends_with("/timeline") {
        let entries = views::order::timeline(&commits, &fulfillments, cx.now)?;
        return Ok(Response::json(200, &json!({ "order": id, "version": order.version, "entries": entries })));
    }
    let folded = fulfillments.iter().filter_map(|commits| TimedFold::of(commits, cx.now).transpose());
    let folded = folded.collect::<Result<Vec<TimedFold<Fulfillment>>, Failure>>()?;
    Ok(Response::json(200, &views::order::detail(&order, &folded)))
}
