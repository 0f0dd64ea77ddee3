//! `crossdock`, the operator's command line.
//!
//! Results go to stdout, messages about them to stderr.

mod audit;
mod change;
mod connection;
mod dlq;
mod doctor;
mod documents;
mod edi;
mod health;
mod journal;
mod operator;
mod order;
mod output;
mod pace;
mod partner;
mod registry;
mod review;
mod span;
mod token;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::connection::Connection;
use crate::output::Output;

/// Operates a Crossdock deployment.
///
/// Exit codes: 0 success, 1 the command found something, 2 the command failed; each verb's help says what else.
#[derive(Parser)]
#[command(name = "crossdock", version, max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Shows what operators did.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Prints the completion of this command line for a shell.
    #[command(after_help = "Examples:\n  \
        crossdock completion bash > /etc/bash_completion.d/crossdock\n  \
        crossdock completion zsh > \"${fpath[1]}/_crossdock\"\n  \
        crossdock completion fish > ~/.config/fish/completions/crossdock.fish\n\n\
        Exit codes:\n  0  printed")]
    Completion {
        /// The shell.
        shell: Shell,
    },
    /// Works on dead-letter queues.
    #[command(subcommand)]
    Dlq(dlq::Command),
    Doctor(doctor::Doctor),
    /// Looks at files of EDI partners.
    #[command(subcommand)]
    Edi(edi::Command),
    /// Publishes events again.
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    /// Shows and finds orders.
    #[command(subcommand)]
    Order(order::Command),
    /// Works on partners' documents, and on whether partners are called.
    #[command(subcommand)]
    Partner(partner::Command),
    /// Works on the worklist.
    #[command(subcommand)]
    Review(review::Command),
    /// Makes, lists and revokes the tokens of API clients.
    #[command(subcommand)]
    Token(token::Command),
    /// Works on the lists.
    #[command(subcommand)]
    Views(journal::ViewsCommand),
}

fn main() -> ExitCode {
    let Arguments { connection, output, command } = Arguments::parse();
    match command {
        Command::Audit(command) => audit::run(&command, &connection, &output),
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), env!("CARGO_BIN_NAME"), &mut script);
            match std::io::stdout().write_all(&script) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_closed) => ExitCode::from(output::FAILED),
            }
        }
        Command::Dlq(command) => dlq::run(&command, &connection, &output),
        Command::Doctor(asked) => doctor::run(&asked, &connection, &output),
        Command::Edi(command) => edi::run(&command),
        Command::Journal(command) => journal::run(&command, &connection, &output),
        Command::Order(command) => order::run(&command, &connection, &output),
        Command::Partner(command) => partner::run(&command, &connection, &output),
        Command::Review(command) => review::run(&command, &connection, &output),
        Command::Token(command) => token::run(&command, &connection, &output),
        Command::Views(command) => journal::run_views(&command, &connection, &output),
    }
}
