//! `crossdock partner`: partners' documents, and whether partners are called.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::connection::Connection;
use crate::documents::check;
use crate::health;
use crate::output::{self, Output};
use crate::registry;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Validates partners' documents, each alone and all together.
    ///
    /// A document is TOML (as in infra/partners) or JSON (as in the registry); a folder means all documents in it. Every mistake is
    /// reported with its place, such as `warehouse.sites[0].cut_off`. The command changes nothing and calls no partner.
    ///
    /// With --json, the result is the documents as one array, as the registry stores them, and nothing if there is a mistake.
    #[command(after_help = "Examples:\n  \
        crossdock partner check infra/partners\n  \
        crossdock partner check --json infra/partners/*.toml > registry.json\n\n\
        Exit codes:\n  0  all documents are valid\n  1  a document has a mistake, or two contradict each other\n  \
        2  a file cannot be read\n\n\
        All members of a document: docs/partners/registry.md")]
    Check(Check),
    /// Writes partners' documents into the registry, or takes a change back. Without --execute, shows what would change.
    ///
    /// The documents are checked as by `check`, together with those that stay. What they replace is kept under its version.
    #[command(after_help = "Examples:\n  \
        crossdock partner apply infra/partners --why 'T-17: a new carrier code'\n  \
        crossdock partner apply infra/partners/eastco.toml --why 'T-17: a new carrier code' --execute\n  \
        crossdock partner apply --rollback eastco --why 'T-17: it was wrong' --execute\n\n\
        Exit codes:\n  0  done, or nothing differs\n  1  a document has a mistake, or two contradict each other\n  \
        2  a call failed, or a file cannot be read\n  4  another operator changes the registry")]
    Apply(registry::Apply),
    /// Shows whether partners are called: circuits, waits, slowness.
    #[command(after_help = "Examples:\n  crossdock partner health\n  crossdock partner health eastco --json\n\n\
        Exit codes:\n  0  all are healthy\n  1  one is not\n  2  a call failed")]
    Health(health::Health),
    /// Calls a partner no more for a while; its work waits outside the queues. Without --execute, says what it would do.
    ///
    /// It is the same as a 429 with that time: nothing fails, and other partners' work goes on. It ends by itself.
    #[command(
        after_help = "Examples:\n  crossdock partner pause acme-erp --for 90m --why 'T-17: maintenance' --execute\n\n\
        Exit codes:\n  0  done\n  2  a call failed"
    )]
    Pause(health::Pause),
    /// Calls a partner again at once: ends a pause, an open circuit and a 429's wait. Without --execute, says what it would
    /// do.
    #[command(
        after_help = "Examples:\n  crossdock partner resume acme-erp --why 'T-17: maintenance is over' --execute\n\n\
        Exit codes:\n  0  done\n  2  a call failed"
    )]
    Resume(health::Resume),
}

#[derive(Args)]
pub(crate) struct Check {
    /// Documents, or folders with documents.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(crate) fn run(command: &Command, connection: &Connection, out: &Output) -> ExitCode {
    let end = match command {
        Command::Apply(asked) => output::wait(registry::apply(asked, connection, out)),
        Command::Check(arguments) => return run_check(arguments, out),
        Command::Health(asked) => output::wait(health::health(asked, connection, out)),
        Command::Pause(asked) => output::wait(health::pause(asked, connection, out)),
        Command::Resume(asked) => output::wait(health::resume(asked, connection, out)),
    };
    end.unwrap_or_else(|why| output::fail(&why))
}

/// Prints the result of a check.
fn run_check(arguments: &Check, output: &Output) -> ExitCode {
    let checked = match check(&arguments.files) {
        Ok(checked) => checked,
        Err(why) => return fail(&why, 2),
    };
    if !checked.mistakes.is_empty() {
        return fail(&checked.mistakes.join("\n"), 1);
    }
    let result = if output.json { Value::Array(checked.documents).to_string() } else { checked.valid.join("\n") };
    match writeln!(io::stdout(), "{result}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(2),
    }
}

/// Prints `message` on stderr. If stderr is closed, the exit code is the same.
fn fail(message: &str, code: u8) -> ExitCode {
    match writeln!(io::stderr(), "{message}") {
        Ok(()) | Err(_) => ExitCode::from(code),
    }
}
