//! A plan: a file that says which messages of a queue are to be redriven or discarded, for review before anything is done.
//!
//! The file has one JSON document a line: first the header, then a line for each message. A reviewer may delete lines. It
//! holds no body, so no personal data.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};

use domain::ids::{base32, fingerprint};
use engine::Failure;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::dlq::filter::Filter;
use crate::dlq::letter::{DeadLetter, Look, Work};
use crate::dlq::pass::{Pass, Then, WINDOW, pass};
use crate::dlq::ports::{Queues, Streams};

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// Names the plan in the audit records.
    pub(crate) plan: String,
    /// Of the file's format.
    pub(crate) format: u32,
    /// The deployment that it is for.
    pub(crate) stack: String,
    /// The dead-letter queue.
    pub(crate) queue: String,
    /// When it was made.
    pub(crate) at: Timestamp,
    /// Who made it.
    pub(crate) by: String,
    /// The filter in words.
    pub(crate) filter: String,
}

/// A message, as it was when the plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The service's id.
    pub(crate) message: String,
    /// Of its body.
    pub(crate) digest: String,
    /// The stream of its event; empty if the body is no event.
    pub(crate) stream: String,
    /// The order that it is about. Messages of one order are sent in the order of `event_version`.
    pub(crate) order: Option<String>,
    /// The version of the commit that its event is of.
    pub(crate) event_version: Option<u64>,
    /// The newest version of the stream.
    pub(crate) stream_version: u64,
    /// Whether its work was still to be done.
    pub(crate) work: Work,
    /// The failure's code.
    pub(crate) code: String,
    /// The failure in words.
    pub(crate) cause: String,
    /// The partner, if it is known.
    pub(crate) partner: Option<String>,
    /// Deliveries before it was parked.
    pub(crate) attempts: u32,
    /// When it came into the queue.
    pub(crate) sent_at: Timestamp,
}

/// A plan that is read or made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) header: Header,
    pub(crate) entries: Vec<Entry>,
}

/// The format that this release writes and reads.
const FORMAT: u32 = 1;

/// Makes a plan for the messages of `header.queue` that match `filter`: at most [`WINDOW`], the first that come.
///
/// # Errors
/// Failures of the queue and of the journal.
pub(crate) async fn make(
    queues: &impl Queues,
    streams: &impl Streams,
    mut header: Header,
    filter: &Filter,
    progress: impl FnMut(u64, u64),
) -> Result<(Plan, Pass), Failure> {
    let mut letters = Vec::new();
    let visit = |mut letter: DeadLetter| {
        if filter.matches(&letter) {
            // Only the digest goes into the plan.
            letter.body = String::new();
            letters.push(letter);
        }
        if letters.len() >= WINDOW { Then::Enough } else { Then::GiveBack }
    };
    let passed = pass(queues, &header.queue, None, visit, progress).await?;
    let mut looks: BTreeMap<String, Look> = BTreeMap::new();
    let mut entries = Vec::with_capacity(letters.len());
    for letter in letters {
        let look = match looks.get(&letter.stream) {
            Some(look) => look,
            None => looks.entry(letter.stream.clone()).or_insert(streams.look(&letter.stream).await?),
        };
        entries.push(entry(letter, look));
    }
    entries.sort_by(|a, b| sequence(a).cmp(&sequence(b)));
    let digests: Vec<&str> = entries.iter().map(|entry| entry.message.as_str()).collect();
    let at = header.at.to_string();
    let parts: Vec<&str> = [header.queue.as_str(), &at, &header.by].into_iter().chain(digests).collect();
    header.plan = format!("plan_{}", base32(&fingerprint(&parts), 12));
    header.format = FORMAT;
    Ok((Plan { header, entries }, passed))
}

fn entry(letter: DeadLetter, look: &Look) -> Entry {
    Entry {
        work: look.work(&letter),
        stream_version: look.version,
        message: letter.message,
        digest: letter.digest,
        stream: letter.stream,
        order: letter.order,
        event_version: letter.event_version,
        code: letter.code,
        cause: letter.cause,
        partner: letter.partner,
        attempts: letter.attempts,
        sent_at: letter.sent_at,
    }
}

/// By what entries are sorted: by order, and within an order as its events were committed.
fn sequence(entry: &Entry) -> (&Option<String>, Option<u64>, Timestamp, &str) {
    (&entry.order, entry.event_version, entry.sent_at, &entry.message)
}

impl Plan {
    /// The entries in parts of at most about `size`, the messages of one order never in two parts.
    pub(crate) fn parts(&self, size: usize) -> Vec<Vec<Entry>> {
        let mut entries = self.entries.clone();
        // A reviewer may have moved lines.
        entries.sort_by(|a, b| sequence(a).cmp(&sequence(b)));
        let mut parts: Vec<Vec<Entry>> = Vec::new();
        let of_one = |a: &Entry, b: &Entry| a.order.is_some() && a.order == b.order;
        for together in entries.chunk_by(of_one) {
            match parts.last_mut() {
                Some(part) if part.len() + together.len() <= size => part.extend_from_slice(together),
                Some(_) | None => parts.push(together.to_vec()),
            }
        }
        parts
    }

    /// Writes the file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(&self, mut file: impl Write) -> Result<(), String> {
        let unwritten = |why: &dyn std::fmt::Display| format!("the plan cannot be written: {why}");
        let line = |document: serde_json::Result<String>| document.map_err(|why| unwritten(&why));
        writeln!(file, "{}", line(serde_json::to_string(&self.header))?).map_err(|why| unwritten(&why))?;
        for entry in &self.entries {
            writeln!(file, "{}", line(serde_json::to_string(entry))?).map_err(|why| unwritten(&why))?;
        }
        file.flush().map_err(|why| unwritten(&why))
    }

    /// Reads the file.
    ///
    /// # Errors
    /// It is no plan, or of another release.
    pub(crate) fn read(file: impl BufRead) -> Result<Self, String> {
        let mut lines = file.lines().zip(1..);
        let (first, _) = lines.next().ok_or("the plan is empty")?;
        let first = first.map_err(|why| format!("the plan cannot be read: {why}"))?;
        let header: Header =
            serde_json::from_str(&first).map_err(|why| format!("line 1 is no plan's header: {why}"))?;
        if header.format != FORMAT {
            return Err(format!(
                "the plan has format {}, and this release reads {FORMAT}: make it again",
                header.format
            ));
        }
        let mut entries = Vec::new();
        for (line, number) in lines {
            let line = line.map_err(|why| format!("the plan cannot be read: {why}"))?;
            if !line.trim().is_empty() {
                entries.push(serde_json::from_str(&line).map_err(|why| format!("line {number}: {why}"))?);
            }
        }
        Ok(Self { header, entries })
    }
}
