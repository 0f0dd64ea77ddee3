//! The kill test: processes killed and partners failing under load, as often as requested.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{process, stack};

/// Options of the kill test.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many times in a row, on one stack.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
    /// The seed of the first time; the next times count up from it. Without it a random seed is drawn and printed.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// How many orders to send each time.
    #[arg(long, default_value_t = 200, value_name = "N")]
    orders: u32,
}

/// Runs the kill test. Afterwards nothing runs that did not run before, also after a failure.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let kept = stack::running(workspace)?;
    let outcome = drive(workspace, options);
    if !kept {
        stack::down(workspace)?;
    }
    outcome
}

fn drive(workspace: &Workspace, options: &Options) -> Result<()> {
    stack::up(workspace)?;
    let mut driver = Command::new(workspace.binaries().join("kill"));
    driver
        .current_dir(&workspace.root)
        .args(["--times", &options.times.to_string(), "--orders", &options.orders.to_string()])
        .env("CROSSDOCK_LIVE", stack::live_file(workspace));
    if let Some(seed) = options.seed {
        driver.args(["--seed", &seed.to_string()]);
    }
    // The driver bounds each of its waits, so a longer run hangs.
    process::run(&mut driver, Duration::from_secs(15 * 60).saturating_mul(options.times))
}
