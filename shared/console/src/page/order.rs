//! One order: status, lines, fulfillments, packages, open reviews, and the end of its timeline.

use maud::{Markup, html};
use views::order::Detail;
use views::{Entry, OpenReview};

use super::timeline::swim_lanes;
use super::{Frame, document, page, pages, short, time, window, words};
use crate::role::Action;
use crate::route::Route;
use crate::rows::team_of;

const LINES: usize = 30;
const PACKAGES: usize = 30;
const FULFILLMENTS: usize = 40;
const REVIEWS: usize = 10;
/// The newest entries of the timeline, which has a page of its own.
const ENTRIES: usize = 12;

/// The page. `lines` and `packages` are how many are before the first that is shown.
pub fn order(frame: &Frame<'_>, order: &Detail, entries: &[Entry], lines: usize, packages: usize) -> String {
    let summary = &order.summary;
    let newest = entries.get(entries.len().saturating_sub(ENTRIES)..).unwrap_or_default();
    let main = html! {
        dl class="facts" {
            dt { "Status" } dd { strong { (words(summary.status.as_str())) } " · " (document(frame.site, "order-states.md", "what it means")) }
            dt { "Customer" } dd { (short(&summary.customer, 64)) }
            dt { "Purchase order" } dd { (short(&summary.customer_po, 64)) }
            dt { "Sender’s id" } dd { (short(&summary.external_id, 64)) " (" (summary.source) ")" }
            @for alias in summary.aliases.iter().take(10) { dt { "Also called" } dd { (short(&alias.external_id, 64)) " (" (alias.source) ")" } }
            dt { "Total" } dd { @if let Some(total) = &summary.total { (total) } @else { "not priced" } }
            dt { "Sales order" } dd { (order.sales_order.as_deref().unwrap_or("none")) }
            dt { "Invoice" } dd { (order.invoice.as_deref().unwrap_or("none")) }
            dt { "Ordered" } dd { (time(summary.ordered_at)) }
            dt { "Last change" } dd { (time(summary.updated_at)) " · version " (order.version) }
            @for hold in order.holds.iter().take(10) {
                dt { "On hold" } dd { (short(&hold.reason, 200)) @if let Some(holder) = &hold.holder { " (" (holder) ")" } }
            }
        }
        h2 { "Open reviews" }
        (reviews(frame, &order.open_reviews))
        h2 { "Lines" }
        (lines_of(frame, order, lines, packages))
        h2 { "Fulfillments and packages" }
        (fulfillments(frame, order, lines, packages))
        h2 { "Timeline" }
        (swim_lanes(newest))
        p { a href=(Route::Timeline { id: summary.id.to_string(), from: 0 }.href(frame.site)) { "All " (entries.len()) " entries" } }
    };
    page(frame, &format!("Order {}", summary.id), true, &main)
}

fn reviews(frame: &Frame<'_>, reviews: &[OpenReview]) -> Markup {
    if reviews.is_empty() {
        return html! { p class="empty" { "None: the order goes on by itself, or has ended." } };
    }
    let may_read = frame.person.is_some_and(|person| person.may(Action::ReadReviews));
    html! {
        ul {
            @for review in reviews.iter().take(REVIEWS) {
                li {
                    @if may_read { a href=(Route::Review { id: review.id.clone() }.href(frame.site)) { (words(&review.kind)) } }
                    @else { (words(&review.kind)) }
                    ": " (short(&review.reason, 160)) " "
                    @if let Some(team) = team_of(&review.id, &review.kind) { "Team " (team.as_str()) ", " }
                    "by " (time(review.decide_by))
                    @if review.decide_by < frame.now { " " span class="bad" { "late" } }
                }
            }
        }
        @if reviews.len() > REVIEWS { p class="note" { (reviews.len() - REVIEWS) " more are on the worklist." } }
        p { (document(frame.site, "runbooks/reviews.md", "What follows from each choice")) }
    }
}

