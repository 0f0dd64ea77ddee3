//! How results, progress and mistakes are written: results to stdout, messages about them to stderr, color only on a
//! terminal.

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use engine::Failure;
use jiff::Timestamp;
use serde_json::Value;

/// A mistake that the command found, or messages that were left.
pub(crate) const FOUND: u8 = 1;
/// The command failed.
pub(crate) const FAILED: u8 = 2;

/// The form of the result.
#[derive(Args, Debug, Clone, Copy)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// Prints the result as one JSON document.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

impl Output {
    /// Prints a result: as JSON, or as the lines of `text`.
    pub(crate) fn print(&self, document: &Value, text: impl FnOnce() -> Vec<String>) -> ExitCode {
        let text = if self.json { format!("{document:#}") } else { text().join("\n") };
        match writeln!(io::stdout(), "{text}") {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(FAILED),
        }
    }
}

/// Prints a mistake. If stderr is closed, the exit code says it.
pub(crate) fn fail(why: &str) -> ExitCode {
    say(why);
    ExitCode::from(FAILED)
}

/// Prints a message on stderr, where nothing depends on that anyone reads it.
pub(crate) fn say(text: &str) {
    match writeln!(io::stderr(), "{text}") {
        Ok(()) | Err(_) => {}
    }
}

/// Shows progress on stderr: on a terminal on one line, at most ten times a second; elsewhere, such as in a build's log, as a
/// line every two seconds.
pub(crate) fn progress(what: &'static str) -> impl FnMut(u64, u64) {
    let is_terminal = io::stderr().is_terminal();
    let pause = Duration::from_millis(if is_terminal { 100 } else { 2_000 });
    let mut last = Timestamp::now();
    move |done, of| {
        let now = Timestamp::now();
        let is_end = is_terminal && done >= of;
        if now.duration_since(last).unsigned_abs() < pause && !is_end {
            return;
        }
        last = now;
        let (begin, end) = match (is_terminal, is_end) {
            (true, true) => ("\r", "\u{1b}[K\n"),
            (true, false) => ("\r", "\u{1b}[K"),
            (false, _) => ("", "\n"),
        };
        match write!(io::stderr(), "{begin}{what}: {done} of about {of}{end}") {
            Ok(()) | Err(_) => {}
        }
    }
}

/// `text` in bold, on a terminal that shows it (`NO_COLOR` is respected).
pub(crate) fn bold(text: &str) -> String {
    let is_shown = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if is_shown { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// Lays rows out in columns, with a head.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|cell| cell.len())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |cells: &[String]| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<String>>().join("  ").trim_end().to_owned()
    };
    let head = bold(&line(&head.map(str::to_owned)));
    std::iter::once(head).chain(rows.iter().map(|row| line(row))).collect()
}

/// Asks for a text on the terminal and compares it. Without a terminal the answer is no.
pub(crate) fn confirms(question: &str, answer: &str) -> bool {
    if !io::stdin().is_terminal() {
        return false;
    }
    say(question);
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).is_ok() && line.trim() == answer
}

/// A failure in words.
pub(crate) fn words(failure: &Failure) -> String {
    match failure {
        Failure::Deferred { until, why } => format!("not before {until}: {}", why.as_str()),
        Failure::Transient { code, cause } | Failure::Permanent { code, cause } => format!("{code}: {cause}"),
    }
}

/// Runs `work` to its end on this thread.
pub(crate) fn wait<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|why| format!("no event loop: {why}"))?.block_on(work)
}
