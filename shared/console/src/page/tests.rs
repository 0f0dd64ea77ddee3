//! Every page with hostile texts, and at the limits of what an order and a list may have.
#![allow(clippy::unwrap_used)]

use domain::order::{LineQuantities, LineQuantity, Status};
use domain::review::Choice;
use domain::shipment::{PackageStatus, PackageSummary, RequestStatus};
use domain::{OrderId, Quantity};
use views::order::{Detail, FulfillmentView, HoldView, Name, Summary};
use views::{Entry, OpenReview};

use super::*;
use crate::rows::{OrderRow, ReviewRow};

/// Text that would be markup, a script or the end of an attribute.
const HOSTILE: &str = "\"><script>alert('x')</script><a href=\"javascript:alert(1)\">&amp;";

/// The largest page, in bytes.
const LIMIT: usize = 50 * 1024;

fn now() -> Timestamp {
    "2026-03-02T10:00:00Z".parse().unwrap()
}

fn site() -> Site {
    Site::new("https://api.example.com/prod", Some("https://docs.example.com/crossdock")).unwrap()
}

fn person(role: Role) -> Person {
    Person { subject: HOSTILE.to_owned(), roles: vec![role], form_token: "f".repeat(43) }
}

fn id() -> OrderId {
    OrderId::derive(&"acme-crm".parse().unwrap(), &"CRM-1".parse().unwrap())
}

fn quantity(text: &str) -> Quantity {
    serde_json::from_value(serde_json::json!({ "amount": text, "uom": "EA" })).unwrap()
}

/// An order of 500 lines, 40 fulfillments with 1,000 packages, and more reviews than anyone can read.
fn large() -> Detail {
    let many = || quantity("1000000");
    let line = |n: u32| LineQuantities {
        line: serde_json::from_value(n.into()).unwrap(),
        sku: format!("SKU-{}-{n}", "X".repeat(40)).parse().unwrap(),
        ordered: many(),
        over: many(),
        open: many(),
        in_fulfillment: many(),
        backordered: many(),
        cancelled: many(),
        shipped: many(),
        delivered: many(),
    };
    let package = |n: u32| PackageSummary {
        package: format!("PKG-{}-{n}", "X".repeat(30)).parse().unwrap(),
        carrier: Some("UPS".parse().unwrap()),
        tracking: Some(format!("1Z{n:020}").parse().unwrap()),
        status: PackageStatus::Packed,
    };
    let fulfillment = |n: u32| FulfillmentView {
        id: id().fulfillment(n),
        warehouse: "eastco".to_owned(),
        site: "EAST".to_owned(),
        request_status: RequestStatus::Accepted,
        lines: vec![LineQuantity {
            line: serde_json::from_value(1.into()).unwrap(),
            sku: "SKU-1".parse().unwrap(),
            quantity: many(),
        }],
        packages: (0..25).map(|of| package(n * 25 + of)).collect(),
    };
    let name = || Name { id: id(), source: HOSTILE.to_owned(), external_id: HOSTILE.to_owned() };
    Detail {
        summary: Summary {
            id: id(),
            status: Status::PartiallyShipped,
            source: HOSTILE.to_owned(),
            external_id: HOSTILE.repeat(5),
            aliases: (0..100).map(|_| name()).collect(),
            customer: HOSTILE.to_owned(),
            customer_po: HOSTILE.to_owned(),
            total: None,
            ordered_at: now(),
            updated_at: now(),
            reviews: 100,
        },
        version: 9_999,
        lines: (1..=500).map(line).collect(),
        sales_order: Some(HOSTILE.to_owned()),
        invoice: Some(HOSTILE.to_owned()),
        fulfillments: (1..=40).map(fulfillment).collect(),
        holds: (0..100)
            .map(|_| HoldView { holder: Some(HOSTILE.to_owned()), reason: HOSTILE.repeat(9), asked_at: None })
            .collect(),
        open_reviews: (0..100).map(open_review).collect(),
    }
}

fn open_review(n: u32) -> OpenReview {
    OpenReview {
        id: format!("{}.late-{n:012}", id().fulfillment(1)),
        kind: "late".to_owned(),
        reason: HOSTILE.repeat(9),
        options: Choice::ALL.to_vec(),
        since: now(),
        team: "logistics".to_owned(),
        decide_by: now(),
    }
}

fn entry(n: u64) -> Entry {
    Entry {
        at: now(),
        recorded_at: now(),
        system: if n.is_multiple_of(2) { HOSTILE.to_owned() } else { "erp".to_owned() },
        event: "order.priced".to_owned(),
        text: HOSTILE.repeat(9),
        status: Some(Status::Priced),
        stream: if n.is_multiple_of(3) { "fulfillment/x".to_owned() } else { "order/x".to_owned() },
        version: n,
        cause: "order-price".to_owned(),
        correlation_id: "c".to_owned(),
        caused_by: None,
    }
}

fn order_row(_: u32) -> OrderRow {
    OrderRow {
        id: id().to_string(),
        status: HOSTILE.to_owned(),
        source: HOSTILE.to_owned(),
        external_id: HOSTILE.repeat(5),
        customer: HOSTILE.to_owned(),
        customer_po: HOSTILE.repeat(5),
        total: None,
        ordered_at: Some(now()),
        reviews: 3,
    }
}

fn review_row(n: u32) -> ReviewRow {
    let OpenReview { id, kind, reason, options, decide_by, .. } = open_review(n);
    let options = options.into_iter().map(|option| option.as_str().to_owned()).collect();
    ReviewRow { id, kind, reason, options, decide_by: Some(decide_by) }
}

