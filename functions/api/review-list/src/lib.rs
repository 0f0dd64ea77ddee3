//! Lists the open reviews of all orders and fulfillments, the most urgent first.
//!
//! - On: `GET /v1/reviews?limit=…&cursor=…`, with the scope `reviews:read`, or
//!   `reviews:read:<team>` for the kinds of one team.
//! - Does: reads the view that `view-project` writes; a row may be seconds behind the journal.
//! - Then: 200 with the reviews and the next page's cursor. A page of a client that sees some teams' kinds only may be short.
//! - Fails: 400 (bad limit or cursor), 403 (no scope).

use domain::review::Team;
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
    let every_team = request.allow("reviews:read");
    let sees_all = every_team.is_ok();
    let teams = Team::ALL.iter().map(|team| team.as_str());
    let teams: Vec<&str> = teams.filter(|team| request.allow_part("reviews:read", team).is_ok()).collect();
    let allowed = if teams.is_empty() { every_team } else { Ok(()) };
    let limit = match allowed.and_then(|()| request.limit()) {
        Ok(limit) => limit,
        Err(problem) => return Ok(problem.into()),
    };
    let cursor = request.query.get("cursor").map(String::as_str);
    let page = match ports.views.list(OPEN_REVIEWS, limit, cursor).await {
        Ok(page) => page,
        Err(Failure::Permanent { .. }) if cursor.is_some() => return Ok(Problem::bad_cursor().into()),
        Err(failure) => return Err(failure),
    };
    let reviews = views::documents(&page.rows).into_iter().flat_map(views::each);
    let is_seen = |review: &Value| sees_all || review["team"].as_str().is_some_and(|team| teams.contains(&team));
    let reviews: Vec<Value> = reviews.filter(is_seen).collect();
    Ok(Response::json(200, &json!({ "reviews": reviews, "next": page.next })))
}
