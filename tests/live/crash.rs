//! Functions that are killed while they work.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use testkit::live::Live;

use crate::support::{Faults, Goods, Order, ends_well, live, submit};

/// So many orders are under way while processes die.
const ORDERS: usize = 8;

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn f08_processes_killed_in_the_middle_of_their_batches_lose_nothing_and_double_nothing() {
    let live = live();
    let orders: Vec<Order> = (0..ORDERS)
        .map(|n| Order::new(&format!("kill{n}"), if n % 2 == 0 { Goods::Both } else { Goods::East }))
        .collect();
    // A slow partner keeps the processes in the middle of a batch, before and after the effect.
    let mut faults = Vec::new();
    for order in &orders {
        let mut slow = Faults::new(&live, order);
        slow.script("erp", "*.create", order, 3, json!({"kind": "latency", "ms": 300})).await;
        slow.script("eastco", "fulfillment.create", order, 1, json!({"kind": "latency", "ms": 300})).await;
        faults.push(slow);
    }
    let killing = async {
        let began = Instant::now();
        let mut killed = 0;
        while killed < 8 && began.elapsed() < Duration::from_secs(20) {
            for function in ["stock-allocate", "order-release", "fulfillment-request"] {
                killed += kill(&live, function);
            }
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
        killed
    };
    let submitting = join_all(orders.iter().map(|order| submit(&live, order)));
    let (killed, _) = futures::future::join(killing, submitting).await;
    assert!(killed >= 3, "only {killed} processes were there to be killed");
    join_all(orders.iter().map(|order| ends_well(&live, order))).await;
    for slow in faults {
        slow.mend().await;
    }
}

/// Kills the processes of a function of this stack, and answers how many there were.
fn kill(live: &Live, function: &str) -> usize {
    let name = format!("AWS_LAMBDA_FUNCTION_NAME={}{function}", live.function_prefix());
    // Another stack on this machine has functions of the same names, but another address.
    let stack = format!("AWS_ENDPOINT_URL={}", live.endpoint);
    let mut killed = 0;
    for entry in fs::read_dir("/proc").expect("killing processes needs Linux' /proc").flatten() {
        let Some(pid) =
            entry.file_name().to_str().filter(|name| name.bytes().all(|b| b.is_ascii_digit())).map(str::to_owned)
        else {
            continue;
        };
        if has(&entry.path(), &[&name, &stack]) {
            let status = Command::new("kill").args(["-KILL", &pid]).status().expect("there is no `kill`");
            killed += usize::from(status.success());
        }
    }
    killed
}

/// Whether a process was started with these variables; one that is not ours to read, or gone meanwhile, was not.
fn has(process: &Path, variables: &[&str]) -> bool {
    let Ok(environment) = fs::read(process.join("environ")) else { return false };
    let set: Vec<&[u8]> = environment.split(|byte| *byte == 0).collect();
    variables.iter().all(|variable| set.contains(&variable.as_bytes()))
}
