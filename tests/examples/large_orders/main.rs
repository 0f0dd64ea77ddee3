//! `cargo run --release -p crossdock-tests --example large_orders`: large orders through the real steps on the stores in memory.
//!
//! Prints for each order the bytes of its streams, the read and write units per package as DynamoDB bills them, and for each
//! step, once at the order's end and in a process of its own, the processor time and the memory that it took.

// A command-line tool speaks through its two streams; sums of bytes and seconds are no money.
#![allow(clippy::print_stdout, clippy::float_arithmetic, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../shared/domain/src/samples.rs"]
mod samples;

mod measure;
mod partners;
mod scenario;

use std::process::Command;

use scenario::{Scenario, Size};

/// The largest orders that have to work, and smaller ones: what grows faster than they do is not linear.
const SIZES: [Size; 7] = [
    Size { name: "100 packages", lines: 1, kit: 0, fulfillments: 1, packages: 100 },
    Size { name: "300 packages", lines: 1, kit: 0, fulfillments: 1, packages: 300 },
    Size { name: "1,000 packages", lines: 1, kit: 0, fulfillments: 1, packages: 1_000 },
    Size { name: "500 lines", lines: 500, kit: 0, fulfillments: 1, packages: 100 },
    Size { name: "500 lines with kits of 14", lines: 500, kit: 14, fulfillments: 1, packages: 100 },
    Size { name: "40 fulfillments", lines: 40, kit: 0, fulfillments: 40, packages: 120 },
    Size { name: "500 lines, 40 fulfillments", lines: 500, kit: 14, fulfillments: 40, packages: 120 },
];

/// How often a step is measured.
const RUNS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [file, size, step] = arguments.as_slice() {
        let size = SIZES[size.parse::<usize>().expect("the number of a size")];
        let scenario = Scenario::restored(size, &std::fs::read_to_string(file).expect("the streams"));
        return println!("{}", scenario.measured(step));
    }
    let wanted = arguments.first().map(String::as_str).unwrap_or_default();
    for (number, size) in SIZES.iter().enumerate().filter(|(_, size)| size.name.contains(wanted)) {
        println!("{}", size.name);
        let played = |batch, is_warm, how: &str| {
            let scenario = Scenario::new(*size, batch, is_warm);
            scenario.play();
            println!("  {how} {}", scenario.counted());
            scenario
        };
        let scenario = played(10, true, "in tens, warm:   ");
        let file = std::env::temp_dir().join(format!("large-orders-{}-{number}", std::process::id()));
        std::fs::write(&file, scenario.stored()).expect("a file for the streams");
        for step in scenario::STEPS {
            let this = std::env::current_exe().expect("this program");
            let took = (0..RUNS).map(|_| {
                let run = Command::new(&this).arg(&file).arg(number.to_string()).arg(step).output();
                let text = String::from_utf8(run.expect("another process").stdout).expect("text");
                let (micros, kilobytes) = text.trim().split_once(' ').expect("two numbers");
                (micros.parse::<u64>().expect("microseconds"), kilobytes.parse::<u64>().expect("kilobytes"))
            });
            let took: Vec<(u64, u64)> = took.collect();
            // Some kernels count processor time in ticks, so the mean of some runs is nearer than one of them.
            let millis = took.iter().map(|(micros, _)| *micros).sum::<u64>() as f64 / 1_000.0 / RUNS as f64;
            let megabytes = took.iter().map(|(_, kilobytes)| *kilobytes).max().unwrap_or_default() as f64 / 1_024.0;
            println!("  {step:26} {millis:>7.1} ms {megabytes:>7.1} MB");
        }
        std::fs::remove_file(&file).expect("the file");
        played(1, true, "one by one, warm:");
        // A thousand packages take minutes, since each message folds its streams from the stores.
        if size.packages <= 120 {
            played(1, false, "one by one, cold:");
        }
    }
}
