//! `crossdock`, the operator's command line.
//!
//! Results go to stdout, messages about them to stderr.

mod edi;
mod partner;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Operates a Crossdock deployment.
///
/// Exit codes: 0 success, 1 the command found a mistake, 2 the command failed.
#[derive(Parser)]
#[command(name = "crossdock", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Looks at files of EDI partners.
    #[command(subcommand)]
    Edi(edi::Command),
    /// Works on partners' documents.
    #[command(subcommand)]
    Partner(partner::Command),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Edi(command) => edi::run(&command),
        Command::Partner(command) => partner::run(&command),
    }
}
