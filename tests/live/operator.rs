//! The operator's command line on the deployed stack: what was parked is grouped, planned and redriven as a person does it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use drive::live::{Live, Webhook};
use drive::operator::Operator;
use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::interception::{Fault, Proxy, Rule};
use crate::support::{
    Faults, Goods, MAX_WAIT, Order, effects, ends_well, events, live, reaches, send, submit, unique, until,
};

/// An operator with files of their own.
fn operator(live: &Live, name: &str) -> Operator {
    let folder: PathBuf = std::env::temp_dir().join(format!("crossdock-live-{}", unique(name)));
    Operator::new(live, name, &folder).unwrap()
}

/// A partner's name for something that cannot be ours without a mapping, because it is not ASCII.
fn unmapped(test: &str) -> String {
    format!("É {}", unique(test))
}

/// Runs a command with `--json` again while another test's operator has the queue.
async fn ask(operator: &Operator, code: i32, arguments: &[&str]) -> Value {
    ask_for(operator, &[code], arguments).await
}

/// The same, for a command that may end with one of several exit codes.
async fn ask_for(operator: &Operator, codes: &[i32], arguments: &[&str]) -> Value {
    let answer = until(&format!("the queue is free for {arguments:?}"), async || {
        let answer = operator.run(&[arguments, &["--json"]].concat()).await.unwrap();
        (answer.code != Some(4)).then_some(answer)
    })
    .await;
    assert!(answer.code.is_some_and(|code| codes.contains(&code)), "{arguments:?}: {answer:?}");
    answer.document().unwrap()
}

/// Makes a plan, and returns how many messages it has.
async fn planned(operator: &Operator, step: &str, filter: &[&str], file: &str) -> u64 {
    let made = ask(operator, 0, &[&["dlq", "plan", step, "-o", file], filter].concat()).await;
    made["messages"].as_u64().unwrap()
}

/// Runs a plan to its end, with a rate as high as the emulator bears.
async fn applied(operator: &Operator, codes: &[i32], file: &str, options: &[&str]) -> Value {
    let apply = ["dlq", "apply", file, "--why", "T-17: corrected", "--execute", "--rate", "500"];
    ask_for(operator, codes, &[&apply[..], options].concat()).await
}

/// A refusal after which waiting does not help. The parked messages have its code in their cause, so a code that no other test
/// uses keeps the tests' messages apart.
fn refusal(code: &str) -> Value {
    json!({"kind": "refuse", "status": 405, "code": code, "reason": "moved"})
}

/// Waits until the messages of so many streams match a filter, and of no more.
async fn until_parked(operator: &Operator, step: &str, filter: &[&str], count: usize) {
    let look = async || {
        let parked = parked(operator, step, filter).await;
        assert!(parked <= count, "messages of {parked} streams of {step} match {filter:?}, not {count}");
        (parked == count).then_some(())
    };
    until(&format!("messages of {count} streams of {step} are parked"), look).await;
}

/// Of how many streams a filter matches messages of a step, without holding the queue's lease. A function that is stopped after it
/// parked a message and before it acknowledged it parks it twice.
async fn parked(operator: &Operator, step: &str, filter: &[&str]) -> usize {
    let sample = operator.run(&[&["dlq", "sample", step, "-n", "1000", "--json"], filter].concat()).await.unwrap();
    let document = sample.document().unwrap();
    let streams: BTreeSet<&str> =
        document["messages"].as_array().unwrap().iter().map(|message| message["stream"].as_str().unwrap()).collect();
    streams.len()
}

/// How many messages of a plan a run has sent, or left because their work is done; none failed again.
fn settled(report: &Value) -> u64 {
    assert_eq!(report["failed_again"], 0, "{report}");
    report["done"].as_u64().unwrap() + report["skipped"]["already_done"].as_array().map_or(0, Vec::len) as u64
}

