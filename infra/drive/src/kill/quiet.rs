//! Waits until no work is left: no message in a queue, no due work, no call of any function.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use crate::demo::pending;
use crate::live::Live;

/// The longest wait. A killed process's messages become visible after their queue's visibility timeout, deferred work with the
/// schedule's next tick, and one may follow the other. Two minutes suffice on an idle machine; a circuit that opened repeatedly
/// stays open for five.
const WITHIN: Duration = Duration::from_secs(600);

/// The pause between two checks, and how many in a row have to find no work.
const LOOK: Duration = Duration::from_secs(2);
const LOOKS: usize = 3;

/// The schedule's function runs by the clock, with work or without, and its ticks are always in its queue.
const BY_THE_CLOCK: &str = "due-fire";

/// Work that is due hours from now: an order's deadline, a fulfillment's next milestone, stock.
const FAR: [&str; 3] = ["deadline", "time", "stock"];

/// Waits until no work is left. Due items of `before` belong to other tests. Returns the work that is left when the time is up.
pub(super) async fn wait(live: &Live, before: &BTreeSet<String>) -> Result<Option<String>> {
    let began = Instant::now();
    let mut last = Value::Null;
    let mut quiet = 0;
    loop {
        let moving = moving(live, before).await?;
        let calls = calls(live).await?;
        quiet = if moving.is_empty() && calls == last { quiet + 1 } else { 0 };
        last = calls;
        if quiet >= LOOKS {
            return Ok(None);
        }
        if began.elapsed() > WITHIN {
            let what = if moving.is_empty() { "functions still call".to_owned() } else { moving.join(", ") };
            return Ok(Some(format!("after {} s without faults there is still work: {what}", WITHIN.as_secs())));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn moving(live: &Live, before: &BTreeSet<String>) -> Result<Vec<String>> {
    let mut moving = Vec::new();
    let messages = pending(live).await?;
    if messages > 0 {
        moving.push(format!("{messages} messages of the simulators"));
    }
    for (name, count) in queued(live).await? {
        moving.push(format!("{count} in {name}"));
    }
    let due = due(live).await?;
    let waiting = due.difference(before).count();
    if waiting > 0 {
        moving.push(format!("{waiting} due items"));
    }
    Ok(moving)
}

/// Messages in the steps' queues, visible or not.
async fn queued(live: &Live) -> Result<BTreeMap<String, u64>> {
    let mut queued = BTreeMap::new();
    for (name, url) in live.queues()?.into_iter().filter(|(name, _)| *name != BY_THE_CLOCK) {
        let asked = json!({"QueueUrl": url, "AttributeNames": ["All"]});
        let told = live.aws("AmazonSQS.GetQueueAttributes", &asked).await?;
        let of = |kind: &str| told["Attributes"][kind].as_str().and_then(|count| count.parse::<u64>().ok());
        let kinds = ["", "NotVisible", "Delayed"].map(|kind| format!("ApproximateNumberOfMessages{kind}"));
        let count: u64 = kinds.iter().filter_map(|kind| of(kind)).sum();
        if count > 0 {
            queued.insert(name.to_owned(), count);
        }
    }
    Ok(queued)
}

/// The keys of deferred work.
pub(super) async fn due(live: &Live) -> Result<BTreeSet<String>> {
    let items = live.scan("DueTable", &["due", "why"]).await?;
    let waiting = items.iter().filter(|item| !FAR.iter().any(|why| item["why"]["S"] == *why));
    Ok(waiting.filter_map(|item| item["due"]["S"].as_str()).map(str::to_owned).collect())
}

async fn calls(live: &Live) -> Result<Value> {
    let mut calls = live.calls(false).await?;
    if let Some(functions) = calls.as_object_mut() {
        functions.retain(|function, _| !function.ends_with(BY_THE_CLOCK));
    }
    Ok(calls)
}
