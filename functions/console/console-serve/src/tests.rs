//! The console behind its routes: who sees what, what is believed, and what a decision needs.
#![allow(clippy::unwrap_used)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use console::sign_in::{Provider, digest};
use console::{Role, Route};
use engine::sessions::Sessions as _;
use engine::stores::{ViewRow, Views as _};
use engine::{Cause, Commit, Epoch, Stream};
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use secrecy::SecretString;
use serde_json::{Value, json};
use testkit::memory::{MemoryJournal, MemoryParties, MemoryPartnerHealth, MemorySessions, MemoryViews};
use url::Url;

use super::*;

const NOW: &str = "2026-03-02T10:00:00Z";
const ORIGIN: &str = "https://api.example.com";
const ISSUER: &str = "https://login.example.com";
const SUBMITTED: &str = include_str!("../../../../events/samples/bus/order.submitted.json");
const UNPRICEABLE: &str = include_str!("../../../../events/samples/bus/order.unpriceable.json");
/// A key of tests alone.
const KEY: &str = include_str!("../../../../shared/console/src/sign_in/test-key-a.txt");

struct Fixed(String);

impl Secrets for Fixed {
    async fn secret(&self, _name: &str, _fresh: bool) -> Result<SecretString, Failure> {
        Ok(self.0.clone().into())
    }
}

impl Documents for Fixed {
    async fn documents(&self) -> Result<Vec<String>, Failure> {
        Ok(vec![])
    }
}

/// A provider that signs in everyone with this nonce, and counts what it is asked.
#[derive(Default)]
struct FakeProvider {
    nonce: RefCell<String>,
    kid: Cell<&'static str>,
    asked: RefCell<Vec<String>>,
    known: Known,
}

impl Exchange for FakeProvider {
    async fn fetch(&self, url: &Url) -> Result<Vec<u8>, Failure> {
        self.asked.borrow_mut().push(url.path().to_owned());
        let key = RsaKeyPair::from_pkcs8(&BASE64_STANDARD.decode(KEY).unwrap()).unwrap();
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(key.public());
        let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let body = match url.path() {
            "/keys" => json!({ "keys": [{ "kty": "RSA", "kid": "k", "n": text(&public.n), "e": text(&public.e) }] }),
            _ => json!({
                "issuer": ISSUER,
                "authorization_endpoint": format!("{ISSUER}/auth"),
                "token_endpoint": format!("{ISSUER}/token"),
                "jwks_uri": format!("{ISSUER}/keys"),
            }),
        };
        Ok(body.to_string().into_bytes())
    }

    async fn redeem(&self, _url: &Url, form: String, _provider: &Provider) -> Result<Option<Vec<u8>>, Failure> {
        if !form.contains("code=good&") || !form.contains("code_verifier=") {
            return Ok(None);
        }
        let text = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({ "alg": "RS256", "kid": self.kid.get() });
        let exp = NOW.parse::<Timestamp>().unwrap().as_second() + 300;
        let nonce = self.nonce.borrow().clone();
        let claims = json!({ "iss": ISSUER, "sub": "ann", "aud": "console", "exp": exp, "nonce": nonce, "roles": ["operations"] });
        let message = format!("{}.{}", text(header), text(claims));
        let key = RsaKeyPair::from_pkcs8(&BASE64_STANDARD.decode(KEY).unwrap()).unwrap();
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        let token = format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature));
        Ok(Some(json!({ "id_token": token }).to_string().into_bytes()))
    }

    fn known(&self) -> &Known {
        &self.known
    }
}

type Console =
    Ports<MemoryJournal, MemoryParties, MemoryViews, Fixed, MemoryPartnerHealth, MemorySessions, Fixed, FakeProvider>;

fn console(local: bool) -> Console {
    let tokens = Role::ALL
        .map(|role| json!({ "sha256": digest(role.as_str()), "subject": role.as_str(), "roles": [role.as_str()] }));
    let secret = json!({
        "url": ORIGIN,
        "docs": "https://docs.example.com",
        "cookie_keys": [BASE64_STANDARD.encode([7; 32])],
        "issuer": ISSUER,
        "client_id": "console",
        "client_secret": "s",
        "local": tokens,
    });
    Ports {
        journal: MemoryJournal::default(),
        parties: MemoryParties::default(),
        views: MemoryViews::default(),
        registry: Fixed(String::new()),
        partner_health: MemoryPartnerHealth::default(),
        sessions: MemorySessions::default(),
        secrets: Fixed(secret.to_string()),
        identity: FakeProvider { kid: Cell::new("k"), ..FakeProvider::default() },
        local,
    }
}

