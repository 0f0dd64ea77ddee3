//! The bill of materials of what is deployed: every crate that is linked into a function, in CycloneDX's JSON.
//!
//! Made of `cargo metadata`, because `cargo cyclonedx` writes a file beside each of our crates and counts test dependencies.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::workspace::Workspace;
use crate::{prerequisites, process};

/// Where to write it.
#[derive(Default, clap::Args)]
pub(crate) struct Options {
    /// The file; by default sbom/crossdock.cdx.json in the target folder.
    #[arg(long)]
    output: Option<PathBuf>,
}

/// Writes the bill and checks it against CycloneDX's own schema.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let path = options.output.clone().unwrap_or_else(|| workspace.target.join("sbom/crossdock.cdx.json"));
    let mut metadata = workspace.cargo();
    // Both processors of Lambda run the same operating system, and no dependency of ours is for one of them only.
    metadata.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "aarch64-unknown-linux-gnu"]);
    let metadata = process::answer(&mut metadata, Duration::from_secs(300))?;
    let lock = fs::read_to_string(workspace.root.join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let bill = bill(&serde_json::from_str(&metadata)?, &checksums(&lock)).context("cargo metadata lacks a member")?;
    fs::create_dir_all(path.parent().context("the file has no folder")?)?;
    fs::write(&path, serde_json::to_string_pretty(&bill)? + "\n")
        .with_context(|| format!("cannot write {}", path.display()))?;

    let venv = workspace.tools().join("sbom-venv");
    prerequisites::environment(workspace, &venv, &["infra/local/sbom-requirements.txt"])?;
    let mut validate = Command::new(venv.join("bin/python"));
    validate.arg(workspace.root.join("infra/local/validate_sbom.py")).arg(&path);
    process::run(&mut validate, Duration::from_secs(60)).context("the bill of materials is not valid")
}

/// The bill of every function and of all that it links.
fn bill(metadata: &Value, checksums: &BTreeMap<(String, String), String>) -> Option<Value> {
    let packages: BTreeMap<&str, &Value> = metadata["packages"]
        .as_array()?
        .iter()
        .map(|package| Some((package["id"].as_str()?, package)))
        .collect::<Option<_>>()?;
    let links: BTreeMap<&str, Vec<&str>> = metadata["resolve"]["nodes"]
        .as_array()?
        .iter()
        .map(|node| Some((node["id"].as_str()?, linked(node)?)))
        .collect::<Option<_>>()?;
    let is_function = |package: &Value| {
        package["source"].is_null()
            && package["manifest_path"].as_str().is_some_and(|path| path.contains("/functions/"))
    };
    let functions = packages.iter().filter(|(_, package)| is_function(package)).map(|(id, _)| *id);
    let (mut open, mut reached) = (functions.collect::<Vec<_>>(), BTreeSet::new());
    while let Some(id) = open.pop() {
        if reached.insert(id) {
            open.extend(links.get(id)?);
        }
    }
    let components = reached.iter().map(|id| component(packages.get(id)?, is_function(packages.get(id)?), checksums));
    let dependencies = reached.iter().map(|id| {
        let on = links.get(id)?.iter().map(|id| reference(packages.get(id)?)).collect::<Option<BTreeSet<_>>>()?;
        Some(json!({ "ref": reference(packages.get(id)?)?, "dependsOn": on }))
    });
    Some(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": {
            "type": "application", "bom-ref": "crossdock", "name": "crossdock", "version": env!("CARGO_PKG_VERSION"),
        } },
        "components": components.collect::<Option<Vec<_>>>()?,
        "dependencies": dependencies.collect::<Option<Vec<_>>>()?,
    }))
}

/// What a package links: no dependency of its tests or of its build script.
fn linked(node: &Value) -> Option<Vec<&str>> {
    let normal =
        |on: &&Value| on["dep_kinds"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()));
    node["deps"].as_array()?.iter().filter(normal).map(|on| on["pkg"].as_str()).collect()
}

fn component(package: &Value, is_function: bool, checksums: &BTreeMap<(String, String), String>) -> Option<Value> {
    let (name, version) = (package["name"].as_str()?, package["version"].as_str()?);
    let mut component = json!({
        "type": if is_function { "application" } else { "library" },
        "bom-ref": reference(package)?,
        "name": name,
        "version": version,
    });
    if let Some(license) = package["license"].as_str() {
        // Cargo's old way to write a choice.
        component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
    }
    if package["source"].is_string() {
        component["purl"] = json!(reference(package)?);
    }
    if let Some(checksum) = checksums.get(&(name.to_owned(), version.to_owned())) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    Some(component)
}

/// The package's URL, as purl-spec has it for cargo.
fn reference(package: &Value) -> Option<String> {
    Some(format!("pkg:cargo/{}@{}", package["name"].as_str()?, package["version"].as_str()?))
}

/// The registry's checksum of each package in Cargo.lock, by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let member = |package: &str, key: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"'));
        line.map(str::to_owned)
    };
    let packages = lock.split("[[package]]");
    let known = packages
        .map(|package| Some(((member(package, "name")?, member(package, "version")?), member(package, "checksum")?)));
    known.flatten().collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_bill_has_what_a_function_links_and_nothing_else() {
        let package = |name: &str, source: Value, path: &str| {
            json!({ "id": name, "name": name, "version": "1.0.0", "source": source, "license": "MIT/Apache-2.0",
                    "manifest_path": path })
        };
        let registry = json!("registry+https://github.com/rust-lang/crates.io-index");
        let on = |name: &str, kind: Value| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
        let node = |name: &str, deps: Value| json!({ "id": name, "deps": deps });
        let metadata = json!({
            "packages": [
                package("order-price", Value::Null, "/x/functions/order/order-price/Cargo.toml"),
                package("tool", Value::Null, "/x/infra/tool/Cargo.toml"),
                package("serde", registry.clone(), "/r/serde/Cargo.toml"),
                package("proptest", registry.clone(), "/r/proptest/Cargo.toml"),
                package("cc", registry, "/r/cc/Cargo.toml"),
            ],
            "resolve": { "nodes": [
                node("order-price", json!([on("serde", Value::Null), on("proptest", json!("dev"))])),
                node("tool", json!([on("proptest", Value::Null)])),
                node("serde", json!([on("cc", json!("build"))])),
                node("proptest", json!([])),
                node("cc", json!([])),
            ] },
        });
        let lock = "[[package]]\nname = \"serde\"\nversion = \"1.0.0\"\nchecksum = \"ab\"\n\n[[package]]\nname = \
                    \"tool\"\nversion = \"1.0.0\"\n";
        let bill = bill(&metadata, &checksums(lock)).unwrap();
        assert_eq!(
            bill["components"],
            json!([
                { "type": "application", "bom-ref": "pkg:cargo/order-price@1.0.0", "name": "order-price", "version": "1.0.0",
                  "licenses": [{ "expression": "MIT OR Apache-2.0" }] },
                { "type": "library", "bom-ref": "pkg:cargo/serde@1.0.0", "name": "serde", "version": "1.0.0",
                  "licenses": [{ "expression": "MIT OR Apache-2.0" }], "purl": "pkg:cargo/serde@1.0.0",
                  "hashes": [{ "alg": "SHA-256", "content": "ab" }] },
            ])
        );
        assert_eq!(
            bill["dependencies"],
            json!([
                { "ref": "pkg:cargo/order-price@1.0.0", "dependsOn": ["pkg:cargo/serde@1.0.0"] },
                { "ref": "pkg:cargo/serde@1.0.0", "dependsOn": [] },
            ])
        );
    }
}
