//! Each verb of the operator's command line with the policy that `crossdock rights` prints for it, enforced by the emulator.

use std::collections::BTreeSet;

use drive::live::Live;
use drive::operator::{Answer, Operator};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{Goods, Order, ends_well, live, send, submit, unique, until};

/// An operator with a user of their own, who may do what the policy says.
async fn user(live: &Live, operator: Operator, name: &str, policy: &Value) -> Operator {
    live.iam("CreateUser", &[("UserName", name)]).await.unwrap();
    let document = [("UserName", name), ("PolicyName", "verb"), ("PolicyDocument", &policy.to_string())];
    live.iam("PutUserPolicy", &document).await.unwrap_or_else(|why| panic!("{name}: {why:#}\n{policy:#}"));
    let keys = live.iam("CreateAccessKey", &[("UserName", name)]).await.unwrap();
    let part = |tag: &str| {
        let from = keys.split(&format!("<{tag}>")).nth(1).unwrap();
        from.split('<').next().unwrap().to_owned()
    };
    operator.signed_in((part("AccessKeyId"), part("SecretAccessKey")))
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn each_verb_works_with_the_rights_that_are_documented_for_it_and_with_none_it_does_not() {
    let live = live();
    let folder = std::env::temp_dir().join(format!("crossdock-live-{}", unique("rights")));
    let operator = || Operator::new(&live, "ann", &folder).unwrap();
    let began = (Timestamp::now() - SignedDuration::from_secs(1)).to_string();
    let order = Order::new("rights", Goods::East);
    submit(&live, &order).await;
    let mut parked = Order::new("rights-parked", Goods::East);
    // At a place that no other test's parked message has, so that a plan has this one alone.
    parked.data["service_level"] = json!("É overnight");
    let (delivery, body) = (format!("msg-{}", parked.external), parked.body());
    assert_eq!(send(&live, &delivery, &body).await.status, 202);
    ends_well(&live, &order).await;
    let since = ["--cause", "/data/service_level", "--since", &began];
    let sample = [&["dlq", "sample", "order-import", "-n", "1000"][..], &since].concat();
    until("the message is parked", async || (operator().run(&sample).await.unwrap().code == Some(0)).then_some(()))
        .await;
    parked.data["service_level"] = json!("standard");
    std::fs::write(operator().file("corrected.json"), parked.body()).unwrap();

    let (id, client, parked_delivery) = (order.id.as_str(), unique("rights"), format!("acme-crm/{delivery}"));
    let review = format!("{id}.overdue");
    let ended = Timestamp::now().to_string();
    let execute = ["--why", "T-17: a test", "--execute"];
    let token = ["token", "new", &client, "--scopes", "orders:read"];
    // In this order: a plan is applied after it is made, and an export is imported.
    let runs: Vec<(&str, Vec<&str>)> = vec![
        ("audit ls", vec![]),
        ("dlq ls", vec![]),
        ("dlq sample", sample[2..].to_vec()),
        ("dlq group", [&["order-import"][..], &since].concat()),
        ("dlq export", [&["order-import", "-o", "rights.jsonl"][..], &since].concat()),
        ("dlq plan", [&["order-import", "-o", "rights.plan"][..], &since].concat()),
        ("dlq apply", [&["rights.plan", "--settle", "1"][..], &execute].concat()),
        ("dlq import", [&["rights.jsonl"][..], &execute].concat()),
        ("dlq plan", [&["order-import", "-o", "discard.plan"][..], &since].concat()),
        ("dlq discard", [&["discard.plan"][..], &execute].concat()),
        ("dlq review", [&["order-import"][..], &execute].concat()),
        ("dlq edit", [&[parked_delivery.as_str(), "--body", "corrected.json"][..], &execute].concat()),
        ("journal republish", [&[id][..], &execute].concat()),
        ("order show", vec![id]),
        ("order trace", vec![id]),
        ("order find", vec![&order.external]),
        ("partner health", vec![]),
        ("partner pause", [&["shipwest", "--for", "1s"][..], &execute].concat()),
        ("partner resume", [&["shipwest"][..], &execute].concat()),
        ("restore deliveries", [&["--from", &began, "--to", &ended, "--rate", "500"][..], &execute].concat()),
        ("restore missing", vec![]),
        ("review ls", vec![]),
        ("review decide", [&[review.as_str(), "retry"][..], &execute].concat()),
        ("token new", [&token[2..], &execute[..]].concat()),
        ("token ls", vec![]),
        ("token revoke", [&[client.as_str()][..], &execute].concat()),
        ("views rebuild", [&[id][..], &execute].concat()),
    ];
    let stack = json!({ "Effect": "Allow", "Action": ["cloudformation:DescribeStacks"], "Resource": ["*"] });
    let stack_alone = json!({ "Version": "2012-10-17", "Statement": [stack] });
    let stranger = user(&live, operator(), &unique("stranger"), &stack_alone).await;
    let mut ran = BTreeSet::new();
    for (verb, arguments) in runs {
        let policy = operator().run(&["rights", verb]).await.unwrap();
        let policy: Value = serde_json::from_str(&policy.out).unwrap_or_else(|_| panic!("{verb}: {policy:?}"));
        let holder = user(&live, operator(), &unique(&verb.replace(' ', "-")), &policy).await;
        let call: Vec<&str> = verb.split(' ').chain(arguments).collect();
        let refused = stranger.run(&call).await.unwrap();
        let is_denied =
            |said: &str| ["AccessDenied", "not authorized", "STO-002", "CFG-002"].iter().any(|why| said.contains(why));
        // A run of a plan that ends early says why in its report.
        let said = |answer: &Answer| format!("{}{}", answer.out, answer.err);
        assert!(refused.code == Some(2) && is_denied(&said(&refused)), "{call:?} without rights: {refused:?}");
        // Another test's operator may have the queue.
        let answer = until(&format!("{verb} is free"), async || {
            let answer = holder.run(&call).await.unwrap();
            (answer.code != Some(4)).then_some(answer)
        })
        .await;
        assert!(!is_denied(&said(&answer)), "{call:?}: {answer:?}\n{policy:#}");
        assert!(answer.code != Some(2), "{call:?}: {answer:?}");
        ran.insert(verb.to_owned());
    }
    assert!(ran.len() >= 25, "only {ran:?}");
}
