//! The local stack: the AWS emulator and the partner simulators, deployed to through CloudFormation.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::workspace::Workspace;
use crate::{prerequisites, process};

/// The description of the deployed stack that `infra/local/deploy.py` writes.
pub(crate) struct Live(Value);

impl Live {
    /// A text by its JSON pointer, such as `/gateway`; empty where there is none.
    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The bearer token of one of the API's local clients.
    pub(crate) fn token(&self, client: &str) -> &str {
        let clients = self.0.pointer("/secrets/api").and_then(Value::as_array);
        clients
            .and_then(|all| all.iter().find(|entry| entry["client"] == client))
            .and_then(|entry| entry["token"].as_str())
            .unwrap_or_default()
    }
}

/// Starts the processes that do not run and deploys the working tree.
pub(crate) fn up(workspace: &Workspace) -> Result<Live> {
    up_with_defaults(workspace, &[])
}

/// As [`up`]. The template's `parameters` keep their defaults, whatever the local stack sets otherwise.
pub(crate) fn up_with_defaults(workspace: &Workspace, parameters: &[&str]) -> Result<Live> {
    let began = Instant::now();
    prerequisites::check()?;
    prerequisites::python(workspace)?;
    println!("building into {}", workspace.target.display());
    workspace.build()?;
    println!("built after {:.0} s", began.elapsed().as_secs_f32());

    let port = port("CROSSDOCK_PORT", 4566)?;
    let partners_port = port_of_partners()?;
    let mut start = workspace.python("infra/local/stack.py");
    start.args(["up", "--port", &port]);
    process::answer(&mut start, Duration::from_secs(60))?;

    let mut simulators = workspace.python("infra/local/stack.py");
    simulators.arg("partners").arg("--binary").arg(workspace.binaries().join("simulators"));
    simulators.args(["--port", &partners_port]);
    process::answer(&mut simulators, Duration::from_secs(60))?;

    let partners = format!("http://127.0.0.1:{partners_port}");
    let mut deploy = workspace.python("infra/local/deploy.py");
    deploy.arg("--binaries").arg(workspace.binaries()).args(["--port", &port, "--partners", &partners]);
    deploy.args(parameters.iter().flat_map(|name| ["--default", name]));
    process::answer(&mut deploy, Duration::from_secs(300))?;
    let live = read(workspace)?;
    println!("the local stack is up after {:.0} s", began.elapsed().as_secs_f32());
    Ok(live)
}

/// Stops all processes of the local stack, if any run.
pub(crate) fn down(workspace: &Workspace) -> Result<()> {
    if !workspace.local().join("venv/bin/python").exists() {
        return Ok(());
    }
    // Not `process::run`, which ends on an interrupt: the stack has to stop then, too.
    let status = workspace.python("infra/local/stack.py").arg("down").status().context("cannot run stack.py")?;
    anyhow::ensure!(status.success(), "the local stack did not stop; see .local/stack");
    Ok(())
}

/// Whether an emulator of this clone runs.
pub(crate) fn running(workspace: &Workspace) -> Result<bool> {
    if !workspace.local().join("venv/bin/python").exists() {
        return Ok(false);
    }
    let output = workspace.python("infra/local/stack.py").arg("status").output().context("cannot run stack.py")?;
    Ok(String::from_utf8_lossy(&output.stdout).contains("\"emulator\""))
}

/// The description of the deployed stack. Tests and the demo's driver get its path as `CROSSDOCK_LIVE`.
pub(crate) fn live_file(workspace: &Workspace) -> PathBuf {
    workspace.local().join("stack/live.json")
}

fn read(workspace: &Workspace) -> Result<Live> {
    let text = fs::read_to_string(live_file(workspace)).context("the deployment wrote no description of the stack")?;
    Ok(Live(serde_json::from_str(&text)?))
}

fn port(variable: &str, usual: u16) -> Result<String> {
    match env::var(variable) {
        Ok(text) => {
            text.parse::<u16>().map(|port| port.to_string()).with_context(|| format!("{variable}={text} is no port"))
        }
        Err(_) => Ok(usual.to_string()),
    }
}

fn port_of_partners() -> Result<String> {
    port("CROSSDOCK_PARTNERS_PORT", 4580)
}

/// Prints the addresses and a first request.
pub(crate) fn print_urls(live: &Live) {
    println!("  API        {}", live.text("/gateway"));
    println!("  partners   {}", live.text("/partners"));
    println!("  AWS        {} (region us-east-1, key and secret: test)", live.text("/endpoint"));
    println!("  logs       .local/stack/emulator.log, .local/stack/partners.log");
    println!("  secrets    .local/stack/live.json (throw-away: simulators', and tokens of this clone)");
    println!(
        "\nRead the orders:\n  curl -s -H 'authorization: Bearer {}' '{}/v1/orders?status=delivered'",
        live.token("reader"),
        live.text("/gateway")
    );
}
