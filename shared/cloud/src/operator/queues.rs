//! Queues as an operator handles them: looked at, received from, sent to. A queue's name is without the deployment's
//! prefix, such as `order-price-dlq`.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName,
    QueueAttributeName,
};
use engine::{Code, Failure};
use jiff::Timestamp;

use crate::errors::failure;
use crate::queues::sendable;

/// All queues of a deployment.
#[derive(Debug, Clone)]
pub struct OperatorQueues {
    client: Client,
    prefix: String,
}

/// What the service says of a queue. Its counts are approximate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueFacts {
    /// Messages that can be received now.
    pub depth: u64,
    /// Messages that a receiver holds now.
    pub in_flight: u64,
    /// How long the queue keeps a message after it was sent.
    pub retention: Duration,
}

/// A message that is held until its receipt lapses. `Debug` leaves the body out.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// The service's id; another one after every redrive.
    pub id: String,
    /// Names this delivery in the calls that end it.
    pub receipt: String,
    /// As it was sent.
    pub body: String,
    /// The sender's attributes, as texts.
    pub attributes: BTreeMap<String, String>,
    /// When it was sent to this queue.
    pub sent_at: Timestamp,
    /// How often it was received from this queue, by any receiver.
    pub receive_count: u32,
}

impl fmt::Debug for ReceivedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReceivedMessage({} delivery {})", self.id, self.receive_count)
    }
}

/// The service's limit of messages per call.
const MAX_ENTRIES: usize = 10;

impl OperatorQueues {
    pub(crate) fn new(client: Client, prefix: String) -> Self {
        Self { client, prefix }
    }

    /// The names of all queues, in order.
    ///
    /// # Errors
    /// Failures of the service.
    pub async fn names(&self) -> Result<Vec<String>, Failure> {
        let beginning = self.prefix.rsplit('/').next().unwrap_or_default();
        let (mut names, mut next) = (Vec::new(), None);
        loop {
            let call = self.client.list_queues().queue_name_prefix(beginning).max_results(1_000).set_next_token(next);
            let page = call.send().await.map_err(|e| failure("ListQueues", &e))?;
            let urls = page.queue_urls.unwrap_or_default();
            let name =
                |url: &String| url.rsplit('/').next().and_then(|name| name.strip_prefix(beginning)).map(str::to_owned);
            names.extend(urls.iter().filter_map(name));
            match page.next_token {
                Some(token) if !token.is_empty() => next = Some(token),
                Some(_) | None => break,
            }
        }
        names.sort();
        Ok(names)
    }

    /// What the service says of a queue.
    ///
    /// # Errors
    /// Failures of the service; there is no such queue.
    pub async fn facts(&self, queue: &str) -> Result<QueueFacts, Failure> {
        use QueueAttributeName::{
            ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible, MessageRetentionPeriod,
        };
        let call = self.client.get_queue_attributes().queue_url(self.url(queue)).set_attribute_names(Some(vec![
            ApproximateNumberOfMessages,
            ApproximateNumberOfMessagesNotVisible,
            MessageRetentionPeriod,
        ]));
        let attributes =
            call.send().await.map_err(|e| failure("GetQueueAttributes", &e))?.attributes.unwrap_or_default();
        let number = |name: &QueueAttributeName| {
            let text = attributes.get(name).and_then(|text| text.parse::<u64>().ok());
            text.ok_or_else(|| unusable(format!("the queue {queue} does not say its {}", name.as_str())))
        };
        Ok(QueueFacts {
            depth: number(&ApproximateNumberOfMessages)?,
            in_flight: number(&ApproximateNumberOfMessagesNotVisible)?,
            retention: Duration::from_secs(number(&MessageRetentionPeriod)?),
        })
    }

    /// Receives at most ten messages and holds them for `hold`, in whole seconds. It waits for a second where there are
    /// none, because only then does the service ask all of its servers.
    ///
    /// # Errors
    /// Failures of the service.
    pub async fn receive(&self, queue: &str, hold: Duration) -> Result<Vec<ReceivedMessage>, Failure> {
        let call =
            self.client.receive_message().queue_url(self.url(queue)).max_number_of_messages(10).wait_time_seconds(1);
        let call = call.visibility_timeout(seconds(hold)).message_attribute_names("All");
        let call = call.message_system_attribute_names(MessageSystemAttributeName::All);
        let answer = call.send().await.map_err(|e| failure("ReceiveMessage", &e))?;
        Ok(answer.messages.unwrap_or_default().into_iter().map(received).collect())
    }

    /// Holds received messages for `hold` from now on; zero gives them back at once. A receipt that lapsed is no failure:
    /// its message is back already.
    ///
    /// # Errors
    /// Failures of the service.
    pub async fn hold(&self, queue: &str, receipts: &[String], hold: Duration) -> Result<(), Failure> {
        for chunk in receipts.chunks(MAX_ENTRIES) {
            let mut call = self.client.change_message_visibility_batch().queue_url(self.url(queue));
            for (index, receipt) in chunk.iter().enumerate() {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(index.to_string());
                let entry = entry.receipt_handle(receipt).visibility_timeout(seconds(hold)).build();
                call = call.entries(entry.map_err(|e| unusable(e.to_string()))?);
            }
            call.send().await.map_err(|e| failure("ChangeMessageVisibilityBatch", &e))?;
        }
        Ok(())
    }

