//! Whether partners are called: circuit breakers, waits and rate limits.

use jiff::Timestamp;
use maud::html;

use super::{Frame, document, page, time};

/// A partner's health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnerRow {
    /// Its id in the registry.
    pub partner: String,
    /// `crm`, `erp` or `warehouse`.
    pub role: String,
    /// `healthy`, or what keeps work from it.
    pub state: &'static str,
    /// Until when, where that is known.
    pub until: Option<Timestamp>,
}

/// The most that are shown; a deployment has a few dozen.
const MOST: usize = 150;

/// The page.
pub fn partners(frame: &Frame<'_>, rows: &[PartnerRow]) -> String {
    let main = html! {
        @if rows.is_empty() {
            p class="empty" { "The registry has no partner: deploy their documents first." }
        } @else {
            div class="wide" tabindex="0" role="region" aria-label="Partners" {
                table {
                    caption { "Work for a partner that is not called waits, and goes on by itself" }
                    thead { tr {
                        th scope="col" { "Partner" } th scope="col" { "Role" } th scope="col" { "State" } th scope="col" { "Until" }
                    } }
                    tbody {
                        @for row in rows.iter().take(MOST) {
                            tr {
                                th scope="row" { (row.partner) } td { (row.role) }
                                td { span class=(if row.state == "healthy" { "good" } else { "bad" }) { (row.state) } }
                                td { @if let Some(until) = row.until { (time(until)) } @else { "–" } }
                            }
                        }
                    }
                }
            }
        }
        @if rows.len() > MOST { p class="note" { (rows.len() - MOST) " more are not shown." } }
        p { (document(frame.site, "runbooks/partner-outage.md", "What to do in a partner’s outage")) }
    };
    page(frame, "Partners", true, &main)
}
