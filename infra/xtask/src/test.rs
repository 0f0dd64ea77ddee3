//! All checks, in the order of what they cost. The first failure ends the run and says how to repeat it alone.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::workspace::Workspace;
use crate::{prerequisites, process, sbom, stack};

const NEXTEST: &str = "0.9.143";
const DENY: &str = "0.20.2";
const MACHETE: &str = "0.9.2";
const FUZZ: &str = "0.13.2";
const NODE: u32 = 20;

/// Seconds that each fuzz target looks for a file that breaks the EDI reader.
const FUZZ_SECONDS: u32 = 60;

/// Live tests under way at once, whatever the machine: they wait far more than they work.
const AT_ONCE: &str = "32";

/// What a person may leave out.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Leaves out the dependency check, the linters of the API's description, the CDK construct, the fuzzing and the live tests on the local stack.
    #[arg(long)]
    quick: bool,
    /// Runs this stage alone: format, lints, docs, dependencies, template, api, cdk, tests, fuzz or live.
    #[arg(long, value_name = "STAGE")]
    stage: Option<Stage>,
    /// What a release has to pass: what cannot be checked on this machine is a failure, not a note.
    #[arg(long, conflicts_with = "quick")]
    release: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Stage {
    Format,
    Lints,
    Docs,
    Dependencies,
    Template,
    Api,
    Cdk,
    Tests,
    Fuzz,
    Live,
}

impl Stage {
    const ALL: [Self; 10] = [
        Self::Format,
        Self::Lints,
        Self::Docs,
        Self::Dependencies,
        Self::Template,
        Self::Api,
        Self::Cdk,
        Self::Tests,
        Self::Fuzz,
        Self::Live,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Lints => "lints",
            Self::Docs => "docs",
            Self::Dependencies => "dependencies",
            Self::Template => "template",
            Self::Api => "api",
            Self::Cdk => "cdk",
            Self::Tests => "tests",
            Self::Fuzz => "fuzz",
            Self::Live => "live",
        }
    }

    fn run(self, workspace: &Workspace, release: bool) -> Result<()> {
        match self {
            Self::Format => format(workspace),
            Self::Lints => lints(workspace),
            Self::Docs => docs(workspace),
            Self::Dependencies => dependencies(workspace, release),
            Self::Template => template(workspace),
            Self::Api => api(workspace),
            Self::Cdk => cdk(workspace, release),
            Self::Tests => tests(workspace),
            Self::Fuzz => fuzz(workspace),
            Self::Live => live(workspace),
        }
    }
}

/// Runs the stages that were asked for and closes with their count.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    prerequisites::check()?;
    let stages: Vec<Stage> = match options.stage {
        Some(stage) => vec![stage],
        None if options.quick => {
            let left_out = |stage: &Stage| {
                matches!(stage, Stage::Dependencies | Stage::Api | Stage::Cdk | Stage::Fuzz | Stage::Live)
            };
            Stage::ALL.into_iter().filter(|stage| !left_out(stage)).collect()
        }
        None => Stage::ALL.to_vec(),
    };
    run_stages(workspace, &stages, options.release)
}

/// The stages that a developer runs between two edits.
pub(crate) fn lint(workspace: &Workspace) -> Result<()> {
    run_stages(workspace, &[Stage::Format, Stage::Lints, Stage::Docs], false)
}

fn run_stages(workspace: &Workspace, stages: &[Stage], release: bool) -> Result<()> {
    println!("building into {}", workspace.target.display());
    let began = Instant::now();
    let mut taken = Vec::new();
    for stage in stages {
        println!("\n=== {}", stage.name());
        let started = Instant::now();
        if let Err(error) = stage.run(workspace, release) {
            println!("\nstages: {} passed, 1 failed", taken.len());
            return Err(anyhow!(
                "stage `{0}` failed: {error:#}\n  repeat it alone: cargo xtask test --stage {0}",
                stage.name()
            ));
        }
        taken.push((stage.name(), started.elapsed()));
    }
    println!();
    for (name, time) in &taken {
        println!("  {name:<14}{:>7.1} s", time.as_secs_f32());
    }
    println!("  {:<14}{:>7.1} s\n", "all", began.elapsed().as_secs_f32());
    println!("stages: {} passed, 0 failed", taken.len());
    Ok(())
}

fn format(workspace: &Workspace) -> Result<()> {
    let mut fmt = workspace.cargo();
    fmt.args(["fmt", "--all", "--check"]);
    process::run(&mut fmt, minutes(2)).context("mend it with: cargo fmt --all")
}

fn lints(workspace: &Workspace) -> Result<()> {
    let mut clippy = workspace.cargo();
    clippy.args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]);
    process::run(&mut clippy, minutes(30))
}

