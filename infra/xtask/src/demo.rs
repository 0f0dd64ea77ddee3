//! The demonstration: fifty orders through the whole system, and the comparison of every system's ledger.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{process, stack};

/// Options of the demonstration.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Leaves the stack running and prints its URLs and a signed request to try. The next demo reuses it.
    #[arg(long)]
    keep: bool,
    /// How many orders to send: 50, or 10 with --calm.
    #[arg(long, value_name = "N")]
    orders: Option<u32>,
    /// What happens: `orders`, or `incident`, an outage and a missing mapping that a person puts right.
    #[arg(long, default_value = "orders", value_parser = ["orders", "incident"])]
    scenario: String,
    /// Sends one order after another, each webhook once, and prints what an order then costs. It counts and is not timed.
    #[arg(long)]
    calm: bool,
}

/// Runs the demonstration. Afterwards nothing runs that did not run before or was not asked for, also after a failure.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let began = Instant::now();
    let kept = stack::running(workspace)?;
    let outcome = play(workspace, options);
    if options.keep && !process::interrupted() {
        if let Ok(live) = &outcome {
            println!("\nThe stack stays up:");
            stack::print_urls(live);
            println!("\nStop it with: cargo xtask down");
        }
    } else if !kept {
        stack::down(workspace)?;
    }
    outcome?;
    println!("\ndemo done in {:.0} s", began.elapsed().as_secs_f32());
    Ok(())
}

fn play(workspace: &Workspace, options: &Options) -> Result<stack::Live> {
    // What an order costs depends on how long work is collected; how long it takes is measured without.
    let as_deployed: &[&str] = if options.calm { &["BatchingSeconds"] } else { &[] };
    let live = stack::up_with_defaults(workspace, as_deployed)?;
    let mut driver = Command::new(workspace.binaries().join("demo"));
    let usual = match (options.scenario.as_str(), options.calm) {
        ("incident", _) => 12,
        (_, true) => 10,
        (_, false) => 50,
    };
    let orders = options.orders.unwrap_or(usual);
    driver
        .current_dir(&workspace.root)
        .args(["--orders", &orders.to_string(), "--scenario", &options.scenario])
        .env("CROSSDOCK_LIVE", stack::live_file(workspace));
    if options.calm {
        driver.arg("--calm");
    }
    if options.keep {
        // The driver then prints a signed request that a person can send.
        driver.arg("--show-request");
    }
    // A minute and a half for the functions to start, and the time of an order; a longer run hangs. The incident waits a minute
    // for its repair to be read, and for what waits for the ERP.
    let each = match (options.scenario.as_str(), options.calm) {
        ("incident", _) => 45,
        (_, true) => 180,
        (_, false) => 12,
    };
    process::run(&mut driver, Duration::from_secs(90 + each * u64::from(orders)))?;
    Ok(live)
}