    /// Sends a message.
    ///
    /// # Errors
    /// Failures of the service.
    pub async fn send(&self, queue: &str, body: &str, attributes: &BTreeMap<String, String>) -> Result<(), Failure> {
        let mut call = self.client.send_message().queue_url(self.url(queue)).message_body(sendable(body));
        for (name, value) in attributes.iter().filter(|(_, value)| !value.is_empty()) {
            let value = MessageAttributeValue::builder().data_type("String").string_value(sendable(value)).build();
            call = call.message_attributes(name, value.map_err(|e| unusable(e.to_string()))?);
        }
        call.send().await.map(|_| ()).map_err(|e| failure("SendMessage", &e))
    }

    /// Deletes a received message.
    ///
    /// # Errors
    /// Failures of the service.
    pub async fn delete(&self, queue: &str, receipt: &str) -> Result<(), Failure> {
        let call = self.client.delete_message().queue_url(self.url(queue)).receipt_handle(receipt);
        call.send().await.map(|_| ()).map_err(|e| failure("DeleteMessage", &e))
    }

    fn url(&self, queue: &str) -> String {
        format!("{}{queue}", self.prefix)
    }
}

fn received(message: Message) -> ReceivedMessage {
    let of_service = message.attributes.unwrap_or_default();
    let number = |name: &MessageSystemAttributeName| of_service.get(name).and_then(|text| text.parse::<i64>().ok());
    let sent_at =
        number(&MessageSystemAttributeName::SentTimestamp).and_then(|at| Timestamp::from_millisecond(at).ok());
    let receive_count = number(&MessageSystemAttributeName::ApproximateReceiveCount);
    let text = |(name, value): (String, MessageAttributeValue)| Some((name, value.string_value?));
    ReceivedMessage {
        id: message.message_id.unwrap_or_default(),
        receipt: message.receipt_handle.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        attributes: message.message_attributes.unwrap_or_default().into_iter().filter_map(text).collect(),
        sent_at: sent_at.unwrap_or(Timestamp::UNIX_EPOCH),
        receive_count: receive_count.and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
    }
}

/// In whole seconds, rounded up; the service's limit is twelve hours.
fn seconds(pause: Duration) -> i32 {
    i32::try_from(pause.as_millis().div_ceil(1_000)).unwrap_or(i32::MAX).min(43_200)
}

fn unusable(why: String) -> Failure {
    Failure::permanent(Code::StoreRefused, why)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::canned::Canned;

    fn queues(canned: &Canned) -> OperatorQueues {
        OperatorQueues::new(canned.aws().sqs(), "https://sqs/1/crossdock-".to_owned())
    }

    #[tokio::test]
    async fn names_are_read_to_the_last_page_and_lose_the_prefix() {
        let canned = Canned::new(|earlier, _| {
            Some((
                200,
                match earlier {
                    0 => json!({ "QueueUrls": ["https://sqs/1/crossdock-order-price-dlq"], "NextToken": "t" }),
                    _ => json!({ "QueueUrls": ["https://sqs/1/crossdock-order-price"] }),
                },
            ))
        });
        assert_eq!(queues(&canned).names().await.unwrap(), ["order-price", "order-price-dlq"]);
        assert_eq!(canned.calls()[0].1["QueueNamePrefix"], "crossdock-");
    }

    #[tokio::test]
    async fn a_message_is_received_with_its_attributes_and_times() {
        let message = json!({ "MessageId": "m", "ReceiptHandle": "r", "Body": "b",
            "Attributes": { "SentTimestamp": "1545082649185", "ApproximateReceiveCount": "3" },
            "MessageAttributes": { "code": { "DataType": "String", "StringValue": "MSG-004" } } });
        let canned = Canned::always(200, json!({ "Messages": [message] }));
        let held = queues(&canned).receive("order-price-dlq", Duration::from_millis(1_500)).await.unwrap().remove(0);
        assert_eq!((held.id.as_str(), held.receipt.as_str(), held.body.as_str()), ("m", "r", "b"));
        assert_eq!((held.sent_at.as_millisecond(), held.receive_count), (1_545_082_649_185, 3));
        assert_eq!(held.attributes["code"], "MSG-004");
        let asked = &canned.calls()[0].1;
        assert_eq!(asked["VisibilityTimeout"], 2);
        assert_eq!(asked["QueueUrl"], "https://sqs/1/crossdock-order-price-dlq");
    }

    #[tokio::test]
    async fn messages_are_given_back_ten_at_a_time() {
        let canned = Canned::always(200, json!({ "Successful": [], "Failed": [] }));
        let receipts: Vec<String> = (0..23).map(|n| format!("r{n}")).collect();
        queues(&canned).hold("order-price-dlq", &receipts, Duration::ZERO).await.unwrap();
        let sizes: Vec<usize> =
            canned.calls().iter().map(|(_, call)| call["Entries"].as_array().unwrap().len()).collect();
        assert_eq!(sizes, [10, 10, 3]);
        assert_eq!(canned.calls()[0].1["Entries"][0]["VisibilityTimeout"], 0);
    }
}
