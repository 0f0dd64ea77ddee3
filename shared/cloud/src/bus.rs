//! The event bus on EventBridge.

use std::time::Duration;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use engine::Failure;
use engine::relay::{Bus, Entry, Rejected};

use crate::errors::{entry_failure, failure};

/// The deployment's event bus.
#[derive(Debug, Clone)]
pub struct EventBus {
    client: Client,
    name: String,
}

/// The source of all entries, by which rules select.
const SOURCE: &str = "crossdock";

/// The service's limit of entries per call.
const MAX_ENTRIES: usize = 10;

/// Of the text in one call. The service's limit is 1 MiB and counts more than the text.
const MAX_BYTES: usize = 900 * 1_024;

/// The pause after a call with rejected entries: the bus is busy, and the caller resends them at once.
const PAUSE: Duration = Duration::from_millis(100);

impl EventBus {
    pub(crate) fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// Makes one call. Returns the rejected entries.
    async fn put(&self, entries: &[Entry]) -> Result<Vec<Rejected>, Failure> {
        let request = |entry: &Entry| {
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.name)
                .source(SOURCE)
                .detail_type(&entry.kind)
                .detail(&entry.detail)
                .set_resources((!entry.resources.is_empty()).then(|| entry.resources.clone()))
                .build()
        };
        let put = self.client.put_events().set_entries(Some(entries.iter().map(request).collect()));
        let answer = put.send().await.map_err(|e| failure(PUT, &e))?;
        let results = answer.entries();
        let rejected = |index: usize| match results.get(index) {
            Some(result) if result.event_id().is_some() => None,
            Some(result) => {
                let (code, why) = (result.error_code().unwrap_or_default(), result.error_message().unwrap_or_default());
                let for_good = OF_ENTRY.contains(&code).then(|| entry_failure(PUT, code, why));
                Some(Rejected { index, for_good })
            }
            // An entry that the answer leaves out may not be on the bus: send it again.
            None => Some(Rejected { index, for_good: None }),
        };
        let rejected: Vec<Rejected> = (0..entries.len()).filter_map(rejected).collect();
        if let Some(first) = rejected.first() {
            let code = results.get(first.index).and_then(|result| result.error_code()).unwrap_or("no answer");
            tracing::warn!(code, rejected = rejected.len(), of = entries.len(), "the bus rejected entries: {code}");
        }
        Ok(rejected)
    }

    /// Makes one call; if the bus refuses it as a whole and for good, one call for each entry, so that one entry that is too
    /// large holds up no other.
    async fn put_each(&self, entries: &[Entry]) -> Result<Vec<Rejected>, Failure> {
        let failure = match self.put(entries).await {
            Err(failure @ Failure::Permanent { .. }) => failure,
            answer @ (Ok(_) | Err(Failure::Deferred { .. } | Failure::Transient { .. })) => return answer,
        };
        if entries.len() < 2 {
            // Permission and name of the bus concern all entries: they are corrected in the deployment, and the entry waits.
            let is_of_entry =
                matches!(&failure, Failure::Permanent { cause, .. } if cause.contains("ValidationException"));
            return if is_of_entry { Ok(vec![Rejected { index: 0, for_good: Some(failure) }]) } else { Err(failure) };
        }
        let mut rejected = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let alone = Box::pin(self.put_each(std::slice::from_ref(entry))).await?;
            rejected.extend(alone.into_iter().map(|rejected| Rejected { index, ..rejected }));
        }
        Ok(rejected)
    }
}

const PUT: &str = "PutEvents";

/// The codes of an entry that no repetition can cure. Others concern the bus or our permissions, and end.
const OF_ENTRY: [&str; 2] = ["InvalidArgument", "MalformedDetail"];