fn docs(workspace: &Workspace) -> Result<()> {
    let mut doc = workspace.cargo();
    doc.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny warnings");
    process::run(&mut doc, minutes(20))
}

/// Unused dependencies, licenses, banned and doubled crates, sources, the bill of materials, and known vulnerabilities.
fn dependencies(workspace: &Workspace, release: bool) -> Result<()> {
    let machete =
        prerequisites::cargo_tool(workspace, "machete", MACHETE).context("cargo-machete cannot be installed")?;
    let mut unused = Command::new(machete);
    unused.current_dir(&workspace.root).args(["--skip-target-dir"]);
    process::run(&mut unused, minutes(2)).context("remove the unused dependencies")?;
    let deny = prerequisites::cargo_tool(workspace, "deny", DENY).context("cargo-deny cannot be installed")?;
    let check = |options: &[&str], what: &[&str]| {
        let mut check = Command::new(&deny);
        check.current_dir(&workspace.root).arg("--locked").args(options).arg("check").args(what);
        check
    };
    process::run(&mut check(&[], &["bans", "licenses", "sources"]), minutes(5))?;
    sbom::run(workspace, &sbom::Options::default())?;
    let fetched = Command::new(&deny).current_dir(&workspace.root).args(["fetch", "db"]).output()?;
    let database = if fetched.status.success() {
        Database::Fetched
    } else if process::probe("git", &["ls-remote", ADVISORIES, "HEAD"]).is_some() {
        Database::NotFetched
    } else if workspace.advisories().is_some() {
        Database::Copy
    } else {
        Database::OutOfReach
    };
    match advisories(database, release)? {
        Some(options) => process::run(&mut check(options, &["advisories"]), minutes(5)),
        None => {
            println!("advisories: NOT CHECKED: this machine has no copy of the database and cannot reach it");
            Ok(())
        }
    }
}

/// Where known vulnerabilities are listed.
const ADVISORIES: &str = "https://github.com/RustSec/advisory-db";

/// What this machine has of the advisory database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Database {
    /// The newest.
    Fetched,
    /// It can be reached, and was not fetched all the same.
    NotFetched,
    /// It cannot be reached; there is a copy of some age.
    Copy,
    /// It cannot be reached, and there is no copy.
    OutOfReach,
}

/// cargo-deny's options for the check of advisories; `None` where it has to be left out.
fn advisories(database: Database, release: bool) -> Result<Option<&'static [&'static str]>> {
    match database {
        Database::Fetched => Ok(Some(&[])),
        Database::NotFetched => bail!("{ADVISORIES} can be reached, and `cargo deny fetch db` fails all the same"),
        Database::Copy | Database::OutOfReach if release => {
            bail!("a release is checked against the newest advisories, and {ADVISORIES} cannot be reached")
        }
        Database::Copy => Ok(Some(&["--offline"])),
        Database::OutOfReach => Ok(None),
    }
}

/// The templates, and that each check finds what it is there for.
fn template(workspace: &Workspace) -> Result<()> {
    prerequisites::python(workspace)?;
    process::run(&mut workspace.python("infra/checks/check_template.py"), minutes(5))?;
    let mut broken = Command::new(workspace.local().join("venv/bin/python"));
    broken.current_dir(workspace.root.join("infra/checks")).args(["-m", "unittest", "discover"]);
    process::run(&mut broken, minutes(15))
}

/// The descriptions of the API and of the events, by programs that others wrote: two linters of OpenAPI and AsyncAPI's own parser. All
/// are installed into `.local`; a machine that cannot install one passes without it.
fn api(workspace: &Workspace) -> Result<()> {
    const DESCRIPTION: &str = "docs/api/openapi.yaml";
    let environment = workspace.local().join("api-venv");
    match prerequisites::environment(workspace, &environment, &["infra/checks/api/requirements.txt"]) {
        Ok(()) => {
            let mut validator = Command::new(environment.join("bin/openapi-spec-validator"));
            validator.current_dir(&workspace.root).arg(DESCRIPTION);
            process::run(&mut validator, minutes(2))?;
        }
        Err(error) => println!("api: NOT CHECKED by openapi-spec-validator: {error:#}"),
    }
    if let Some(folder) = npm_packages(workspace, "redocly", &format!("@redocly/cli@{REDOCLY}")) {
        let mut redocly = Command::new(folder.join("node_modules/.bin/redocly"));
        redocly
            .current_dir(&workspace.root)
            .env("REDOCLY_TELEMETRY", "off")
            .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
        redocly.args(["lint", DESCRIPTION, "--config", "infra/checks/api/redocly.yaml"]);
        process::run(&mut redocly, minutes(2))?;
    }
    if let Some(folder) = npm_packages(workspace, "asyncapi", &format!("@asyncapi/parser@{ASYNCAPI}")) {
        let mut parser = Command::new("node");
        parser.current_dir(&workspace.root).arg("infra/checks/api/asyncapi.mjs").arg(folder);
        process::run(parser.arg("docs/api/asyncapi.json"), minutes(2))?;
    }
    Ok(())
}

