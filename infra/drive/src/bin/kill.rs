//! `kill`: the kill test, as often as requested. `cargo xtask kill` builds, starts and deploys everything, then runs this.

use std::io::{Write as _, stderr, stdout};
use std::process::ExitCode;

use clap::Parser;
use drive::kill::{Options, Report, print, run};

/// Makes the simulated CRM send orders while functions' processes are killed and partners fail; then waits until no work is left
/// and compares all ledgers. The exit code is 1 where anything is lost, doubled, or parked without its cause.
///
/// CROSSDOCK_LIVE names the running stack (.local/stack/live.json, as `cargo xtask up` writes it).
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// How many times in a row, the seed counted up each time.
    #[arg(long, default_value_t = 1, value_name = "N")]
    times: u32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut reports: Vec<Report> = Vec::new();
    for time in 0..arguments.times {
        let seed = match (reports.first(), arguments.options.seed) {
            (Some(first), _) => Some(first.seed + u64::from(time)),
            (None, asked) => asked,
        };
        match run(&Options { seed, ..arguments.options.clone() }, &mut stdout()).await {
            Ok(report) => reports.push(report),
            Err(error) => {
                writeln!(stderr(), "error: {error:#}")?;
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    print(&reports, &mut stdout()).map_err(std::io::Error::other)?;
    let well = reports.iter().all(|report| report.wrong.is_empty());
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