/// Every page as this role sees it, with its name.
fn every_page(role: Role) -> Vec<(&'static str, String)> {
    let (site, person) = (site(), person(role));
    let frame = Frame { site: &site, person: Some(&person), now: now() };
    let (detail, entries) = (large(), (0..5_000).map(entry).collect::<Vec<_>>());
    let order_rows: Vec<OrderRow> = (0..50).map(order_row).collect();
    let review_rows: Vec<ReviewRow> = (0..50).map(review_row).collect();
    let one = open_review(1);
    let shown = || ReviewPage { review: &one, order: Some(id().to_string()), version: 5, key: "k".repeat(43) };
    let cursor = Some(HOSTILE.repeat(3));
    let at_risk = AtRisk { cause: "backordered", count: 100, more: true, totals: vec![], oldest: Some(now()) };
    let partner = PartnerRow { partner: HOSTILE.to_owned(), role: "erp".to_owned(), state: "slow", until: Some(now()) };
    let found_rows = Found { rows: order_rows.clone(), looked_through: 200 };
    let next = Some((Route::Home, HOSTILE));
    let refused = Message { title: "Refused", text: HOSTILE, next, document: Some(("failures/STO-001.md", "STO-001")) };
    let since = Changed { seen: 1, version: 5, since: &entries, choice: HOSTILE, now: Some(shown()) };
    vec![
        ("home", home(&frame, &vec![at_risk; 5], Some((100, true, Some(now()))))),
        ("orders", orders(&frame, "routed", &order_rows, Some("x"), cursor.clone())),
        ("search", found(&frame, &HOSTILE.repeat(9), &found_rows)),
        ("nothing found", found(&frame, HOSTILE, &Found::default())),
        ("order", order(&frame, &detail, &entries, 0, 0)),
        ("order's end", order(&frame, &detail, &entries, 480, 960)),
        ("timeline", timeline(&frame, &id(), &entries, 0)),
        ("reviews", reviews(&frame, "logistics", &review_rows, Some("x"), cursor, 50)),
        ("review", review(&frame, &shown())),
        ("changed", changed(&frame, HOSTILE, &since)),
        ("partners", partners(&frame, &vec![partner; 300])),
        ("message", message(&frame, &refused)),
    ]
}

#[test]
fn no_text_becomes_markup() {
    for role in Role::ALL {
        for (name, page) in every_page(role) {
            let page = page.replace(r#"<script src="/prod/console/script.js" defer></script>"#, "");
            assert!(!page.contains("<script") && !page.contains("style="), "{name} has a script");
            assert!(page.contains("&lt;script&gt;alert("), "{name} shows the text as text");
            for attribute in page.split("href=\"").skip(1).chain(page.split("action=\"").skip(1)) {
                let address = attribute.split('"').next().unwrap();
                let is_ours = address.starts_with("/prod/console") || address == "#main";
                assert!(is_ours || address.starts_with("https://docs.example.com/"), "{name} links {address}");
                assert!(!address.contains(['<', '>', '\'']), "{name} links {address}");
            }
        }
    }
}

#[test]
fn a_page_is_small_whatever_an_order_and_a_list_have() {
    for (name, page) in every_page(Role::Operations) {
        assert!(page.len() < LIMIT, "{name} has {} bytes", page.len());
    }
}

#[test]
fn a_long_list_has_every_element_on_one_of_its_pages() {
    let all: Vec<usize> = (0..95).collect();
    let (mut seen, mut from) = (Vec::new(), Some(0));
    while let Some(at) = from {
        let (shown, _, after) = window(&all, at, 40);
        seen.extend_from_slice(shown);
        from = after;
    }
    assert_eq!(seen, all);
    assert_eq!(window(&all, 1_000, 40).0.first(), Some(&0), "a place behind the end begins anew");
    assert_eq!(window(&all, 80, 40), (&all[80..], Some(40), None));
}

#[test]
fn a_role_sees_links_to_its_own_pages_and_a_form_for_its_own_decisions() {
    let links = |role| {
        let pages = every_page(role);
        let home = pages.iter().find(|(name, _)| *name == "home").unwrap().1.clone();
        let review = pages.iter().find(|(name, _)| *name == "review").unwrap().1.clone();
        let nav = home.split("</nav>").next().unwrap().to_owned();
        let has = |path: &str| nav.contains(path);
        [has("/console/orders"), has("/console/reviews"), has("/console/partners"), review.contains("class=\"decide\"")]
    };
    assert_eq!(links(Role::CustomerService), [true, false, false, false]);
    assert_eq!(links(Role::Logistics), [true, true, false, true]);
    assert_eq!(links(Role::Credit), [true, true, false, false], "a late fulfillment is logistics'");
    assert_eq!(links(Role::OnCall), [true, true, true, false]);
    assert_eq!(links(Role::Operations), [true; 4]);
}

#[test]
fn an_empty_list_says_why_it_is_empty() {
    let (site, person) = (site(), person(Role::Operations));
    let frame = Frame { site: &site, person: Some(&person), now: now() };
    for (page, why) in [
        (home(&frame, &[], Some((0, false, None))), "No order is at risk: none waits"),
        (orders(&frame, "on_hold", &[], None, None), "No order is on hold now"),
        (orders(&frame, "on_hold", &[], Some("x"), None), "no older orders"),
        (reviews(&frame, "", &[], None, None, 0), "A review appears here when"),
        (reviews(&frame, "credit", &[], None, Some("x".to_owned()), 500), "None of the 500 most urgent"),
        (partners(&frame, &[]), "The registry has no partner"),
        (timeline(&frame, &id(), &[], 0), "Nothing happened yet"),
    ] {
        assert!(page.contains("class=\"empty\"") && page.contains(why), "{why}: {page}");
    }
}
