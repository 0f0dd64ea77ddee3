//! Partners that fail for seconds at a time, by the seed.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use fastrand::Rng;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::live::Live;

/// The name under which our faults are scripted.
const FAULT: &str = "kill";

/// Milliseconds between two failures of a partner, and how long one lasts: shorter than five attempts take. Other tests cover long
/// outages; what is parked here is redriven.
const WELL_MS: std::ops::Range<u64> = 500..4_000;
const FAILING_MS: std::ops::Range<u64> = 1_000..6_000;

/// The ids of the simulated partners.
pub(super) async fn partners(live: &Live) -> Result<Vec<String>> {
    let told = live.read("/control/partners").await?;
    let listed = told["partners"].as_array().context("the simulators name no partners")?;
    Ok(listed.iter().filter_map(|partner| partner["id"].as_str()).map(str::to_owned).collect())
}

/// Makes a partner fail again and again, until the end.
pub(super) async fn fail_at_times(
    live: &Live,
    partner: &str,
    mut rng: Rng,
    mut over: watch::Receiver<bool>,
) -> Result<()> {
    loop {
        let well = Duration::from_millis(rng.u64(WELL_MS));
        if tokio::time::timeout(well, over.wait_for(|over| *over)).await.is_ok() {
            return Ok(());
        }
        for (operation, fault, percent) in [call(&mut rng), message(&mut rng)] {
            // JSON readers may lose digits of numbers above 2^53.
            let when = json!({"operation": operation, "percent": percent, "seed": rng.u32(..)});
            live.fault(partner, FAULT, when, fault).await?;
        }
        let failing = Duration::from_millis(rng.u64(FAILING_MS));
        let ended = tokio::time::timeout(failing, over.wait_for(|over| *over)).await.is_ok();
        clear(live, partner).await?;
        if ended {
            return Ok(());
        }
    }
}

/// Ends a partner's faults.
pub(super) async fn clear(live: &Live, partner: &str) -> Result<()> {
    live.mend(partner, FAULT).await
}

/// What goes wrong with calls to the partner, and with how many in a hundred.
fn call(rng: &mut Rng) -> (&'static str, Value, u8) {
    let (fault, percent) = match rng.u8(0..9) {
        // Longer than a step's call timeout.
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

/// How often each fault applied at all partners, less `before`.
pub(super) async fn applied(live: &Live, before: &BTreeMap<String, u64>) -> Result<BTreeMap<String, u64>> {
    let mut applied: BTreeMap<String, u64> = BTreeMap::new();
    for partner in partners(live).await? {
        // The filter removes the entries; the totals of faults are not filtered.
        let ledger = live.read(&format!("/control/{partner}/ledger?reference=none")).await?;
        for (name, count) in ledger["totals"]["faults"].as_object().into_iter().flatten() {
            *applied.entry(name.clone()).or_default() += count.as_u64().unwrap_or_default();
        }
    }
    for (name, count) in &mut applied {
        *count = count.saturating_sub(before.get(name).copied().unwrap_or_default());
    }
    applied.retain(|_, count| *count > 0);
    Ok(applied)
}
