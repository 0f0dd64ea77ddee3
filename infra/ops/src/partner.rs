//! `crossdock partner`: partners' documents.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use partners::registry::Offences;
use partners::{Partner, Registry};
use serde_json::Value;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Reads documents as the functions will, and says what is wrong with each and between them.
    ///
    /// A document is TOML (as in infra/partners) or JSON (as in the registry); a folder stands for the documents in it. Every
    /// offending place is told, such as `warehouse.sites[0].cut_off`. Nothing is changed anywhere, no partner is called.
    #[command(after_help = "Examples:\n  \
        crossdock partner check infra/partners\n  \
        crossdock partner check --json infra/partners/*.toml > registry.json\n\n\
        Exit codes:\n  0  every document is right\n  1  a document is wrong, or two contradict each other\n  \
        2  a file cannot be read\n\n\
        The members of a document: docs/partners/registry.md")]
    Check(Check),
}

#[derive(Args)]
pub(crate) struct Check {
    /// Documents, or folders of documents.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Prints the documents as one JSON array, as the registry stores them; nothing where one is wrong.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: &Command) -> ExitCode {
    let Command::Check(asked) = command;
    let checked = match check(asked) {
        Ok(checked) => checked,
        Err(why) => return say(&why, 2),
    };
    if checked.problems.is_empty() {
        let answer = if asked.json { Value::Array(checked.documents).to_string() } else { checked.read.join("\n") };
        return match writeln!(io::stdout(), "{answer}") {
            Ok(()) => ExitCode::SUCCESS,
            // Whoever reads the answer has heard enough.
            Err(_) => ExitCode::from(2),
        };
    }
    say(&checked.problems.join("\n"), 1)
}

/// What came of a check.
#[derive(Default)]
struct Checked {
    documents: Vec<Value>,
    /// A line for each document that is right.
    read: Vec<String>,
    /// A line for each thing that is not.
    problems: Vec<String>,
}

fn check(asked: &Check) -> Result<Checked, String> {
    let mut checked = Checked::default();
    let mut texts = Vec::new();
    let mut ids: Vec<(String, String)> = Vec::new();
    for path in documents(&asked.files)? {
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let name = path.display().to_string();
        match read(&path, &text) {
            Ok((partner, document)) => {
                if let Some((_, other)) = ids.iter().find(|(id, _)| id == partner.id.as_str()) {
                    checked.problems.push(format!("{name}: id: {other} has it, too"));
                }
                ids.push((partner.id.to_string(), name.clone()));
                let (id, role, protocol) = (&partner.id, partner.role().as_str(), partner.protocol.as_str());
                checked.read.push(format!("{name}: {id} is right ({role}, {protocol})"));
                texts.push(document.to_string());
                checked.documents.push(document);
            }
            Err(Offences(offences)) => {
                checked.problems.extend(offences.iter().map(|offence| format!("{name}: {offence}")));
            }
        }
    }
    checked.problems.extend(Registry::read(&texts).contradictions());
    Ok(checked)
}

/// The files themselves, and those that stand in folders.
fn documents(files: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for file in files {
        if !file.is_dir() {
            found.push(file.clone());
            continue;
        }
        let entries = std::fs::read_dir(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let mut inside: Vec<PathBuf> = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| format!("{}: {error}", file.display()))?.path();
            if is(&path, "toml") || is(&path, "json") {
                inside.push(path);
            }
        }
        if inside.is_empty() {
            return Err(format!("{}: no .toml or .json in this folder", file.display()));
        }
        inside.sort();
        found.extend(inside);
    }
    Ok(found)
}

fn read(path: &Path, text: &str) -> Result<(Partner, Value), Offences> {
    let read = if is(path, "json") {
        Partner::from_json(text).map(|partner| (partner, serde_json::from_str(text).unwrap_or_default()))
    } else {
        Partner::from_toml(text)
    };
    read.map_err(|(_, offences)| offences)
}

fn is(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|known| known == extension)
}

/// Says it on stderr; an unheard word changes nothing about the exit code.
fn say(what: &str, code: u8) -> ExitCode {
    match writeln!(io::stderr(), "{what}") {
        Ok(()) | Err(_) => ExitCode::from(code),
    }
}
