//! Child processes, with time limits; an interrupt ends them in order.

use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use signal_hook::consts::{SIGINT, SIGTERM};

static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Makes Ctrl-C and SIGTERM end the running child instead of this process, which then stops what it started.
pub(crate) fn watch_for_interrupts() -> Result<()> {
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&INTERRUPTED)).context("cannot listen for Ctrl-C")?;
    }
    Ok(())
}

/// Whether Ctrl-C or SIGTERM came.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Runs a command with our streams. Fails if it fails, takes longer than `limit`, or an interrupt comes.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<()> {
    let shown = shown(command);
    let mut child = command.spawn().with_context(|| format!("cannot run `{shown}`"))?;
    let status = wait(&mut child, limit).with_context(|| format!("`{shown}`"))?;
    if status.success() { Ok(()) } else { Err(anyhow!("`{shown}` failed ({status})")) }
}

/// Runs a command and returns its stdout; stderr is ours. Ends as `run` does.
pub(crate) fn answer(command: &mut Command, limit: Duration) -> Result<String> {
    let shown = shown(command);
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot run `{shown}`"))?;
    let mut stdout = child.stdout.take().context("no stdout")?;
    // Read in a thread: a long answer would fill the pipe, and both sides would wait for each other.
    let reader = std::thread::spawn(move || std::io::read_to_string(&mut stdout));
    let status = wait(&mut child, limit).with_context(|| format!("`{shown}`"))?;
    let text = reader.join().map_err(|_| anyhow!("the reader of `{shown}` panicked"))??;
    if status.success() { Ok(text) } else { Err(anyhow!("`{shown}` failed ({status})")) }
}

/// What a short command prints on both streams; `None` if it is missing or fails.
pub(crate) fn probe(program: &str, arguments: &[&str]) -> Option<String> {
    let Output { status, stdout, stderr } = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    let text = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    status.success().then(|| text.trim().to_owned())
}

fn wait(child: &mut Child, limit: Duration) -> Result<ExitStatus> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            if interrupted() {
                bail!("interrupted");
            }
            return Ok(status);
        }
        if interrupted() {
            end(child)?;
            bail!("interrupted");
        }
        if began.elapsed() > limit {
            end(child)?;
            bail!("was not done after {} s and has been ended", limit.as_secs());
        }
        sleep(Duration::from_millis(20));
    }
}

/// SIGTERM first: a test runner or a driver then ends its own children.
fn end(child: &mut Child) -> Result<()> {
    let asked =
        Command::new("sh").arg("-c").arg(format!("kill -TERM {}", child.id())).stderr(Stdio::null()).status()?;
    let began = Instant::now();
    while asked.success() && began.elapsed() < Duration::from_secs(5) {
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        sleep(Duration::from_millis(20));
    }
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// A command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program()).to_string_lossy();
    std::iter::once(name).chain(command.get_args().map(|part| part.to_string_lossy())).collect::<Vec<_>>().join(" ")
}
