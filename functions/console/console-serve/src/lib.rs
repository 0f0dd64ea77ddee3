//! Serves the console: pages for people, signing in, and decisions of reviews.
//!
//! - On: `GET /console`, `GET /console/{proxy+}` and `POST /console/{proxy+}`. The gateway authorizes none of them: it would
//!   answer 401 before a person could be sent to sign in. The session in the cookie is the authority, and the roles in it.
//! - Does: reads the journal, the views, the registry and partners' health; calls the identity provider when a person signs in.
//! - Then: a page; or 303 to the provider, and back with a session; or a decision in the journal, as the API commits it.
//! - Fails: 400 (not from one of our forms), 403 (no role for it), 404, 409 (changed since it was seen, or refused), 503 (a store or the
//!   provider does not answer, or the console is not set up: CFG-002). Each is a page.

mod deciding;
mod identity;
mod reading;
mod signing;
#[cfg(test)]
mod tests;

use console::page::{Frame, Message, Person, message};
use console::session::Ticket;
use console::sign_in::{SECRET, SESSION, Settings, cookie};
use console::{Route, assets};
use engine::http::{Request, Response};
use engine::partner::{Documents, Secrets};
use engine::partner_health::PartnerHealthStore;
use engine::sessions::Sessions;
use engine::stores::{Parties, Views};
use engine::{Code, Context, Failure, Journal};
use secrecy::ExposeSecret as _;

pub use identity::{Exchange, Known, ProviderOverHttp};

/// The ports that this function uses.
#[derive(Debug)]
pub struct Ports<J, P, V, D, H, N, S, I> {
    /// Streams of orders, fulfillments, and deliveries that cannot be read.
    pub journal: J,
    /// Shows whose name and address a note must not repeat.
    pub parties: P,
    /// Lists of orders and the worklist.
    pub views: V,
    /// Which partners there are.
    pub registry: D,
    /// Whether they are called.
    pub partner_health: H,
    /// Who is signed in.
    pub sessions: N,
    /// The console's own secret.
    pub secrets: S,
    /// The identity provider.
    pub identity: I,
    /// Whether this is a local stack, where a throw-away token signs in.
    pub local: bool,
}

/// Answers the browser.
///
/// # Errors
/// None: a failure is a page, too, and logged here, because the runner sees an answer.
pub async fn handle(
    ports: &Ports<
        impl Journal,
        impl Parties,
        impl Views,
        impl Documents,
        impl PartnerHealthStore,
        impl Sessions,
        impl Secrets,
        impl Exchange,
    >,
    request: Request,
    cx: &Context,
) -> Result<Response, Failure> {
    let settings = match ports.secrets.secret(SECRET, false).await {
        Ok(secret) => Settings::read(secret.expose_secret(), ports.local),
        Err(failure) => Err(failure),
    };
    let settings = match settings {
        Ok(settings) => settings,
        Err(failure) => return Ok(not_set_up(&failure)),
    };
    let Some(route) = Route::parse(&request.method, &request.path, &request.query) else {
        let frame = Frame { site: &settings.site, person: None, now: cx.now };
        return Ok(say(404, &frame, "Not found", "The console has no such page."));
    };
    match answer(ports, &settings, &route, &request, cx).await {
        Ok(response) => Ok(response),
        Err(failure) => Ok(failed(&settings, &failure, cx)),
    }
}