fn lines_of(frame: &Frame<'_>, order: &Detail, from: usize, packages: usize) -> Markup {
    let (shown, before, after) = window(&order.lines, from, LINES);
    let at = |lines| Route::Order { id: order.summary.id.to_string(), lines, packages };
    html! {
        div class="wide" tabindex="0" role="region" aria-label="Lines" {
            table {
                caption { (order.lines.len()) " lines, in their stock-keeping units after pricing" }
                thead { tr {
                    th scope="col" { "Line" } th scope="col" { "Product" }
                    @for name in ["Ordered", "Open", "In fulfillment", "Backordered", "Cancelled", "Shipped", "Delivered"] {
                        th scope="col" class="number" { (name) }
                    }
                } }
                tbody {
                    @for line in shown {
                        tr {
                            th scope="row" { (line.line) } td { (line.sku) }
                            td class="number" { (line.ordered) @if !line.over.is_zero() { " (+" (line.over) ")" } }
                            @for quantity in [&line.open, &line.in_fulfillment, &line.backordered, &line.cancelled, &line.shipped, &line.delivered] {
                                td class="number" { @if quantity.is_zero() { "–" } @else { (quantity) } }
                            }
                        }
                    }
                }
            }
        }
        (pages(frame.site, &links(before, after, at, ["Earlier lines", "Later lines"])))
    }
}

fn links(
    before: Option<usize>,
    after: Option<usize>,
    at: impl Fn(usize) -> Route,
    texts: [&str; 2],
) -> Vec<(Route, &str)> {
    let both = [before, after].into_iter().zip(texts);
    both.filter_map(|(from, text)| Some((at(from?), text))).collect()
}

fn fulfillments(frame: &Frame<'_>, order: &Detail, lines: usize, from: usize) -> Markup {
    if order.fulfillments.is_empty() {
        return html! { p class="empty" { "None yet: a fulfillment is opened when the order is routed to a warehouse." } };
    }
    let packages: Vec<_> =
        order.fulfillments.iter().flat_map(|of| of.packages.iter().map(move |package| (of, package))).collect();
    let (shown, before, after) = window(&packages, from, PACKAGES);
    let at = |packages| Route::Order { id: order.summary.id.to_string(), lines, packages };
    let status = |status: domain::shipment::PackageStatus| {
        serde_json::to_value(status).ok().and_then(|text| text.as_str().map(words)).unwrap_or_default()
    };
    html! {
        div class="wide" tabindex="0" role="region" aria-label="Fulfillments" {
            table {
                caption { (order.fulfillments.len()) " fulfillments; the id is the warehouse’s reference" }
                thead { tr {
                    th scope="col" { "Fulfillment" } th scope="col" { "Warehouse" } th scope="col" { "Request" }
                    th scope="col" class="number" { "Lines" } th scope="col" class="number" { "Packages" }
                } }
                tbody {
                    @for it in order.fulfillments.iter().take(FULFILLMENTS) {
                        tr {
                            th scope="row" { (it.id) } td { (it.warehouse) " " (it.site) }
                            td { (format!("{:?}", it.request_status).to_lowercase()) }
                            td class="number" { (it.lines.len()) } td class="number" { (it.packages.len()) }
                        }
                    }
                }
            }
        }
        @if order.fulfillments.len() > FULFILLMENTS {
            p class="note" { (order.fulfillments.len() - FULFILLMENTS) " more are in the timeline." }
        }
        @if packages.is_empty() {
            p class="empty" { "No package yet: a warehouse has to report one as packed." }
        } @else {
            div class="wide" tabindex="0" role="region" aria-label="Packages" {
                table {
                    caption { (packages.len()) " packages that are not void" }
                    thead { tr {
                        th scope="col" { "Package" } th scope="col" { "Fulfillment" } th scope="col" { "Status" }
                        th scope="col" { "Carrier" } th scope="col" { "Tracking" }
                    } }
                    tbody {
                        @for (of, package) in shown {
                            tr {
                                th scope="row" { (package.package) } td { (of.id) } td { (status(package.status)) }
                                td { @if let Some(carrier) = &package.carrier { (carrier) } @else { "none yet" } }
                                td { @if let Some(tracking) = &package.tracking { (tracking) } @else { "none yet" } }
                            }
                        }
                    }
                }
            }
            (pages(frame.site, &links(before, after, at, ["Earlier packages", "Later packages"])))
        }
    }
}
