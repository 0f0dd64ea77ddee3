//! A page that says one thing: that something was refused, failed or is done.

use maud::html;

use super::{Frame, document, page};
use crate::route::Route;

/// What the page says.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// The heading.
    pub title: &'a str,
    /// What happened, and what to do now.
    pub text: &'a str,
    /// Where to go on, with the link's text.
    pub next: Option<(Route, &'a str)>,
    /// A document that explains it, below `docs/`, with the link's text.
    pub document: Option<(&'a str, &'a str)>,
}

/// The page.
pub fn message(frame: &Frame<'_>, message: &Message<'_>) -> String {
    let main = html! {
        p { (message.text) }
        @if let Some((route, text)) = &message.next { p { a href=(route.href(frame.site)) { (text) } } }
        @if let Some((path, text)) = message.document { p { (document(frame.site, path, text)) } }
    };
    page(frame, message.title, false, &main)
}
