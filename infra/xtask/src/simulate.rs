//! The simulation as a command: builds the example of the tests' crate and passes all arguments on.

use std::time::Duration;

use anyhow::Result;

use crate::process;
use crate::workspace::Workspace;

/// The simulation's own arguments, `--help` included.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds and runs it. It is an example, not a binary, so that building the functions does not build it.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut build = workspace.cargo();
    build.args(["build", "--quiet", "--package", "crossdock-tests", "--example", "simulate"]);
    process::run(&mut build, Duration::from_secs(40 * 60))?;
    let mut simulate = std::process::Command::new(workspace.binaries().join("examples").join("simulate"));
    simulate.current_dir(&workspace.root).args(&options.arguments);
    // A run may take a night; the simulation itself ends a schedule that never ends.
    process::run(&mut simulate, Duration::from_secs(48 * 3_600))
}
