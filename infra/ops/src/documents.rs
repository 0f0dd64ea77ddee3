//! Partners' documents in files: read, and checked each alone and all together.

use std::path::{Path, PathBuf};

use partners::registry::Offences;
use partners::{Partner, Registry};
use serde_json::Value;

/// The result of a check.
#[derive(Default)]
pub(crate) struct Checked {
    /// As the registry stores them.
    pub(crate) documents: Vec<Value>,
    /// One line for each valid document.
    pub(crate) valid: Vec<String>,
    /// One line for each mistake.
    pub(crate) mistakes: Vec<String>,
}

/// Reads and checks the documents in `files`.
///
/// # Errors
/// A file cannot be read.
pub(crate) fn check(files: &[PathBuf]) -> Result<Checked, String> {
    let mut checked = Checked::default();
    let mut texts = Vec::new();
    let mut ids: Vec<(String, String)> = Vec::new();
    for path in documents(files)? {
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
