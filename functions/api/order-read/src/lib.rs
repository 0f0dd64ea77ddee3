//! Returns one order's details, or its timeline.
//!
//! - On: `GET /v1/orders/{id}` and `GET /v1/orders/{id}/timeline`, with the scope `orders:read`, or
//!   `orders:read:all` for other sources' orders.
//! - Does: folds the order and its fulfillments from the journal, not from a view, so that an order can be read as soon
//!   as it was accepted. An alias shows its order.
//! - Then: 200 with the order or the timeline.
//! - Fails: 400 (malformed id), 403 (no scope), 404 (no such order, or none of the client's).

use domain::{Fulfillment, Order, OrderId};
use engine::http::{Problem, Request, Response};
use engine::journal::stream_name;
use engine::{Commit, Context, Failure, Journal, Stream};
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
    let grant = match request.grant("orders:read") {
        Ok(grant) => grant,
        Err(problem) => return Ok(problem.into()),
    };
    let Ok(id) = request.variables.get("id").map_or("", String::as_str).parse::<OrderId>() else {
        let problem = Problem::new(400, "ID_INVALID", "This is not an order's id");
        return Ok(problem.detail("an id is `ord_` and 26 letters and digits").into());
    };
    let Some(order) = TimedFold::of(names::load_granted(&ports.journal, &id, cx, &grant).await?) else {
        return Ok(Problem::new(404, "ORDER_UNKNOWN", "There is no such order").into());
    };
    let id = order.state.id();
    let known_as = views::order::known_as(&order.state, &grant).id;
    let ids = order.state.fulfillments.assignments.keys();
    if request.path.ends_with("/timeline") {
        let read = async |id| ports.journal.read(&stream_name::<Fulfillment>(id)).await;
        let fulfillments: Vec<Vec<Commit>> = try_join_all(ids.map(read)).await?;
        let commits = ports.journal.read(&stream_name::<Order>(id)).await?;
        let entries = views::order::timeline(&commits, &fulfillments, cx.now, &grant)?;
        return Ok(Response::json(200, &json!({ "order": known_as, "version": order.version, "entries": entries })));
    }
    let load = async |id| Stream::<Fulfillment>::load(&ports.journal, id, cx).await;
    let fulfillments = try_join_all(ids.map(load)).await?.into_iter().filter_map(TimedFold::of);
    Ok(Response::json(200, &views::order::detail(&order, &fulfillments.collect::<Vec<_>>(), &grant)))
}
