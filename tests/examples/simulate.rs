//! `cargo xtask simulate`: schedules by the thousand, on all cores; a run that was interrupted can be resumed.

// A command-line tool speaks through its two streams; percentages and seconds are no money.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::float_arithmetic)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use crossdock_tests::hunt::hunt;
use crossdock_tests::mutants::{self, Mistake, Mutant, Place};
use crossdock_tests::play::{Report, play};
use crossdock_tests::schedule::Schedule;
use crossdock_tests::shrink::{describe, shrink};
use serde::{Deserialize, Serialize};

/// Runs seeded schedules on the whole deployment in memory, and checks the promises from the partners' ledgers after each.
///
/// Every function of the repository runs unchanged between stores in memory and simulated partners. A seed draws orders,
/// cancellations and redrives, and everything that goes wrong: processes that are killed before or after any call or that
/// stall, lost replies, throttling, refused entries, lost races, messages twice, late, lost or in another order, wrong clocks,
/// and every fault that a partner can have.
///
/// A failing schedule is made as short as possible and printed in words, with the command that runs it again. The exit code
/// is then not zero.
#[derive(Parser)]
#[command(name = "cargo xtask simulate", after_help = EXAMPLES)]
struct Options {
    /// How many schedules.
    #[arg(long, default_value_t = 1_000)]
    runs: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0, value_name = "SEED")]
    from_seed: u64,
    /// Runs this schedule alone and prints its elements.
    #[arg(long, value_name = "SEED", conflicts_with_all = ["runs", "from_seed", "resume", "mutants"])]
    seed: Option<u64>,
    /// Makes each deliberate mistake in turn, and tells which schedule found it.
    #[arg(long, conflicts_with_all = ["resume"])]
    mutants: bool,
    /// Stops at the first seed that breaks a promise and prints the seed and the promise; prints nothing when none does.
    #[arg(long, conflicts_with_all = ["seed", "mutants", "resume"])]
    first: bool,
    /// Makes this deliberate mistake while it runs --seed.
    #[arg(long, value_name = "NAME", requires = "seed", value_parser = mistake)]
    mutant: Option<String>,
    /// Resumes the interrupted run of the state file.
    #[arg(long, conflicts_with_all = ["runs", "from_seed"])]
    resume: bool,
    /// Schedules at once; by default one for each core.
    #[arg(long)]
    jobs: Option<usize>,
    /// How many seconds shortening a failing schedule may take.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    shrink: u64,
    /// Where a run stores its progress.
    #[arg(long, default_value = ".local/simulate.json", value_name = "FILE")]
    state: PathBuf,
}

const EXAMPLES: &str = "Examples:
  cargo xtask simulate                             a thousand schedules, a minute or two
  cargo xtask simulate --runs 20000 --from-seed 0  a night; Ctrl-C interrupts it...
  cargo xtask simulate --resume                    ...and this resumes it
  cargo xtask simulate --seed 4711                 this schedule again, exactly, in words
  cargo xtask simulate --mutants                   which schedule finds each mistake";

/// How many schedules run between two writes of the state file.
const ROUND: u64 = 50;

/// The progress of a run.
#[derive(Serialize, Deserialize)]
struct State {
    from_seed: u64,
    runs: u64,
    done: u64,
    failed: Vec<u64>,
    seconds: f64,
    faults_met: BTreeMap<String, u64>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    // A mistake may end in a panic, which is told with the schedule that it ended.
    std::panic::set_hook(Box::new(|_| {}));
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<bool> {
    let jobs = options.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from)).max(1);
    if let Some(seed) = options.seed {
        return Ok(one(seed, options));
    }
    if options.first {
        if let Some(caught) = hunt(None, options.from_seed..options.from_seed + options.runs) {
            println!("seed {}: {}", caught.seed, caught.report.violations.first().map_or("", String::as_str));
        }
        return Ok(true);
    }
    if options.mutants {
        return Ok(all_mistakes(options, jobs));
    }
    many(options, jobs)
}

fn mistake(name: &str) -> Result<String, String> {
    let known = || mutants::at_ports().map(|(mistake, _)| mistake.name).collect::<Vec<_>>().join(", ");
    if mutants::named(name).is_none() {
        return Err(format!("no mistake at a port has this name; there are {}", known()));
    }
    Ok(name.to_owned())
}

impl Options {
    fn mutant(&self) -> Option<Mutant> {
        self.mutant.as_deref().and_then(mutants::named)
    }
}

/// One schedule, in words.
fn one(seed: u64, options: &Options) -> bool {
    let schedule = Schedule::draw(seed);
    let report = play(&schedule, options.mutant());
    println!("seed {seed} draws {} elements:", schedule.elements.len());
    for element in &schedule.elements {
        println!("  - {element}");
    }
    println!("{} deliveries; journal {}", report.delivered, report.journal);
    table(&report.faults_met, 1);
    holds(&schedule, &report, options)
}

/// Prints a failing schedule. Returns whether all promises hold.
fn holds(schedule: &Schedule, report: &Report, options: &Options) -> bool {
    if report.violations.is_empty() {
        println!("all promises hold");
        return true;
    }
    let (shortest, report) = shrink(schedule, options.mutant(), Duration::from_secs(options.shrink));
    println!("\n{}", describe(&shortest, &report, options.mutant.as_deref()));
    false
}