const REDOCLY: &str = "2.77.0";
const ASYNCAPI: &str = "3.6.6";

/// The folder in `.local` into which an npm package of a check is installed; `None`, with a line that says why, where it cannot be.
fn npm_packages(workspace: &Workspace, name: &str, package: &str) -> Option<PathBuf> {
    if !has_node() {
        println!("api: NOT CHECKED by {name}: this machine has no Node.js {NODE} or newer with npm");
        return None;
    }
    let folder = workspace.local().join(name);
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--prefix"]);
    npm.arg(&folder).arg(package);
    match process::run(&mut npm, minutes(5)) {
        Ok(()) => Some(folder),
        Err(error) => {
            println!("api: NOT CHECKED by {name}: {error:#}");
            None
        }
    }
}

fn has_node() -> bool {
    let major = |version: &str| version.trim_start_matches('v').split('.').next()?.parse::<u32>().ok();
    let node = process::probe("node", &["--version"]).as_deref().and_then(major);
    node.is_some_and(|version| version >= NODE) && process::probe("npm", &["--version"]).is_some()
}

/// The CDK construct against the transformed templates. Nothing else needs Node.js, so a machine without it passes, but for a
/// release.
fn cdk(workspace: &Workspace, release: bool) -> Result<()> {
    if !has_node() {
        ensure!(!release, "a release needs Node.js {NODE} or newer with npm, to check the CDK construct");
        println!("cdk: NOT CHECKED: this machine has no Node.js {NODE} or newer with npm");
        return Ok(());
    }
    prerequisites::python(workspace)?;
    for arguments in [&["ci", "--prefer-offline", "--no-audit", "--no-fund"][..], &["run", "templates"], &["test"]] {
        let mut npm = Command::new("npm");
        npm.current_dir(workspace.root.join("infra/cdk")).args(arguments);
        process::run(&mut npm, minutes(10))?;
    }
    Ok(())
}

fn tests(workspace: &Workspace) -> Result<()> {
    let documented = |workspace: &Workspace| {
        let mut doc = workspace.cargo();
        doc.args(["test", "--workspace", "--doc", "--quiet"]);
        process::run(&mut doc, minutes(20))
    };
    match prerequisites::cargo_tool(workspace, "nextest", NEXTEST) {
        Some(nextest) => {
            process::run(&mut with_nextest(workspace, nextest, &["--workspace", "--no-fail-fast"]), minutes(45))?;
            documented(workspace)
        }
        None => {
            println!("without cargo-nextest; `cargo test` runs the same tests, slower");
            let mut test = workspace.cargo();
            test.args(["test", "--workspace"]);
            process::run(&mut test, minutes(45))
        }
    }
}