impl Bus for EventBus {
    async fn publish(&self, entries: &[Entry]) -> Result<Vec<Rejected>, Failure> {
        let mut rejected = Vec::new();
        let mut sent = 0;
        while let Some(rest) = entries.get(sent..).filter(|rest| !rest.is_empty()) {
            let (chunk, _) = rest.split_at(chunk_length(rest));
            match self.put_each(chunk).await {
                Ok(more) => rejected.extend(more.into_iter().map(|it| Rejected { index: sent + it.index, ..it })),
                // Earlier calls succeeded, so that only the rest has to be sent again.
                Err(Failure::Transient { code, cause }) if sent > 0 => {
                    tracing::warn!(code = code.as_str(), %cause, "the bus accepted {sent} of {} entries", entries.len());
                    rejected.extend((sent..entries.len()).map(|index| Rejected { index, for_good: None }));
                    break;
                }
                Err(failure) => return Err(failure),
            }
            sent += chunk.len();
        }
        if rejected.iter().any(|rejected| rejected.for_good.is_none()) {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(rejected)
    }
}

/// How many of the first entries fit in one call, at least one.
fn chunk_length(entries: &[Entry]) -> usize {
    let mut bytes = 0;
    let fits = |entry: &&Entry| {
        let resources: usize = entry.resources.iter().map(String::len).sum();
        bytes += SOURCE.len() + entry.kind.len() + entry.detail.len() + resources;
        bytes <= MAX_BYTES
    };
    entries.iter().take(MAX_ENTRIES).take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;
    use crate::canned::{Call, Canned, error};

    /// A bus that rejects the entries with the detail `rejected`.
    fn rejecting(rejected: &'static str) -> Canned {
        Canned::new(move |_, (_, input): &Call| {
            let result = |entry: &Value| {
                if entry["Detail"] == rejected {
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

    fn again(indices: &[usize]) -> Result<Vec<Rejected>, Failure> {
        Ok(indices.iter().map(|index| Rejected { index: *index, for_good: None }).collect())
    }

    #[tokio::test]
    async fn f14_an_entry_that_the_bus_will_never_accept_is_told_apart_from_a_busy_bus() {
        let results = json!([{ "EventId": "e" }, { "ErrorCode": "MalformedDetail", "ErrorMessage": "x" }, { "ErrorCode": "InternalFailure" }]);
        let canned = Canned::always(200, json!({ "FailedEntryCount": 2, "Entries": results }));
        let bus = EventBus::new(canned.aws().eventbridge(), "bus".to_owned());
        let rejected = bus.publish(&with_details(&["a", "b", "c"])).await.unwrap();
        assert!(matches!(&rejected[0], Rejected { index: 1, for_good: Some(Failure::Permanent { .. }) }));
        assert_eq!(rejected[1], Rejected { index: 2, for_good: None });
    }

    #[tokio::test]
    async fn f14_an_entry_for_which_the_bus_refuses_the_whole_call_is_found() {
        let canned = Canned::new(|_, (_, input): &Call| {
            let entries = input["Entries"].as_array().unwrap();
            if entries.iter().any(|entry| entry["Detail"] == "huge") {
                return Some((400, error("ValidationException")));
            }
            let all: Vec<Value> = entries.iter().map(|_| json!({ "EventId": "e" })).collect();
            Some((200, json!({ "Entries": all })))
        });
        let bus = EventBus::new(canned.aws().eventbridge(), "bus".to_owned());
        let rejected = bus.publish(&with_details(&["a", "huge", "c"])).await.unwrap();
        assert!(matches!(&rejected[..], [Rejected { index: 1, for_good: Some(Failure::Permanent { .. }) }]));
        let denied = Canned::always(400, error("AccessDeniedException"));
        let bus = EventBus::new(denied.aws().eventbridge(), "bus".to_owned());
        assert!(bus.publish(&with_details(&["a", "b"])).await.is_err(), "what concerns all entries parks none");
    }

    fn with_details(details: &[&str]) -> Vec<Entry> {
        let entry = |detail: &&str| Entry {
            kind: "order.priced".to_owned(),
            detail: (*detail).to_owned(),
            resources: vec!["crossdock:step/credit-check".to_owned()],
        };
        details.iter().map(entry).collect()
    }

    #[tokio::test]
    async fn rejected_entries_of_a_successful_call_are_returned_by_index() {
        let canned = rejecting("no");
        let bus = EventBus::new(canned.aws().eventbridge(), "bus".to_owned());
        let mut details = vec!["yes"; 25];
        (details[3], details[24]) = ("no", "no");
        assert_eq!(bus.publish(&with_details(&details)).await, again(&[3, 24]));
        assert_eq!(canned.operations().len(), 3);
        let first = &canned.calls()[0].1["Entries"][0];
        assert_eq!((first["Source"].as_str(), first["EventBusName"].as_str()), (Some("crossdock"), Some("bus")));
        assert_eq!(first["Resources"], json!(["crossdock:step/credit-check"]), "rules select steps by it");
    }

    #[tokio::test]
    async fn a_failed_call_rejects_only_the_entries_that_were_not_sent_before() {
        let canned = Canned::new(|n, (_, input): &Call| {
            let all: Vec<Value> =
                input["Entries"].as_array().unwrap().iter().map(|_| json!({ "EventId": "e" })).collect();
            if n == 0 { Some((200, json!({ "Entries": all }))) } else { Some((503, error("ServiceUnavailable"))) }
        });
        let bus = EventBus::new(canned.aws().eventbridge(), "bus".to_owned());
        assert_eq!(bus.publish(&with_details(&["yes"; 12])).await, again(&[10, 11]));
        let down = Canned::always(503, error("ServiceUnavailable"));
        let bus = EventBus::new(down.aws().eventbridge(), "bus".to_owned());
        assert!(matches!(bus.publish(&with_details(&["yes"; 12])).await, Err(Failure::Transient { .. })));
    }

    #[tokio::test]
    async fn entries_that_the_answer_leaves_out_are_rejected() {
        let canned = Canned::always(200, json!({ "FailedEntryCount": 0, "Entries": [{ "EventId": "e" }] }));
        let bus = EventBus::new(canned.aws().eventbridge(), "bus".to_owned());
        assert_eq!(bus.publish(&with_details(&["a", "b"])).await, again(&[1]));
    }

    fn entries(sizes: &[usize]) -> Vec<Entry> {
        sizes.iter().map(|size| Entry { kind: "k".to_owned(), detail: "x".repeat(*size), resources: vec![] }).collect()
    }

    #[test]
    fn a_call_has_one_to_ten_entries_within_the_limit_of_bytes() {
        assert_eq!(chunk_length(&entries(&[10; 25])), 10);
        assert_eq!(chunk_length(&entries(&[400 * 1_024; 4])), 2);
        assert_eq!(chunk_length(&entries(&[MAX_BYTES + 1, 5])), 1);
    }
}
