//! Hostile requests through every door: each is answered with its code, and nothing is stored.

use std::collections::BTreeMap;

use crossdock_tests::deployment::Deployment;
use engine::Failure;
use engine::http::{Request, Response};
use futures::FutureExt;
use serde_json::json;
use simulators::sign;

use crate::intake::signed;
use crate::table::{self, Door, Hostile, PARTNER};

/// The status of the answer.
fn answer(deployment: &mut Deployment, door: &Door) -> u16 {
    match door {
        Door::Webhook { partner, id, forged, body } => {
            let mut request = signed(deployment, id, body.clone(), &[sign::local_secret(PARTNER)]);
            request.headers.extend(forged.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
            request.variables.insert("partner".to_owned(), unescaped(partner));
            deployment.webhook(request).unwrap()
        }
        Door::Post { path, key, body } => {
            let key = key.iter().map(|key| ("idempotency-key".to_owned(), key.clone()));
            post(deployment, Request { headers: key.collect(), body: body.clone(), ..request("POST", path) })
        }
        Door::Get { path } => get(deployment, request("GET", path)),
    }
}

/// A request as the gateway passes it on: with the path's variables and the query's parameters decoded.
fn request(method: &str, target: &str) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parts: Vec<&str> = path.split('/').collect();
    let names: &[&str] = if parts.get(2) == Some(&"reviews") { &["id"] } else { &["id", "change"] };
    let variables = names.iter().zip(parts.iter().skip(3));
    let query = query.split('&').filter_map(|pair| pair.split_once('='));
    let scopes = ["orders:read:all", "orders:write:all", "reviews:read", "reviews:decide"];
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        variables: variables.map(|(name, part)| ((*name).to_owned(), unescaped(part))).collect(),
        query: query.map(|(name, value)| (name.to_owned(), unescaped(value))).collect::<BTreeMap<_, _>>(),
        client: "portal".to_owned(),
        scopes: scopes.map(str::to_owned).to_vec(),
        ..Request::default()
    }
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = std::str::from_utf8(tail.get(..2).unwrap_or_default()).ok();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn post(deployment: &Deployment, request: Request) -> u16 {
    let (journal, parties, read) = (deployment.journal.clone(), deployment.parties.clone(), partners::read_order_body);
    let answered = if request.path.starts_with("/v1/reviews/") {
        let ports = review_decide::Ports { journal, parties };
        review_decide::handle(&ports, request, &deployment.context("review-decide")).now_or_never()
    } else if request.path == "/v1/orders" {
        deployment.post_order(request)
    } else {
        let ports = change_create::Ports { journal, parties, read };
        change_create::handle(&ports, request, &deployment.context("change-create")).now_or_never()
    };
    status(answered)
}

fn get(deployment: &Deployment, request: Request) -> u16 {
    let views = deployment.views.clone();
    let answered = match request.path.as_str() {
        "/v1/orders" => {
            let ports = order_list::Ports { views };
            order_list::handle(&ports, request, &deployment.context("order-list")).now_or_never()
        }
        "/v1/reviews" => {
            let ports = review_list::Ports { views };
            review_list::handle(&ports, request, &deployment.context("review-list")).now_or_never()
        }
        _ => {
            let ports = order_read::Ports { journal: deployment.journal.clone() };
            order_read::handle(&ports, request, &deployment.context("order-read")).now_or_never()
        }
    };
    status(answered)
}

fn status(answered: Option<Result<Response, Failure>>) -> u16 {
    answered.expect("nothing waits").map_or(503, |response| response.status)
}

/// The process's resident memory in KiB: now, or its highest since `forget`.
fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a17_hostile_requests_get_their_codes_in_bounded_memory_and_nothing_is_stored() {
    let mut deployment = Deployment::new(71);
    let cases = table::all();
    assert!(cases.len() >= 60, "{}", cases.len());
    let mut wrong = Vec::new();
    for Hostile { name, door, expected } in &cases {
        // Sets the highest resident memory back to the present one.
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let before = memory("VmRSS:");
        let status = answer(&mut deployment, door);
        let grown = memory("VmHWM:").saturating_sub(before) / 1_024;
        if !expected.contains(&status) || grown > 64 {
            wrong.push(format!("{name}: {status}, {grown} MiB"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(deployment.deliveries.is_empty());
    assert_eq!(deployment.journal.streams(), Vec::<String>::new());
}

#[test]
fn a16_a_webhook_with_a_member_given_twice_is_stored_and_parked() {
    let mut deployment = Deployment::new(72);
    let body = json!({ "type": "order.created", "data": {} }).to_string();
    let body = body.replace("\"data\":{}", "\"data\":{\"id\":\"A\",\"id\":\"B\"}").into_bytes();
    let request = signed(&deployment, "msg-1", body, &[sign::local_secret(PARTNER)]);
    assert_eq!(deployment.webhook(request), Some(202));
    deployment.run(crate::support::A_DAY);
    let parked = deployment.parked();
    assert!(matches!(&parked[..], [parked] if parked.cause.contains("`id` is given twice")), "{parked:?}");
    let streams = deployment.journal.streams();
    assert!(matches!(&streams[..], [review] if review.starts_with("delivery/")), "{streams:?}");
}
