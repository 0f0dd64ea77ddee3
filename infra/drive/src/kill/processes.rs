//! The processes of a stack's functions, and killing them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use fastrand::Rng;
use tokio::sync::watch;

use crate::live::{Live, VARIABLE};

/// Milliseconds between two kills.
const PAUSE_MS: std::ops::Range<u64> = 150..650;

/// The emulator's log line of an invocation whose process ended.
const ENDED: &str = "Runtime exited before returning a response";

/// Kills processes and counts them.
pub(super) struct ProcessKiller<'a> {
    live: &'a Live,
    rng: Rng,
    /// How many, by function.
    pub(super) by_function: BTreeMap<String, usize>,
}

impl<'a> ProcessKiller<'a> {
    pub(super) fn new(live: &'a Live, rng: Rng) -> Self {
        Self { live, rng, by_function: BTreeMap::new() }
    }

    /// Kills one process after the other until the end. First a function is chosen, then one of its processes, so that functions
    /// with many processes are not killed more often.
    pub(super) async fn run(&mut self, mut over: watch::Receiver<bool>) -> Result<()> {
        loop {
            let pause = Duration::from_millis(self.rng.u64(PAUSE_MS));
            if tokio::time::timeout(pause, over.wait_for(|over| *over)).await.is_ok() {
                return Ok(());
            }
            let running = running(self.live)?;
            let Some((function, processes)) = self.rng.choice(running.iter()) else { continue };
            let Some(pid) = self.rng.choice(processes) else { continue };
            if kill(pid)? {
                *self.by_function.entry(function.clone()).or_default() += 1;
            }
        }
    }
}

/// The processes of the stack's functions, by function.
fn running(live: &Live) -> Result<BTreeMap<String, Vec<String>>> {
    let name = format!("AWS_LAMBDA_FUNCTION_NAME={}", live.function_prefix());
    // Another stack on this machine has functions of the same names, but another address.
    let stack = format!("AWS_ENDPOINT_URL={}", live.endpoint);
    let mut running: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").context("killing processes needs Linux' /proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().filter(|name| is_number(name)).map(str::to_owned) else { continue };
        // A process that we may not read, or that ended meanwhile, is none of ours.
        let Ok(environment) = fs::read(entry.path().join("environ")) else { continue };
        let mut function = None;
        let mut ours = false;
        for variable in environment.split(|byte| *byte == 0).filter_map(|variable| str::from_utf8(variable).ok()) {
            ours |= variable == stack;
            function = function.or_else(|| variable.strip_prefix(&name).map(str::to_owned));
        }
        if let Some(function) = function.filter(|_| ours) {
            running.entry(function).or_default().push(pid);
        }
    }
    running.values_mut().for_each(|processes| processes.sort());
    Ok(running)
}

fn is_number(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
}

/// Kills a process. Returns whether it still existed.
fn kill(pid: &str) -> Result<bool> {
    let status = Command::new("kill").args(["-KILL", pid]).stderr(Stdio::null()).status();
    Ok(status.context("there is no `kill`")?.success())
}

/// The emulator's log from now on.
pub(super) struct Log {
    path: PathBuf,
    from: u64,
}

impl Log {
    /// The log beside the file that describes the stack.
    pub(super) fn open() -> Result<Self> {
        let described = std::env::var(VARIABLE).with_context(|| format!("{VARIABLE} is not set"))?;
        let path = Path::new(&described).with_file_name("emulator.log");
        // A stack that was started otherwise has its log elsewhere; then nothing is counted.
        let from = fs::metadata(&path).map_or(0, |log| log.len());
        Ok(Self { path, from })
    }

    /// How many invocations ended with their process.
    pub(super) fn interrupted(&self) -> Result<usize> {
        let Ok(mut log) = File::open(&self.path) else { return Ok(0) };
        log.seek(SeekFrom::Start(self.from))?;
        let mut bytes = Vec::new();
        log.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(text.lines().filter(|line| line.contains(ENDED) && line.contains(": Runtime")).count())
    }
}
