//! Processes that are killed and partners that flap, under two hundred orders. It spares nobody's functions, so it runs
//! alone, after the other tests. `cargo xtask kill` repeats it, with the seed of a run that failed if that is wanted.

use std::io::stdout;
use std::path::PathBuf;

use drive::kill::{Options, print, run};

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn f08_processes_killed_and_partners_flapping_under_two_hundred_orders_lose_nothing_and_double_nothing() {
    let file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../events/samples/orders.jsonl"));
    let report = run(&Options { orders: 200, seed: None, file }, &mut stdout()).await.unwrap();
    print(std::slice::from_ref(&report), &mut stdout()).unwrap();
    assert!(report.interrupted >= 10, "only {} kills ended something that was under way", report.interrupted);
    assert!(report.faults.len() >= 8, "only these faults bit: {:?}", report.faults);
    assert!(report.wrong.is_empty(), "seed {}: {:#?}", report.seed, report.wrong);
}
