//! `demo`: the demonstration's driver. `cargo xtask demo` builds, starts and deploys everything, then runs this.

use std::io::{IsTerminal as _, Write as _, stderr, stdout};
use std::process::ExitCode;

use clap::Parser;
use drive::demo::{Options, run};

/// Makes the simulated CRM send orders through the deployed stack, shows their progress, prints one order's timeline, and
/// compares the ledgers of the CRM, the ERP, the warehouses and Crossdock: everything exactly once, or the exit code is 1.
///
/// CROSSDOCK_LIVE names the running stack (.local/stack/live.json, as `cargo xtask up` writes it).
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut out = stdout();
    let terminal = out.is_terminal();
    match run(&arguments.options, &mut out, terminal).await {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::FAILURE),
        Err(error) => {
            writeln!(stderr(), "error: {error:#}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}
