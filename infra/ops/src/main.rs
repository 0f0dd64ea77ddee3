//! `crossdock`, the operator's command line.
//!
//! Answers stand on stdout, what is said about them on stderr. Exit codes: 0 done, 1 something is wrong with what was
//! looked at, 2 the command itself could not be carried out.

mod edi;
mod partner;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Operates a Crossdock deployment.
///
/// Exit codes: 0 all is well, 1 something is wrong with what was looked at, 2 the command could not be carried out.
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
