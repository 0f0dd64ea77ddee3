//! Partners that flap: each has bad spells of its own, drawn from the seed.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use fastrand::Rng;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::live::Live;

/// The name under which our faults are scripted.
const FAULT: &str = "kill";

/// Milliseconds between two bad spells of a partner, and how long one is. A spell is shorter than five attempts take: what a
/// long outage parks is another test's matter, and what parks here all the same is redriven.
const FAIR_MS: std::ops::Range<u64> = 500..4_000;
const FOUL_MS: std::ops::Range<u64> = 1_000..6_000;

/// The partners that the simulators play.
pub(super) async fn partners(live: &Live) -> Result<Vec<String>> {
    let told = live.read("/control/partners").await?;
    let listed = told["partners"].as_array().context("the simulators name no partners")?;
    Ok(listed.iter().filter_map(|partner| partner["id"].as_str()).map(str::to_owned).collect())
}

/// A partner's weather until it is over.
pub(super) async fn blow(live: &Live, partner: &str, mut rng: Rng, mut over: watch::Receiver<bool>) -> Result<()> {
    loop {
        let fair = Duration::from_millis(rng.u64(FAIR_MS));
        if tokio::time::timeout(fair, over.wait_for(|over| *over)).await.is_ok() {
            return Ok(());
        }
        for (operation, fault, percent) in [call(&mut rng), message(&mut rng)] {
            // The simulators read seeds from JSON, where numbers of some readers end at 2^53.
            let when = json!({"operation": operation, "percent": percent, "seed": rng.u32(..)});
            live.fault(partner, FAULT, when, fault).await?;
        }
        let foul = Duration::from_millis(rng.u64(FOUL_MS));
        let ended = tokio::time::timeout(foul, over.wait_for(|over| *over)).await.is_ok();
        clear(live, partner).await?;
        if ended {
            return Ok(());
        }
    }
}

/// Ends a partner's bad spell.
pub(super) async fn clear(live: &Live, partner: &str) -> Result<()> {
    live.mend(partner, FAULT).await
}

/// What goes wrong with calls to the partner, and with how many in a hundred.
fn call(rng: &mut Rng) -> (&'static str, Value, u8) {
    let (fault, percent) = match rng.u8(0..9) {
        // Longer than a step waits for an answer.
        0 => (json!({"kind": "timeout_before", "hold_ms": 4_000}), 30),
        1 => (json!({"kind": "timeout_after", "hold_ms": 4_000}), 30),
        2 => (json!({"kind": "lost_reply"}), 50),
        3 => (json!({"kind": "fail"}), 60),
        4 => (json!({"kind": "fail", "after_effect": true}), 60),
        5 => (json!({"kind": "garbage"}), 40),
        6 => (json!({"kind": "limit", "retry_after": rng.u8(1..4).to_string()}), 30),
        7 => (json!({"kind": "latency", "ms": rng.u64(100..900)}), 100),
        _ => (json!({"kind": "down"}), 100),
    };
    ("*", fault, percent)
}

/// What goes wrong with the partner's messages to us.
fn message(rng: &mut Rng) -> (&'static str, Value, u8) {
    let (fault, percent) = match rng.u8(0..7) {
        0 => (json!({"kind": "duplicate", "copies": rng.u8(1..4)}), 60),
        1 => (json!({"kind": "drop", "redeliver_after_ms": rng.u64(500..5_000)}), 50),
        2 => (json!({"kind": "reorder", "window": rng.u8(2..7), "flush_ms": 1_500}), 100),
        3 => (json!({"kind": "delay", "ms": rng.u64(200..4_000)}), 60),
        4 => (json!({"kind": "wrong_signature"}), 40),
        5 => (json!({"kind": "tamper"}), 40),
        _ => (json!({"kind": "stale"}), 40),
    };
    ("webhook.*", fault, percent)
}

/// How often each fault has bitten by now, over all partners, less what `before` has.
pub(super) async fn bitten(live: &Live, before: &BTreeMap<String, u64>) -> Result<BTreeMap<String, u64>> {
    let mut bitten: BTreeMap<String, u64> = BTreeMap::new();
    for partner in partners(live).await? {
        // The totals of faults are the partner's whatever is filtered; the entries are not wanted.
        let ledger = live.read(&format!("/control/{partner}/ledger?reference=none")).await?;
        for (name, count) in ledger["totals"]["faults"].as_object().into_iter().flatten() {
            *bitten.entry(name.clone()).or_default() += count.as_u64().unwrap_or_default();
        }
    }
    for (name, count) in &mut bitten {
        *count = count.saturating_sub(before.get(name).copied().unwrap_or_default());
    }
    bitten.retain(|_, count| *count > 0);
    Ok(bitten)
}
