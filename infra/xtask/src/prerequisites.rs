//! What has to be on the machine, with the way to install it, and what we install ourselves.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::workspace::Workspace;

const PYTHON: (u32, u32) = (3, 10);
const PYTHON_WAY: &str = "Debian and Ubuntu: apt-get install python3 python3-venv; Fedora: dnf install python3; \
                          macOS: brew install python";

/// Checks the C compiler and Python, and names all that are missing.
pub(crate) fn check() -> Result<()> {
    let mut missing = Vec::new();
    // Rust is new enough: cargo does not build this tool with an older one than Cargo.toml allows.
    if process::probe("cc", &["--version"]).is_none() {
        missing.push(
            "a C compiler, `cc` (Debian and Ubuntu: apt-get install build-essential; macOS: xcode-select --install)"
                .to_owned(),
        );
    }
    if let Err(problem) = find_python() {
        missing.push(problem.to_string());
    }
    if missing.is_empty() { Ok(()) } else { bail!("this machine lacks:\n  - {}", missing.join("\n  - ")) }
}

fn find_python() -> Result<String> {
    let probe = "import sys, venv, ensurepip; print('%d %d' % sys.version_info[:2])";
    let mut seen = Vec::new();
    for name in ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python"] {
        let Some(answer) = process::probe(name, &["-c", probe]) else {
            if let Some(version) = process::probe(name, &["--version"]) {
                seen.push(format!("{name} is {version}, without venv"));
            }
            continue;
        };
        let version: Vec<u32> = answer.split_whitespace().filter_map(|part| part.parse().ok()).collect();
        match version[..] {
            [major, minor] if (major, minor) >= PYTHON => return Ok(name.to_owned()),
            _ => seen.push(format!("{name} is {}", answer.replace(' ', "."))),
        }
    }
    let found = if seen.is_empty() { "none found".to_owned() } else { seen.join(", ") };
    bail!("Python >= {}.{} with venv: {found} ({PYTHON_WAY})", PYTHON.0, PYTHON.1)
}

/// Makes or repairs `.local/venv` for infra/local and infra/checks, in one pip command.
pub(crate) fn python(workspace: &Workspace) -> Result<()> {
    let lists = ["infra/local/requirements.txt", "infra/checks/requirements.txt"];
    environment(workspace, &workspace.local().join("venv"), &lists)
}

/// Makes or repairs a Python environment with the packages of `lists`. Quick if it exists already.
pub(crate) fn environment(workspace: &Workspace, folder: &Path, lists: &[&str]) -> Result<()> {
    let lists: Vec<PathBuf> = lists.iter().map(|list| workspace.root.join(list)).filter(|list| list.exists()).collect();
    let mut wanted = String::new();
    for list in &lists {
        wanted += &fs::read_to_string(list).with_context(|| format!("cannot read {}", list.display()))?;
    }
    // Written last: an environment without it is incomplete.
    let stamp = folder.join("crossdock-stamp");
    let python = folder.join("bin/python");
    // After an upgrade of the system's Python, its environments may not start.
    let works = process::probe(&python.to_string_lossy(), &["-c", ""]).is_some();
    if works && fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(());
    }
    println!("preparing the Python environment {}", folder.display());
    if !works {
        let mut make = Command::new(find_python()?);
        make.args(["-m", "venv", "--clear"]).arg(folder);
        process::run(&mut make, Duration::from_secs(120))?;
    }
    let mut install = Command::new(python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--timeout", "30"]);
    for list in &lists {
        install.arg("-r").arg(list);
    }
    process::run(&mut install, Duration::from_secs(900)).context(
        "pip could not install the Python tools\n  try: check the network or PIP_INDEX_URL, then run this command again",
    )?;
    fs::write(&stamp, wanted).context("cannot write the environment's stamp")
}

/// A cargo subcommand's program: the machine's, or one that we install into our tools. `None` if the installation fails.
pub(crate) fn cargo_tool(workspace: &Workspace, name: &str, version: &str) -> Option<PathBuf> {
    let binary = format!("cargo-{name}");
    let ours = workspace.tools().join("bin").join(&binary);
    for candidate in [PathBuf::from(&binary), ours.clone()] {
        if process::probe(&candidate.to_string_lossy(), &[name, "--version"]).is_some() {
            return Some(candidate);
        }
    }
    println!("installing {binary} {version} (once on this machine; some minutes)");
    let mut install = workspace.cargo();
    install
        .args(["install", "--quiet", "--locked", "--version", version, "--root"])
        .arg(workspace.tools())
        .arg(&binary)
        // A folder of its own, so that its dependencies do not mix with ours.
        .env("CARGO_TARGET_DIR", workspace.tools().join("build"));
    match process::run(&mut install, Duration::from_secs(20 * 60)) {
        Ok(()) => Some(ours),
        Err(error) => {
            println!("could not install {binary}: {error:#}");
            None
        }
    }
}
