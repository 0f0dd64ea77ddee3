//! The verbs that plan and act: `dlq plan`, `dlq apply`, `dlq discard`.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use crate::audit::Audit;
use crate::change::{Change, NOTHING_CHANGED};
use crate::connection::Connection;
use crate::dlq::apply::{Action, Options, Ports, apply};
use crate::dlq::filter::Filter;
use crate::dlq::lease::{LEASED, POINTERS, dlq_of, leased, refused, run_id, seen};
use crate::dlq::letter::function_of;
use crate::dlq::plan::{Header, Plan, make};
use crate::dlq::report::{End, Report};
use crate::dlq::streams::JournalStreams;
use crate::output::{self, FAILED, FOUND, Output, words};
use crate::pace::{Interruptible, Pace as _};

pub(super) const APPLY_HELP: &str = "Examples:\n  crossdock dlq apply eastco.plan --why 'T-17: map extended'\n  \
    crossdock dlq apply eastco.plan --why 'T-17: map extended' --execute --rate 5 --canary 3\n\n\
    Exit codes:\n  0  every message of the plan is done\n  1  some were left, or came back; the report says which and why\n  \
    2  a call failed: run the same command again\n  3  stopped, because too many came back\n  \
    4  another operator has the queue\n  5  paused: run the same command again";

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
    #[command(flatten)]
    change: Change,
}

/// The run stopped, because too many messages came back.
const STOPPED: u8 = 3;
/// The operator paused the run.
const PAUSED: u8 = 5;

pub(super) async fn plan(asked: &PlanArguments, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let queue = dlq_of(&asked.queue);
    let step = function_of(&queue);
    if POINTERS.contains(&step) {
        return Err(format!("{queue} holds pointers to items, which no step takes: see docs/runbooks/stream-lag.md"));
    }
    let deployment = connection.deployment()?;
    let (queues, audit, streams) = (
        deployment.queues()?,
        deployment.audit()?,
        JournalStreams { journal: deployment.journal()?, epoch: deployment.epoch() },
    );
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

pub(super) async fn run_plan(
    asked: &Apply,
    action: Action,
    connection: &Connection,
    out: &Output,
) -> Result<ExitCode, String> {
    let plan = read_plan(&asked.plan)?;
    if plan.header.stack != connection.stack()? {
        return Err(format!("the plan is for {}, not for {}", plan.header.stack, connection.stack()?));
    }
    let queue = &plan.header.queue;
    if asked.change.execute {
        let what = format!("{} messages of {queue}", plan.entries.len());
        asked.change.confirmed(connection, queue, &what)?;
    }
    let deployment = connection.deployment()?;
    let (queues, audit, streams) = (
        deployment.queues()?,
        deployment.audit()?,
        JournalStreams { journal: deployment.journal()?, epoch: deployment.epoch() },
    );
    let pace = Interruptible::new()?;
    let options = Options {
        action,
        dry_run: !asked.change.execute,
        who: connection.operator()?,
        why: asked.change.why.clone(),
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
        End::Finished if report.dry_run => NOTHING_CHANGED.to_owned(),
        End::Finished => "Finished.".to_owned(),
        End::Paused => "Paused. The same command goes on.".to_owned(),
        End::FailedAgain => "Stopped: too many came back. Look at their causes: crossdock dlq group".to_owned(),
        End::Leased { holder, until } => format!("{holder} has the queue until {until}, unless they end before."),
        End::Broken(why) if is_stopping => format!("Paused while a call failed: {why}. The same command goes on."),
        End::Broken(why) => format!("A call failed: {why}. The same command goes on."),
    });
    lines
}
