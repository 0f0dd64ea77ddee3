//! Lists orders by their status, newest first, from a view.
//!
//! - On: `GET /v1/orders?status=…&limit=…&cursor=…`, with the scope `orders:read`.
//! - Does: reads the view; a row may be a moment behind the journal.
//! - Fails: 400 (no such status, bad limit or cursor), 403.

use domain::order::Status;
use engine::http::{Problem, Request, Response};
use engine::stores::Views;
use engine::{Context, Failure};
use serde_json::json;
use views::order::Summary;

/// All that this function may touch.
#[derive(Debug)]
pub struct Ports<V> {
    /// Order summaries.
    pub views: V,
}

/// Answers the client.
///
/// # Errors
/// The store's.
pub async fn handle(ports: &Ports<impl Views>, request: Request, _cx: &Context) -> Result<Response, Failure> {
    if let Err(problem) = request.allow("orders:read") {
        return Ok(problem.into());
    }
    let wanted = request.query.get("status").map_or("", String::as_str);
    let Some(status) = Status::ALL.into_iter().find(|status| status.as_str() == wanted) else {
        let known: Vec<&str> = Status::ALL.into_iter().map(Status::as_str).collect();
        let problem = Problem::new(400, "STATUS_UNKNOWN", "The parameter `status` is missing or no status");
        return Ok(problem.detail(format!("one of {}", known.join(", "))).into());
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
    let rows = page.rows.iter().map(|row| serde_json::from_str::<Summary>(&row.document));
    let orders: Vec<Summary> = rows.filter_map(Result::ok).collect();
    Ok(Response::json(200, &json!({ "orders": orders, "next": page.next })))
}