/// A range of seeds, in rounds.
fn many(options: &Options, jobs: usize) -> Result<bool> {
    let mut state = if options.resume { read(options)? } else { State::new(options) };
    let before = Duration::from_secs_f64(state.seconds.max(0.0));
    let began = Instant::now();
    while state.done < state.runs {
        let first = state.from_seed + state.done;
        let last = first + ROUND.min(state.runs - state.done);
        let reports = parallel(jobs, first..last, |seed| play(&Schedule::draw(seed), None));
        for (seed, report) in reports {
            if !report.violations.is_empty() {
                println!();
                holds(&Schedule::draw(seed), &report, options);
                state.failed.push(seed);
            }
            for (kind, n) in report.faults_met {
                *state.faults_met.entry(kind).or_default() += n;
            }
        }
        state.done += last - first;
        state.seconds = (before + began.elapsed()).as_secs_f64();
        write(options, &state)?;
        progress(&state);
    }
    println!();
    table(&state.faults_met, state.runs);
    println!("\n{} schedules, {:.0} s, {} failed", state.runs, state.seconds, state.failed.len());
    if !state.failed.is_empty() {
        println!("seeds: {}", state.failed.iter().map(u64::to_string).collect::<Vec<_>>().join(", "));
    }
    Ok(state.failed.is_empty())
}

impl State {
    fn new(options: &Options) -> Self {
        let (from_seed, runs) = (options.from_seed, options.runs);
        Self { from_seed, runs, done: 0, failed: Vec::new(), seconds: 0.0, faults_met: BTreeMap::new() }
    }
}

fn read(options: &Options) -> Result<State> {
    let path = options.state.display();
    let text = std::fs::read_to_string(&options.state)
        .with_context(|| format!("{path} cannot be read: there is no run to resume"))?;
    let state: State = serde_json::from_str(&text).with_context(|| format!("{path} is no state of a run"))?;
    if state.done >= state.runs {
        bail!("the run of {} schedules from seed {} has ended", state.runs, state.from_seed);
    }
    println!("resuming after {} of {} schedules from seed {}", state.done, state.runs, state.from_seed);
    Ok(state)
}

/// Writes a new file and renames it, so that an interrupted write leaves the older state.
fn write(options: &Options, state: &State) -> Result<()> {
    let beside = options.state.with_extension("new");
    if let Some(folder) = options.state.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&beside, serde_json::to_string_pretty(state)?)?;
    std::fs::rename(&beside, &options.state).context("the state of the run cannot be written")
}

fn progress(state: &State) {
    let (done, runs) = (state.done as f64, state.runs as f64);
    let left = state.seconds / done * (runs - done);
    print!(
        "\r{}/{} schedules, {:.0} s, {left:.0} s left, {} failed   ",
        state.done,
        runs,
        state.seconds,
        state.failed.len()
    );
    // A terminal that shows no progress is no reason to stop.
    if std::io::stdout().flush().is_err() {}
}

fn table(faults_met: &BTreeMap<String, u64>, runs: u64) {
    println!("faults over {runs} schedules:");
    for (kind, n) in faults_met {
        println!("  {kind:<28}{n:>9}");
    }
}

/// The table of mistakes, each with the first schedule that finds it.
fn all_mistakes(options: &Options, jobs: usize) -> bool {
    let began = Instant::now();
    let seeds = options.from_seed..options.from_seed + options.runs;
    println!("{:<26}{:<54}{:>6}  violation", "mistake", "what is done wrong", "seed");
    let all = 0..mutants::ALL.len() as u64;
    let found = parallel(jobs, all, |place| {
        let mistake = mutants::ALL[place as usize];
        let caught = match mistake.place {
            Place::Port(mutant) => hunt(Some(mutant), seeds.clone()),
            Place::Rule => None,
        };
        (mistake, caught)
    });
    let mut missed = 0;
    for (_, (Mistake { name, what, place }, caught)) in found {
        let (seed, broken) = match &caught {
            Some(caught) => (caught.seed.to_string(), caught.report.violations.first().cloned().unwrap_or_default()),
            None if place == Place::Rule => ("-".to_owned(), "a patch of a rule: cargo xtask mutants".to_owned()),
            None => ("-".to_owned(), format!("NOTHING in {} schedules", options.runs)),
        };
        missed += usize::from(caught.is_none() && place != Place::Rule);
        println!("{name:<26}{what:<54}{seed:>6}  {}", broken.chars().take(110).collect::<String>());
    }
    println!(
        "\n{} mistakes at ports, {missed} not found, {:.0} s",
        mutants::at_ports().count(),
        began.elapsed().as_secs_f32()
    );
    println!("a schedule in words: cargo xtask simulate --seed SEED --mutant MISTAKE");
    missed == 0
}

/// Does `work` for every number, on `jobs` threads; a deployment belongs to one thread.
fn parallel<T: Send>(jobs: usize, numbers: std::ops::Range<u64>, work: impl Fn(u64) -> T + Sync) -> BTreeMap<u64, T> {
    let next = AtomicU64::new(numbers.start);
    let done = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= numbers.end {
                        return;
                    }
                    let result = work(number);
                    if let Ok(mut done) = done.lock() {
                        done.insert(number, result);
                    }
                }
            });
        }
    });
    done.into_inner().unwrap_or_default()
}
