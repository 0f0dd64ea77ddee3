//! Mistakes inside pure rules: patches of the product's source, each of which a schedule or a law has to find.
//!
//! The mistakes at ports are decorators in the tests' own crate and run with every `cargo test`; a rule can only be broken in
//! its source. So each patch of `tests/mutants` is applied to a copy of the workspace under the target folder, and the copy's
//! simulation and laws run there. The repository itself is never changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::workspace::Workspace;
use crate::{patch, process};

/// What a person may choose about it.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Applies this patch alone: a name from tests/mutants, without `.patch`.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// How many schedules may look for each mistake before the laws do.
    #[arg(long, default_value_t = 600, value_name = "N")]
    runs: u64,
    /// Runs `cargo mutants` on the domain and the engine instead: every function, changed in every way that it knows.
    ///
    /// Takes hours on one machine; --shard divides the work.
    #[arg(long, conflicts_with_all = ["only", "runs"])]
    rules: bool,
    /// With --rules: this part of the mutants, counted from 0, such as 3/20.
    #[arg(long, value_name = "K/N", requires = "rules")]
    shard: Option<String>,
}

/// Folders that the copy does without.
const LEFT_OUT: [&str; 6] = ["target", ".git", ".local", ".aws-sam", "node_modules", "__pycache__"];

/// Runs what was asked for. Fails when a mistake is not found.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if options.rules {
        return rules(workspace, options.shard.as_deref());
    }
    let began = Instant::now();
    let copy = workspace.target.join("mutants/workspace");
    let mut missed = Vec::new();
    for (name, text) in patches(&workspace.root, options.only.as_deref())? {
        mirror(&workspace.root, &copy)?;
        let read = |path: &str| fs::read_to_string(copy.join(path)).map_err(|error| format!("{path}: {error}"));
        let changed = patch::apply(&text, read).map_err(|error| anyhow!("tests/mutants/{name}.patch: {error}"))?;
        for (path, text) in changed {
            fs::write(copy.join(path), text)?;
        }
        let found = find(workspace, &copy, options.runs)?;
        println!("{name:<26}{}", found.as_deref().unwrap_or("NOT FOUND"));
        if found.is_none() {
            missed.push(name);
        }
    }
    println!("\n{:.0} s", began.elapsed().as_secs_f32());
    ensure!(missed.is_empty(), "neither a schedule nor a law finds {}", missed.join(", "));
    Ok(())
}

/// The patches by name, in the names' order.
fn patches(root: &Path, only: Option<&str>) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join("tests/mutants"))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|extension| extension == "patch") && only.is_none_or(|only| only == name) {
            found.push((name, fs::read_to_string(path)?));
        }
    }
    found.sort();
    ensure!(!found.is_empty(), "tests/mutants has no such patch");
    Ok(found)
}

/// What finds the copy's mistake; `None` when nothing does.
fn find(workspace: &Workspace, copy: &Path, runs: u64) -> Result<Option<String>> {
    // A target folder of the copy's own: cargo names artifacts by a crate's place in its workspace, so in ours it would take
    // the mistake for the repository's own code.
    let target = workspace.target.join("mutants/target");
    let cargo = || {
        let mut command = workspace.cargo();
        command.current_dir(copy).env("CARGO_TARGET_DIR", &target);
        command.env("CARGO_TERM_COLOR", "never").env("CARGO_PROFILE_DEV_INCREMENTAL", "false");
        command
    };
    let mut build = cargo();
    build.args(["build", "--quiet", "--package", "crossdock-tests", "--example", "simulate"]);
    // Not our streams: a patched source may have warnings, which say nothing.
    let built = build.output().context("cannot run cargo")?;
    ensure!(built.status.success(), "the copy does not compile:\n{}", String::from_utf8_lossy(&built.stderr));
    let mut simulate = Command::new(target.join("debug/examples/simulate"));
    simulate.current_dir(copy).args(["--first", "--runs", &runs.to_string()]);
    let found = process::answer(&mut simulate, Duration::from_secs(60 * 60))?;
    if !found.trim().is_empty() {
        return Ok(Some(found.trim().chars().take(110).collect()));
    }
    let laws = ["test", "--quiet", "--package", "domain", "--package", "crossdock-tests", "--lib", "--test", "laws"];
    let compiled = cargo().args(laws).arg("--no-run").status()?;
    ensure!(compiled.success(), "the copy's laws do not compile");
    let run = cargo().args(laws).output()?;
    Ok((!run.status.success()).then(|| "a law or a unit test of the domain".to_owned()))
}

/// Makes `copy` what `root` is. Files that are the same keep their time, so that cargo builds only what differs.
fn mirror(root: &Path, copy: &Path) -> Result<()> {
    fs::create_dir_all(copy)?;
    let names = |folder: &Path| -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
        Ok(entries.into_iter().map(|entry| entry.file_name().into()).collect())
    };
    let wanted: Vec<PathBuf> = names(root)?
        .into_iter()
        .filter(|name| !LEFT_OUT.iter().any(|left_out| name == Path::new(left_out)) && !root.join(name).is_symlink())
        .collect();
    for name in names(copy)?.into_iter().filter(|name| !wanted.contains(name)) {
        let path = copy.join(name);
        if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
    }
    for name in wanted {
        let (from, to) = (root.join(&name), copy.join(&name));
        if from.is_dir() {
            mirror(&from, &to)?;
            continue;
        }
        let text = fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
        if fs::read(&to).ok().as_ref() != Some(&text) {
            fs::write(&to, text)?;
        }
    }
    Ok(())
}

/// `cargo mutants`, where it is installed, against the domain's and the engine's own tests and the laws.
fn rules(workspace: &Workspace, shard: Option<&str>) -> Result<()> {
    if process::probe("cargo-mutants", &["mutants", "--version"]).is_none() {
        bail!("cargo-mutants is not installed\n  try: cargo install cargo-mutants --locked");
    }
    let mut mutants = workspace.cargo();
    mutants.args(["mutants", "--package", "domain", "--package", "engine", "--colors", "never"]);
    mutants.args(["--test-package", "domain", "--test-package", "engine", "--test-package", "crossdock-tests"]);
    mutants.arg("--output").arg(workspace.target.join("mutants"));
    if let Some(shard) = shard {
        mutants.args(["--shard", shard]);
    }
    mutants.args(["--", "--lib", "--test", "laws", "--test", "engine"]);
    // It copies the workspace and gives the copy a target folder of its own.
    mutants.env_remove("CARGO_TARGET_DIR");
    process::run(&mut mutants, Duration::from_secs(48 * 3_600))
}
