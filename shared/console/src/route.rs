//! The console's addresses. Pages make links of these alone, so that no text from outside ever becomes a link.

use std::collections::BTreeMap;

use url::Url;
use url::form_urlencoded::byte_serialize;

/// Where the console is, and where its documents are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Scheme, host and port, as a browser sends them in `Origin`.
    origin: String,
    /// The path before `/console`; empty, or without a slash at its end.
    base: String,
    /// Where runbooks and failure pages are.
    docs: Option<Url>,
}

impl Site {
    /// The site below the API's root `api`, with the documents at `docs`.
    ///
    /// # Errors
    /// Why the addresses cannot be used.
    pub fn new(api: &str, docs: Option<&str>) -> Result<Self, &'static str> {
        let url = Url::parse(api).map_err(|_not_shown| "the console's address is no URL")?;
        if !matches!(url.scheme(), "https" | "http") || url.query().is_some() || url.fragment().is_some() {
            return Err("the console's address is not that of an API");
        }
        let base = url.path().trim_end_matches('/').to_owned();
        let docs = match docs {
            Some(docs) => Some(https(docs).ok_or("the documents' address does not begin with https")?),
            None => None,
        };
        Ok(Self { origin: url.origin().ascii_serialization(), base, docs })
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The address that the identity provider sends people back to.
    pub fn return_address(&self) -> String {
        format!("{}{}", self.origin, Route::SignedIn.href(self))
    }

    /// The address of a document, such as `runbooks/reviews.md`; `None` where the deployment does not say where they are.
    pub(crate) fn document(&self, path: &str) -> Option<String> {
        self.docs.as_ref().map(|docs| format!("{}/{path}", docs.as_str().trim_end_matches('/')))
    }
}

fn https(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| url.scheme() == "https" && url.query().is_none() && url.fragment().is_none())
}

/// A page, a form's target or a file of the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// What is at risk.
    Home,
    /// The orders of a status.
    Orders {
        /// As [`domain::order::Status::as_str`].
        status: String,
        /// Of an earlier page.
        cursor: Option<String>,
    },
    /// The orders that a reference belongs to.
    Search {
        /// What the person typed.
        reference: String,
    },
    /// One order.
    Order {
        /// Its id, or an alias.
        id: String,
        /// The number of lines before the first that is shown.
        lines: usize,
        /// The same of packages.
        packages: usize,
    },
    /// What happened to one order.
    Timeline {
        /// Its id, or an alias.
        id: String,
        /// The number of entries before the first that is shown.
        from: usize,
    },
    /// What waits for a decision.
    Reviews {
        /// One team's; empty for all.
        team: String,
        /// Of an earlier page.
        cursor: Option<String>,
    },
    /// One review.
    Review {
        /// `<order, fulfillment or delivery>.<review>`.
        id: String,
    },
    /// Decides a review.
    Decide {
        /// As [`Route::Review`].
        id: String,
    },
    /// Whether partners are called.
    Partners,
    /// Begins to sign in.
    SignIn {
        /// The page that was asked for, as an address of the console.
        to: String,
    },
    /// The identity provider's answer.
    SignedIn,
    /// Ends the session.
    SignOut,
    /// The style sheet.
    Style,
    /// The script.
    Script,
    /// The icon.
    Icon,
}

/// What every address begins with.
const ROOT: &str = "/console";

impl Route {
    /// The route of a request; `None` if there is none. `path` may begin with the site's base, or not.
    pub fn parse(method: &str, path: &str, query: &BTreeMap<String, String>) -> Option<Self> {
        let at = path.find(ROOT)?;
        let rest = path.get(at + ROOT.len()..)?.trim_end_matches('/');
        let text = |name: &str| query.get(name).cloned().unwrap_or_default();
        let cursor = || query.get("cursor").filter(|cursor| !cursor.is_empty()).cloned();
        let number = |name: &str| query.get(name).and_then(|text| text.parse().ok()).unwrap_or(0);
        let parts: Vec<&str> = rest.split('/').skip(1).collect();
        let route = match (method, parts.as_slice()) {
            ("GET", []) => Self::Home,
            ("GET", ["orders"]) => Self::Orders { status: text("status"), cursor: cursor() },
            ("GET", ["search"]) => Self::Search { reference: text("q").trim().to_owned() },
            ("GET", ["orders", id]) => {
                Self::Order { id: (*id).to_owned(), lines: number("lines"), packages: number("packages") }
            }
            ("GET", ["orders", id, "timeline"]) => Self::Timeline { id: (*id).to_owned(), from: number("from") },
            ("GET", ["reviews"]) => Self::Reviews { team: text("team"), cursor: cursor() },
            ("GET", ["reviews", id]) => Self::Review { id: (*id).to_owned() },
            ("POST", ["reviews", id, "decision"]) => Self::Decide { id: (*id).to_owned() },
            ("GET", ["partners"]) => Self::Partners,
            ("GET", ["sign-in"]) => Self::SignIn { to: text("to") },
            ("GET", ["signed-in"]) => Self::SignedIn,
            ("POST", ["sign-out"]) => Self::SignOut,
            ("GET", ["style.css"]) => Self::Style,
            ("GET", ["script.js"]) => Self::Script,
            ("GET", ["icon.svg"]) => Self::Icon,
            _ => return None,
        };
        Some(route)
    }

