//! Where things are: the repository, cargo's target, the cache, the Python environment.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process;

pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Cargo's target folder, the same for every command that we start.
    pub(crate) target: PathBuf,
    /// `~/.cache/crossdock`, if it exists.
    pub(crate) cache: Option<PathBuf>,
}

impl Workspace {
    /// The repository that `cargo xtask` was called in, and the folder that cargo builds into.
    pub(crate) fn find() -> Result<Self> {
        // Cargo names the package when it runs it. What it was compiled in may be another clone that has the same target folder.
        let package = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root =
            Path::new(&package).ancestors().nth(2).context("the tool was compiled outside the repository")?.to_owned();
        let cache = env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
            .map(|folder| folder.join("crossdock"))
            .filter(|folder| folder.is_dir());
        let target = match (env::var_os("CARGO_TARGET_DIR"), &cache) {
            (Some(chosen), _) => env::current_dir()?.join(chosen),
            (None, Some(cache)) => cache.join("target"),
            (None, None) => root.join("target"),
        };
        Ok(Self { root, target, cache })
    }

    /// Cargo, in the repository, building into our target folder.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// One of our scripts, in the Python environment that `prerequisites::python` made.
    pub(crate) fn python(&self, script: &str) -> Command {
        let mut command = Command::new(self.local().join("venv/bin/python"));
        command.current_dir(&self.root).arg(self.root.join(script));
        command
    }

    /// Files of this clone that are never committed.
    pub(crate) fn local(&self) -> PathBuf {
        self.root.join(".local")
    }

    /// Development tools: in the cache, or in this clone.
    pub(crate) fn tools(&self) -> PathBuf {
        self.cache.clone().unwrap_or_else(|| self.local()).join("tools")
    }

    /// cargo-deny's copy of the advisory database.
    pub(crate) fn advisories(&self) -> Option<PathBuf> {
        let home = env::var_os("CARGO_HOME")
            .map(PathBuf::from)
            .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")))?;
        let databases = home.join("advisory-dbs").read_dir().ok()?;
        databases.filter_map(Result::ok).map(|entry| entry.path()).find(|path| path.join("crates").is_dir())
    }

    /// Folder of the development profile's binaries.
    pub(crate) fn binaries(&self) -> PathBuf {
        self.target.join("debug")
    }

    /// Builds every binary, functions, simulators and tools, in one invocation: their dependencies compile once.
    pub(crate) fn build(&self) -> Result<()> {
        let mut build = self.cargo();
        build.args(["build", "--workspace", "--exclude", "xtask", "--bins"]);
        process::run(&mut build, Duration::from_secs(40 * 60))
    }
}
