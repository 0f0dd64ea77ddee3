//! The verbs of `crossdock dlq`.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::audit::Audit;
use crate::connection::Connection;
use crate::dlq::acting::{APPLY_HELP, Apply, PlanArguments, plan, run_plan};
use crate::dlq::apply::{Action, subject};
use crate::dlq::expiring::{self, ReviewArguments};
use crate::dlq::filing::{EditArguments, Export, ImportArguments, edit, export, import};
use crate::dlq::filter::Filter;
use crate::dlq::group::{By, Group, Groups};
use crate::dlq::lease::{POINTERS, dlq_of, leased, refused, seen};
use crate::dlq::letter::{DeadLetter, NO_CODE, function_of};
use crate::dlq::pass::{Then, pass};
use crate::dlq::ports::Queues;
use crate::output::{self, FOUND, Output, words};

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
    /// Deletes the messages of a plan. Without --execute, says what it would do.
    ///
    /// If a message's work is still due, its order gets a review of the discard.
    #[command(after_help = "Examples:\n  crossdock dlq discard old.plan --why 'T-17: sent again under a new id'\n  \
        crossdock dlq discard old.plan --why 'T-17: sent again under a new id' --execute\n\nExit codes: as apply")]
    Discard(Apply),
    /// Writes messages with their bodies and causes to a file. They stay in the queue.
    #[command(after_help = "Examples:\n  crossdock dlq export order-price -o order-price.jsonl\n  \
        crossdock dlq export order-price --cause STO-003 -o corrupt.jsonl\n\n\
        Exit codes:\n  0  written\n  1  no message matches\n  2  a call failed\n  4  another operator has the queue")]
    Export(Export),
    /// Sends exported messages into the dead-letter queues that they came from. Without --execute, says how many.
    ///
    /// One file is imported once: what it has sent before is left out.
    #[command(
        after_help = "Examples:\n  crossdock dlq import order-price.jsonl --why 'T-17: queue lost' --execute\n\n\
        Exit codes:\n  0  imported\n  2  the file is not an export, or a call failed: run the same command again"
    )]
    Import(ImportArguments),
    /// Stores a partner's delivery with another body, as `<id>/edit-<n>`. Without --execute, says what it would store.
    ///
    /// The original stays as evidence, and the new delivery is announced like any other. Events of the journal are never
    /// edited. Afterwards, discard the message of the original.
    #[command(after_help = "Examples:\n  \
        crossdock dlq edit eastco/msg_17 --body corrected.json --why 'T-17: quantity confirmed by phone' --execute\n\n\
        Exit codes:\n  0  stored\n  2  it cannot be edited, or a call failed")]
    Edit(EditArguments),
    /// Puts a review on the order of each message that its queue is about to lose. Without --execute, says how many.
    ///
    /// The messages stay; redrive or export them, too. A message has one such review, however often it is asked for.
    #[command(after_help = "Examples:\n  crossdock dlq review order-price --why 'T-17: waits for the ERP'\n  \
        crossdock dlq review order-price --within 36h --why 'T-17: waits for the ERP' --execute\n\n\
        Exit codes:\n  0  reviewed\n  1  no message is lost so soon\n  2  a call failed: run the same command again\n  \
        4  another operator has the queue")]
    Review(ReviewArguments),
}

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

pub(crate) fn run(command: &Command, connection: &Connection, out: &Output) -> ExitCode {
    let end = match command {
        Command::Ls(asked) => output::wait(ls(asked, connection, out)),
        Command::Sample(asked) => output::wait(sample(asked, connection, out)),
        Command::Group(asked) => output::wait(group(asked, connection, out)),
        Command::Plan(asked) => output::wait(plan(asked, connection, out)),
        Command::Apply(asked) => output::wait(run_plan(asked, Action::Redrive, connection, out)),
        Command::Discard(asked) => output::wait(run_plan(asked, Action::Discard, connection, out)),
        Command::Export(asked) => output::wait(export(asked, connection, out)),
        Command::Import(asked) => output::wait(import(asked, connection, out)),
        Command::Edit(asked) => output::wait(edit(asked, connection, out)),
        Command::Review(asked) => output::wait(Box::pin(expiring::run(asked, connection, out))),
    };
    end.unwrap_or_else(|why| output::fail(&why))
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
        if facts.depth + facts.in_flight == 0 {
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
