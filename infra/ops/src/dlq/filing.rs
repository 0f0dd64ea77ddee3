//! The verbs that keep messages in files and correct deliveries: `dlq export`, `dlq import`, `dlq edit`.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use crate::audit::Audit;
use crate::change::Change;
use crate::connection::Connection;
use crate::dlq::archive;
use crate::dlq::edit::{self as edits, Edit};
use crate::dlq::filter::Filter;
use crate::dlq::lease::{dlq_of, leased, refused, seen};
use crate::dlq::letter::digest_of;
use crate::output::{self, FOUND, Output, words};

#[derive(Args)]
pub(crate) struct Export {
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
pub(crate) struct ImportArguments {
    /// A file of `dlq export`.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    change: Change,
}

#[derive(Args)]
pub(crate) struct EditArguments {
    /// The delivery, as `dlq sample` shows it: `<partner>/<delivery>`.
    #[arg(value_name = "DELIVERY")]
    delivery: String,
    /// The file with the new body.
    #[arg(long, value_name = "FILE")]
    body: PathBuf,
    #[command(flatten)]
    change: Change,
}

pub(super) async fn export(asked: &Export, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let deployment = connection.deployment()?;
    let (queues, audit, queue) = (deployment.queues()?, deployment.audit()?, dlq_of(&asked.queue));
    let lease = match leased(&audit, connection, &queue).await? {
        Ok(lease) => lease,
        Err(other) => return Ok(refused(&other)),
    };
    let place = asked.output.display();
    let file = File::create(&asked.output).map_err(|why| format!("{place}: {why}"))?;
    let exported =
        archive::export(&queues, &queue, &asked.filter, BufWriter::new(file), output::progress("exported")).await;
    Audit::give_up(&audit, &lease, Timestamp::now()).await.map_err(|failure| words(&failure))?;
    let (count, passed) = exported?;
    let document = json!({ "queue": queue, "messages": count, "file": asked.output, "complete": passed.complete });
    let text = || vec![format!("{count} messages in {place}"), seen(&queue, &passed)];
    let printed = out.print(&document, text);
    Ok(if count == 0 { ExitCode::from(FOUND) } else { printed })
}

pub(super) async fn import(asked: &ImportArguments, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let place = asked.file.display();
    let text = std::fs::read_to_string(&asked.file).map_err(|why| format!("{place}: {why}"))?;
    let messages = archive::read(BufReader::new(text.as_bytes())).map_err(|why| format!("{place}: {why}"))?;
    let mut sent = 0;
    if let (true, Some(first)) = (asked.change.execute, messages.first()) {
        let what = format!("{} messages into {}", messages.len(), first.queue);
        asked.change.confirmed(connection, &first.queue, &what)?;
        let deployment = connection.deployment()?;
        let (file, who) = (digest_of(&text), connection.operator()?);
        let import = archive::Import { who: &who, why: &asked.change.why, file: &file, now: Timestamp::now() };
        let (queues, audit) = (deployment.queues()?, deployment.audit()?);
        let imported = archive::import(&queues, &audit, &messages, &import, output::progress("imported")).await;
        sent = imported.map_err(|failure| words(&failure))?;
    }
    let document =
        json!({ "file": asked.file, "messages": messages.len(), "sent": sent, "dry_run": !asked.change.execute });
    let text = || vec![format!("{} messages in {place}, {sent} sent", messages.len()), asked.change.end("Finished.")];
    Ok(out.print(&document, text))
}

pub(super) async fn edit(asked: &EditArguments, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let place = asked.body.display();
    let body = std::fs::read(&asked.body).map_err(|why| format!("{place}: {why}"))?;
    if asked.change.execute {
        asked.change.confirmed(connection, &asked.delivery, &format!("an edit of {}", asked.delivery))?;
    }
    let deployment = connection.deployment()?;
    let who = connection.operator()?;
    let edit = Edit {
        delivery: &asked.delivery,
        body,
        who: &who,
        why: &asked.change.why,
        dry_run: !asked.change.execute,
        now: Timestamp::now(),
    };
    let edited = edits::edit(&deployment.deliveries()?, &deployment.audit()?, edit).await?;
    let document = json!({ "stored": edited.stored, "before": edited.before, "after": edited.after,
        "dry_run": !asked.change.execute });
    let text = || {
        let done = "Stored. It is announced like any other delivery; now discard the message of the original.";
        let digests = format!("{}: sha256 {} in place of {}", edited.stored, edited.after, edited.before);
        vec![digests, asked.change.end(done)]
    };
    Ok(out.print(&document, text))
}