/// Answers one route. A person who is not signed in gets the style sheet and the sign-in.
async fn answer(
    ports: &Ports<
        impl Journal,
        impl Parties,
        impl Views,
        impl Documents,
        impl PartnerHealthStore,
        impl Sessions,
        impl Secrets,
        impl Exchange,
    >,
    settings: &Settings,
    route: &Route,
    request: &Request,
    cx: &Context,
) -> Result<Response, Failure> {
    match route {
        Route::Style => return Ok(file("text/css; charset=utf-8", assets::STYLE)),
        Route::Script => return Ok(file("text/javascript; charset=utf-8", assets::SCRIPT)),
        Route::Icon => return Ok(file("image/svg+xml", assets::ICON)),
        Route::SignIn { to } => return signing::begin(ports, settings, to, request, cx).await,
        Route::SignedIn => return signing::finish(ports, settings, request, cx).await,
        Route::Home
        | Route::Orders { .. }
        | Route::Search { .. }
        | Route::Order { .. }
        | Route::Timeline { .. }
        | Route::Reviews { .. }
        | Route::Review { .. }
        | Route::Decide { .. }
        | Route::Partners
        | Route::SignOut => {}
    }
    let header = request.header("cookie").unwrap_or_default();
    let ticket = cookie(header, SESSION).and_then(Ticket::read);
    let person = match &ticket {
        Some(ticket) => {
            let session = ports.sessions.find(&ticket.subject, &ticket.digest()).await?;
            session.and_then(|session| ticket.person(&session, cx.now))
        }
        None => None,
    };
    let (Some(ticket), Some(person)) = (ticket, person) else {
        if request.method == "POST" {
            let frame = Frame { site: &settings.site, person: None, now: cx.now };
            return Ok(say(
                403,
                &frame,
                "Not signed in",
                "Your session has ended, and nothing was changed. Sign in and do it again.",
            ));
        }
        return Ok(see_other(&Route::SignIn { to: route.address() }.href(&settings.site)));
    };
    let frame = Frame { site: &settings.site, person: Some(&person), now: cx.now };
    #[allow(clippy::wildcard_enum_match_arm)] // The reader matches all of them.
    match route {
        Route::SignOut => signing::end(ports, settings, &ticket, &person, request, cx).await,
        Route::Decide { id } => deciding::decide(ports, &frame, &ticket, &person, id, request, cx).await,
        _ => reading::read(ports, &frame, &ticket, &person, route, cx).await,
    }
}

/// A page, with the headers that keep it to its person, its site and no frame.
fn page(status: u16, html: String) -> Response {
    let response = Response { status, content_type: "text/html; charset=utf-8", headers: vec![], body: html };
    guarded(response).with("cache-control", "no-store")
}

fn file(content_type: &'static str, text: &str) -> Response {
    let response = Response { status: 200, content_type, headers: vec![], body: text.to_owned() };
    guarded(response).with("cache-control", "public, max-age=300")
}

fn see_other(to: &str) -> Response {
    page(303, String::new()).with("location", to)
}

fn guarded(response: Response) -> Response {
    response
        .with(
            "content-security-policy",
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        )
        .with("x-frame-options", "DENY")
        .with("x-content-type-options", "nosniff")
        // Forms have to send their origin, which `no-referrer` would hide.
        .with("referrer-policy", "same-origin")
        .with("cross-origin-opener-policy", "same-origin")
        .with("cross-origin-resource-policy", "same-origin")
        .with("permissions-policy", "camera=(), geolocation=(), microphone=()")
        .with("strict-transport-security", "max-age=31536000")
}

fn say(status: u16, frame: &Frame<'_>, title: &str, text: &str) -> Response {
    let next = Some((Route::Home, "To the start"));
    page(status, message(frame, &Message { title, text, next, document: None }))
}

/// There is no site to make links for.
fn not_set_up(failure: &Failure) -> Response {
    log(failure);
    let html = "<!doctype html><html lang=\"en\"><title>Crossdock</title><h1>The console is not set up</h1><p>Its secret is missing or cannot be \
                read; docs/runbooks/console.md says what it has to have. The function’s log says what is wrong.</p></html>";
    page(503, html.to_owned()).with("retry-after", "60")
}

fn failed(settings: &Settings, failure: &Failure, cx: &Context) -> Response {
    let code = log(failure);
    let frame = Frame { site: &settings.site, person: None, now: cx.now };
    let path = code.map(|code| format!("failures/{code}.md"));
    let text =
        format!("Nothing was changed. Try again in a moment; if it stays so, look for {} in the logs.", cx.correlation);
    let next = Some((Route::Home, "To the start"));
    let document = path.as_deref().zip(code.map(Code::as_str));
    let shown = Message { title: "This did not work", text: &text, next, document };
    page(503, message(&frame, &shown)).with("retry-after", "1")
}

/// A person gets a page, so that the runner, which logs failures, sees none.
fn log(failure: &Failure) -> Option<Code> {
    let (code, cause) = match failure {
        Failure::Deferred { why, .. } => (None, why.as_str()),
        Failure::Transient { code, cause } | Failure::Permanent { code, cause } => (Some(*code), cause.as_ref()),
    };
    let (cause, shown) = (engine::redact::text(cause), code.map_or("deferred", Code::as_str));
    tracing::error!(code = shown, cause, outcome = "failed", "the console could not answer: {shown}: {cause}");
    code
}

/// Whether the request was made by one of our forms, in this session.
fn is_ours(settings: &console::Site, person: &Person, request: &Request, token: &str) -> bool {
    let same_site = request.header("sec-fetch-site").is_none_or(|site| site == "same-origin");
    let same_origin = request.header("origin") == Some(settings.origin());
    same_site && same_origin && console::sign_in::text_matches(token, &person.form_token)
}
