//! The event bus.

use std::time::Duration;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use engine::Failure;
use engine::relay::{Bus, Entry};

use crate::errors::failure;

/// EventBridge's bus of this deployment.
#[derive(Debug, Clone)]
pub struct EventBus {
    client: Client,
    name: String,
}

/// What rules know our events by.
const SOURCE: &str = "crossdock";

/// The most entries of one call.
const MOST_ENTRIES: usize = 10;

/// The most bytes of one call: below the service's 1 MiB, which counts more than our text.
const MOST_BYTES: usize = 900 * 1_024;

/// Waited after a refusal: a bus that refuses is busy, and the caller comes back at once.
const BREATH: Duration = Duration::from_millis(100);

impl EventBus {
    pub(crate) fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// One call. Returns the places of the refused entries in `entries`.
    async fn put(&self, entries: &[Entry]) -> Result<Vec<usize>, Failure> {
        let request = |entry: &Entry| {
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.name)
                .source(SOURCE)
                .detail_type(&entry.kind)
                .detail(&entry.detail)
                .build()
        };
        let put = self.client.put_events().set_entries(Some(entries.iter().map(request).collect()));
        let answer = put.send().await.map_err(|e| failure("PutEvents", &e))?;
        let results = answer.entries();
        // An entry that the answer does not mention was not promised to anybody.
        let refused = |place: &usize| results.get(*place).is_none_or(|result| result.event_id().is_none());
        let refused: Vec<usize> = (0..entries.len()).filter(refused).collect();
        if let Some(first) = refused.first() {
            let code = results.get(*first).and_then(|result| result.error_code()).unwrap_or("no answer");
            tracing::warn!(code, refused = refused.len(), of = entries.len(), "the bus refused entries: {code}");
        }
        Ok(refused)
    }
}

impl Bus for EventBus {
    async fn publish(&self, entries: &[Entry]) -> Result<Vec<usize>, Failure> {
        let mut refused = Vec::new();
        let mut sent = 0;
        while let Some(rest) = entries.get(sent..).filter(|rest| !rest.is_empty()) {
            let (chunk, _) = rest.split_at(chunk_length(rest));
            match self.put(chunk).await {
                Ok(places) => refused.extend(places.into_iter().map(|place| sent + place)),
                // Something is on the bus already: only the rest is left over.
                Err(Failure::Transient { code, cause }) if sent > 0 => {
                    tracing::warn!(code = code.as_str(), %cause, "the bus took {sent} of {} entries", entries.len());
                    refused.extend(sent..entries.len());
                    break;
                }
                Err(failure) => return Err(failure),
            }
            sent += chunk.len();
        }
        if !refused.is_empty() {
            tokio::time::sleep(BREATH).await;
        }
        Ok(refused)
    }
}

/// How many of the first entries fit one call; at least one.
fn chunk_length(entries: &[Entry]) -> usize {
    let mut bytes = 0;
    let fits = |entry: &&Entry| {
        bytes += SOURCE.len() + entry.kind.len() + entry.detail.len();
        bytes <= MOST_BYTES
    };
    entries.iter().take(MOST_ENTRIES).take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;
    use crate::canned::{Call, Canned, error};

    /// A bus that refuses the entries of which the detail is `refused`.
    fn picky(refused: &'static str) -> Canned {
        Canned::new(move |_, (_, input): &Call| {
            let result = |entry: &Value| {
                if entry["Detail"] == refused {
                    json!({ "ErrorCode": "ThrottlingException", "ErrorMessage": "busy" })
                } else {
                    json!({ "EventId": "e" })
                }
            };
            let results: Vec<Value> = input["Entries"].as_array().unwrap().iter().map(result).collect();
            let failed = results.iter().filter(|result| result["EventId"].is_null()).count();
            Some((200, json!({ "FailedEntryCount": failed, "Entries": results })))
        })
    }

    fn named(names: &[&str]) -> Vec<Entry> {
        names.iter().map(|name| Entry { kind: "order.priced".to_owned(), detail: (*name).to_owned() }).collect()
    }

    #[tokio::test]
    async fn refused_entries_are_told_by_their_place_although_the_call_succeeds() {
        let canned = picky("no");
        let bus = EventBus::new(canned.aws().eventbridge(), "bus".to_owned());
        let mut names = vec!["yes"; 25];
        (names[3], names[24]) = ("no", "no");
        assert_eq!(bus.publish(&named(&names)).await, Ok(vec![3, 24]));
        assert_eq!(canned.operations().len(), 3);
        let first = &canned.calls()[0].1["Entries"][0];
        assert_eq!((first["Source"].as_str(), first["EventBusName"].as_str()), (Some("crossdock"), Some("bus")));
    }

    #[tokio::test]
    async fn an_outage_in_the_middle_leaves_over_only_the_rest() {
        let canned = Canned::new(|n, (_, input): &Call| {
            let all: Vec<Value> =
                input["Entries"].as_array().unwrap().iter().map(|_| json!({ "EventId": "e" })).collect();
            if n == 0 { Some((200, json!({ "Entries": all }))) } else { Some((503, error("ServiceUnavailable"))) }
        });
        let bus = EventBus::new(canned.aws().eventbridge(), "bus".to_owned());
        assert_eq!(bus.publish(&named(&["yes"; 12])).await, Ok(vec![10, 11]));
        let down = Canned::always(503, error("ServiceUnavailable"));
        let bus = EventBus::new(down.aws().eventbridge(), "bus".to_owned());
        assert!(matches!(bus.publish(&named(&["yes"; 12])).await, Err(Failure::Transient { .. })));
    }

    #[tokio::test]
    async fn an_answer_that_mentions_too_few_entries_promised_nothing_for_the_rest() {
        let canned = Canned::always(200, json!({ "FailedEntryCount": 0, "Entries": [{ "EventId": "e" }] }));
        let bus = EventBus::new(canned.aws().eventbridge(), "bus".to_owned());
        assert_eq!(bus.publish(&named(&["a", "b"])).await, Ok(vec![1]));
    }

    fn entries(sizes: &[usize]) -> Vec<Entry> {
        sizes.iter().map(|size| Entry { kind: "k".to_owned(), detail: "x".repeat(*size) }).collect()
    }

    #[test]
    fn a_call_has_at_most_ten_entries_and_its_bytes_and_at_least_one_entry() {
        assert_eq!(chunk_length(&entries(&[10; 25])), 10);
        assert_eq!(chunk_length(&entries(&[400 * 1_024; 4])), 2);
        assert_eq!(chunk_length(&entries(&[MOST_BYTES + 1, 5])), 1);
    }
}
