//! Processes are killed and partners fail under two hundred orders. It kills the functions of other tests, too, so it runs
//! alone, after them. `cargo xtask kill` repeats it, also with the seed of a run that failed.

use std::io::stdout;
use std::path::PathBuf;

use drive::kill::{Options, print, run};

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn f08_killed_processes_and_failing_partners_under_two_hundred_orders_lose_nothing_and_duplicate_nothing() {
    let file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../events/samples/orders.jsonl"));
    let report = run(&Options { orders: 200, seed: None, file }, &mut stdout()).await.unwrap();
    print(std::slice::from_ref(&report), &mut stdout()).unwrap();
    assert!(report.interrupted >= 10, "only {} kills ended something that was under way", report.interrupted);
    assert!(report.faults.len() >= 8, "only these faults bit: {:?}", report.faults);
    assert!(report.wrong.is_empty(), "seed {}: {:#?}", report.seed, report.wrong);
}
