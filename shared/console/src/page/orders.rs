//! Orders of one status, newest first; and the orders that a reference belongs to.

use domain::order::Status;
use maud::{Markup, html};

use super::{Frame, document, optional_time, page, pages, short, words};
use crate::route::Route;
use crate::rows::OrderRow;

/// The page of a status.
pub fn orders(
    frame: &Frame<'_>,
    status: &str,
    rows: &[OrderRow],
    cursor: Option<&str>,
    next: Option<String>,
) -> String {
    let first = || Route::Orders { status: status.to_owned(), cursor: None };
    let mut links = Vec::new();
    if cursor.is_some() {
        links.push((first(), "First page"));
    }
    if next.is_some() {
        links.push((Route::Orders { status: status.to_owned(), cursor: next }, "Older orders"));
    }
    let main = html! {
        form method="get" action=(first().href(frame.site).split('?').next().unwrap_or_default()) {
            label for="status" { "Status " }
            select id="status" name="status" {
                @for known in Status::ALL {
                    option value=(known.as_str()) selected[known.as_str() == status] { (words(known.as_str())) }
                }
            }
            " " button { "Show" }
        }
        @if rows.is_empty() {
            p class="empty" {
                @if cursor.is_some() { "There are no older orders of this status." }
                @else { "No order is " (words(status)) " now. Lists may be a moment behind the journal; an order that was just accepted is found by its id." }
            }
        } @else {
            (table(frame, rows, "Newest first, by the time at which the customer ordered"))
        }
        (pages(frame.site, &links))
        p { (document(frame.site, "order-states.md", "What each status means, and what ends it")) }
    };
    page(frame, "Orders", true, &main)
}

/// What a search found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The orders.
    pub rows: Vec<OrderRow>,
    /// How many orders of each status were looked through for names that have no key of their own; 0 where none had to be.
    pub looked_through: u32,
}

/// The page of a search.
pub fn found(frame: &Frame<'_>, reference: &str, found: &Found) -> String {
    let shown = short(reference, 80);
    let main = html! {
        @if found.rows.is_empty() {
            p class="empty" {
                @if reference.is_empty() { "Type a reference: an order's or fulfillment's id, the CRM's or client's id, or a purchase order." }
                @else {
                    "No order is called “" (shown) "”. Ids of orders, of fulfillments (which warehouses have as reference) and of known senders are found by key. "
                    "Purchase orders were looked for among the newest " (found.looked_through) " orders of each status. "
                    "Sales orders, warehouses' own numbers and tracking numbers are in no list: find the order by its other names, and they are on its page."
                }
            }
        } @else {
            (table(frame, &found.rows, &format!("Called “{shown}”")))
        }
    };
    page(frame, "Search", false, &main)
}

fn table(frame: &Frame<'_>, rows: &[OrderRow], caption: &str) -> Markup {
    html! {
        div class="wide" tabindex="0" role="region" aria-label="Orders" {
            table {
                caption { (caption) }
                thead { tr {
                    th scope="col" { "Order" } th scope="col" { "Status" } th scope="col" { "Sender’s id" }
                    th scope="col" { "Customer" } th scope="col" { "Purchase order" }
                    th scope="col" class="number" { "Total" } th scope="col" { "Ordered" } th scope="col" class="number" { "Reviews" }
                } }
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" {
                                a href=(Route::Order { id: row.id.clone(), lines: 0, packages: 0 }.href(frame.site)) { (row.id) }
                            }
                            td { (words(&row.status)) }
                            td { (short(&row.external_id, 40)) " (" (short(&row.source, 24)) ")" }
                            td { (short(&row.customer, 32)) }
                            td { (short(&row.customer_po, 40)) }
                            td class="number" { @if let Some(total) = &row.total { (total) } @else { "not priced" } }
                            td { (optional_time(row.ordered_at)) }
                            td class="number" { @if row.reviews > 0 { span class="warn" { (row.reviews) } } @else { "0" } }
                        }
                    }
                }
            }
        }
    }
}
