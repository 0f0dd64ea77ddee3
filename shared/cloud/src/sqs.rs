//! The runner of steps: functions that a queue feeds.

use std::rc::Rc;

use engine::batch::{self, Record};
use engine::{Context, Failure, Outcome, Work};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::runtime::{self, Answer, Exit, InvocationError, Payload};
use crate::start::{Start, StartError};

/// Runs a step until Lambda ends the process. The messages of a batch are processed concurrently, each by itself.
///
/// `function` is the step's name, `ports` sets up its ports, `handle` is the step itself.
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

/// The messages of a batch.
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

/// The answer, with the ids of the messages that have to be delivered again. If one of them has no id, the invocation
/// fails and the whole batch is delivered again, because an answer with an empty id would be read as one without
/// failures.
fn report(to_retry: Vec<String>) -> Result<Payload, InvocationError> {
    if to_retry.iter().any(String::is_empty) {
        return Err(InvocationError(
            "the whole batch has to be delivered again, because of a message without an id".to_owned(),
        ));
    }
    let failed = to_retry.into_iter().map(|item_identifier| Failed { item_identifier });
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
    fn a_message_is_read_with_its_earlier_deliveries() {
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
    fn an_answer_never_has_an_empty_id() {
        let without_id = records(&payload(r#"{"Records":[{"body":"x"}]}"#)).unwrap().remove(0);
        assert_eq!(without_id.id, "");
        assert!(report(vec!["m1".to_owned(), without_id.id]).is_err());
        let one = report(vec!["m1".to_owned()]).unwrap();
        assert_eq!(one.get(), r#"{"batchItemFailures":[{"itemIdentifier":"m1"}]}"#);
        assert_eq!(report(vec![]).unwrap().get(), r#"{"batchItemFailures":[]}"#);
    }

    #[test]
    fn a_payload_that_is_no_batch_fails() {
        assert!(records(&payload(r#"{"detail":{}}"#)).is_err());
    }
}
