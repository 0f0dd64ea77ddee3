//! Queues on SQS: a function's own queue and dead-letter queue, and the queues of all steps, to which due items are
//! sent.

use std::borrow::Cow;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use engine::batch::{Parked, Queue};
use engine::stores::Queues;
use engine::{Code, Failure};

use crate::errors::failure;

/// A function's own queue and its dead-letter queue.
#[derive(Debug, Clone)]
pub struct OwnQueue {
    client: Client,
    queue: String,
    dlq: String,
}

impl OwnQueue {
    /// `queue` is empty for a function that a stream feeds.
    pub(crate) fn new(client: Client, queue: String, dlq: String) -> Self {
        Self { client, queue, dlq }
    }
}

impl Queue for OwnQueue {
    async fn delay(&self, receipt: &str, pause: Duration) -> Result<(), Failure> {
        let change = self.client.change_message_visibility().queue_url(&self.queue).receipt_handle(receipt);
        // In whole seconds, rounded up; the service's limit is twelve hours.
        let seconds = pause.as_millis().div_ceil(1_000).min(43_200);
        let change = change.visibility_timeout(i32::try_from(seconds).unwrap_or(43_200));
        change.send().await.map(|_| ()).map_err(|e| failure("ChangeMessageVisibility", &e))
    }

    async fn park(&self, parked: &Parked) -> Result<(), Failure> {
        let mut send = self.client.send_message().queue_url(&self.dlq).message_body(sendable(&parked.body));
        let attempts = parked.attempts.to_string();
        let first_received = parked.first_received.to_string();
        for (name, kind, value) in [
            ("code", "String", parked.code.as_str()),
            ("function", "String", parked.function),
            ("correlation_id", "String", &parked.correlation),
            ("stream", "String", &parked.stream),
            ("attempts", "Number", &attempts),
            ("first_received", "String", &first_received),
            ("cause", "String", &parked.cause),
        ] {
            // The service rejects an empty attribute.
            if !value.is_empty() {
                send = send.message_attributes(name, attribute(kind, &sendable(value))?);
            }
        }
        send.send().await.map(|_| ()).map_err(|e| failure("SendMessage to the dead-letter queue", &e))
    }
}

/// The queues of all steps. A queue's URL is the prefix followed by the function's name.
#[derive(Debug, Clone)]
pub struct StepQueues {
    client: Client,
    prefix: String,
}

/// The service's limit of messages per call.
const MAX_ENTRIES: usize = 10;

/// Of the text in one call. The service's limit is 1 MiB.
const MAX_BYTES: usize = 900 * 1_024;

impl StepQueues {
    pub(crate) fn new(client: Client, prefix: String) -> Self {
        Self { client, prefix }
    }

