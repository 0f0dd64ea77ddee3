//! `cargo xtask simulate`: storms by the thousand, on as many cores as there are, to be gone on with after a break.

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
use crossdock_tests::shrink::{shrink, told};
use crossdock_tests::storm::{Report, Schedule, weather};
use serde::{Deserialize, Serialize};

/// Plays seeded storms on the whole deployment in memory, and checks the promises from the partners' ledgers after each.
///
/// Every function of the repository runs unchanged between in-memory stores and simulated partners. A seed draws orders,
/// cancellations and redrives, and everything that goes wrong: processes that die before or after any call or stand still,
/// lost replies, throttling, refused entries, lost races, messages twice, late, lost or in another order, wrong clocks, and
/// every fault that a partner can have.
///
/// A seed that fails is made as short as can be and told in words, with the command that plays it again. Exits non-zero
/// then.
#[derive(Parser)]
#[command(name = "cargo xtask simulate", after_help = EXAMPLES)]
struct Options {
    /// How many storms.
    #[arg(long, default_value_t = 1_000)]
    runs: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0, value_name = "SEED")]
    from_seed: u64,
    /// Plays this one alone, and tells what it was made of.
    #[arg(long, value_name = "SEED", conflicts_with_all = ["runs", "from_seed", "resume", "mutants"])]
    seed: Option<u64>,
    /// Makes each deliberate mistake in turn, and tells which storm found it.
    #[arg(long, conflicts_with_all = ["resume"])]
    mutants: bool,
    /// Stops at the first seed that breaks a promise and prints the seed and the promise; prints nothing when none does.
    #[arg(long, conflicts_with_all = ["seed", "mutants", "resume"])]
    first: bool,
    /// Makes this deliberate mistake while it plays --seed.
    #[arg(long, value_name = "NAME", requires = "seed", value_parser = mistake)]
    mutant: Option<String>,
    /// Goes on with the run that was broken off, as its state file says.
    #[arg(long, conflicts_with_all = ["runs", "from_seed"])]
    resume: bool,
    /// Storms at once; by default one for each core.
    #[arg(long)]
    jobs: Option<usize>,
    /// Seconds that a failing seed may take to be made shorter.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    shrink: u64,
    /// Where a run keeps how far it has come.
    #[arg(long, default_value = ".local/simulate.json", value_name = "FILE")]
    state: PathBuf,
}

const EXAMPLES: &str = "Examples:
  cargo xtask simulate                             a thousand storms, a minute or two
  cargo xtask simulate --runs 20000 --from-seed 0  a night; Ctrl-C breaks it off...
  cargo xtask simulate --resume                    ...and this goes on with it
  cargo xtask simulate --seed 4711                 this storm again, exactly, in words
  cargo xtask simulate --mutants                   whether the storms have teeth";

/// How many storms are played between two looks at the state file.
const ROUND: u64 = 50;

