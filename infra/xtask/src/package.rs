//! Deployable packages, cross-built, by `sam build` or by cargo-lambda alone.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{prerequisites, process};

/// A cold release build with fat LTO takes about a minute a function on one core.
const LIMIT: Duration = Duration::from_secs(90 * 60);

/// What to build, and for which processor.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[arg(long, value_enum, default_value_t = Processor::Arm64)]
    arch: Processor,
    /// Runs `sam build` on infra/template.yaml and its child stacks instead of cargo-lambda alone.
    #[arg(long)]
    sam: bool,
    /// Functions by name, such as order-price; all where none is named.
    functions: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Processor {
    #[value(name = "arm64")]
    Arm64,
    #[value(name = "x86_64")]
    X86,
}

impl Processor {
    fn target(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X86 => "x86_64-unknown-linux-gnu",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86 => "x86_64",
        }
    }
}

/// Builds the packages and prints where they are and how large.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    prerequisites::check()?;
    let functions = chosen(workspace, &options.functions)?;
    let venv = workspace.tools().join("package-venv");
    let mut lists = vec!["infra/local/package-requirements.txt"];
    if options.sam {
        lists.push("infra/local/sam-requirements.txt");
    }
    prerequisites::environment(workspace, &venv, &lists)?;
    let compiler = compiler_for(workspace, options.arch)?;
    let packages = if options.sam {
        with_sam(workspace, options.arch, &venv, compiler.as_deref(), &functions)?
    } else {
        with_cargo_lambda(workspace, options.arch, &venv, compiler.as_deref(), &functions)?
    };
    for (name, path) in packages {
        let size = fs::metadata(&path).with_context(|| format!("{} was not built", path.display()))?.len();
        println!("  {name:<20} {:>6} KB  {}", size / 1024, path.display());
    }
    Ok(())
}

fn chosen(workspace: &Workspace, named: &[String]) -> Result<Vec<String>> {
    let all: Vec<String> = workflows(workspace)?.into_keys().collect();
    if let Some(unknown) = named.iter().find(|name| !all.contains(name)) {
        bail!("there is no function {unknown}; there are: {}", all.join(", "));
    }
    Ok(if named.is_empty() { all } else { named.to_vec() })
}

/// The workflow of each function, by the function's name.
fn workflows(workspace: &Workspace) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for workflow in fs::read_dir(workspace.root.join("functions"))? {
        let workflow = workflow?;
        if !workflow.path().is_dir() {
            continue;
        }
        for step in fs::read_dir(workflow.path())? {
            let [step, workflow] = [step?.file_name(), workflow.file_name()];
            all.insert(step.to_string_lossy().into_owned(), workflow.to_string_lossy().into_owned());
        }
    }
    Ok(all)
}

/// The compiler to use; `None` for this machine's own, if it can build for the processor.
fn compiler_for(workspace: &Workspace, arch: Processor) -> Result<Option<PathBuf>> {
    let able = || {
        process::probe("rustc", &["--print", "target-libdir", "--target", arch.target()])
            .is_some_and(|folder| Path::new(&folder).is_dir())
    };
    if able() {
        return Ok(None);
    }
    let mut add = Command::new("rustup");
    add.args(["target", "add", arch.target()]);
    if process::probe("rustup", &["--version"]).is_some()
        && process::run(&mut add, Duration::from_secs(300)).is_ok()
        && able()
    {
        return Ok(None);
    }
    println!("rustup cannot install the standard library for {}; trying Debian's compiler", arch.target());
    let mut fetch = Command::new("bash");
    fetch.arg(workspace.root.join("infra/local/cross-rust.sh")).arg(workspace.tools().join("cross-rust"));
    let path = process::answer(&mut fetch, Duration::from_secs(600)).with_context(|| {
        format!("no compiler for {}\n  try: rustup target add {0}, or --arch of this machine", arch.target())
    })?;
    Ok(Some(path.trim().into()))
}

fn with_cargo_lambda(
    workspace: &Workspace,
    arch: Processor,
    venv: &Path,
    compiler: Option<&Path>,
    functions: &[String],
) -> Result<Vec<(String, PathBuf)>> {
    let folder = workspace.target.join("packages").join(arch.name());
    let mut build = Command::new(venv.join("bin/cargo-lambda"));
    build.args(["lambda", "build", "--release", "--output-format", "zip", "--target", arch.target(), "--lambda-dir"]);
    build.arg(&folder);
    for name in functions {
        build.args(["--bin", name]);
    }
    process::run(with_environment(&mut build, workspace, venv, compiler)?, LIMIT)?;
    Ok(functions.iter().map(|name| (name.clone(), folder.join(name).join("bootstrap.zip"))).collect())
}

fn with_sam(
    workspace: &Workspace,
    arch: Processor,
    venv: &Path,
    compiler: Option<&Path>,
    functions: &[String],
) -> Result<Vec<(String, PathBuf)>> {
    let built = workspace.root.join(".aws-sam/build");
    let mut build = Command::new(venv.join("bin/sam"));
    build
        .args(["build", "--beta-features", "--template-file", "infra/template.yaml", "--parameter-overrides"])
        .arg(format!("Architecture={}", arch.name()))
        .arg("--build-dir")
        .arg(&built);
    let workflows = workflows(workspace)?;
    // A function of a child stack is named <stack>/<function>, and built into a folder of that path.
    let place = |name: &String| format!("{}Stack/{}", logical_id(&workflows[name]), logical_id(name));
    // SAM empties its folder before each build, so that it has to build all of them in one run, or one alone.
    match functions {
        [only] => {
            build.arg(place(only));
        }
        all if all.len() == workflows.len() => {}
        several => bail!("sam builds one function or all, not {}\n  try: without --sam", several.join(", ")),
    }
    build.env("SAM_CLI_TELEMETRY", "0");
    process::run(with_environment(&mut build, workspace, venv, compiler)?, LIMIT)?;
    Ok(functions.iter().map(|name| (name.clone(), built.join(place(name)).join("bootstrap"))).collect())
}

/// `order-price` is the resource `OrderPrice` in the templates.
fn logical_id(name: &str) -> String {
    name.split('-')
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_uppercase() + rest
        })
        .collect()
}

fn with_environment<'a>(
    command: &'a mut Command,
    workspace: &Workspace,
    venv: &Path,
    compiler: Option<&Path>,
) -> Result<&'a mut Command> {
    let old = env::var_os("PATH").unwrap_or_default();
    let path: OsString = env::join_paths(std::iter::once(venv.join("bin")).chain(env::split_paths(&old)))?;
    command.current_dir(&workspace.root).env("PATH", path).env("CARGO_TARGET_DIR", &workspace.target);
    if let Some(compiler) = compiler {
        command.env("RUSTC", compiler);
    }
    Ok(command)
}
