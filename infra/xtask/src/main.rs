//! `cargo xtask`: everything a developer or a build server does with this repository, one command each.
//!
//! It prepares what it needs (a Python environment, test tools), names what it cannot prepare, and leaves nothing running
//! that it was not asked to keep. It links no AWS crate and none of ours, so that it compiles in seconds; what speaks to
//! the local stack is Python in `infra/local`, and the drivers in `infra/drive`, which it runs as programs.

// A command-line tool speaks through its two streams.
#![allow(clippy::print_stdout, clippy::print_stderr)]
// Doc comments of commands are their help texts, where `<step>` is a placeholder.
#![allow(rustdoc::invalid_html_tags)]

mod bench;
mod demo;
mod kill;
mod mutants;
mod new_function;
mod package;
mod patch;
mod prerequisites;
mod process;
mod sbom;
mod simulate;
mod stack;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds, tests and runs Crossdock on this machine.
///
/// A fresh clone needs two commands: `cargo xtask demo` shows fifty orders going all the way, `cargo xtask test` checks
/// everything. Both do their own set-up; the first run compiles for some minutes.
///
/// Where things go: Python tools and the local stack's files in `.local/`, compiled code in `target/`, or in
/// `~/.cache/crossdock/target` where the folder `~/.cache/crossdock` exists (make it to share compiled dependencies
/// between clones), or wherever CARGO_TARGET_DIR says.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs fifty different orders through the whole system and compares what each partner's ledger says.
    ///
    /// Builds, starts the local stack and the partner simulators, deploys the template with identity policies enforced,
    /// sends the orders, shows their progress, one order's timeline and the comparison, and stops everything. Exits
    /// non-zero when any ledger disagrees. Ctrl-C stops cleanly.
    Demo(demo::Options),
    /// Kills functions' processes and makes partners fail under two hundred orders, waits, and compares all ledgers.
    ///
    /// The last of the live tests, as often as requested. While the simulated CRM sends orders in waves, a process of some
    /// function ends with SIGKILL two or three times a second, and each partner fails for seconds at a time: down, slow, errors
    /// before and after the effect, replies lost; webhooks doubled, dropped, disordered, badly signed. When no work is left,
    /// every order has to be invoiced, on the worklist (some customers have no credit), or parked with its cause; what is
    /// parked is redriven once; and the CRM, the journal, the ERP and the warehouses have to agree, everything exactly once.
    ///
    /// It prints a row for each time, and exits non-zero when anything is lost, doubled or unexplained. A seed makes kills
    /// and faults fall alike again; what each process does at that moment depends on the machine, so repeat a seed a few
    /// times to meet a failure again:
    ///
    ///   cargo xtask kill --times 10
    ///   cargo xtask kill --seed 4711 --times 3
    ///
    /// One time takes about four minutes on two cores. A stack that ran before keeps running, and nothing else may use it
    /// meanwhile. Needs Linux.
    #[command(verbatim_doc_comment)]
    Kill(kill::Options),
    /// Checks everything: format, lints, docs, dependencies, the template, the CDK construct, all tests, then the live tests on the
    /// local stack.
    ///
    /// The first failure ends the run with the stage's name and the command that repeats it alone.
    Test(test::Options),
    /// Builds, starts the local stack and the partner simulators, deploys, prints the URLs. Leaves everything running.
    ///
    /// Run it again after a change: what runs is kept, and only functions whose code changed are updated. Ports are 4566
    /// (AWS) and 4580 (partners); CROSSDOCK_PORT and CROSSDOCK_PARTNERS_PORT choose others.
    Up,
    /// Stops the local stack and the simulators. What they held is gone with them.
    Down,
    /// Rebuilds and updates the functions that changed on the running local stack.
    Deploy,
    /// Fast checks while you work: format, lints, docs. The same as the first stages of `test`.
    Lint,
    /// Builds deployable packages (release profile) for Lambda's arm64 or x86_64 and prints their sizes.
    ///
    /// Cross-compiles with cargo-lambda, the builder behind `sam build`. Where this machine's Rust lacks the other
    /// processor's standard library, it is fetched: by rustup, or from Debian's packages. `--sam` runs `sam build` itself
    /// in the same environment and leaves what `sam deploy` takes in .aws-sam/build.
    Package(package::Options),
    /// Writes the bill of materials of what is deployed (CycloneDX 1.6, JSON), and checks it against that schema.
    ///
    /// Every crate that a function links, with version, license and the registry's checksum. The same sources make the same
    /// file.
    Sbom(sbom::Options),
    /// Runs seeded schedules of faults on the whole deployment in memory and checks the promises after each.
    ///
    /// `--runs 1000` takes a minute or two; `--runs 20000 --from-seed 0` a night, and `--resume` goes on with it after a
    /// break; `--seed N` runs one again, exactly; `--mutants` prints which schedule finds each deliberate mistake.
    #[command(disable_help_flag = true)]
    Simulate(simulate::Options),
    /// Makes a new step: its crate, its section in the workflow's stack, its catalog entry.
    ///
    /// A step is a function: functions/<workflow>/<step>, named <noun>-<verb>. It gets a queue, a dead-letter queue, a role
    /// that allows what its `Ports` hold, alarms, and a rule for each event that starts it. A new workflow gets its stack
    /// file and its line in infra/template.yaml. All checks pass afterwards; the command prints what is left to write.
    ///
    ///   cargo xtask new-function order order-archive --stream order --what "Archives an invoiced order."
    ///   cargo xtask new-function returns return-expire
    #[command(verbatim_doc_comment)]
    NewFunction(new_function::Options),
    /// Applies each patch of `tests/mutants` to a copy of the workspace and shows which schedule or law finds the mistake.
    ///
    /// The mistakes at ports need no copy: `cargo xtask simulate --mutants` and the tests make them. A patch takes about a
    /// minute. `--rules` runs `cargo mutants` on the domain and the engine, where that tool is installed; `--shard 3/20` runs
    /// a twentieth of it.
    Mutants(mutants::Options),
    /// Measures cold start, CPU per message, memory, package size and write units of two functions, release profile.
    ///
    /// Each runs alone on one core against a canned AWS endpoint over TLS. CROSSDOCK_BENCH_HOME (or --peers) names the
    /// folder of a harness that measures other runtimes on comparable work; their rows then stand beside ours.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if process::interrupted() {
                eprintln!("interrupted");
                return ExitCode::from(130);
            }
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    process::watch_for_interrupts()?;
    let workspace = workspace::Workspace::find()?;
    match command {
        Command::Demo(options) => demo::run(&workspace, &options),
        Command::Kill(options) => kill::run(&workspace, &options),
        Command::Test(options) => test::run(&workspace, &options),
        Command::Up => {
            let live = stack::up(&workspace)?;
            stack::print_urls(&live);
            println!("\nStop it with: cargo xtask down");
            Ok(())
        }
        Command::Down => stack::down(&workspace),
        Command::Deploy => {
            if !stack::running(&workspace)? {
                anyhow::bail!("no local stack is running\n  try: cargo xtask up");
            }
            stack::up(&workspace).map(|live| stack::print_urls(&live))
        }
        Command::Lint => test::lint(&workspace),
        Command::Sbom(options) => sbom::run(&workspace, &options),
        Command::Simulate(options) => simulate::run(&workspace, &options),
        Command::NewFunction(options) => new_function::run(&workspace, &options),
        Command::Mutants(options) => mutants::run(&workspace, &options),
        Command::Bench(options) => bench::run(&workspace, &options),
        Command::Package(options) => package::run(&workspace, &options),
    }
}
