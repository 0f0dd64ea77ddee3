//! One review: its reason and its choices, and the form that decides it.

use maud::{Markup, html};
use views::{Entry, OpenReview};

use super::timeline::swim_lanes;
use super::{Frame, document, page, short, time, words};
use crate::role::Action;
use crate::route::Route;
use crate::rows::team_of;

/// An open review, as it is shown and decided.
#[derive(Debug, Clone)]
pub struct ReviewPage<'a> {
    /// The review.
    pub review: &'a OpenReview,
    /// The order that it belongs to, where it belongs to one.
    pub order: Option<String>,
    /// The version of its stream that it was read from.
    pub version: u64,
    /// The same for each attempt to decide what this page shows.
    pub key: String,
}

/// The page.
pub fn review(frame: &Frame<'_>, shown: &ReviewPage<'_>) -> String {
    page(frame, "Review", false, &about(frame, shown))
}

fn about(frame: &Frame<'_>, shown: &ReviewPage<'_>) -> Markup {
    let review = shown.review;
    let team = team_of(&review.id, &review.kind);
    let may_decide = frame.person.filter(|person| team.is_some_and(|team| person.may(Action::Decide(team))));
    html! {
        dl class="facts" {
            dt { "What" } dd { strong { (words(&review.kind)) } }
            dt { "Reason" } dd { (review.reason) }
            dt { "Of" } dd {
                @match &shown.order {
                    Some(order) => a href=(Route::Order { id: order.clone(), lines: 0, packages: 0 }.href(frame.site)) { "order " (order) },
                    None => (review.id.split('.').next().unwrap_or_default()),
                }
            }
            dt { "Team" } dd { (team.map_or("unknown", domain::review::Team::as_str)) }
            dt { "Since" } dd { (time(review.since)) }
            dt { "Decide by" } dd { (time(review.decide_by)) @if review.decide_by < frame.now { " " span class="bad" { "late" } } }
            dt { "Version" } dd { (shown.version) }
        }
        @match may_decide {
            Some(person) => (form(frame, shown, &person.form_token)),
            None => p class="note" { "It is decided by the team above. Your roles may look at it only." },
        }
        p { (document(frame.site, "runbooks/reviews.md", "What follows from each choice")) }
    }
}

fn form(frame: &Frame<'_>, shown: &ReviewPage<'_>, token: &str) -> Markup {
    let review = shown.review;
    let by_hand = review.options.iter().any(|option| option.as_str() == "resolved_manually");
    html! {
        form class="decide" method="post" action=(Route::Decide { id: review.id.clone() }.href(frame.site)) {
            input type="hidden" name="token" value=(token);
            input type="hidden" name="version" value=(shown.version);
            input type="hidden" name="key" value=(shown.key);
            fieldset {
                legend { "Decision" }
                @for option in &review.options {
                    label { input type="radio" name="choice" value=(option.as_str()) required; (words(option.as_str())) }
                }
            }
            @if by_hand {
                label for="number" { "Number of the document made by hand (for resolved manually)" }
                input id="number" name="number" maxlength="64" autocomplete="off";
                label for="site" { "Site of the whole allocation, where it is one" }
                input id="site" name="site" maxlength="32" autocomplete="off";
                label for="total" { "Total of the invoice with tax, where it is one" }
                input id="total" name="total" maxlength="32" inputmode="decimal" autocomplete="off";
            }
            label for="note" { "Note, without names and addresses" }
            textarea id="note" name="note" rows="3" maxlength="500" {}
            p { button { "Decide" } }
        }
    }
}

/// What a person saw, and what it is now.
#[derive(Debug, Clone)]
pub struct Changed<'a> {
    /// The version that the form had.
    pub seen: u64,
    /// The version that the stream has.
    pub version: u64,
    /// What happened after the version that was seen, in its stream.
    pub since: &'a [Entry],
    /// What the person chose.
    pub choice: &'a str,
    /// The review, if it is still open.
    pub now: Option<ReviewPage<'a>>,
}

/// The page that refuses a decision about something that has changed, with what was seen and what is so now.
pub fn changed(frame: &Frame<'_>, id: &str, changed: &Changed<'_>) -> String {
    let newest = changed.since.get(changed.since.len().saturating_sub(20)..).unwrap_or_default();
    let main = html! {
        p class="bad" { "Nothing was decided: it has changed since you saw it." }
        dl class="facts" {
            dt { "Review" } dd { (id) }
            dt { "You saw" } dd { "version " (changed.seen) ", and chose " (words(&short(changed.choice, 40))) }
            dt { "It is now" } dd { "version " (changed.version) @if changed.now.is_none() { ", and this review is closed" } }
        }
        h2 { "What happened since" }
        (swim_lanes(newest))
        @if let Some(now) = &changed.now {
            h2 { "The review now" }
            (about(frame, now))
        } @else {
            p { a href=(Route::Reviews { team: String::new(), cursor: None }.href(frame.site)) { "To the worklist" } }
        }
    };
    page(frame, "Changed meanwhile", false, &main)
}
