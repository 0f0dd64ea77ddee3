//! The verbs of `crossdock dlq`.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use cloud::operator::Lease;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::dlq::apply::{Action, Options, Ports, apply, subject};
use crate::dlq::filter::Filter;
use crate::dlq::group::{By, Group, Groups};
use crate::dlq::letter::{DeadLetter, NO_CODE, function_of};
use crate::dlq::pass::{Pass, Then, pass};
use crate::dlq::plan::{Header, Plan, make};
use crate::dlq::ports::{Audit, Queues};
use crate::dlq::report::{End, Report};
use crate::dlq::streams::JournalStreams;
use crate::output::{self, FAILED, FOUND, Output, words};
use crate::pace::{Interruptible, Pace as _};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists the dead-letter queues: how many messages, how old, how long until the queue loses the oldest.
    ///
    /// Counts are the service's and approximate. The age is that of the oldest of ten sampled messages; an older one may
    /// be there. The sample is given back at once.
    #[command(after_help = "Examples:\n  crossdock dlq ls\n  crossdock dlq ls --all --json\n\n\
        Exit codes:\n  0  no message is parked\n  1  some are\n  2  a call failed")]
    Ls(Ls),
    /// Shows some messages of a queue, with their causes, and gives them back.
    #[command(after_help = "Examples:\n  crossdock dlq sample order-price\n  \
        crossdock dlq sample warehouse-report-record --cause MSG-004 --count 3 --bodies\n\n\
        Exit codes:\n  0  shown\n  1  no message matches\n  2  a call failed")]
    Sample(Sample),
    /// Counts a queue's messages by cause, partner, function or order.
    ///
    /// Every message is received once and given back. Counts are approximate, and the service counts this as a delivery;
    /// attempts and times are those that the step wrote when it parked the message.
    #[command(after_help = "Examples:\n  crossdock dlq group\n  crossdock dlq group order-price --by order\n  \
        crossdock dlq group --by partner --since 2h\n\n\
        Exit codes:\n  0  counted\n  1  there is nothing to count\n  2  a call failed\n  4  another operator has the queue")]
    Group(GroupArguments),
    /// Writes a plan: which messages are to be redriven or discarded. Changes nothing.
    ///
    /// The plan is a text with a line for each message: read it, delete lines, have it reviewed. It has no bodies.
    #[command(after_help = "Examples:\n  \
        crossdock dlq plan warehouse-report-record --cause MSG-004 --partner eastco -o eastco.plan\n\n\
        Exit codes:\n  0  written\n  1  no message matches\n  2  a call failed\n  4  another operator has the queue")]
    Plan(PlanArguments),
    /// Redrives the messages of a plan. Without --execute, says what it would do.
    ///
    /// Each message is looked at again, and left if its work is done or its stream has changed. First go --canary messages;
    /// the run stops if too many of them come back. Ctrl-C pauses; the same command goes on, also after a kill. A resend asks
    /// the partner first where the outcome of an earlier call is unknown: the step does that, as the partner's document says.
    #[command(after_help = APPLY_HELP)]
    Apply(Apply),
    /// Deletes the messages of a plan whose work is not due any more. Without --execute, says what it would do.
    #[command(after_help = "Examples:\n  crossdock dlq discard old.plan --why 'T-17: sent again under a new id'\n  \
        crossdock dlq discard old.plan --why 'T-17: sent again under a new id' --execute\n\nExit codes: as apply")]
    Discard(Apply),
}

const APPLY_HELP: &str = "Examples:\n  crossdock dlq apply eastco.plan --why 'T-17: map extended'\n  \
    crossdock dlq apply eastco.plan --why 'T-17: map extended' --execute --rate 5 --canary 3\n\n\
    Exit codes:\n  0  every message of the plan is done\n  1  some were left, or came back; the report says which and why\n  \
    2  a call failed: run the same command again\n  3  stopped, because too many came back\n  \
    4  another operator has the queue\n  5  paused: run the same command again";

#[derive(Args)]
pub(crate) struct Ls {
    /// Lists empty queues, too.
    #[arg(long)]
    all: bool,
}

#[derive(Args)]
pub(crate) struct Sample {
    /// The step, or its dead-letter queue.
    #[arg(value_name = "STEP")]
    queue: String,
    /// How many messages.
    #[arg(long, short = 'n', default_value_t = 10, value_name = "N")]
    count: usize,
    /// Shows the bodies. They hold no personal data, but business data.
    #[arg(long)]
    bodies: bool,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Args)]
