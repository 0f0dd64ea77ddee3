//! The measured budgets: two functions in the release profile, beside other runtimes if their harness is installed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::workspace::Workspace;
use crate::{prerequisites, process};

/// An intake function, and a step that reads, decides and commits.
const FUNCTIONS: [&str; 2] = ["webhook-receive", "order-route"];

/// A step that only makes its one write: the work that other runtimes are measured on.
const BARE: &str = "append";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Folder of a harness with bench.py that measures other runtimes on the same work (py, py-powertools, node, …).
    #[arg(long, env = "CROSSDOCK_BENCH_HOME", value_name = "FOLDER")]
    peers: Option<PathBuf>,
    /// Starts per row; the medians are printed.
    #[arg(long, default_value_t = 9)]
    starts: u32,
    /// Microseconds until the canned endpoint answers, to stand in for a network.
    #[arg(long, default_value_t = 0)]
    delay_us: u32,
}

struct Row {
    name: String,
    measured: Value,
}

/// Builds, measures, prints the table. A slow figure is no failure: a timed test depends on the machine.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("the bench reads another process's CPU time the Linux way; run it on Linux");
    }
    prerequisites::check()?;
    prerequisites::python(workspace)?;
    // In one invocation, so that dependencies have the same features for all and compile once.
    let mut build = workspace.cargo();
    build.args(["build", "--release", "--package", "cloud", "--example", BARE]);
    for function in FUNCTIONS {
        build.args(["--package", function, "--bin", function]);
    }
    process::run(&mut build, Duration::from_secs(40 * 60))?;

    let release = workspace.target.join("release");
    let [intake, step] = FUNCTIONS.map(|function| release.join(function));
    let bare = release.join("examples").join(BARE);
    let mut rows = Vec::new();
    // A webhook comes alone, a message alone or in a batch.
    for (binary, batch) in [(&intake, 1), (&step, 1), (&step, 10), (&bare, 1), (&bare, 10)] {
        rows.push(ours(workspace, options, binary, batch)?);
    }
    match &options.peers {
        Some(folder) => rows.extend(peers(folder, options)?),
        None => println!("\nWithout other runtimes beside it: name their harness by --peers or CROSSDOCK_BENCH_HOME."),
    }
    print(&rows);
    Ok(())
}

fn ours(workspace: &Workspace, options: &Options, binary: &Path, batch: u32) -> Result<Row> {
    let mut measure = workspace.python("infra/bench/bench.py");
    measure
        .arg("--binary")
        .arg(binary)
        .args(["--batch", &batch.to_string(), "--starts", &options.starts.to_string()])
        .args(["--delay-us", &options.delay_us.to_string()]);
    let text = process::answer(&mut measure, Duration::from_secs(600))?;
    let measured: Value = serde_json::from_str(&text).context("the bench printed no JSON")?;
    let name = measured["name"].as_str().unwrap_or_default();
    let name = if batch == 1 { name.to_owned() } else { format!("{name} x{batch}") };
    Ok(Row { name, measured })
}

/// Rows of another harness, without the runtimes that are not set up.
fn peers(folder: &Path, options: &Options) -> Result<Vec<Row>> {
    let script = folder.join("bench.py");
    if !script.exists() {
        bail!("no bench.py in {}\n  try: --peers with the harness's folder, or without", folder.display());
    }
    let mut rows = Vec::new();
    for peer in ["py", "py-powertools", "node", "node-powertools"] {
        for (event, batch) in [("sqs", 1.0), ("sqs10", 10.0)] {
            let mut measure = Command::new("python3");
            measure.arg(&script).args(["--peer", peer, "--https", "--event", event, "--spawns", "5", "--warm", "300"]);
            measure.args(["--delay-us", &options.delay_us.to_string()]);
            match process::answer(&mut measure, Duration::from_secs(600)) {
                Ok(text) => {
                    let told: Value = serde_json::from_str(&text).context("the peers' bench printed no JSON")?;
                    rows.push(Row { name: name_of(peer, batch), measured: translated(&told, batch) });
                }
                Err(error) if process::interrupted() => return Err(error),
                Err(error) => {
                    println!("{peer} left out: {error:#}\n  try: bash {}", folder.join("setup.sh").display());
                    break;
                }
            }
        }
    }
    Ok(rows)
}

fn name_of(peer: &str, batch: f64) -> String {
    if batch > 1.0 { format!("{peer} x{batch}") } else { peer.to_owned() }
}

/// The other harness counts CPU per invocation and memory in kilobytes.
#[expect(clippy::float_arithmetic, reason = "measurements, not money")]
fn translated(told: &Value, batch: f64) -> Value {
    let number = |key: &str| told[key].as_f64();
    serde_json::json!({
        "cold_ms": number("cold_ms"),
        "cold_cpu_ms": number("cold_cpu_ms"),
        "warm_us": number("warm_p50_us"),
        "cpu_us": number("cpu_us").map(|micros| micros / batch),
        "rss_mb": number("hwm_kb").map(|kilobytes| kilobytes / 1024.0),
    })
}

fn print(rows: &[Row]) {
    println!(
        "\n{:<20}{:>10}{:>13}{:>10}{:>14}{:>9}{:>9}{:>8}",
        "", "cold ms", "cold CPU ms", "warm µs", "CPU µs/msg", "RSS MB", "zip KB", "units"
    );
    for Row { name, measured } in rows {
        let cell = |key: &str, digits: usize| {
            measured[key].as_f64().map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
        };
        println!(
            "{name:<20}{:>10}{:>13}{:>10}{:>14}{:>9}{:>9}{:>8}",
            cell("cold_ms", 1),
            cell("cold_cpu_ms", 1),
            cell("warm_us", 0),
            cell("cpu_us", 0),
            cell("rss_mb", 1),
            cell("zip_kb", 0),
            cell("write_units", 2),
        );
    }
    println!(
        "{:<20}{:>10}{:>13}{:>10}{:>14}{:>9}{:>9}{:>8}",
        "budget, alone", "", "5.0", "", "300", "10.0", "2300", "1"
    );
    println!("{:<20}{:>10}{:>13}{:>10}{:>14}{:>9}{:>9}{:>8}", "budget, batch of 10", "", "", "", "90", "", "", "1");
    println!(
        "\ncold: from start to the first answer, connections and settings included; warm: an invocation, alone on one core.\n\
         append: a step's one conditional write and nothing else, the work that the other runtimes do here.\n\
         Medians of this run against a canned endpoint over TLS; compare rows with each other, not with other days."
    );
}
