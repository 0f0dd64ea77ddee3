//! The simulation as a command: it is compiled with the tests' own crate, and this hands everything on to it.

use std::time::Duration;

use anyhow::Result;

use crate::process;
use crate::workspace::Workspace;

/// What the simulation is told; `--help` among it.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds and runs it. An example and not a binary, so that building the functions does not build it.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut build = workspace.cargo();
    build.args(["build", "--quiet", "--package", "crossdock-tests", "--example", "simulate"]);
    process::run(&mut build, Duration::from_secs(40 * 60))?;
    let mut simulate = std::process::Command::new(workspace.binaries().join("examples").join("simulate"));
    simulate.current_dir(&workspace.root).args(&options.arguments);
    // A night's run is not cut short; a storm that never ends is cut by the simulation itself.
    process::run(&mut simulate, Duration::from_secs(48 * 3_600))
}
