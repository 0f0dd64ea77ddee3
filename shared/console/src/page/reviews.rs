//! What waits for a decision, the most urgent first, of all teams or of one.

use domain::review::Team;
use maud::html;

use super::{Frame, document, optional_time, page, pages, short, words};
use crate::route::Route;
use crate::rows::ReviewRow;

/// The page. `looked_through` is how many orders, fulfillments and deliveries were looked through for the team's reviews.
pub fn reviews(
    frame: &Frame<'_>,
    team: &str,
    rows: &[ReviewRow],
    cursor: Option<&str>,
    next: Option<String>,
    looked_through: usize,
) -> String {
    let site = frame.site;
    let of = |team: &str, cursor| Route::Reviews { team: team.to_owned(), cursor };
    let mut links = Vec::new();
    if cursor.is_some() {
        links.push((of(team, None), "First page"));
    }
    if next.is_some() {
        links.push((of(team, next.clone()), "Less urgent"));
    }
    let main = html! {
        nav class="pages" aria-label="Teams" {
            a href=(of("", None).href(site)) aria-current=[team.is_empty().then_some("true")] { "All teams" }
            @for known in Team::ALL {
                a href=(of(known.as_str(), None).href(site)) aria-current=[(known.as_str() == team).then_some("true")] { (words(known.as_str())) }
            }
        }
        @if rows.is_empty() {
            p class="empty" {
                @if next.is_some() { "None of the " (looked_through) " most urgent ones is this team’s. There are less urgent ones." }
                @else if cursor.is_some() { "There are no less urgent ones." }
                @else if team.is_empty() { "Nothing waits for a decision. A review appears here when the facts of an order need one." }
                @else { "Nothing waits for a decision of this team." }
            }
        } @else {
            div class="wide" tabindex="0" role="region" aria-label="Reviews" {
                table {
                    caption { "The most urgent first" }
                    thead { tr {
                        th scope="col" { "Decide by" } th scope="col" { "Review" } th scope="col" { "Team" }
                        th scope="col" { "Reason" } th scope="col" { "Choices" }
                    } }
                    tbody {
                        @for row in rows {
                            tr {
                                td {
                                    (optional_time(row.decide_by))
                                    @if row.decide_by.is_some_and(|by| by < frame.now) { " " span class="bad" { "late" } }
                                }
                                th scope="row" {
                                    a href=(Route::Review { id: row.id.clone() }.href(site)) { (words(&row.kind)) }
                                    " " (row.id.split('.').next().unwrap_or_default())
                                }
                                td { (row.team().map_or("unknown", Team::as_str)) }
                                td { (short(&row.reason, 160)) }
                                td { (row.options.iter().map(|option| words(option)).collect::<Vec<_>>().join(", ")) }
                            }
                        }
                    }
                }
            }
        }
        (pages(site, &links))
        p { (document(site, "runbooks/reviews.md", "What each review means, and what follows from each choice")) }
    };
    page(frame, "Reviews", true, &main)
}
