//! `crossdock audit`: what operators did.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use cloud::operator::{AuditTable, Lease};
use engine::Failure;
use engine::stores::sortable;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::output::{self, Output};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists what operators did, newest last.
    #[command(after_help = "Examples:\n  \
        crossdock audit ls\n  \
        crossdock audit ls --days 7 --json\n  \
        crossdock audit ls --work order-price/4k2w…   every record of one piece of work, by step and digest\n\n\
        Exit codes:\n  0  listed\n  2  a call failed")]
    Ls(Ls),
}

#[derive(Args)]
pub(crate) struct Ls {
    /// How many days back, with today (UTC).
    #[arg(long, default_value_t = 2, value_name = "N")]
    days: u32,
    /// The records of one piece of work: `<step>/<digest>`, as plans and samples show them.
    #[arg(long, value_name = "STEP/DIGEST", conflicts_with = "days")]
    work: Option<String>,
}

/// The operators' audit records.
pub(crate) trait Audit {
    /// Writes a record; false if there is one of that name.
    async fn record(&self, subject: &str, entry: &str, document: &str) -> Result<bool, Failure>;
    /// The records of a subject, each with its name, in the order of their names.
    async fn records(&self, subject: &str) -> Result<Vec<(String, String)>, Failure>;
    /// Takes or renews a lease; returns another holder's, which keeps it.
    async fn lease(&self, lease: &Lease, now: Timestamp) -> Result<Option<Lease>, Failure>;
    /// Gives a lease up.
    async fn give_up(&self, lease: &Lease, now: Timestamp) -> Result<(), Failure>;
}

impl Audit for AuditTable {
    async fn record(&self, subject: &str, entry: &str, document: &str) -> Result<bool, Failure> {
        self.record(subject, entry, document).await
    }
    async fn records(&self, subject: &str) -> Result<Vec<(String, String)>, Failure> {
        self.records(subject).await
    }
    async fn lease(&self, lease: &Lease, now: Timestamp) -> Result<Option<Lease>, Failure> {
        self.lease(lease, now).await
    }
    async fn give_up(&self, lease: &Lease, now: Timestamp) -> Result<(), Failure> {
        self.give_up(lease, now).await
    }
}

/// What an operator does in one step, without a plan.
#[derive(Debug, Clone)]
pub(crate) struct Act<'a> {
    /// Who does it.
    pub(crate) who: &'a str,
    /// Why, in a person's words.
    pub(crate) why: &'a str,
    /// What is done, such as `partner pause`.
    pub(crate) verb: &'a str,
    /// What it is done to.
    pub(crate) about: &'a str,
    /// When.
    pub(crate) now: Timestamp,
}

impl Act<'_> {
    /// Writes the intent down, does it, and writes the result down. Without the first record nothing is done.
    ///
    /// # Errors
    /// Failures of the audit table and of `work`.
    pub(crate) async fn done<T>(
        &self,
        audit: &impl Audit,
        work: impl Future<Output = Result<(T, Value), Failure>>,
    ) -> Result<T, Failure> {
        let Self { who, why, verb, about, now } = self;
        let name = |part: &str| format!("{}/{verb} {about}/{part}", sortable(*now));
        let document = |part: &str, result: &Value| json!({"at": now, "who": who, "why": why, "verb": verb, "about": about, "part": part, "result": result});
        let intent = document("1-intent", &Value::Null).to_string();
        audit.record(&day(*now), &name("1-intent"), &intent).await?;
        let (result, shown) = work.await?;
        audit.record(&day(*now), &name("2-done"), &document("2-done", &shown).to_string()).await?;
        Ok(result)
    }
}

/// The subject of a day's records.
pub(crate) fn day(at: Timestamp) -> String {
    format!("day/{}", at.to_string().get(..10).unwrap_or_default())
}

pub(crate) fn run(command: &Command, connection: &Connection, out: &Output) -> ExitCode {
    let Command::Ls(asked) = command;
    match output::wait(list(asked, connection)) {
        Ok(records) => out.print(&json!({ "records": records }), || records.iter().map(line).collect()),
        Err(why) => output::fail(&why),
    }
}

async fn list(asked: &Ls, connection: &Connection) -> Result<Vec<Value>, String> {
    let audit = connection.deployment()?.audit()?;
    let subjects = match &asked.work {
        Some(work) => vec![format!("work/{work}")],
        None => {
            let at = |days: u32| Timestamp::now().checked_sub(SignedDuration::from_hours(24 * i64::from(days)));
            (0..asked.days).rev().filter_map(|days| at(days).ok()).map(day).collect()
        }
    };
    let mut records = Vec::new();
    for subject in subjects {
        for (name, document) in audit.records(&subject).await.map_err(|failure| output::words(&failure))? {
            let mut record: Value =
                serde_json::from_str(&document).map_err(|why| format!("{subject} {name}: {why}"))?;
            if let Some(members) = record.as_object_mut() {
                members.insert("record".to_owned(), json!(name));
            }
            records.push(record);
        }
    }
    Ok(records)
}

fn line(record: &Value) -> String {
    let text = |name: &str| record[name].as_str().unwrap_or("-").to_owned();
    let what = if record["verb"].is_string() { text("verb") } else { text("how") };
    let part =
        record["part"].as_str().map(|part| format!(" {}", part.trim_start_matches(|c: char| !c.is_alphabetic())));
    let end = record["report"]["end"].as_str().map(|end| format!(" {end}"));
    let count = record["messages"].as_u64().map(|count| format!(" {count} messages"));
    let extra = [part, end, count].into_iter().flatten().collect::<String>();
    let about = if record["about"].is_string() { text("about") } else { text("queue") };
    format!("{}  {}  {what}{extra}  {about}  {}", text("at"), text("who"), text("why"))
}