fn context(seconds: u64) -> Context {
    let now = NOW.parse::<Timestamp>().unwrap().checked_add(Duration::from_secs(seconds)).unwrap();
    Context {
        function: "console-serve",
        correlation: "c-1".to_owned(),
        traceparent: None,
        now,
        event_time: now,
        lease: Duration::ZERO,
        epoch: Epoch::FIRST,
        actor: None,
        folds: Default::default(),
        measures: Default::default(),
        woken_by: None,
    }
}

/// One browser: its cookies, and its clock.
#[derive(Default)]
struct Browser {
    cookies: BTreeMap<String, String>,
    seconds: u64,
}

impl Browser {
    async fn send(
        &mut self,
        console: &Console,
        method: &str,
        address: &str,
        origin: &str,
        form: &[(&str, &str)],
    ) -> Response {
        let url = Url::parse(ORIGIN).unwrap().join(address).unwrap();
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let headers = [("cookie", cookies), ("origin", origin.to_owned())];
        let request = Request {
            method: method.to_owned(),
            path: url.path().to_owned(),
            query: url.query_pairs().into_owned().collect(),
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            body: body.finish().into_bytes(),
            ..Request::default()
        };
        let response = handle(console, request, &context(self.seconds)).await.unwrap();
        for (_, cookie) in response.headers.iter().filter(|(name, _)| *name == "set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }

    async fn get(&mut self, console: &Console, address: &str) -> Response {
        self.send(console, "GET", address, "", &[]).await
    }

    async fn post(&mut self, console: &Console, address: &str, form: &[(&str, &str)]) -> Response {
        self.send(console, "POST", address, ORIGIN, form).await
    }

    async fn signed_in(console: &Console, role: Role) -> Self {
        let mut browser = Self::default();
        let answer = browser.get(console, &format!("/console/sign-in?local={}", role.as_str())).await;
        assert_eq!((answer.status, header(&answer, "location")), (303, "/console"));
        browser
    }
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers.iter().find(|(own, _)| *own == name).map_or("", |(_, value)| value.as_str())
}

/// The value of a hidden field of the page's last form.
fn field(page: &str, name: &str) -> String {
    let (_, rest) = page.rsplit_once(&format!("name=\"{name}\" value=\"")).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

fn commit(event: &str, version: u64) -> Commit {
    let event: Value = serde_json::from_str(event).unwrap();
    Commit {
        stream: event["subject"].as_str().unwrap().to_owned(),
        version,
        cause: Cause::new("test", &version.to_string()),
        correlation: "c-1".to_owned(),
        caused_by: None,
        actor: "test".to_owned(),
        at: NOW.parse().unwrap(),
        traceparent: None,
        epoch: "1".to_owned(),
        events: json!([event["data"]]).to_string(),
        opened_reviews: Vec::new(),
        listed: true,
        wakes: Vec::new(),
    }
}

/// An order that the ERP cannot price; its id, and its review's.
async fn unpriceable(console: &Console) -> (String, String) {
    console.journal.overwrite(&commit(SUBMITTED, 1));
    let second = commit(UNPRICEABLE, 2);
    let stream = second.stream.clone();
    console.journal.overwrite(&second);
    let id: domain::OrderId = stream.strip_prefix("order/").unwrap().parse().unwrap();
    let state = Stream::<domain::Order>::load(&console.journal, &id, &context(0)).await.unwrap().state.unwrap();
    let review = format!("{id}.{}", state.reviews()[0].key());
    let opened_reviews = vec![state.reviews()[0].key()];
    console.journal.overwrite(&Commit { opened_reviews, ..commit(UNPRICEABLE, 2) });
    (id.to_string(), review)
}

#[tokio::test]
async fn who_is_not_signed_in_is_sent_to_sign_in_and_back_to_the_page_and_changes_nothing() {
    let console = console(true);
    let answer = Browser::default().get(&console, "/console/orders?status=routed").await;
    assert_eq!(answer.status, 303);
    assert_eq!(header(&answer, "location"), "/console/sign-in?to=%2Fconsole%2Forders%3Fstatus%3Drouted");
    assert_eq!(Browser::default().post(&console, "/console/sign-out", &[]).await.status, 403);
    for file in ["style.css", "script.js", "icon.svg"] {
        assert_eq!(Browser::default().get(&console, &format!("/console/{file}")).await.status, 200);
    }
}

#[tokio::test]
async fn the_code_flow_signs_in_the_browser_that_asked_once() {
    let console = console(false);
    let begin = async |browser: &mut Browser| {
        let answer = browser.get(&console, "/console/sign-in?to=/console/partners").await;
        let url = Url::parse(header(&answer, "location")).unwrap();
        assert_eq!((answer.status, url.path()), (303, "/auth"));
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!(query["redirect_uri"], format!("{ORIGIN}/console/signed-in"));
        console.identity.nonce.replace(query["nonce"].clone());
        query["state"].clone()
    };
    let mut browser = Browser::default();
    let state = begin(&mut browser).await;
    let before = browser.cookies.clone();
    let back = format!("/console/signed-in?code=good&state={state}&iss={ISSUER}");
    assert_eq!(Browser::default().get(&console, &back).await.status, 400, "another browser");
    let answer = browser.get(&console, &back).await;
    assert_eq!((answer.status, header(&answer, "location")), (303, "/console/partners"), "{}", answer.body);
    assert!(browser.cookies.contains_key("__Host-crossdock-session") && browser.cookies.len() == 1);
    assert!(browser.get(&console, "/console/partners").await.body.contains("ann"));
    let mut again = Browser { cookies: before, seconds: 1 };
    assert_eq!(again.get(&console, &back).await.status, 400, "a sign-in counts once");
    for (change, status) in [
        ("code=good&state=x", 400),
        ("code=bad&state={}", 403),
        ("error=access_denied&state={}", 403),
        ("code=good&state={}&iss=https://evil.example", 400),
    ] {
        let mut browser = Browser::default();
        let state = begin(&mut browser).await;
        let answer = browser.get(&console, &format!("/console/signed-in?{}", change.replace("{}", &state))).await;
        assert_eq!((answer.status, browser.cookies.len()), (status, 0), "{change}");
    }
    let mut late = Browser::default();
    let state = begin(&mut late).await;
    late.seconds = 600;
    assert_eq!(late.get(&console, &format!("/console/signed-in?code=good&state={state}")).await.status, 400);
    // A token of another sign-in, and one of an unknown key: the keys were asked for a moment ago, and are not asked for again.
    let mut other = Browser::default();
    let state = begin(&mut other).await;
    console.identity.nonce.replace("another".to_owned());
    assert_eq!(other.get(&console, &format!("/console/signed-in?code=good&state={state}")).await.status, 403);
    console.identity.kid.set("unknown");
    for _ in 0..3 {
        let mut browser = Browser::default();
        let state = begin(&mut browser).await;
        assert_eq!(browser.get(&console, &format!("/console/signed-in?code=good&state={state}")).await.status, 403);
    }
    assert_eq!(*console.identity.asked.borrow(), ["/.well-known/openid-configuration", "/keys"]);
}

#[tokio::test]
async fn a_throw_away_token_signs_in_on_a_local_stack_alone() {
    let elsewhere = console(false);
    let mut browser = Browser::default();
    let answer = browser.get(&elsewhere, "/console/sign-in?local=operations").await;
    assert!(header(&answer, "location").starts_with(ISSUER), "the token is not looked at");
    assert!(!browser.cookies.contains_key("__Host-crossdock-session"));
    assert_eq!(Browser::default().get(&console(true), "/console/sign-in?local=other").await.status, 403);
}

#[tokio::test]
async fn a_session_ends_after_fifteen_minutes_by_signing_out_and_when_its_row_is_deleted() {
    let console = console(true);
    let mut browser = Browser::signed_in(&console, Role::Operations).await;
    browser.seconds = 899;
    let page = browser.get(&console, "/console").await;
    assert_eq!(page.status, 200);
    browser.seconds = 900;
    assert_eq!(browser.get(&console, "/console").await.status, 303);
    let mut browser = Browser::signed_in(&console, Role::Operations).await;
    let token = field(&browser.get(&console, "/console").await.body, "token");
    let copy = browser.cookies.clone();
    assert_eq!(browser.post(&console, "/console/sign-out", &[("token", "x")]).await.status, 400);
    assert_eq!(browser.post(&console, "/console/sign-out", &[("token", &token)]).await.status, 200);
    assert_eq!(browser.cookies.len(), 0);
    assert_eq!(Browser { cookies: copy, seconds: 0 }.get(&console, "/console").await.status, 303, "nor by a copy");
    let mut browser = Browser::signed_in(&console, Role::Credit).await;
    let secret = browser.cookies.values().next().unwrap().split_once('.').unwrap().1.to_owned();
    console.sessions.end("credit", &digest(&secret)).await.unwrap();
    assert_eq!(browser.get(&console, "/console").await.status, 303, "revoked");
}

#[tokio::test]
async fn a_role_gets_the_pages_of_the_table_and_no_other() {
    let console = console(true);
    let (order, review) = unpriceable(&console).await;
    let order_page = Route::Order { id: order.clone(), lines: 0, packages: 0 }.address();
    let pages = [
        ("/console".to_owned(), [true; 7]),
        ("/console/orders?status=routed".to_owned(), [true; 7]),
        ("/console/search?q=none".to_owned(), [true; 7]),
        (order_page.clone(), [true; 7]),
        (format!("{order_page}/timeline"), [true; 7]),
        ("/console/reviews".to_owned(), [false, true, true, true, true, true, true]),
        (format!("/console/reviews/{review}"), [false, true, true, true, true, true, true]),
        ("/console/partners".to_owned(), [false, false, false, false, false, true, true]),
    ];
    // `unpriceable` is finance's to decide.
    let decides = [false, false, true, false, false, true, false];
    for (n, role) in Role::ALL.into_iter().enumerate() {
        let mut browser = Browser::signed_in(&console, role).await;
        for (page, may) in &pages {
            let status = browser.get(&console, page).await.status;
            assert_eq!(status, if may[n] { 200 } else { 403 }, "{role:?} {page}");
        }
        let token = field(&browser.get(&console, "/console").await.body, "token");
        // A choice that is none is refused only after the role was found to decide.
        let form = [("token", token.as_str()), ("choice", "none")];
        let answer = browser.post(&console, &format!("/console/reviews/{review}/decision"), &form).await;
        assert_eq!(answer.status, if decides[n] { 400 } else { 403 }, "{role:?}");
    }
    assert_eq!(console.journal.commits(&format!("order/{order}")).len(), 2, "nothing was decided");
}

#[tokio::test]
async fn a_decision_is_made_once_of_what_was_seen_by_our_own_form() {
    let console = console(true);
    let (order, review) = unpriceable(&console).await;
    let stream = format!("order/{order}");
    let commits = || console.journal.commits(&stream).len();
    let mut browser = Browser::signed_in(&console, Role::Finance).await;
    let page = browser.get(&console, &format!("/console/reviews/{review}")).await.body;
    let (token, key, version) = (field(&page, "token"), field(&page, "key"), field(&page, "version"));
    assert_eq!(version, "2");
    let to = format!("/console/reviews/{review}/decision");
    let form = |choice| {
        [
            ("token", token.as_str()),
            ("key", key.as_str()),
            ("version", version.as_str()),
            ("choice", choice),
            ("note", "T-17"),
        ]
    };
    for origin in ["", "null", "https://evil.example", "https://api.example.com.evil.example"] {
        assert_eq!(browser.send(&console, "POST", &to, origin, &form("retry")).await.status, 400, "{origin}");
    }
    let mut thief = Browser::signed_in(&console, Role::Operations).await;
    assert_eq!(thief.post(&console, &to, &form("retry")).await.status, 400, "the token of another session");
    assert_eq!(browser.post(&console, &to, &form("burn")).await.status, 400, "there is no such choice");
    assert_eq!(commits(), 2);
    // Something happens after the person saw it.
    let mut later = commit(UNPRICEABLE, 3);
    later.cause = Cause::new("test", "later");
    console.journal.overwrite(&later);
    let stale = browser.post(&console, &to, &form("retry")).await;
    assert_eq!((stale.status, commits()), (409, 3));
    assert!(
        stale.body.contains("version 2")
            && stale.body.contains("version 3")
            && stale.body.contains("What happened since")
    );
    let (key, version) = (field(&stale.body, "key"), field(&stale.body, "version"));
    let form = [
        ("token", token.as_str()),
        ("key", key.as_str()),
        ("version", version.as_str()),
        ("choice", "retry"),
        ("note", "T-17"),
    ];
    for _ in 0..2 {
        let answer = browser.post(&console, &to, &form).await;
        assert_eq!(
            (answer.status, header(&answer, "location")),
            (303, format!("/console/orders/{order}").as_str()),
            "{}",
            answer.body
        );
        assert_eq!(commits(), 4, "the same form twice decides once");
    }
    let decided = console.journal.commits(&stream).pop().unwrap();
    assert_eq!(decided.actor, "console/finance");
    assert!(decided.events.contains("T-17") && decided.events.contains("console/finance"));
    let mut other = Browser::signed_in(&console, Role::Operations).await;
    let token = field(&other.get(&console, "/console").await.body, "token");
    let form = [("token", token.as_str()), ("key", "k"), ("version", "3"), ("choice", "retry")];
    let late = other.post(&console, &to, &form).await;
    assert!(late.status == 409 && late.body.contains("this review is closed"), "{}", late.body);
}

#[tokio::test]
async fn every_page_forbids_frames_and_other_sources_and_is_stored_nowhere() {
    let console = console(true);
    let (order, _) = unpriceable(&console).await;
    let mut browser = Browser::signed_in(&console, Role::Operations).await;
    for page in [
        "/console",
        "/console/none",
        "/console/reviews",
        "/console/partners",
        "/console/signed-in",
        &format!("/console/orders/{order}"),
    ] {
        let answer = browser.get(&console, page).await;
        let policy = header(&answer, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{page}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{page}");
        assert_eq!(header(&answer, "cache-control"), "no-store", "{page}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff", "{page}");
    }
    let unset = Ports { secrets: Fixed("{}".to_owned()), ..console };
    let answer = Browser::default().get(&unset, "/console").await;
    assert!(answer.status == 503 && answer.body.contains("not set up"));
    assert!(header(&answer, "content-security-policy").starts_with("default-src 'none'"));
}

#[tokio::test]
async fn ten_thousand_orders_and_a_thousand_reviews_make_no_page_larger() {
    let console = console(true);
    let views = console.views.clone();
    let reason =
        "a reason that is as long as reasons are, with what was asked and what was answered, and then some. ".repeat(4);
    for n in 0..10_000_u32 {
        let id =
            domain::OrderId::derive(&"acme-crm".parse().unwrap(), &format!("CRM-{n}").parse().unwrap()).to_string();
        let status = if n % 2 == 0 { "backordered" } else { "routed" };
        let total = json!({ "amount": "97.11", "currency": "USD" });
        let summary = json!({ "id": id, "status": status, "source": "acme-crm", "external_id": format!("CRM-{n}"), "customer": "C-1",
            "customer_po": format!("PO-{n}"), "total": total, "ordered_at": NOW, "updated_at": NOW, "reviews": 1 });
        let row = |part: &str, list: String, document: Value| ViewRow {
            key: format!("order/{id}"),
            part: part.to_owned(),
            version: 1,
            fold: 1,
            list,
            rank: format!("{n:08}"),
            document: document.to_string(),
        };
        views.put(&row("summary", format!("order/{status}"), summary)).await.unwrap();
        if n < 1_000 {
            let review = json!([{ "id": format!("{id}.stock_short-0123456789ab"), "kind": "stock_short", "reason": reason,
                "options": ["wait", "cancel", "ship_available"], "since": NOW, "decide_by": NOW }]);
            views.put(&row("reviews", "review/open".to_owned(), review)).await.unwrap();
        }
    }
    let mut browser = Browser::signed_in(&console, Role::Operations).await;
    let mut sizes = BTreeMap::new();
    for page in [
        "/console",
        "/console/orders?status=backordered",
        "/console/reviews",
        "/console/reviews?team=logistics",
        "/console/reviews?team=credit",
        "/console/search?q=PO-9999",
    ] {
        let answer = browser.get(&console, page).await;
        assert!(answer.status == 200 || page.contains("search"), "{page}: {}", answer.status);
        assert!(answer.body.len() < 50 * 1024, "{page} has {} bytes", answer.body.len());
        sizes.insert(page, answer.body.len());
    }
    assert!(browser.get(&console, "/console").await.body.contains("100+"));
    // Every order is on one page of its list.
    let (mut address, mut seen) = ("/console/orders?status=routed".to_owned(), 0);
    loop {
        let body = browser.get(&console, &address).await.body;
        seen += body.matches("<th scope=\"row\">").count();
        let Some((before, _)) = body.split_once("\">Older orders") else { break };
        address = before.rsplit_once("href=\"").unwrap().1.replace("&amp;", "&");
    }
    assert_eq!(seen, 5_000, "{sizes:?}");
    let bad = browser.get(&console, "/console/orders?status=routed&cursor=none").await;
    assert_eq!(bad.status, 303, "a cursor that is none begins anew");
}
