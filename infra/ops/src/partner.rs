//! `crossdock partner`: partners' documents.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use partners::registry::Offences;
use partners::{Partner, Registry};
use serde_json::Value;

use crate::output::Output;

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
}

#[derive(Args)]
pub(crate) struct Check {
    /// Documents, or folders with documents.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// With `--json`, prints the documents as one array, as the registry stores them, and nothing if there is a mistake.
pub(crate) fn run(command: &Command, output: &Output) -> ExitCode {
    let Command::Check(arguments) = command;
    let checked = match check(arguments) {
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

/// The result of a check.
#[derive(Default)]
struct Checked {
    documents: Vec<Value>,
    /// One line for each valid document.
    valid: Vec<String>,
    /// One line for each mistake.
    mistakes: Vec<String>,
}

fn check(arguments: &Check) -> Result<Checked, String> {
    let mut checked = Checked::default();
    let mut texts = Vec::new();
    let mut ids: Vec<(String, String)> = Vec::new();
    for path in documents(&arguments.files)? {
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let name = path.display().to_string();
        match read(&path, &text) {
            Ok((partner, document)) => {
                if let Some((_, other)) = ids.iter().find(|(id, _)| id == partner.id.as_str()) {
                    checked.mistakes.push(format!("{name}: id: is also the id in {other}"));
                }
                ids.push((partner.id.to_string(), name.clone()));
                let (id, role, protocol) = (&partner.id, partner.role().as_str(), partner.protocol.as_str());
                checked.valid.push(format!("{name}: {id} is valid ({role}, {protocol})"));
                texts.push(document.to_string());
                checked.documents.push(document);
            }
            Err(Offences(offences)) => {
                checked.mistakes.extend(offences.iter().map(|offence| format!("{name}: {offence}")));
            }
        }
    }
    checked.mistakes.extend(Registry::read(&texts).contradictions());
    Ok(checked)
}

/// The files, with each folder replaced by its documents.
fn documents(files: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut documents = Vec::new();
    for file in files {
        if !file.is_dir() {
            documents.push(file.clone());
            continue;
        }
        let entries = std::fs::read_dir(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let mut inside: Vec<PathBuf> = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| format!("{}: {error}", file.display()))?.path();
            if has_extension(&path, "toml") || has_extension(&path, "json") {
                inside.push(path);
            }
        }
        if inside.is_empty() {
            return Err(format!("{}: no .toml or .json file in this folder", file.display()));
        }
        inside.sort();
        documents.extend(inside);
    }
    Ok(documents)
}

fn read(path: &Path, text: &str) -> Result<(Partner, Value), Offences> {
    let read = if has_extension(path, "json") {
        Partner::from_json(text).map(|partner| (partner, serde_json::from_str(text).unwrap_or_default()))
    } else {
        Partner::from_toml(text)
    };
    read.map_err(|(_, offences)| offences)
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|own| own == extension)
}

/// Prints `message` on stderr. If stderr is closed, the exit code is the same.
fn fail(message: &str, code: u8) -> ExitCode {
    match writeln!(io::stderr(), "{message}") {
        Ok(()) | Err(_) => ExitCode::from(code),
    }
}
