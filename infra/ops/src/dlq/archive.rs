//! Messages in a file: exported from a dead-letter queue, and imported into it again.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};

use engine::Failure;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::audit::Audit;
use crate::dlq::apply::subject;
use crate::dlq::filter::Filter;
use crate::dlq::letter::{DeadLetter, digest_of, function_of};
use crate::dlq::pass::{Pass, Then, pass};
use crate::dlq::ports::Queues;

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exported {
    /// The dead-letter queue.
    pub(crate) queue: String,
    /// Of the body.
    pub(crate) digest: String,
    /// When it came into the queue.
    pub(crate) sent_at: Timestamp,
    /// What it was parked with.
    pub(crate) attributes: BTreeMap<String, String>,
    /// As it was sent.
    pub(crate) body: String,
}

/// Writes the messages of `queue` that match to `file`, a line each. They stay in the queue. Returns how many.
///
/// # Errors
/// Failures of the queue; the file cannot be written.
pub(crate) async fn export(
    queues: &impl Queues,
    queue: &str,
    filter: &Filter,
    mut file: impl Write,
    progress: impl FnMut(u64, u64),
) -> Result<(u64, Pass), String> {
    let (mut count, mut written) = (0, Ok(()));
    let visit = |letter: DeadLetter| {
        if !filter.matches(&letter) {
            return Then::GiveBack;
        }
        let DeadLetter { digest, sent_at, attributes, body, .. } = letter;
        let line = Exported { queue: queue.to_owned(), digest, sent_at, attributes, body };
        written = serde_json::to_string(&line)
            .map_err(|why| why.to_string())
            .and_then(|line| writeln!(file, "{line}").map_err(|why| why.to_string()));
        count += 1;
        if written.is_ok() { Then::GiveBack } else { Then::Enough }
    };
    let passed = pass(queues, queue, None, visit, progress).await;
    written.and_then(|()| file.flush().map_err(|why| why.to_string())).map_err(|why| format!("the file: {why}"))?;
    Ok((count, passed.map_err(|failure| crate::output::words(&failure))?))
}

/// Reads a file of [`export`].
///
/// # Errors
/// A line is none of its, or its body has another digest.
pub(crate) fn read(file: impl BufRead) -> Result<Vec<Exported>, String> {
    let mut messages = Vec::new();
    for (line, number) in file.lines().zip(1..) {
        let line = line.map_err(|why| format!("line {number}: {why}"))?;
        let message: Exported = serde_json::from_str(&line).map_err(|why| format!("line {number}: {why}"))?;
        if digest_of(&message.body) != message.digest {
            return Err(format!(
                "line {number}: the body is not the one that was exported; an edited delivery is stored by `dlq edit`"
            ));
        }
        messages.push(message);
    }
    Ok(messages)
}

/// Who imports what, for the audit records.
pub(crate) struct Import<'a> {
    pub(crate) who: &'a str,
    pub(crate) why: &'a str,
    /// Names this file in the audit records: a second run of the same file leaves out what the first one sent.
    pub(crate) file: &'a str,
    pub(crate) now: Timestamp,
}

/// Sends messages into the dead-letter queues that they came from. Returns how many; one that this file has sent before is
/// left out.
///
/// # Errors
/// Failures of the queue and of the audit table; a message without its first record is not sent.
pub(crate) async fn import(
    queues: &impl Queues,
    audit: &impl Audit,
    messages: &[Exported],
    import: &Import<'_>,
    mut progress: impl FnMut(u64, u64),
) -> Result<u64, Failure> {
    let Import { who, why, file, now } = import;
    let mut count = 0;
    for (done, message) in (1..).zip(messages) {
        let subject = subject(function_of(&message.queue), &message.digest);
        let name = |part: &str| format!("import_{file}/{done}/{part}");
        let document = json!({"at": now, "who": who, "why": why, "how": "import", "queue": message.queue,
            "digest": message.digest, "sent_at": message.sent_at});
        let document = document.to_string();
        let records = audit.records(&subject).await?;
        if !records.iter().any(|(entry, _)| *entry == name("2-done")) {
            audit.record(&subject, &name("1-intent"), &document).await?;
            queues.send(&message.queue, &message.body, &message.attributes).await?;
            audit.record(&subject, &name("2-done"), &document).await?;
            count += 1;
        }
        progress(done, messages.len() as u64);
    }
    Ok(count)
}