/// The versions of the order's stream and of its fulfillments' streams.
async fn versions(live: &Live, detail: &Value) -> Vec<usize> {
    let fulfillments = detail["fulfillments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("fulfillment/{}", one["id"].as_str().unwrap()));
    let order = format!("order/{}", detail["id"].as_str().unwrap());
    let streams: Vec<String> = fulfillments.chain([order]).collect();
    join_all(streams.iter().map(async |stream| live.query("JournalTable", "stream", stream).await.unwrap().len())).await
}

/// A milestone of the order's first package by a carrier whose name has no mapping yet.
async fn milestone(live: &Live, detail: &Value, carrier: &str, n: usize) {
    let fulfillment = &detail["fulfillments"][0];
    let at = Timestamp::now() - SignedDuration::from_secs(i64::try_from(n).unwrap());
    let package = json!({"id": fulfillment["packages"][0]["package"], "carrier": carrier});
    let data = json!({"reference": fulfillment["id"], "package": package, "milestone": "in_transit", "occurred_at": at.to_string()});
    let body = json!({"type": "shipment.milestone", "timestamp": at.to_string(), "data": data}).to_string();
    let id = format!("{n}-{}", fulfillment["id"].as_str().unwrap());
    let answer = live.signed(&Webhook { partner: "eastco", id: &id, body: body.as_bytes() }).await.unwrap();
    assert_eq!(answer.status, 202, "{}", answer.body);
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn f01_five_hundred_mixed_failures_are_grouped_planned_and_redriven_twice_and_the_second_time_changes_nothing() {
    let (live, carrier) = (live(), unmapped("f01"));
    let (ann, since) = (operator(&live, "ann"), Timestamp::now().to_string());
    let orders = |name: &str, count| (0..count).map(|_| Order::new(name, Goods::East)).collect::<Vec<Order>>();
    let (shipped, unallocated, unsent) =
        (orders("f01-shipped", 8), orders("f01-unallocated", 10), orders("f01-unsent", 10));
    let mut faults = Vec::new();
    for (partner, operation, refused) in
        [("erp", "allocation.create", &unallocated), ("eastco", "fulfillment.create", &unsent)]
    {
        for order in refused {
            let mut fault = Faults::new(&live, order);
            fault.script(partner, operation, order, 1_000, refusal("MOVED_IN_F01")).await;
            faults.push(fault);
        }
    }
    join_all(shipped.iter().chain(&unallocated).chain(&unsent).map(|order| submit(&live, order))).await;
    let mut details = join_all(shipped.iter().map(|order| ends_well(&live, order))).await;
    let reports = (0..480).map(|n| milestone(&live, &details[n % 8], &carrier, n));
    stream::iter(reports).buffer_unordered(16).collect::<Vec<()>>().await;

    // What failed, and why: one group for each cause.
    let steps = [
        ("stock-allocate", ["--cause", "MOVED_IN_F01", "--since", &since], 10),
        ("fulfillment-request", ["--cause", "MOVED_IN_F01", "--since", &since], 10),
        ("warehouse-report-record", ["--cause", "/data/package/carrier", "--since", &since], 480),
    ];
    for (step, filter, count) in steps {
        until_parked(&ann, step, &filter, count).await;
        let grouped = ask(&ann, 0, &[&["dlq", "group", step][..], &filter].concat()).await;
        let counts: Vec<u64> =
            grouped["groups"].as_array().unwrap().iter().map(|group| group["count"].as_u64().unwrap()).collect();
        assert!(counts.len() == 1 && counts[0] >= count as u64, "{grouped}");
    }

    // The causes are corrected.
    for fault in faults {
        fault.mend().await;
    }
    live.change_document("eastco", |document| document["maps"]["carriers"][&carrier] = json!("UPS")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(62)).await;
    let mut exported = Vec::new();
    for (step, filter, count) in steps {
        let file = format!("{step}.jsonl");
        let written = ask(&ann, 0, &[&["dlq", "export", step, "-o", &file][..], &filter].concat()).await;
        let messages = written["messages"].as_u64().unwrap();
        assert!(messages >= count as u64, "{written}");
        exported.push(messages);
        assert_eq!(planned(&ann, step, &filter, &format!("{step}.plan")).await, messages);
        // Of a message that is parked twice, the second copy may find its work done.
        let code = i32::from(messages > count as u64);
        let report = applied(&ann, &[0, code], &format!("{step}.plan"), &["--settle", "5", "--canary", "2"]).await;
        assert_eq!(settled(&report), messages, "{report}");
    }
    details.extend(join_all(unallocated.iter().chain(&unsent).map(|order| ends_well(&live, order))).await);
    let last = &versions(&live, &details[7]).await;
    until("all reports are recorded", async || {
        let reported = join_all(details.iter().take(8).map(|detail| versions(&live, detail))).await;
        (reported.iter().map(|versions| versions[0]).sum::<usize>() >= 480).then_some(())
    })
    .await;
    assert!(!last.is_empty());
    tokio::time::sleep(Duration::from_secs(3)).await;

    // The same messages once more.
    let before = join_all(details.iter().map(|detail| versions(&live, detail))).await;
    for ((step, filter, _), messages) in steps.into_iter().zip(exported) {
        let file = format!("{step}.jsonl");
        let imported = ask(&ann, 0, &["dlq", "import", &file, "--why", "T-17: once more", "--execute"]).await;
        assert_eq!(imported["sent"], messages, "{imported}");
        let file = format!("{step}-again.plan");
        // A copy that a stopped function parked may have come after the export.
        let again = planned(&ann, step, &filter, &file).await;
        assert!(again >= messages, "{again} of {messages}");
        let is_known = step != "warehouse-report-record";
        let report = applied(&ann, &[i32::from(is_known)], &file, &["--settle", "5"]).await;
        assert_eq!(report["done"], if is_known { 0 } else { again }, "{report}");
        assert_eq!(settled(&report), again, "{report}");
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let after = join_all(details.iter().map(|detail| versions(&live, detail))).await;
    assert_eq!(before, after, "no stream has a new commit");
    for order in shipped.iter().chain(&unallocated).chain(&unsent) {
        ends_well(&live, order).await;
    }
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
// One after the other: each pass through the queue of order-import hides its messages from the other's for a moment.
async fn b21_f02_f03_an_unmapped_sku_is_redriven_once_it_is_mapped_and_poison_is_left_after_three_redrives() {
    let live = live();
    a_canary_stops_before_the_mapping_and_the_original_deliveries_are_redriven_after_it(&live).await;
    poison_is_left_after_three_redrives_while_its_neighbor_goes_on(&live).await;
}

async fn a_canary_stops_before_the_mapping_and_the_original_deliveries_are_redriven_after_it(live: &Live) {
    let (ann, since) = (operator(live, "ann"), Timestamp::now().to_string());
    let theirs = unmapped("b21");
    let mut orders: Vec<Order> = (0..4).map(|_| Order::new("b21", Goods::East)).collect();
    let mut bodies = Vec::new();
    for order in &mut orders {
        order.data["lines"][0]["sku"] = json!(theirs);
        let (id, body) = (format!("msg-{}", order.external), order.body());
        assert_eq!(send(live, &id, &body).await.status, 202);
        bodies.push((id, body));
    }
    let filter = ["--cause", "/data/lines/0/sku", "--partner", "acme-crm", "--since", &since];
    until_parked(&ann, "order-import", &filter, 4).await;

    assert_eq!(planned(&ann, "order-import", &filter, "early.plan").await, 4);
    let early = applied(&ann, &[3], "early.plan", &["--canary", "2", "--settle", "10"]).await;
    assert_eq!((&early["done"], &early["failed_again"]), (&json!(2), &json!(2)), "no poison loop: {early}");
    until_parked(&ann, "order-import", &filter, 4).await;
    let grouped = ask(&ann, 0, &[&["dlq", "group", "order-import"][..], &filter].concat()).await;
    assert_eq!(grouped["groups"][0]["failed_again"], true, "{grouped}");

    live.change_document("acme-crm", |document| document["maps"]["skus"]["SKU-7-E"] = json!(theirs)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(62)).await;
    assert_eq!(planned(&ann, "order-import", &filter, "late.plan").await, 4);
    let late = applied(&ann, &[0], "late.plan", &["--settle", "5"]).await;
    assert_eq!((&late["done"], &late["failed_again"]), (&json!(4), &json!(0)), "{late}");
    for (order, (id, body)) in orders.iter().zip(&bodies) {
        let detail = ends_well(live, order).await;
        assert_eq!(detail["lines"][0]["sku"], "SKU-7-E", "read by the current mapping");
        let stored = live.query("DeliveriesTable", "delivery", &format!("acme-crm/{id}")).await.unwrap();
        assert_eq!(stored.len(), 1, "the delivery is the original one");
        assert!(!body.is_empty());
    }
    let plan = std::fs::read_to_string(ann.file("late.plan")).unwrap();
    let entry: Value = serde_json::from_str(plan.lines().nth(1).unwrap()).unwrap();
    let work = format!("order-import/{}", entry["digest"].as_str().unwrap());
    let audited = ann.ask(0, &["audit", "ls", "--work", &work]).await.unwrap();
    let records = audited["records"].as_array().unwrap();
    assert!(records.len() >= 2, "intent and done: {audited}");
    assert!(records.iter().all(|record| record["who"] == "ann" && record["why"] == "T-17: corrected"), "{audited}");
    // Other tests order under the CRM's names.
    live.change_document("acme-crm", |document| drop(document["maps"].as_object_mut().unwrap().remove("skus")))
        .await
        .unwrap();
}

async fn poison_is_left_after_three_redrives_while_its_neighbor_goes_on(live: &Live) {
    let order = Order::new("f03-operator", Goods::East);
    let (ann, since) = (operator(live, "ann"), Timestamp::now().to_string());
    let mut poison = order.clone();
    poison.data["lines"] = json!([]);
    poison.data["currency"] = json!("not a currency");
    let id = format!("msg-{}-poison", order.external);
    assert_eq!(send(live, &id, &poison.body()).await.status, 202);
    let filter = ["--cause", "/data/currency", "--since", &since];
    until_parked(&ann, "order-import", &filter, 1).await;
    for turn in 0..3 {
        let file = format!("{turn}.plan");
        assert_eq!(planned(&ann, "order-import", &filter, &file).await, 1);
        let report = applied(&ann, &[1], &file, &["--settle", "5", "--max-failures", "100"]).await;
        assert_eq!((&report["done"], &report["failed_again"]), (&json!(1), &json!(1)), "{report}");
        until_parked(&ann, "order-import", &filter, 1).await;
    }
    assert_eq!(planned(&ann, "order-import", &filter, "last.plan").await, 1);
    let report = applied(&ann, &[1], "last.plan", &["--settle", "5"]).await;
    assert_eq!(report["skipped"]["loop_guard"].as_array().map(Vec::len), Some(1), "{report}");
    submit(live, &order).await;
    ends_well(live, &order).await;
    assert_eq!(parked(&ann, "order-import", &filter).await, 1, "it is not lost");
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn f08_a_killed_run_a_refusing_audit_table_and_two_operators_at_once_lose_nothing_and_double_nothing() {
    let live = live();
    let (ann, bob, since) = (operator(&live, "ann"), operator(&live, "bob"), Timestamp::now().to_string());
    let orders: Vec<Order> = (0..8).map(|_| Order::new("f08-operator", Goods::West)).collect();
    let mut faults = Vec::new();
    for order in &orders {
        let mut fault = Faults::new(&live, order);
        fault.script("erp", "sales_order.create", order, 1_000, refusal("MOVED_IN_F08")).await;
        faults.push(fault);
    }
    join_all(orders.iter().map(|order| submit(&live, order))).await;
    let step = "sales-order-create";
    let filter = ["--cause", "MOVED_IN_F08", "--since", &since];
    until_parked(&ann, step, &filter, 8).await;
    for fault in faults {
        fault.mend().await;
    }
    assert_eq!(planned(&ann, step, &filter, "all.plan").await, 8);
    // A reviewer divides the plan: each part is a plan, too.
    let plan = std::fs::read_to_string(ann.file("all.plan")).unwrap();
    let lines: Vec<&str> = plan.lines().collect();
    let part = |entries: &[&str]| [&lines[..1], entries].concat().join("\n");
    for (file, text) in [("first.plan", part(&lines[1..5])), ("rest.plan", part(&lines[5..]))] {
        std::fs::write(ann.file(file), &text).unwrap();
        std::fs::write(bob.file(file), &text).unwrap();
    }

    // Without the first record nothing is sent.
    let proxy = Proxy::start(&live, Rule { operation: "PutItem", text: "1-intent", fault: Fault::Refuse });
    let eve = operator(&live, "eve").through(proxy.endpoint.clone());
    std::fs::write(eve.file("all.plan"), &plan).unwrap();
    applied(&eve, &[2], "all.plan", &[]).await;
    assert!(proxy.met() > 0, "the table refused a record");
    assert_eq!(parked(&ann, step, &filter).await, 8);
    for order in &orders {
        assert!(!events(&live, order).await.contains(&"order.released".to_owned()), "{}", order.id);
    }

    // Of two operators at once, one works on the queue.
    let slowly = ["dlq", "apply", "first.plan", "--why", "T-17", "--execute", "--rate", "1", "--json"];
    let (anns, bobs) = tokio::join!(ann.run(&slowly), bob.run(&slowly));
    let (anns, bobs) = (anns.unwrap(), bobs.unwrap());
    let mut codes = [anns.code, bobs.code];
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(4)], "{} {} {} {}", anns.out, anns.err, bobs.out, bobs.err);

    // The run is killed after it sent a message, before the queue deleted it.
    let proxy = Proxy::start(&live, Rule { operation: "DeleteMessage", text: "", fault: Fault::Hold });
    let killed = operator(&live, "ann").through(proxy.endpoint.clone());
    std::fs::write(killed.file("rest.plan"), part(&lines[5..])).unwrap();
    let apply = ["dlq", "apply", "rest.plan", "--why", "T-17", "--execute", "--canary", "0"];
    let mut process = killed.command(&apply).spawn().unwrap();
    until("the run deletes its first message", async || (proxy.met() > 0).then_some(())).await;
    process.kill().unwrap();
    process.wait().unwrap();
    let began = Timestamp::now();
    let report = applied(&ann, &[0], "rest.plan", &[]).await;
    let took = Timestamp::now().duration_since(began).unsigned_abs();
    assert!(took < MAX_WAIT / 2, "the next run waited {took:?} for what the killed one held");
    assert_eq!(report["done"].as_u64().unwrap() + report["done_before"].as_u64().unwrap(), 4, "{report}");
    assert_eq!(report["skipped"], json!({}), "{report}");
    for order in &orders {
        ends_well(&live, order).await;
    }
    assert_eq!(parked(&ann, step, &filter).await, 0);
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn f10_a_span_of_the_journal_that_is_published_again_has_no_effect() {
    let (live, order) = (live(), Order::new("f10", Goods::Both));
    let ann = operator(&live, "ann");
    let from = Timestamp::now() - SignedDuration::from_secs(1);
    submit(&live, &order).await;
    let detail = ends_well(&live, &order).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (before, ledgers) = (versions(&live, &detail).await, effects(&live, &order).await);
    for _ in 0..2 {
        let (from, to) = (from.to_string(), Timestamp::now().to_string());
        let why = ["--why", "T-17: the relay was off", "--execute"];
        let span = ["journal", "republish", &order.id, "--from", &from, "--to", &to];
        let published = ann.ask(0, &[&span[..], &why].concat()).await.unwrap();
        assert!(published["entries"].as_u64().unwrap() > 20, "{published}");
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!((versions(&live, &detail).await, effects(&live, &order).await), (before, ledgers));
    reaches(&live, &order, "invoiced").await;
    ends_well(&live, &order).await;
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn five_thousand_parked_messages_are_grouped_with_progress_and_stay_parked() {
    const QUEUE: &str = "backorder-check-dlq";
    let live = live();
    let (ann, url) = (operator(&live, "ann"), live.queue(QUEUE).unwrap());
    let attribute = |text: String| json!({"DataType": "String", "StringValue": text});
    live.aws("AmazonSQS.PurgeQueue", &json!({"QueueUrl": url})).await.unwrap();
    let batch = |n: usize| {
        let entry = |m: usize| {
            let attributes = json!({"code": attribute("PRT-002".to_owned()), "cause": attribute(format!("acme-erp is out of order: {}", n % 5 + 500))});
            json!({"Id": m.to_string(), "MessageBody": format!("{n}/{m}"), "MessageAttributes": attributes})
        };
        json!({"QueueUrl": url, "Entries": (0..10).map(entry).collect::<Vec<Value>>()})
    };
    let sent = (0..500).map(|n| {
        let batch = batch(n);
        let live = &live;
        async move { live.aws("AmazonSQS.SendMessageBatch", &batch).await.unwrap() }
    });
    stream::iter(sent).buffer_unordered(4).collect::<Vec<Value>>().await;
    let answer = ann.run(&["dlq", "group", "backorder-check", "--json"]).await.unwrap();
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    let grouped = answer.document().unwrap();
    assert_eq!((&grouped["groups"][0]["count"], &grouped["complete"]), (&json!(5_000), &json!(true)), "{grouped}");
    assert!(answer.err.contains("of about 5000"), "it shows its progress: {}", answer.err);
    let listed = ann.ask(1, &["dlq", "ls"]).await.unwrap();
    let queue = listed["queues"].as_array().unwrap().iter().find(|queue| queue["queue"] == QUEUE).unwrap();
    assert_eq!(queue["messages"], 5_000, "all were given back: {queue}");
    live.aws("AmazonSQS.PurgeQueue", &json!({"QueueUrl": url})).await.unwrap();
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn a_new_token_works_with_its_scopes_and_its_record_does_not_have_it() {
    let live = live();
    let (ann, client) = (operator(&live, "ann"), unique("token"));
    let change = ["--scopes", "orders:read", "--why", "T-17: a test"];
    let dry = ask(&ann, 0, &[&["token", "new", &client], &change[..]].concat()).await;
    assert!(dry["dry_run"] == true && dry["token"].is_null(), "{dry}");
    let made = ask(&ann, 0, &[&["token", "new", &client, "--execute"], &change[..]].concat()).await;
    let token = made["token"].as_str().unwrap();
    // Within ten seconds after another test's wrong token, the authorizer does not read the tokens again.
    until("the authorizer knows the token", async || {
        (live.api_as(token, "/v1/orders?status=delivered").await.unwrap().status == 200).then_some(())
    })
    .await;
    assert_eq!(live.api_as(token, "/v1/reviews").await.unwrap().status, 403);

    let taken =
        ann.run(&["token", "new", "eastco", "--scopes", "orders:read", "--why", "T-17", "--execute"]).await.unwrap();
    assert!(taken.code == Some(2) && taken.err.contains("is the name of a partner"), "{}", taken.err);
    let listed =
        |list: &Value| list["tokens"].as_array().unwrap().iter().filter(|row| row["client"] == *client).count();
    assert_eq!(listed(&ask(&ann, 0, &["token", "ls"]).await), 1);
    let revoked = ask(&ann, 0, &["token", "revoke", &client, "--why", "T-17: done", "--execute"]).await;
    assert_eq!(revoked["tokens"], 1);
    assert_eq!(listed(&ask(&ann, 0, &["token", "ls"]).await), 0);
    let none = ann.run(&["token", "revoke", &client, "--why", "T-17: again", "--execute"]).await.unwrap();
    assert_eq!(none.code, Some(1), "{}", none.err);

    let audit = ask(&ann, 0, &["audit", "ls"]).await.to_string();
    assert!(audit.contains(&format!("token new {client}")) && !audit.contains(token));
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn a_partners_document_is_applied_with_its_differences_and_taken_back() {
    let live = live();
    let ann = operator(&live, "ann");
    let file = ann.file("acme-crm.json");
    let path = file.to_str().unwrap();
    let stored = live.query("RegistryTable", "kind", "partner").await.unwrap();
    let text = stored.iter().find(|item| item["id"]["S"] == "acme-crm").unwrap()["document"]["S"].as_str().unwrap();
    let mut document: Value = serde_json::from_str(text).unwrap();
    document["orders"]["deadline_days"] = json!(15);
    std::fs::write(&file, document.to_string()).unwrap();
    let why = ["--why", "T-17: a test"];
    let dry = ask(&ann, 0, &[&["partner", "apply", path], &why[..]].concat()).await;
    assert_eq!(dry["replaced"][0]["changes"], json!(["acme-crm.orders.deadline_days: 14 -> 15"]), "{dry}");
    let done = ask(&ann, 0, &[&["partner", "apply", path, "--execute"], &why[..]].concat()).await;
    let again = ask(&ann, 0, &[&["partner", "apply", path, "--execute"], &why[..]].concat()).await;
    assert_eq!(again["replaced"], json!([]), "it is there already");
    let back = ask(&ann, 0, &[&["partner", "apply", "--rollback", "acme-crm", "--execute"], &why[..]].concat()).await;
    assert_eq!(back["replaced"][0]["changes"], json!(["acme-crm.orders.deadline_days: 15 -> 14"]), "{back}");
    assert_eq!(back["replaced"][0]["before"], done["replaced"][0]["version"]);

    document["orders"]["deadline_days"] = json!("soon");
    std::fs::write(&file, document.to_string()).unwrap();
    let wrong = ann.run(&[&["partner", "apply", path, "--execute"], &why[..]].concat()).await.unwrap();
    assert!(wrong.code == Some(1) && wrong.err.contains("orders.deadline_days"), "{}", wrong.err);
}
