//! The pages. Each is a function of what it shows; this file has what all of them share.

mod home;
mod message;
mod order;
mod orders;
mod partners;
mod review;
mod reviews;
#[cfg(test)]
mod tests;
mod timeline;

use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

pub use home::{AtRisk, home};
pub use message::{Message, message};
pub use order::order;
pub use orders::{Found, found, orders};
pub use partners::{PartnerRow, partners};
pub use review::{Changed, ReviewPage, changed, review};
pub use reviews::reviews;
pub use timeline::timeline;

use crate::role::{Action, Role};
use crate::route::{Route, Site};

/// A person who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The identity provider's id of the person.
    pub subject: String,
    /// What the provider's claim says.
    pub roles: Vec<Role>,
    /// What every form of the session has.
    pub form_token: String,
}

impl Person {
    /// Whether one of the roles may do this.
    pub fn may(&self, action: Action) -> bool {
        self.roles.iter().any(|role| role.may(action))
    }
}

/// What every page needs.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Where the console is.
    pub site: &'a Site,
    /// `None` before signing in.
    pub person: Option<&'a Person>,
    /// When the page was made.
    pub now: Timestamp,
}

/// The document around `main`. With `refresh` the script loads it again from time to time.
fn page(frame: &Frame<'_>, title: &str, refresh: bool, main: &Markup) -> String {
    let site = frame.site;
    let link = |route: &Route, text: &str| {
        let current = text == title;
        html! { li { a href=(route.href(site)) aria-current=[current.then_some("page")] { (text) } } }
    };
    let may = |action| frame.person.is_some_and(|person| person.may(action));
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Crossdock" }
                link rel="icon" href=(Route::Icon.href(site));
                link rel="stylesheet" href=(Route::Style.href(site));
                script src=(Route::Script.href(site)) defer {}
            }
            body data-refresh=[refresh.then_some("yes")] {
                a class="skip" href="#main" { "To the content" }
                header {
                    strong { "Crossdock" }
                    @if let Some(person) = frame.person {
                        nav aria-label="Pages" {
                            ul {
                                (link(&Route::Home, "At risk"))
                                @if may(Action::ReadOrders) {
                                    (link(&Route::Orders { status: "submitted".to_owned(), cursor: None }, "Orders"))
                                }
                                @if may(Action::ReadReviews) {
                                    (link(&Route::Reviews { team: String::new(), cursor: None }, "Reviews"))
                                }
                                @if may(Action::ReadPartners) { (link(&Route::Partners, "Partners")) }
                            }
                        }
                        @if may(Action::ReadOrders) {
                            form method="get" action=(Route::Search { reference: String::new() }.href(site).trim_end_matches("?q=")) role="search" {
                                input type="search" name="q" aria-label="Order, purchase order or warehouse order" placeholder="Reference" required;
                                button { "Find" }
                            }
                        }
                        form class="who" method="post" action=(Route::SignOut.href(site)) {
                            span { (person.subject) }
                            input type="hidden" name="token" value=(person.form_token);
                            button { "Sign out" }
                        }
                    }
                }
                main id="main" tabindex="-1" { h1 { (title) } (main) }
                footer { "As of " (time(frame.now)) ". Times are in UTC, or in your own zone where scripts run." }
            }
        }
    };
    document.into_string()
}

/// A time, which the script shows in the viewer's zone.
fn time(at: Timestamp) -> Markup {
    // To the second: milliseconds tell a reader nothing.
    let shown = at.strftime("%Y-%m-%d %H:%M");
    html! { time datetime=(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()) { (shown.to_string()) " UTC" } }
}

/// A time that may be unknown.
fn optional_time(at: Option<Timestamp>) -> Markup {
    at.map_or_else(|| html! { "unknown" }, time)
}

/// A link to a document of the project, or its path where the deployment does not say where documents are.
fn document(site: &Site, path: &str, text: &str) -> Markup {
    match site.document(path) {
        Some(address) => html! { a href=(address) rel="noreferrer" { (text) } },
        None => html! { (text) " (" code { "docs/" (path) } ")" },
    }
}

/// A status, a kind or a choice as people read it: `credit_refused` is `credit refused`.
fn words(text: &str) -> String {
    text.replace('_', " ")
}

/// Text of at most `most` characters; a longer one ends in a sign that some is left out.
fn short(text: &str, most: usize) -> String {
    let cut: String = text.chars().take(most).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}

/// Links to other pages of a list.
fn pages(site: &Site, links: &[(Route, &str)]) -> Markup {
    if links.is_empty() {
        return PreEscaped(String::new());
    }
    html! {
        nav class="pages" aria-label="More" {
            @for (route, text) in links { a href=(route.href(site)) { (text) } }
        }
    }
}

/// The part of `all` from `from` on, at most `most`; and where the earlier and the later part begin.
fn window<T>(all: &[T], from: usize, most: usize) -> (&[T], Option<usize>, Option<usize>) {
    let from = if from < all.len() { from } else { 0 };
    let end = all.len().min(from.saturating_add(most));
    let shown = all.get(from..end).unwrap_or_default();
    (shown, (from > 0).then(|| from.saturating_sub(most)), (end < all.len()).then_some(end))
}