/// Each fuzz target of the EDI library, for a minute. Without a nightly toolchain and a C++ compiler, the same bodies run on files
/// that proptest makes of the samples.
fn fuzz(workspace: &Workspace) -> Result<()> {
    let nightly = process::probe("rustup", &["run", "nightly", "cargo", "--version"]).is_some();
    let compiler = process::probe("c++", &["--version"]).is_some();
    let fuzzer = if nightly && compiler { prerequisites::cargo_tool(workspace, "fuzz", FUZZ) } else { None };
    let Some(fuzzer) = fuzzer else {
        println!("fuzz: this machine lacks a nightly toolchain, a C++ compiler or cargo-fuzz: with proptest instead");
        let mut test = workspace.cargo();
        test.args(["test", "--release", "--quiet", "--package", "edi", "--test", "mutations"])
            .env("EDI_FUZZ_CASES", "50000");
        return process::run(&mut test, minutes(15));
    };
    let folder = workspace.root.join("shared/edi/fuzz");
    let built = workspace.target.join("fuzz");
    for target in ["x12", "edifact"] {
        let mut run = Command::new("rustup");
        run.current_dir(&workspace.root).args(["run", "nightly"]).arg(&fuzzer).args(["fuzz", "run", "--target-dir"]);
        run.arg(&built).arg("--fuzz-dir").arg(&folder).arg(target);
        // What it finds new goes into the first folder.
        let corpus = built.join("corpus").join(target);
        std::fs::create_dir_all(&corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
        run.arg(&corpus).arg(folder.join("seeds").join(target));
        run.arg("--").arg(format!("-max_total_time={FUZZ_SECONDS}")).args(["-max_len=4096", "-verbosity=0"]);
        let found = format!("{}-", built.join(target).display());
        run.arg("-print_final_stats=1").arg(format!("-artifact_prefix={found}"));
        process::run(&mut run, minutes(15))
            .with_context(|| format!("the fuzz target {target} failed; a file that breaks the reader is {found}*"))?;
    }
    Ok(())
}

/// The live tests against this working tree on the local stack; a stack that ran before keeps running.
fn live(workspace: &Workspace) -> Result<()> {
    let kept = stack::running(workspace)?;
    let outcome = live_on_stack(workspace);
    if !kept {
        stack::down(workspace)?;
    }
    outcome
}

fn live_on_stack(workspace: &Workspace) -> Result<()> {
    let live = stack::up(workspace)?;
    process::run(&mut adapter_tests(workspace, live.text("/endpoint")), minutes(20))
        .context("the adapters' tests failed on the emulator; its log is .local/stack/emulator.log")?;
    let hint = "look on with `cargo xtask up`; logs are in .local/stack";
    process::run(&mut live_tests(workspace, None), minutes(20)).context(hint)?;
    // It kills everybody's processes, so it runs when the others are done.
    process::run(&mut live_tests(workspace, Some("kill")), minutes(15))
        .context("repeat it with: cargo xtask kill --seed <seed>")?;
    // It deploys the stack anew.
    process::run(&mut live_tests(workspace, Some("restore")), minutes(15)).context(hint)
}

/// The port suites of `cloud` against the emulator: the same suites that the memory fakes pass.
fn adapter_tests(workspace: &Workspace, endpoint: &str) -> Command {
    let mut command = needing_a_stack(workspace, &["--package", "cloud", "--test", "aws"], |command, has_nextest| {
        command.args(if has_nextest { &["--run-ignored", "only"][..] } else { &["--", "--ignored"] });
    });
    command.env("AWS_ENDPOINT_URL", endpoint);
    command
}

/// The tests on the local stack: those of a module that has to be `alone`, or all others.
fn live_tests(workspace: &Workspace, alone: Option<&str>) -> Command {
    let only = ["--package", "crossdock-tests", "--test", "live"];
    let mut command = needing_a_stack(workspace, &only, |command, has_nextest| {
        command.args(if has_nextest { &["--run-ignored", "all"][..] } else { &["--", "--include-ignored"] });
        match (has_nextest, alone) {
            (true, Some(module)) => command.args(["--no-capture", "--filterset", &format!("test(/^{module}::/)")]),
            (true, None) => command.args(["--test-threads", AT_ONCE, "--filterset", "not test(/^(kill|restore)::/)"]),
            (false, Some(module)) => command.args(["--nocapture", &format!("{module}::")]),
            (false, None) => command.args(["--test-threads", AT_ONCE, "--skip", "kill::", "--skip", "restore::"]),
        };
    });
    command.env("CROSSDOCK_LIVE", stack::live_file(workspace));
    command
}

/// The tests of `only`, run by nextest where it is there; `choose` says which of them.
fn needing_a_stack(workspace: &Workspace, only: &[&str], choose: impl FnOnce(&mut Command, bool)) -> Command {
    let nextest = prerequisites::cargo_tool(workspace, "nextest", NEXTEST);
    let has_nextest = nextest.is_some();
    let mut command = match nextest {
        Some(nextest) => with_nextest(workspace, nextest, only),
        None => {
            let mut command = workspace.cargo();
            command.arg("test").args(only);
            command
        }
    };
    choose(&mut command, has_nextest);
    command
}

fn with_nextest(workspace: &Workspace, nextest: PathBuf, arguments: &[&str]) -> Command {
    let mut command = Command::new(nextest);
    command
        .current_dir(&workspace.root)
        .env("CARGO_TARGET_DIR", &workspace.target)
        .args(["nextest", "run"])
        .args(arguments);
    command
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn advisories_are_checked_wherever_their_database_can_be_reached_and_in_every_release() {
        for release in [false, true] {
            assert_eq!(advisories(Database::Fetched, release).unwrap(), Some(&[][..]));
            assert!(advisories(Database::NotFetched, release).is_err());
        }
        assert_eq!(advisories(Database::Copy, false).unwrap(), Some(&["--offline"][..]));
        assert_eq!(advisories(Database::OutOfReach, false).unwrap(), None);
        assert!(advisories(Database::Copy, true).is_err());
        assert!(advisories(Database::OutOfReach, true).is_err());
    }
}
