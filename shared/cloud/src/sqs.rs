//! Steps: functions that a queue feeds.

use std::rc::Rc;

use engine::batch::{self, Record};
use engine::{Context, Failure, Outcome, Work};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::runtime::{self, Answer, Exit, InvocationError, Payload};
use crate::start::{Start, StartError};

/// Runs a step until Lambda ends the process: its messages concurrently, each settled by itself.
///
/// `function` is the step's name, `ports` sets up what it may touch, `handle` carries it out.
pub async fn step<P: 'static, W: Work + 'static>(
    function: &'static str,
    ports: impl AsyncFnOnce(&Start) -> Result<P, StartError>,
    handle: impl AsyncFn(&P, W, &Context) -> Result<Outcome, Failure> + 'static,
) -> Exit {
    let answer = |start: Start, ports: P| -> Result<Answer, StartError> {
        let (queue, due, step) = (start.own_queue(true)?, start.due()?, start.step());
        let shared = Rc::new((ports, handle, queue, due, step));
        Ok(Box::new(move |payload| {
            let shared = shared.clone();
            Box::pin(async move {
                let (ports, handle, queue, due, step) = &*shared;
                let records = records(&payload)?;
                let rng = || fastrand::u32(0..1_000);
                let one = |work: W, cx: Context| async move { handle(ports, work, &cx).await };
                report(batch::run(step, &records, Timestamp::now, rng, queue, due, one).await)
            })
        }))
    };
    runtime::run(function, ports, answer).await
}

#[derive(Deserialize)]
struct Messages {
    #[serde(rename = "Records")]
    records: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    #[serde(default)]
    message_id: String,
    #[serde(default)]
    receipt_handle: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Attributes {
    approximate_receive_count: String,
    approximate_first_receive_timestamp: String,
}

/// A batch's messages.
fn records(payload: &Payload) -> Result<Vec<Record>, InvocationError> {
    let unread =
        |e: serde_json::Error| InvocationError(format!("not messages of a queue: {}", engine::redact::json_error(&e)));
    let messages: Messages = serde_json::from_str(payload.get()).map_err(unread)?;
    let record = |message: Message| Record {
        id: message.message_id,
        receipt: message.receipt_handle,
        body: message.body,
        receive_count: message.attributes.approximate_receive_count.parse().unwrap_or(1),
        first_received: message
            .attributes
            .approximate_first_receive_timestamp
            .parse()
            .ok()
            .and_then(|millis| Timestamp::from_millisecond(millis).ok())
            .unwrap_or(Timestamp::UNIX_EPOCH),
    };
    Ok(messages.records.into_iter().map(record).collect())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    batch_item_failures: Vec<Failed>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failed {
    item_identifier: String,
}

/// The answer that names the messages to be delivered again. One that has no name cannot be named: then all of them come
/// again, which each of them bears, because an answer with an empty name would be taken as one without any.
fn report(again: Vec<String>) -> Result<Payload, InvocationError> {
    if again.iter().any(String::is_empty) {
        return Err(InvocationError(
            "a message without an id has to be delivered again, and so the whole batch".to_owned(),
        ));
    }
    let failed = again.into_iter().map(|item_identifier| Failed { item_identifier });
    runtime::json(&Report { batch_item_failures: failed.collect() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn payload(json: &str) -> Payload {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_message_is_read_with_its_history() {
        let event = payload(
            r#"{"Records":[{"messageId":"m1","receiptHandle":"r1","body":"{\"a\":1}","attributes":{
            "ApproximateReceiveCount":"3","SentTimestamp":"1","ApproximateFirstReceiveTimestamp":"1545082649185"},
            "messageAttributes":{},"eventSource":"aws:sqs"}]}"#,
        );
        let record = records(&event).unwrap().remove(0);
        assert_eq!((record.id.as_str(), record.receipt.as_str(), record.body.as_str()), ("m1", "r1", "{\"a\":1}"));
        assert_eq!(record.receive_count, 3);
        assert_eq!(record.first_received.as_millisecond(), 1_545_082_649_185);
    }

    #[test]
    fn a_message_without_an_id_is_never_answered_with_an_empty_name() {
        let nameless = records(&payload(r#"{"Records":[{"body":"x"}]}"#)).unwrap().remove(0);
        assert_eq!(nameless.id, "");
        assert!(report(vec!["m1".to_owned(), nameless.id]).is_err());
        let named = report(vec!["m1".to_owned()]).unwrap();
        assert_eq!(named.get(), r#"{"batchItemFailures":[{"itemIdentifier":"m1"}]}"#);
        assert_eq!(report(vec![]).unwrap().get(), r#"{"batchItemFailures":[]}"#);
    }

    #[test]
    fn what_is_no_batch_is_not_answered() {
        assert!(records(&payload(r#"{"detail":{}}"#)).is_err());
    }
}