/// How far a run has come.
#[derive(Serialize, Deserialize)]
struct State {
    from_seed: u64,
    runs: u64,
    done: u64,
    failed: Vec<u64>,
    seconds: f64,
    struck: BTreeMap<String, u64>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    // A mistake may end in a panic, which is told with the storm that it ended.
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
        return Ok(teeth(options, jobs));
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

/// One storm, exactly as it was.
fn one(seed: u64, options: &Options) -> bool {
    let schedule = Schedule::draw(seed);
    let report = weather(&schedule, options.mutant());
    println!("seed {seed} draws {} elements:", schedule.elements.len());
    for element in &schedule.elements {
        println!("  - {element}");
    }
    println!("{} deliveries; journal {}", report.delivered, report.journal);
    table(&report.struck, 1);
    fine(&schedule, &report, options)
}

/// Tells a failing storm. Returns whether it held.
fn fine(schedule: &Schedule, report: &Report, options: &Options) -> bool {
    if report.violations.is_empty() {
        println!("all promises hold");
        return true;
    }
    let (shortest, report) = shrink(schedule, options.mutant(), Duration::from_secs(options.shrink));
    println!("\n{}", told(&shortest, &report, options.mutant.as_deref()));
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
        let reports = parallel(jobs, first..last, |seed| weather(&Schedule::draw(seed), None));
        for (seed, report) in reports {
            if !report.violations.is_empty() {
                println!();
                fine(&Schedule::draw(seed), &report, options);
                state.failed.push(seed);
            }
            for (kind, n) in report.struck {
                *state.struck.entry(kind).or_default() += n;
            }
        }
        state.done += last - first;
        state.seconds = (before + began.elapsed()).as_secs_f64();
        write(options, &state)?;
        progress(&state);
    }
    println!();
    table(&state.struck, state.runs);
    println!("\n{} storms, {:.0} s, {} failed", state.runs, state.seconds, state.failed.len());
    if !state.failed.is_empty() {
        println!("seeds: {}", state.failed.iter().map(u64::to_string).collect::<Vec<_>>().join(", "));
    }
    Ok(state.failed.is_empty())
}

impl State {
    fn new(options: &Options) -> Self {
        let (from_seed, runs) = (options.from_seed, options.runs);
        Self { from_seed, runs, done: 0, failed: Vec::new(), seconds: 0.0, struck: BTreeMap::new() }
    }
}

fn read(options: &Options) -> Result<State> {
    let path = options.state.display();
    let text = std::fs::read_to_string(&options.state)
        .with_context(|| format!("{path} cannot be read: there is no run to go on with"))?;
    let state: State = serde_json::from_str(&text).with_context(|| format!("{path} is no state of a run"))?;
    if state.done >= state.runs {
        bail!("the run of {} storms from seed {} has ended", state.runs, state.from_seed);
    }
    println!("going on after {} of {} storms from seed {}", state.done, state.runs, state.from_seed);
    Ok(state)
}

/// Written beside and moved into place: broken off in between, the older one still stands.
fn write(options: &Options, state: &State) -> Result<()> {
    let beside = options.state.with_extension("new");
    if let Some(folder) = options.state.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&beside, serde_json::to_string_pretty(state)?)?;
    std::fs::rename(&beside, &options.state).context("the state of the run cannot be kept")
}

fn progress(state: &State) {
    let (done, runs) = (state.done as f64, state.runs as f64);
    let left = state.seconds / done * (runs - done);
    print!(
        "\r{}/{} storms, {:.0} s, {left:.0} s left, {} failed   ",
        state.done,
        runs,
        state.seconds,
        state.failed.len()
    );
    // Progress that cannot be shown is no reason to stop.
    if std::io::stdout().flush().is_err() {}
}

fn table(struck: &BTreeMap<String, u64>, runs: u64) {
    println!("what struck, over {runs} storms:");
    for (kind, n) in struck {
        println!("  {kind:<28}{n:>9}");
    }
}

/// Every mistake, and the storm that finds it.
fn teeth(options: &Options, jobs: usize) -> bool {
    let began = Instant::now();
    let seeds = options.from_seed..options.from_seed + options.runs;
    println!("{:<26}{:<54}{:>6}  broken", "mistake", "what is done wrong", "seed");
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
            None => ("-".to_owned(), format!("NOTHING in {} storms", options.runs)),
        };
        missed += usize::from(caught.is_none() && place != Place::Rule);
        println!("{name:<26}{what:<54}{seed:>6}  {}", broken.chars().take(110).collect::<String>());
    }
    println!(
        "\n{} mistakes at ports, {missed} not found, {:.0} s",
        mutants::at_ports().count(),
        began.elapsed().as_secs_f32()
    );
    println!("one of them in words: cargo xtask simulate --seed SEED --mutant MISTAKE");
    missed == 0
}

/// Does `work` for every number, on `jobs` threads; a house belongs to one thread.
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
