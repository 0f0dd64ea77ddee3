//! `crossdock audit`: what operators did.

use std::process::ExitCode;

use clap::{Args, Subcommand};
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
    format!("{}  {}  {what}{extra}  {}  {}", text("at"), text("who"), text("queue"), text("why"))
}