    /// Makes one call. Returns the indices of the messages that the queue did not accept.
    async fn send_chunk(&self, function: &str, bodies: &[Cow<'_, str>]) -> Result<Vec<usize>, Failure> {
        let mut batch = self.client.send_message_batch().queue_url(format!("{}{function}", self.prefix));
        for (index, body) in bodies.iter().enumerate() {
            let entry = SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(body.as_ref());
            batch = batch.entries(entry.build().map_err(unbuilt)?);
        }
        let answer = batch.send().await.map_err(|e| failure("SendMessageBatch", &e))?;
        for rejected in answer.failed() {
            let (code, sender_fault) = (rejected.code(), rejected.sender_fault());
            tracing::warn!(function, code, sender_fault, "the queue of {function} rejected a message: {code}");
        }
        let accepted = answer.successful();
        let is_rejected = |index: &usize| !accepted.iter().any(|entry| entry.id() == index.to_string());
        Ok((0..bodies.len()).filter(is_rejected).collect())
    }
}

impl Queues for StepQueues {
    async fn send(&self, function: &str, bodies: &[String]) -> Result<Vec<usize>, Failure> {
        let bodies: Vec<Cow<'_, str>> = bodies.iter().map(|body| sendable(body)).collect();
        let mut rejected = Vec::new();
        let mut sent = 0;
        while let Some(rest) = bodies.get(sent..).filter(|rest| !rest.is_empty()) {
            let (chunk, _) = rest.split_at(chunk_length(rest));
            match self.send_chunk(function, chunk).await {
                Ok(indices) => rejected.extend(indices.into_iter().map(|index| sent + index)),
                // Do not fail the call: earlier messages were accepted, and the caller must not send them again.
                Err(Failure::Transient { code, cause }) if sent > 0 => {
                    tracing::warn!(function, code = code.as_str(), %cause, "the queue of {function} accepted {sent} messages");
                    rejected.extend(sent..bodies.len());
                    break;
                }
                Err(failure) => return Err(failure),
            }
            sent += chunk.len();
        }
        Ok(rejected)
    }
}

/// How many of the first messages fit in one call, at least one.
fn chunk_length(bodies: &[Cow<'_, str>]) -> usize {
    let mut bytes = 0;
    let fits = |body: &&Cow<'_, str>| {
        bytes += body.len();
        bytes <= MAX_BYTES
    };
    bodies.iter().take(MAX_ENTRIES).take_while(fits).count().max(1)
}

fn unbuilt(error: impl std::fmt::Display) -> Failure {
    Failure::permanent(Code::StoreRefused, format!("the message could not be built: {error}"))
}

fn attribute(kind: &str, value: &str) -> Result<MessageAttributeValue, Failure> {
    MessageAttributeValue::builder().data_type(kind).string_value(value).build().map_err(unbuilt)
}

/// `body` with each character that SQS would replace or reject (those that XML does not allow) as a `\u` escape. In
/// JSON text it means the same.
pub(crate) fn sendable(body: &str) -> Cow<'_, str> {
    let is_not_xml =
        |c: char| matches!(c, '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    if !body.contains(is_not_xml) {
        return Cow::Borrowed(body);
    }
    let mut escaped = String::with_capacity(body.len() + 16);
    for c in body.chars() {
        if is_not_xml(c) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::canned::Canned;

    #[tokio::test]
    async fn rejected_messages_are_returned_by_index() {
        let failed = json!({ "Id": "1", "SenderFault": false, "Code": "InternalError" });
        let accepted = |id: &str| json!({ "Id": id, "MessageId": "m", "MD5OfMessageBody": "x" });
        let canned = Canned::always(200, json!({ "Successful": [accepted("0"), accepted("2")], "Failed": [failed] }));
        let queues = StepQueues::new(canned.aws().sqs(), "https://sqs/prefix-".to_owned());
        let bodies = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(queues.send("order-price", &bodies).await, Ok(vec![1]));
        assert_eq!(canned.calls()[0].1["QueueUrl"], "https://sqs/prefix-order-price");
    }

    #[tokio::test]
    async fn a_pause_is_rounded_up_to_whole_seconds() {
        let canned = Canned::always(200, json!({}));
        let own = OwnQueue::new(canned.aws().sqs(), "https://sqs/q".to_owned(), "https://sqs/dlq".to_owned());
        for (pause, seconds) in
            [(Duration::from_millis(500), 1), (Duration::from_millis(1_500), 2), (Duration::MAX, 43_200)]
        {
            own.delay("r", pause).await.unwrap();
            assert_eq!(canned.calls().last().unwrap().1["VisibilityTimeout"], seconds);
        }
    }

    #[test]
    fn characters_that_sqs_would_replace_are_escaped_as_json() {
        let body = "{\"a\":\"\u{ffff}\u{fffe} \u{10ffff} \u{e9}\t\"}";
        let sent = sendable(body);
        assert_eq!(sent, "{\"a\":\"\\uffff\\ufffe \u{10ffff} \u{e9}\t\"}");
        assert!(matches!(sendable("{\"a\":\"plain\"}"), Cow::Borrowed(_)));
        let json = "{\"a\":\"\u{ffff}\"}";
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(json), read(&sendable(json)));
        assert_eq!(sendable("\u{1}x"), "\\u0001x");
    }
}
