//! Lists the open reviews of all orders and fulfillments, the most urgent first.
//!
//! - On: `GET /v1/reviews?limit=…&cursor=…`, with the scope `reviews:read`.
//! - Does: reads the view that `view-project` writes; a row may be seconds behind the journal.
//! - Then: 200 with the reviews and the next page's cursor.
//! - Fails: 400 (bad limit or cursor), 403 (no scope).

use engine::http::{Problem, Request, Response};
use engine::stores::Views;
use engine::{Context, Failure};
use serde_json::{Value, json};
use views::OPEN_REVIEWS;

/// The ports that this function uses.
#[derive(Debug)]
pub struct Ports<V> {
    /// The worklist.
    pub views: V,
}

/// Answers the client.
///
/// # Errors
/// Failures of the store.
pub async fn handle(ports: &Ports<impl Views>, request: Request, _cx: &Context) -> Result<Response, Failure> {
    let limit = match request.allow("reviews:read").and_then(|()| request.limit()) {
        Ok(limit) => limit,
        Err(problem) => return Ok(problem.into()),
    };
    let cursor = request.query.get("cursor").map(String::as_str);
    let page = match ports.views.list(OPEN_REVIEWS, limit, cursor).await {
        Ok(page) => page,
        Err(Failure::Permanent { .. }) if cursor.is_some() => return Ok(Problem::bad_cursor().into()),
        Err(failure) => return Err(failure),
    };
    let reviews: Vec<Value> = views::documents(&page.rows).into_iter().flat_map(views::each).collect();
    Ok(Response::json(200, &json!({ "reviews": reviews, "next": page.next })))
}
