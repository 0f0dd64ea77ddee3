//! The hostile requests of [`table`](crate::table), through the gateway and the functions' real processes.

use drive::live::{Answer, Live, Webhook};
use jiff::Timestamp;
use serde_json::json;

use crate::support::{Goods, Order, live, reaches, submit};
use crate::table::{self, Door, PARTNER};

/// Whether an HTTP client can send these header values at all.
fn is_sendable(values: &[&str]) -> bool {
    values.iter().all(|value| value.bytes().all(|byte| (b' '..=b'~').contains(&byte)))
}

/// The answer; `None` where the request cannot be sent over HTTP.
async fn sent(live: &Live, door: &Door) -> Option<Answer> {
    let answer = match door {
        Door::Webhook { partner, id, forged, body } => {
            let signed =
                Webhook { partner: PARTNER, id, body }.headers(&live.signing(PARTNER).unwrap(), Timestamp::now());
            let kept = signed.into_iter().filter(|(name, _)| forged.iter().all(|(other, _)| other != name));
            let headers: Vec<(&str, String)> = kept.chain(forged.iter().cloned()).collect();
            if !is_sendable(&headers.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>()) {
                return None;
            }
            live.webhook(partner, &headers, body).await
        }
        Door::Post { key, .. } if !is_sendable(&key.iter().map(String::as_str).collect::<Vec<_>>()) => return None,
        Door::Post { path, key, body } => live.post(Some("portal"), path, key.as_deref(), body).await,
        Door::Get { path } => live.api(Some("portal"), path).await,
    };
    Some(answer.unwrap_or_else(|error| panic!("{error:#}")))
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn a17_hostile_requests_are_refused_and_the_functions_go_on() {
    let live = live();
    let mut wrong = Vec::new();
    for case in table::all() {
        // The gateway refuses some of them by itself, with a status of its own.
        if let Some(answer) = sent(&live, &case.door).await
            && !(400..500).contains(&answer.status)
        {
            wrong.push(format!("{}: {} {} and not {:?}", case.name, answer.status, answer.body, case.expected));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let stored = live.query("DeliveriesTable", "delivery", &format!("{PARTNER}/hostile-1")).await.unwrap();
    assert_eq!(json!(stored), json!([]));
    // What was not killed still works.
    let order = Order::new("hostile", Goods::East);
    submit(&live, &order).await;
    reaches(&live, &order, "invoiced").await;
}
