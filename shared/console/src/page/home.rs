//! What is at risk: orders that do not go on by themselves, by the cause, and reviews that are due.

use std::collections::BTreeMap;

use domain::Money;
use jiff::Timestamp;
use maud::html;

use super::{Frame, document, optional_time, page, words};
use crate::role::Action;
use crate::route::Route;

/// The orders that wait for one cause.
#[derive(Debug, Clone, PartialEq)]
pub struct AtRisk {
    /// The status.
    pub cause: &'static str,
    /// How many orders have it; of more than were read, the number that was read.
    pub count: usize,
    /// Whether there are more than were read.
    pub more: bool,
    /// The totals of those that are priced.
    pub totals: Vec<Money>,
    /// When the oldest of those that were read was ordered.
    pub oldest: Option<Timestamp>,
}

impl AtRisk {
    /// The sum of each currency.
    fn value(&self) -> String {
        let mut sums = BTreeMap::new();
        for Money { amount, currency } in &self.totals {
            let sum = sums.entry(currency.to_string()).or_insert(rust_decimal::Decimal::ZERO);
            *sum = sum.checked_add(*amount).unwrap_or(rust_decimal::Decimal::MAX);
        }
        let sums: Vec<String> = sums.iter().map(|(currency, sum)| format!("{sum} {currency}")).collect();
        if sums.is_empty() { "not priced".to_owned() } else { sums.join(", ") }
    }

    fn counted(&self) -> String {
        if self.more { format!("{}+", self.count) } else { self.count.to_string() }
    }
}

/// The page. `reviews` are how many streams have open reviews, whether there are more, and when the first is due.
pub fn home(frame: &Frame<'_>, causes: &[AtRisk], reviews: Option<(usize, bool, Option<Timestamp>)>) -> String {
    let site = frame.site;
    let waiting: Vec<&AtRisk> = causes.iter().filter(|cause| cause.count > 0).collect();
    let main = html! {
        h2 { "Orders that do not go on by themselves" }
        @if waiting.is_empty() {
            p class="empty" {
                "No order is at risk: none waits for a price, for credit, for stock, for a route or for the end of a hold. "
                "Orders that go on by themselves are under Orders."
            }
        } @else {
            div class="wide" tabindex="0" role="region" aria-label="Orders at risk" {
                table {
                    caption { "By cause. A plus means that there are more than were counted; value and oldest are of those counted." }
                    thead { tr {
                        th scope="col" { "Cause" } th scope="col" class="number" { "Orders" }
                        th scope="col" class="number" { "Value" } th scope="col" { "Oldest" }
                    } }
                    tbody {
                        @for cause in waiting {
                            tr {
                                th scope="row" {
                                    a href=(Route::Orders { status: cause.cause.to_owned(), cursor: None }.href(site)) { (words(cause.cause)) }
                                }
                                td class="number" { (cause.counted()) }
                                td class="number" { (cause.value()) }
                                td { (optional_time(cause.oldest)) }
                            }
                        }
                    }
                }
            }
        }
        @if let Some((count, more, first)) = reviews {
            h2 { "Decisions" }
            @if count == 0 {
                p class="empty" { "No review is open: nothing waits for a decision." }
            } @else {
                p {
                    a href=(Route::Reviews { team: String::new(), cursor: None }.href(site)) {
                        (count) @if more { "+" } " orders, fulfillments or deliveries wait for a decision"
                    }
                    "; the first by "
                    @if first.is_some_and(|first| first < frame.now) { span class="bad" { (optional_time(first)) " (late)" } }
                    @else { (optional_time(first)) }
                    "."
                }
            }
        }
        @if frame.person.is_some_and(|person| person.may(Action::ReadPartners)) {
            p { (document(site, "runbooks/on-call.md", "What to do when it rings")) }
        }
        p { (document(site, "order-states.md", "What each status means")) }
    };
    page(frame, "At risk", true, &main)
}
