//! One order's timeline as a swim lane: what happened, in the lane of the system in which it happened.

use domain::OrderId;
use maud::{Markup, html};
use views::Entry;

use super::{Frame, page, pages, short, time, window, words};
use crate::route::Route;

const ENTRIES: usize = 60;

/// The lanes, in the order in which an order passes them.
const LANES: [&str; 4] = ["CRM or sender", "Crossdock", "ERP", "3PL"];

/// The page; `from` is how many entries are before the first that is shown.
pub fn timeline(frame: &Frame<'_>, order: &OrderId, entries: &[Entry], from: usize) -> String {
    let (shown, before, after) = window(entries, from, ENTRIES);
    let at = |from| Route::Timeline { id: order.to_string(), from };
    let links = [(before, "Earlier"), (after, "Later")];
    let links: Vec<(Route, &str)> = links.into_iter().filter_map(|(from, text)| Some((at(from?), text))).collect();
    let main = html! {
        p { a href=(Route::Order { id: order.to_string(), lines: 0, packages: 0 }.href(frame.site)) { "Order " (order) } }
        (swim_lanes(shown))
        (pages(frame.site, &links))
        p class="note" { (entries.len()) " entries, in the order in which the journal has them." }
    };
    page(frame, "Timeline", true, &main)
}

/// A table with a column for each lane.
pub(super) fn swim_lanes(entries: &[Entry]) -> Markup {
    if entries.is_empty() {
        return html! { p class="empty" { "Nothing happened yet." } };
    }
    let mut source = None;
    for entry in entries.iter().filter(|entry| entry.event == "order.submitted") {
        source = Some(entry.system.as_str());
    }
    html! {
        div class="wide" tabindex="0" role="region" aria-label="Timeline" {
            table {
                caption { "Each entry is in the lane of the system in which it happened." }
                thead { tr { th scope="col" { "When" } @for lane in LANES { th scope="col" class="lane" { (lane) } } } }
                tbody {
                    @for entry in entries {
                        @let own = lane(entry, source);
                        tr {
                            th scope="row" { (time(entry.at)) }
                            @for n in 0..LANES.len() {
                                td {
                                    @if n == own {
                                        @if !matches!(entry.system.as_str(), "crossdock" | "erp" | "crm") { strong { (short(&entry.system, 24)) } " " }
                                        (short(&entry.text, 160))
                                        @if let Some(status) = entry.status { " → " strong { (words(status.as_str())) } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The lane of an entry. What warehouses do is in their fulfillment's stream; any other system but the ERP submits orders.
fn lane(entry: &Entry, source: Option<&str>) -> usize {
    match entry.system.as_str() {
        "crossdock" => 1,
        "erp" => 2,
        "crm" => 0,
        system if source == Some(system) => 0,
        _ if entry.stream.starts_with("fulfillment/") => 3,
        _ => 0,
    }
}
