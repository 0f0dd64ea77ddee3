//! Requests that no honest sender writes, for the handlers in memory and for the local stack: what is answered, and that nothing
//! is stored.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// The partner whose webhooks they pretend to be.
pub(crate) const PARTNER: &str = "acme-crm";

/// An id of an order that no one submitted.
pub(crate) const NO_ORDER: &str = "ord_6ce86670g2ykygj63p6wp7y650";

/// One hostile request.
pub(crate) struct Hostile {
    /// What it tries.
    pub(crate) name: String,
    pub(crate) door: Door,
    /// The answers that are right.
    pub(crate) expected: &'static [u16],
}

/// The door that it comes to. Paths are as on the wire, with percent escapes.
pub(crate) enum Door {
    /// `POST /v1/webhooks/{partner}`, with a right signature of [`PARTNER`] over `body` for `id`; `forged` headers replace those.
    Webhook { partner: String, id: String, forged: Vec<(&'static str, String)>, body: Vec<u8> },
    /// A `POST` of an API client that may do everything.
    Post { path: String, key: Option<String>, body: Vec<u8> },
    /// A `GET` of that client.
    Get { path: String },
}

/// All of them.
pub(crate) fn all() -> Vec<Hostile> {
    [bodies(), headers(), partners(), orders(), keys(), changes(), decisions(), reads()].into_iter().flatten().collect()
}

pub(crate) fn zipped(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect()
}

/// Texts that are no JSON within the bounds, for every door.
fn unreadable() -> Vec<(&'static str, Vec<u8>)> {
    let name = "x".repeat(10_240);
    vec![
        ("no body", vec![]),
        ("a byte order mark alone", b"\xEF\xBB\xBF".to_vec()),
        ("two byte order marks", b"\xEF\xBB\xBF\xEF\xBB\xBF{}".to_vec()),
        ("a half object", b"{\"id\":".to_vec()),
        ("two objects", b"{} {}".to_vec()),
        ("NUL", b"\0".to_vec()),
        ("NUL after the object", b"{}\0".to_vec()),
        ("NUL in a text", b"{\"id\":\"a\0b\"}".to_vec()),
        ("a line break in a text", b"{\"id\":\"a\nb\"}".to_vec()),
        ("NaN", b"{\"n\":NaN}".to_vec()),
        ("Infinity", b"{\"n\":-Infinity}".to_vec()),
        ("a huge number", b"{\"n\":1e999}".to_vec()),
        ("a number with a leading zero", b"{\"n\":007}".to_vec()),
        ("a hexadecimal number", b"{\"n\":0x1F}".to_vec()),
        ("half a surrogate", b"{\"n\":\"\\ud800\"}".to_vec()),
        ("UTF-16, little endian", utf16("{\"id\":1}", u16::to_le_bytes)),
        ("UTF-16, big endian", utf16("{\"id\":1}", u16::to_be_bytes)),
        ("not UTF-8", b"{\"id\":\"\xFF\xFE\"}".to_vec()),
        ("an overlong slash", b"{\"id\":\"\xC0\xAF\"}".to_vec()),
        ("a comment", b"{/* */}".to_vec()),
        ("single quotes", b"{'id':1}".to_vec()),
        ("a trailing comma", b"{\"id\":1,}".to_vec()),
        ("a form", b"id=1&customer=2".to_vec()),
        ("entities in XML", b"<!DOCTYPE x [<!ENTITY a \"aaaa\">]><x>&a;</x>".to_vec()),
        ("33 levels", ["[".repeat(33), "]".repeat(33)].concat().into_bytes()),
        ("100,000 open arrays", "[".repeat(100_000).into_bytes()),
        ("20,000 objects in each other", "{\"a\":".repeat(20_000).into_bytes()),
        ("a name of 10 KB", format!("{{\"{name}\":1}}").into_bytes()),
        ("100,001 numbers", format!("[{}0]", "1,".repeat(100_000)).into_bytes()),
    ]
}

fn webhook(name: &str, body: Vec<u8>) -> Hostile {
    let door =
        Door::Webhook { partner: PARTNER.to_owned(), id: format!("hostile-{}", body.len()), forged: vec![], body };
    Hostile { name: format!("webhook: {name}"), door, expected: &[400] }
}

fn bodies() -> Vec<Hostile> {
    let two = [zipped(b"{\"a\":"), zipped(b"1}")].concat();
    let packed: Vec<(&str, Vec<u8>)> = vec![
        ("4 MiB of numbers in 4 KB", zipped(format!("[{}1]", "1,".repeat(2 << 20)).as_bytes())),
        ("4 MiB of objects in 20 KB", zipped(format!("[{}{{}}]", "{\"a\":0},".repeat(524_280)).as_bytes())),
        ("4 MiB of names", zipped(format!("{{{}\"z\":0}}", "\"a\":0,".repeat(699_000)).as_bytes())),
        ("4 MiB of one text", zipped(format!("[\"{}\"]", "x".repeat(4_194_000)).as_bytes())),
        ("64 MiB of blanks", zipped(&vec![b' '; 64 << 20])),
        ("gzip in gzip", zipped(&zipped(b"{}"))),
        ("half a gzip", two[..two.len() - 9].to_vec()),
        ("bytes after gzip", [&two[..], b"{}"].concat()),
        ("the beginning of gzip", vec![0x1F, 0x8B]),
        ("gzip of nothing", zipped(b"")),
    ];
    unreadable().into_iter().chain(packed).map(|(name, body)| webhook(name, body)).collect()
}

fn headers() -> Vec<Hostile> {
    let forged = |name: &str, headers: Vec<(&'static str, String)>| {
        let (partner, id, body) = (PARTNER.to_owned(), "hostile-1".to_owned(), b"{\"type\":\"test\"}".to_vec());
        let door = Door::Webhook { partner, id, forged: headers, body };
        Hostile { name: format!("webhook: {name}"), door, expected: &[401] }
    };
    let one = |header: &'static str, values: &[(&str, String)]| -> Vec<Hostile> {
        let values = values.iter();
        values.map(|(name, value)| forged(&format!("{header}: {name}"), vec![(header, value.clone())])).collect()
    };
    let text = |text: &str| text.to_owned();
    let wrong = format!("v1,{}", "A".repeat(43) + "=");
    let ids = [
        ("empty", text("")),
        ("a dot", text("a.1")),
        ("a path", text("../../registry")),
        ("a line break", text("a\r\nx-injected: 1")),
        ("NUL", text("a\0")),
        ("129 characters", "a".repeat(129)),
        ("10 KB", "a".repeat(10_240)),
        ("not ASCII", text("\u{202e}a")),
        ("another id than the signed one", text("hostile-2")),
    ];
    let times = [
        ("empty", text("")),
        ("negative", text("-1")),
        ("twenty digits", "9".repeat(20)),
        ("a hundred digits", "9".repeat(100)),
        ("a fraction", text("1700000000.5")),
        ("a date", text("2026-11-23T09:00:00Z")),
        ("1970", text("0")),
        ("not ASCII digits", text("١٢٣")),
    ];
    let signatures = [
        ("empty", text("")),
        ("no scheme", text("AAAA")),
        ("another scheme", text("v2,AAAA")),
        ("an asymmetric one", text("v1a,AAAA")),
        ("an empty one", text("v1,")),
        ("not base64", text("v1,%%%")),
        ("a wrong one", wrong.clone()),
        ("a thousand wrong ones", [wrong.as_str()].repeat(1_000).join(" ")),
        ("two headers in one", format!("{wrong},{wrong}")),
    ];
    let lists = [one("webhook-id", &ids), one("webhook-timestamp", &times), one("webhook-signature", &signatures)];
    lists.into_iter().flatten().collect()
}

fn partners() -> Vec<Hostile> {
    let long = "a".repeat(5_000);
    let names = [
        "..%2f..%2fregistry",
        "acme-crm%2f..%2feastco",
        "%2e%2e",
        "ACME-CRM",
        "acme-crm%00",
        "acme-crm%0d%0ax-injected:%201",
        "%F0%9F%92%A9",
        "%FF%FE",
        "partner%2facme-crm",
        "*",
        "$%7bjndi:ldap:%2f%2fx%7d",
        "'%20or%201=1",
        "no-such-partner",
        long.as_str(),
    ];
    let body = b"{\"type\":\"test\"}".to_vec();
    let door = |name: &str| {
        let door =
            Door::Webhook { partner: name.to_owned(), id: "hostile-3".to_owned(), forged: vec![], body: body.clone() };
        Hostile { name: format!("webhook: partner {name:.40}"), door, expected: &[401] }
    };
    names.into_iter().map(door).collect()
}

fn post(path: &str, name: &str, body: impl Into<Vec<u8>>, expected: &'static [u16]) -> Hostile {
    let door = Door::Post { path: path.to_owned(), key: Some("hostile".to_owned()), body: body.into() };
    Hostile { name: format!("POST {path:.60}: {name}"), door, expected }
}

fn orders() -> Vec<Hostile> {
    let order = |member: &str, value: &str| {
        let known = [
            ("id", "\"HOSTILE-1\""),
            ("customer", "{\"id\":\"C-100\"}"),
            ("customer_po", "\"PO-1\""),
            ("currency", "\"USD\""),
            (
                "ship_to",
                "{\"name\":\"A\",\"line1\":\"1 S\",\"city\":\"B\",\"region\":\"MA\",\"postal_code\":\"02108\",\"country\":\"US\"}",
            ),
            ("lines", "[{\"line\":1,\"sku\":\"S\",\"quantity\":\"1\",\"uom\":\"EA\"}]"),
        ];
        let others = known.into_iter().filter(|(name, _)| *name != member).chain([(member, value)]);
        let members: Vec<String> = others.map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    };
    let line = |member: &str, value: &str| {
        let known = [("line", "1"), ("sku", "\"S\""), ("quantity", "\"1\""), ("uom", "\"EA\"")];
        let others = known.into_iter().filter(|(name, _)| *name != member).chain([(member, value)]);
        let members: Vec<String> = others.map(|(name, value)| format!("\"{name}\":{value}")).collect();
        order("lines", &format!("[{{{}}}]", members.join(",")))
    };
    let long = format!("\"{}\"", "x".repeat(10_240));
    let many = vec!["{\"line\":1,\"sku\":\"S\",\"quantity\":\"1\",\"uom\":\"EA\"}"; 501].join(",");
    let wrong = [
        ("null", "null".to_owned()),
        ("an array", "[]".to_owned()),
        ("a number", "7".to_owned()),
        ("an empty object", "{}".to_owned()),
        ("__proto__", order("__proto__", "{\"admin\":true}")),
        ("an id of 10 KB", order("id", &long)),
        ("an empty id", order("id", "\"\"")),
        ("NUL in the id", order("id", "\"a\\u0000b\"")),
        ("a line break in the id", order("id", "\"a\\r\\nb\"")),
        ("an id that is a number", order("id", "1")),
        ("a currency in small letters", order("currency", "\"usd\"")),
        (
            "no such country",
            order(
                "ship_to",
                "{\"name\":\"A\",\"line1\":\"1\",\"city\":\"B\",\"postal_code\":\"1\",\"country\":\"ZZ\"}",
            ),
        ),
        ("no lines", order("lines", "[]")),
        ("501 lines", order("lines", &format!("[{many}]"))),
        ("line 0", line("line", "0")),
        ("line -1", line("line", "-1")),
        ("line 2^32", line("line", "4294967296")),
        ("line 1.5", line("line", "1.5")),
        ("a quantity that is a float", line("quantity", "0.1")),
        ("a tiny quantity", line("quantity", "1e-400")),
        ("quantity 1e3", line("quantity", "\"1e3\"")),
        ("quantity NaN", line("quantity", "\"NaN\"")),
        ("quantity -1", line("quantity", "\"-1\"")),
        ("quantity 10^40", line("quantity", &format!("\"1{}\"", "0".repeat(40)))),
        ("a quantity with 40 decimals", line("quantity", &format!("\"0.{}1\"", "0".repeat(40)))),
        ("a SKU of 10 KB", line("sku", &long)),
        ("a date far ahead", order("ordered_at", "\"9999999-01-01T00:00:00Z\"")),
    ];
    let unreadable = unreadable().into_iter().map(|(name, body)| post("/v1/orders", name, body, &[400]));
    let wrong = wrong.into_iter().map(|(name, body)| post("/v1/orders", name, body, &[422]));
    let twice = "[{\"line\":1,\"sku\":\"S\",\"quantity\":\"1\",\"quantity\":\"9\",\"uom\":\"EA\"}]";
    let twice = post("/v1/orders", "a16: a member given twice", order("lines", twice), &[400]);
    unreadable.chain(wrong).chain([twice]).collect()
}

fn keys() -> Vec<Hostile> {
    let keys = [
        ("none", None),
        ("empty", Some(String::new())),
        ("129 characters", Some("k".repeat(129))),
        ("10 KB", Some("k".repeat(10_240))),
        ("a line break", Some("k\r\nx-injected: 1".to_owned())),
        ("NUL", Some("k\0".to_owned())),
        ("a blank", Some("k 1".to_owned())),
        ("not ASCII", Some("ключ".to_owned())),
    ];
    let door = |(name, key): (&str, Option<String>)| {
        let door = Door::Post { path: "/v1/orders".to_owned(), key, body: b"{}".to_vec() };
        Hostile { name: format!("idempotency key: {name}"), door, expected: &[400] }
    };
    keys.into_iter().map(door).collect()
}

fn changes() -> Vec<Hostile> {
    let reason = "{\"reason\":\"ordered twice\"}";
    let path = |id: &str, change: &str| format!("/v1/orders/{id}/{change}");
    let long = "x".repeat(5_000);
    let ids =
        ["..", "%2e%2e%2freviews", "ord_", "ORD_6CE86670G2YKYGJ63P6WP7Y650", "%00", "-1", long.as_str(), NO_ORDER];
    let ids = ids.map(|id| post(&path(id, "cancel"), "id", reason, &[404]));
    let changes = ["CANCEL", "%2e%2e", "cancel%00", "cancel%2f..%2famend", "decision", "__proto__"];
    let changes = changes.map(|change| post(&path(NO_ORDER, change), "change", reason, &[404]));
    let timeline = post(&path(NO_ORDER, "timeline"), "another method's path", "", &[405]);
    let bodies = [
        ("no reason", "{}".to_owned()),
        ("an empty reason", "{\"reason\":\"\"}".to_owned()),
        ("a reason that is a number", "{\"reason\":7}".to_owned()),
        ("a reason of 10 KB", format!("{{\"reason\":\"{}\"}}", "x".repeat(10_240))),
    ];
    let bodies = bodies.map(|(name, body)| post(&path(NO_ORDER, "hold"), name, body, &[422]));
    let twice = "{\"reason\":\"r\",\"lines\":[],\"lines\":[]}";
    let twice = post(&path(NO_ORDER, "amend"), "a16: a member given twice", twice, &[400]);
    let reasons = "{\"reason\":\"a\",\"reason\":\"b\"}";
    let reasons = post(&path(NO_ORDER, "hold"), "two reasons", reasons, &[400]);
    ids.into_iter().chain(changes).chain([timeline]).chain(bodies).chain([twice, reasons]).collect()
}

fn decisions() -> Vec<Hostile> {
    let path = |id: &str| format!("/v1/reviews/{id}/decision");
    let approve = "{\"choice\":\"approve\"}";
    let none = format!("{NO_ORDER}.credit_refused-0123456789ab");
    let long = format!("{NO_ORDER}.{}", "x".repeat(5_000));
    let ids = ["..", "%2e%2e%2forders", "a.b", ".", "%00.%00", "ord_.credit_refused-0", long.as_str(), none.as_str()];
    let ids = ids.map(|id| post(&path(id), "id", approve, &[404]));
    let bodies = [
        ("no choice", "{}"),
        ("an unknown choice", "{\"choice\":\"drop table\"}"),
        ("a choice that is a list", "{\"choice\":[]}"),
        ("two choices", "{\"choice\":\"approve\",\"choice\":\"cancel\"}"),
        ("a document of another shape", "{\"choice\":\"approve\",\"document\":[]}"),
    ];
    ids.into_iter().chain(bodies.map(|(name, body)| post(&path(&none), name, body, &[422]))).collect()
}

fn reads() -> Vec<Hostile> {
    let long = "A".repeat(5_000);
    let lists = ["status=invoiced", "status=submitted"];
    let cursors = ["", "AAAA", "%00", "bnVsbA", "W10", "WyJ4IiwieCIsIngiLCJ4Il0", "..%2f..", "%FF", long.as_str()];
    let limits = ["", "0", "-1", "201", "1e2", "NaN", "99999999999999999999", "%00", "0x10"];
    let cursors = lists.iter().flat_map(|list| cursors.iter().map(move |at| format!("/v1/orders?{list}&cursor={at}")));
    let limits = limits.iter().map(|limit| format!("/v1/orders?status=invoiced&limit={limit}"));
    let statuses = ["", "INVOICED", "lost", "'%20or%201=1", "order%2finvoiced", "%00"];
    let statuses = statuses.iter().map(|status| format!("/v1/orders?status={status}"));
    let reviews = ["/v1/reviews?cursor=AAAA".to_owned(), "/v1/reviews?limit=0".to_owned(), "/v1/orders".to_owned()];
    let get = |path: String, expected| Hostile { name: format!("GET {path:.80}"), door: Door::Get { path }, expected };
    let bad = cursors.chain(limits).chain(statuses).chain(reviews).map(|path| get(path, &[400]));
    let ids = ["%2e%2e%2freviews", "ord_", "%00", "1%20or%201=1", long.as_str()];
    let ids = ids.iter().flat_map(|id| [format!("/v1/orders/{id}"), format!("/v1/orders/{id}/timeline")]);
    let unknown = get(format!("/v1/orders/{NO_ORDER}"), &[404]);
    bad.chain(ids.map(|path| get(path, &[400]))).chain([unknown]).collect()
}