    /// The page that `to` names, where signing in may end: a page of this console, and nothing else.
    pub fn after_sign_in(to: &str) -> Self {
        let (path, query) = to.split_once('?').unwrap_or((to, ""));
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let is_ours = path.starts_with(ROOT);
        match Self::parse("GET", path, &query).filter(|_| is_ours) {
            Some(Self::SignIn { .. } | Self::SignedIn | Self::SignOut | Self::Style | Self::Script | Self::Icon)
            | None => Self::Home,
            Some(page) => page,
        }
    }

    /// Its address, for a link.
    pub fn href(&self, site: &Site) -> String {
        format!("{}{}", site.base, self.address())
    }

    /// Its address without what is before `/console`.
    pub fn address(&self) -> String {
        let numbers = |all: &[(&str, usize)]| {
            all.iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{name}={n}")).collect::<Vec<_>>()
        };
        let cursor = |cursor: &Option<String>| cursor.as_ref().map(|cursor| pair("cursor", cursor));
        let (path, query) = match self {
            Self::Home => (String::new(), vec![]),
            Self::Orders { status, cursor: at } => {
                ("/orders".to_owned(), std::iter::once(pair("status", status)).chain(cursor(at)).collect())
            }
            Self::Search { reference } => ("/search".to_owned(), vec![pair("q", reference)]),
            Self::Order { id, lines, packages } => {
                (format!("/orders/{}", segment(id)), numbers(&[("lines", *lines), ("packages", *packages)]))
            }
            Self::Timeline { id, from } => (format!("/orders/{}/timeline", segment(id)), numbers(&[("from", *from)])),
            Self::Reviews { team, cursor: at } => {
                let team = (!team.is_empty()).then(|| pair("team", team));
                ("/reviews".to_owned(), team.into_iter().chain(cursor(at)).collect())
            }
            Self::Review { id } => (format!("/reviews/{}", segment(id)), vec![]),
            Self::Decide { id } => (format!("/reviews/{}/decision", segment(id)), vec![]),
            Self::Partners => ("/partners".to_owned(), vec![]),
            Self::SignIn { to } => {
                let to = (!to.is_empty()).then(|| pair("to", to));
                ("/sign-in".to_owned(), to.into_iter().collect())
            }
            Self::SignedIn => ("/signed-in".to_owned(), vec![]),
            Self::SignOut => ("/sign-out".to_owned(), vec![]),
            Self::Style => ("/style.css".to_owned(), vec![]),
            Self::Script => ("/script.js".to_owned(), vec![]),
            Self::Icon => ("/icon.svg".to_owned(), vec![]),
        };
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        format!("{ROOT}{path}{query}")
    }
}

fn pair(name: &str, value: &str) -> String {
    format!("{name}={}", segment(value))
}

/// Text as a part of a path or a query. A blank is `%20`, since `+` is a plus in a path.
fn segment(text: &str) -> String {
    byte_serialize(text.as_bytes()).map(|part| if part == "+" { "%20" } else { part }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(address: &str) -> Option<Route> {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Route::parse("GET", path, &query)
    }

    #[test]
    fn an_address_reads_back_as_its_route() {
        let cursor = Some("a+/=".to_owned());
        for route in [
            Route::Home,
            Route::Orders { status: "backordered".to_owned(), cursor: cursor.clone() },
            Route::Search { reference: "PO 7&q=\"<x>".to_owned() },
            Route::Order { id: "ord_1".to_owned(), lines: 50, packages: 0 },
            Route::Timeline { id: "ord_1".to_owned(), from: 100 },
            Route::Reviews { team: "credit".to_owned(), cursor },
            Route::Review { id: "ord_1.late-0123".to_owned() },
            Route::Partners,
        ] {
            assert_eq!(read(&route.address()), Some(route.clone()), "{}", route.address());
            assert_eq!(Route::after_sign_in(&route.address()), route);
        }
    }

    #[test]
    fn no_text_makes_a_link_that_leaves_the_console() {
        let site = Site::new("https://api.example.com/prod/", Some("https://docs.example.com/x/")).unwrap();
        for text in ["javascript:alert(1)", "//evil.example", "../../x", "https://evil.example", "\"><script>"] {
            let order = Route::Order { id: text.to_owned(), lines: 0, packages: 0 };
            for route in [order, Route::Review { id: text.to_owned() }, Route::SignIn { to: text.to_owned() }] {
                let href = route.href(&site);
                assert!(href.starts_with("/prod/console/") && !href.contains(['"', '<', ':']), "{href}");
            }
            assert_eq!(Route::after_sign_in(text), Route::Home, "{text}");
        }
        assert_eq!(Route::after_sign_in("https://evil.example/console/orders"), Route::Home);
        assert_eq!(Route::after_sign_in("//evil.example/console/orders"), Route::Home);
        assert_eq!(Route::after_sign_in("/console/sign-in?to=/console/sign-in"), Route::Home);
        assert_eq!(site.document("runbooks/reviews.md").unwrap(), "https://docs.example.com/x/runbooks/reviews.md");
    }

    #[test]
    fn documents_are_linked_by_https_alone() {
        assert!(Site::new("https://api.example.com", Some("javascript:alert(1)")).is_err());
        assert!(Site::new("https://api.example.com", Some("http://docs.example.com")).is_err());
        assert!(Site::new("ftp://api.example.com", None).is_err());
        let site = Site::new("http://127.0.0.1:4566/_aws/execute-api/abc/$default", None).unwrap();
        assert_eq!(site.origin(), "http://127.0.0.1:4566");
        assert_eq!(site.return_address(), "http://127.0.0.1:4566/_aws/execute-api/abc/$default/console/signed-in");
        assert_eq!(site.document("x"), None);
    }
}