pub(crate) struct GroupArguments {
    /// The step, or its dead-letter queue; without one, all that have messages.
    #[arg(value_name = "STEP")]
    queue: Option<String>,
    /// By what.
    #[arg(long, value_enum, default_value = "cause")]
    by: By,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Args)]
pub(crate) struct PlanArguments {
    /// The step, or its dead-letter queue.
    #[arg(value_name = "STEP")]
    queue: String,
    /// The file to write.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Args)]
pub(crate) struct Apply {
    /// The plan.
    #[arg(value_name = "FILE")]
    plan: PathBuf,
    /// Why, for the audit records: a ticket and what was corrected. No personal data.
    #[arg(long, visible_alias = "reason", value_name = "TEXT")]
    why: String,
    /// Does it.
    #[arg(long)]
    execute: bool,
    /// Messages per second.
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rate: u32,
    /// How many messages go first.
    #[arg(long, default_value_t = 5, value_name = "N")]
    canary: usize,
    /// How long to wait for the end of what was sent, in seconds.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    settle: u64,
    /// Stops if more than this percentage of what was sent came back.
    #[arg(long, default_value_t = 10, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    max_failures: u8,
    /// Leaves a message that was redriven so often and came back each time.
    #[arg(long, default_value_t = 3, value_name = "N")]
    loop_limit: usize,
    /// The queue's name, in place of typing it when asked: every deployment on AWS asks.
    #[arg(long, value_name = "QUEUE")]
    confirm: Option<String>,
}

/// The run stopped, because too many messages came back.
const STOPPED: u8 = 3;
/// Another operator has the queue.
const LEASED: u8 = 4;
/// The operator paused the run.
const PAUSED: u8 = 5;

/// Dead-letter queues whose messages point to items of a table, and are never redriven.
const POINTERS: [&str; 4] = ["journal-relay", "delivery-relay", "view-project", "due-fire"];

pub(crate) fn run(command: &Command, connection: &Connection, out: &Output) -> ExitCode {
    let end = match command {
        Command::Ls(asked) => output::wait(ls(asked, connection, out)),
        Command::Sample(asked) => output::wait(sample(asked, connection, out)),
        Command::Group(asked) => output::wait(group(asked, connection, out)),
        Command::Plan(asked) => output::wait(plan(asked, connection, out)),
        Command::Apply(asked) => output::wait(run_plan(asked, Action::Redrive, connection, out)),
        Command::Discard(asked) => output::wait(run_plan(asked, Action::Discard, connection, out)),
    };
    end.unwrap_or_else(|why| output::fail(&why))
}

/// A queue's name as people may say it: the step, or its dead-letter queue.
fn dlq_of(step: &str) -> String {
    if step.ends_with("-dlq") { step.to_owned() } else { format!("{step}-dlq") }
}

async fn dead_letter_queues(queues: &impl Queues) -> Result<Vec<String>, String> {
    let names = queues.names().await.map_err(|failure| words(&failure))?;
    Ok(names.into_iter().filter(|name| name.ends_with("-dlq")).collect())
}

async fn ls(asked: &Ls, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let queues = connection.deployment()?.queues()?;
    let mut listed = Vec::new();
    for queue in dead_letter_queues(&queues).await? {
        let facts = Queues::facts(&queues, &queue).await.map_err(|failure| words(&failure))?;
        if facts.depth + facts.in_flight == 0 && !asked.all {
            continue;
        }
        let (mut oldest, mut sampled) = (None::<Timestamp>, 0);
        let visit = |letter: DeadLetter| {
            oldest = Some(oldest.map_or(letter.sent_at, |oldest| oldest.min(letter.sent_at)));
            sampled += 1;
            if sampled >= 10 { Then::Enough } else { Then::GiveBack }
        };
        if facts.depth > 0 {
            let hold = Some(Duration::from_secs(5));
            pass(&queues, &queue, hold, visit, |_, _| {}).await.map_err(|failure| words(&failure))?;
        }
        let now = Timestamp::now();
        let age = oldest.map(|at| now.duration_since(at).unsigned_abs());
        listed.push(json!({
            "queue": queue, "messages": facts.depth, "in_flight": facts.in_flight, "approximate": true,
            "sampled": sampled, "oldest_seconds": age.map(|age| age.as_secs()),
            "lost_in_seconds": age.map(|age| facts.retention.saturating_sub(age).as_secs()),
            "redrivable": !POINTERS.contains(&function_of(&queue)),
        }));
    }
    let parked = listed.iter().any(|queue| queue["messages"] != 0);
    let text = || {
        if listed.is_empty() {
            return vec!["no message is parked".to_owned()];
        }
        let span = |value: &Value| value.as_u64().map_or_else(|| "-".to_owned(), span);
        let rows: Vec<[String; 5]> = listed
            .iter()
            .map(|queue| {
                [
                    text_of(&queue["queue"]),
                    text_of(&queue["messages"]),
                    text_of(&queue["in_flight"]),
                    span(&queue["oldest_seconds"]),
                    span(&queue["lost_in_seconds"]),
                ]
            })
            .collect();
        let mut lines = output::table(["QUEUE", "MESSAGES", "HELD", "OLDEST*", "LOST IN*"], &rows);
        lines.push("* of ten sampled messages; counts are approximate. Next: crossdock dlq group".to_owned());
        lines
    };
    let printed = out.print(&json!({ "queues": listed }), text);
    Ok(if parked && printed == ExitCode::SUCCESS { ExitCode::from(FOUND) } else { printed })
}

async fn sample(asked: &Sample, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let queues = connection.deployment()?.queues()?;
    let queue = dlq_of(&asked.queue);
    let mut letters = Vec::new();
    let visit = |letter: DeadLetter| {
        if letters.len() < asked.count && asked.filter.matches(&letter) {
            letters.push(letter);
        }
        if letters.len() >= asked.count { Then::Enough } else { Then::GiveBack }
    };
    pass(&queues, &queue, None, visit, output::progress("sampled")).await.map_err(|failure| words(&failure))?;
    let document = |letter: &DeadLetter| {
        let mut document = json!(letter);
        if let (true, Some(members)) = (asked.bodies, document.as_object_mut()) {
            // A body is JSON, but for one that is no event.
            members
                .insert("body".to_owned(), serde_json::from_str(&letter.body).unwrap_or_else(|_| json!(letter.body)));
        }
        document
    };
    let documents: Vec<Value> = letters.iter().map(document).collect();
    let text = || letters.iter().zip(&documents).flat_map(|(letter, document)| describe(letter, document)).collect();
    let printed = out.print(&json!({ "queue": queue, "messages": documents }), text);
    Ok(if letters.is_empty() { ExitCode::from(FOUND) } else { printed })
}

fn describe(letter: &DeadLetter, document: &Value) -> Vec<String> {
    let page = if letter.code == NO_CODE { String::new() } else { format!("  docs/failures/{}.md", letter.code) };
    let mut lines = vec![
        format!("{}  {}{page}", output::bold(&letter.code), letter.cause),
        format!("  stream {}  version {}", letter.stream, letter.event_version.map_or(0, |version| version)),
        format!("  parked {}  first received {}  attempts {}", letter.sent_at, letter.first_received, letter.attempts),
        format!("  work {}/{}  correlation {}", letter.function, letter.digest, letter.correlation_id),
    ];
    if let Some(body) = document.get("body") {
        lines.push(format!("  body {body}"));
    }
    lines
}

async fn group(asked: &GroupArguments, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let deployment = connection.deployment()?;
    let (queues, audit) = (deployment.queues()?, deployment.audit()?);
    let names = match &asked.queue {
        Some(step) => vec![dlq_of(step)],
        None => dead_letter_queues(&queues).await?,
    };
    let mut groups = Groups::new(asked.by);
    let mut passes = Vec::new();
    for queue in names {
        let facts = Queues::facts(&queues, &queue).await.map_err(|failure| words(&failure))?;
        if facts.depth == 0 {
            continue;
        }
        let lease = match leased(&audit, connection, &queue).await? {
            Ok(lease) => lease,
            Err(other) => return Ok(refused(&other)),
        };
        let visit = |letter: DeadLetter| {
            if asked.filter.matches(&letter) {
                groups.add(&letter);
            }
            Then::GiveBack
        };
        let passed = pass(&queues, &queue, None, visit, output::progress("counted")).await;
        Audit::give_up(&audit, &lease, Timestamp::now()).await.map_err(|failure| words(&failure))?;
        passes.push((queue, passed.map_err(|failure| words(&failure))?));
    }
    let mut groups = groups.into_groups();
    for group in &mut groups {
        group.failed_again = came_back(&audit, group).await?;
    }
    let complete = passes.iter().all(|(_, pass)| pass.complete);
    let document = json!({ "by": format!("{:?}", asked.by).to_lowercase(), "filter": asked.filter.describe(),
        "approximate": true, "complete": complete, "groups": groups });
    let text = || {
        let rows: Vec<[String; 5]> = groups
            .iter()
            .map(|group| {
                let again = if group.failed_again { "again" } else { "" };
                [
                    group.count.to_string(),
                    group.first_seen.to_string(),
                    group.last_seen.to_string(),
                    again.to_owned(),
                    group.key.clone(),
                ]
            })
            .collect();
        let mut lines = output::table(["COUNT", "FIRST SEEN", "LAST SEEN", "FAILED", "GROUP"], &rows);
        lines.extend(passes.iter().map(|(queue, pass)| seen(queue, pass)));
        lines
    };
    let printed = out.print(&document, text);
    Ok(if groups.is_empty() { ExitCode::from(FOUND) } else { printed })
}

fn seen(queue: &str, pass: &Pass) -> String {
    let rest = if pass.complete { "" } else { "; the service did not show all of them" };
    format!("{queue}: {} seen of about {} (approximate){rest}", pass.seen, pass.depth)
}

/// Whether a sampled message of the group was redriven before.
async fn came_back(audit: &impl Audit, group: &Group) -> Result<bool, String> {
    for (function, digest) in &group.sample {
        let records = audit.records(&subject(function, digest)).await.map_err(|failure| words(&failure))?;
        if records.iter().any(|(name, _)| name.ends_with("/2-done")) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes the lease of a queue for a pass, or returns the other holder's.
async fn leased(audit: &impl Audit, connection: &Connection, queue: &str) -> Result<Result<Lease, Lease>, String> {
    let now = Timestamp::now();
    // As long as a pass through a large queue takes; it is given up at its end.
    let until = now.checked_add(Duration::from_secs(600)).unwrap_or(Timestamp::MAX);
    let lease = Lease { queue: queue.to_owned(), holder: format!("{} {}", connection.operator()?, run_id()), until };
    let other = audit.lease(&lease, now).await.map_err(|failure| words(&failure))?;
    Ok(other.map_or(Ok(lease), Err))
}

fn refused(other: &Lease) -> ExitCode {
    output::say(&format!("{} has {} until {}, unless they end before", other.holder, other.queue, other.until));
    ExitCode::from(LEASED)
}

/// Distinguishes the runs of one operator.
fn run_id() -> String {
    format!("run_{:x}_{:x}", Timestamp::now().as_microsecond(), std::process::id())
}

async fn plan(asked: &PlanArguments, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let queue = dlq_of(&asked.queue);
    let step = function_of(&queue);
    if POINTERS.contains(&step) {
        return Err(format!("{queue} holds pointers to items, which no step takes: see docs/runbooks/stream-lag.md"));
    }
    let deployment = connection.deployment()?;
    let (queues, audit, streams) = (deployment.queues()?, deployment.audit()?, JournalStreams(deployment.journal()?));
    let header = Header {
        plan: String::new(),
        format: 0,
        stack: connection.stack()?.to_owned(),
        queue: queue.clone(),
        at: Timestamp::now(),
        by: connection.operator()?,
        filter: asked.filter.describe(),
    };
    let lease = match leased(&audit, connection, &queue).await? {
        Ok(lease) => lease,
        Err(other) => return Ok(refused(&other)),
    };
    let made = make(&queues, &streams, header, &asked.filter, output::progress("looked at")).await;
    Audit::give_up(&audit, &lease, Timestamp::now()).await.map_err(|failure| words(&failure))?;
    let (plan, passed) = made.map_err(|failure| words(&failure))?;
    if plan.entries.is_empty() {
        output::say(&format!("no message matches; {}", seen(&queue, &passed)));
        return Ok(ExitCode::from(FOUND));
    }
    let place = asked.output.display();
    let file = File::create(&asked.output).map_err(|why| format!("{place}: {why}"))?;
    plan.write(BufWriter::new(file))?;
    let count = |work: &str| plan.entries.iter().filter(|entry| entry.work.as_str() == work).count();
    let document = json!({ "plan": plan.header.plan, "file": asked.output, "messages": plan.entries.len(),
        "due": count("due"), "done": count("done"), "unknown": count("unknown"), "approximate": true });
    let text = || {
        vec![
            format!("{}: {} messages of {queue}", plan.header.plan, plan.entries.len()),
            format!(
                "  work still due: {}, done already: {}, only the step can say: {}",
                count("due"),
                count("done"),
                count("unknown")
            ),
            format!("  {}", seen(&queue, &passed)),
            format!("Read {place}, then: crossdock dlq apply {place} --why '…'"),
        ]
    };
    Ok(out.print(&document, text))
}

async fn run_plan(asked: &Apply, action: Action, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let plan = read_plan(&asked.plan)?;
    if plan.header.stack != connection.stack()? {
        return Err(format!("the plan is for {}, not for {}", plan.header.stack, connection.stack()?));
    }
    let queue = &plan.header.queue;
    if asked.execute && connection.is_on_aws() && asked.confirm.as_ref() != Some(queue) {
        let count = plan.entries.len();
        let question = format!("{count} messages on AWS, stack {}. Type the queue's name to go on:", plan.header.stack);
        if !output::confirms(&question, queue) {
            return Err(format!("not confirmed: give --confirm {queue}"));
        }
    }
    let deployment = connection.deployment()?;
    let (queues, audit, streams) = (deployment.queues()?, deployment.audit()?, JournalStreams(deployment.journal()?));
    let pace = Interruptible::new()?;
    let options = Options {
        action,
        dry_run: !asked.execute,
        who: connection.operator()?,
        why: asked.why.clone(),
        run: run_id(),
        rate: asked.rate,
        canary: asked.canary,
        settle: Duration::from_secs(asked.settle),
        max_failures: usize::from(asked.max_failures),
        loop_limit: asked.loop_limit,
    };
    let ports = Ports { queues: &queues, audit: &audit, streams: &streams, pace: &pace };
    let report = apply(ports, &plan, &options, output::progress("messages")).await;
    let printed = out.print(&json!(report), || lines(&report, action, pace.is_stopping()));
    Ok(if printed == ExitCode::SUCCESS { ExitCode::from(code(&report)) } else { printed })
}

fn read_plan(path: &Path) -> Result<Plan, String> {
    let place = path.display();
    let file = File::open(path).map_err(|why| format!("{place}: {why}"))?;
    Plan::read(BufReader::new(file)).map_err(|why| format!("{place}: {why}"))
}

fn code(report: &Report) -> u8 {
    match &report.end {
        End::Finished if report.left() == 0 && report.failed_again == 0 => 0,
        End::Finished => FOUND,
        End::Broken(_) => FAILED,
        End::FailedAgain => STOPPED,
        End::Leased { .. } => LEASED,
        End::Paused => PAUSED,
    }
}

fn lines(report: &Report, action: Action, is_stopping: bool) -> Vec<String> {
    let verb = match (action, report.dry_run) {
        (Action::Redrive, true) => "would be sent",
        (Action::Redrive, false) => "sent",
        (Action::Discard, true) => "would be discarded",
        (Action::Discard, false) => "discarded",
    };
    let mut lines = vec![format!("{}: {} {verb}", report.plan, report.done)];
    if report.done_before > 0 {
        lines.push(format!("  {} done by an earlier run of this plan", report.done_before));
    }
    if action == Action::Redrive && !report.dry_run {
        let open = report.done.saturating_sub(report.verified + report.failed_again);
        let (verified, again) = (report.verified, report.failed_again);
        lines.push(format!("  of these: {verified} with their work done, {again} came back, {open} not known yet"));
    }
    lines.extend(report.skipped.iter().map(|(why, messages)| format!("  {} left: {}", messages.len(), why.words())));
    lines.push(match &report.end {
        End::Finished if report.dry_run => "Nothing was changed. Add --execute to do it.".to_owned(),
        End::Finished => "Finished.".to_owned(),
        End::Paused => "Paused. The same command goes on.".to_owned(),
        End::FailedAgain => "Stopped: too many came back. Look at their causes: crossdock dlq group".to_owned(),
        End::Leased { holder, until } => format!("{holder} has the queue until {until}, unless they end before."),
        End::Broken(why) if is_stopping => format!("Paused while a call failed: {why}. The same command goes on."),
        End::Broken(why) => format!("A call failed: {why}. The same command goes on."),
    });
    lines
}

/// A time span, as people say it.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
