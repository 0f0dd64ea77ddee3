//! Lists the orders of one status, newest first.
//!
//! - On: `GET /v1/orders?status=…&limit=…&cursor=…`, with the scope `orders:read`, or
//!   `orders:read:all` for other sources' orders.
//! - Does: reads the view that `view-project` writes; a row may be seconds behind the journal.
//! - Then: 200 with the orders and the next page's cursor. A page of a client that sees its own orders only may be short.
//! - Fails: 400 (unknown status, bad limit or cursor), 403 (no scope).

use domain::order::Status;
use engine::http::{Problem, Request, Response};
use engine::stores::Views;
use engine::{Context, Failure};
use serde_json::json;

/// The ports that this function uses.
#[derive(Debug)]
pub struct Ports<V> {
    /// Order summaries.
    pub views: V,
}

/// Answers the client.
///
/// # Errors
/// Failures of the store.
pub async fn handle(ports: &Ports<impl Views>, request: Request, _cx: &Context) -> Result<Response, Failure> {
    let grant = match request.grant("orders:read") {
        Ok(grant) => grant,
        Err(problem) => return Ok(problem.into()),
    };
    let requested = request.query.get("status").map_or("", String::as_str);
    let Some(status) = Status::ALL.into_iter().find(|status| status.as_str() == requested) else {
        let all: Vec<&str> = Status::ALL.into_iter().map(Status::as_str).collect();
        let problem = Problem::new(400, "STATUS_UNKNOWN", "The parameter `status` is missing or no status");
        return Ok(problem.detail(format!("one of {}", all.join(", "))).into());
    };
    let limit = match request.limit() {
        Ok(limit) => limit,
        Err(problem) => return Ok(problem.into()),
    };
    let cursor = request.query.get("cursor").map(String::as_str);
    let page = match ports.views.list(&format!("order/{}", status.as_str()), limit, cursor).await {
        Ok(page) => page,
        Err(Failure::Permanent { .. }) if cursor.is_some() => return Ok(Problem::bad_cursor().into()),
        Err(failure) => return Err(failure),
    };
    let orders = views::documents(&page.rows).into_iter();
    let orders: Vec<_> = orders.filter_map(|row| views::order::listed(row, &grant)).collect();
    Ok(Response::json(200, &json!({ "orders": orders, "next": page.next })))
}
