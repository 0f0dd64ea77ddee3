//! The runner of functions that a table's stream feeds.
//!
//! A record that cannot be parsed is parked with its cause, and the others are processed. If a record has to be
//! processed again, the whole invocation fails and the stream delivers the whole batch again. That is safe, because
//! event ids are deterministic and folds are idempotent; and it works both on AWS, which then splits the batch in
//! halves, and on the emulator, which ignores partial answers.

use std::rc::Rc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use engine::batch::{Parked, Queue};
use engine::delivery::{Delivery, Role};
use engine::stored::{StoredBody, StoredEvents};
use engine::{Cause, Code, Commit, Context, Failure};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::journal::wakes_of;
use crate::runtime::{self, Answer, Exit, InvocationError, Payload};
use crate::start::{Start, StartError};

/// The outcome of a batch of images.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct BatchResult {
    /// The index of the first image that has to be delivered again, if one has to.
    pub again_from: Option<usize>,
    /// The indices of failed images, with the failure. An image with a permanent failure is parked; if one has another
    /// failure, the stream delivers again.
    pub poison: Vec<(usize, Failure)>,
}

impl BatchResult {
    /// The result of a handler that fails by stream. The failure is attributed to the last commit of the stream in the
    /// batch.
    pub fn by_stream(commits: &[Commit], failures: Vec<(String, Failure)>) -> Self {
        let index = |stream: &str| commits.iter().rposition(|commit| commit.stream == stream);
        let poison = failures.into_iter().filter_map(|(stream, failure)| Some((index(&stream)?, failure)));
        Self { again_from: None, poison: poison.collect() }
    }
}

/// A new item of a table, as the table's stream delivers it.
pub trait Image: Sized {
    /// Whether an update of an item counts as a new one.
    #[doc(hidden)]
    const UPDATED: bool = false;

    /// Parses an item; `None` for one that the stream's functions do not need.
    ///
    /// # Errors
    /// The item is malformed: permanent.
    #[doc(hidden)]
    fn read(image: &RawImage<'_>) -> Result<Option<Self>, Failure>;
}

/// A record's item, in DynamoDB's JSON.
#[doc(hidden)]
#[derive(Debug)]
pub struct RawImage<'a>(&'a RawValue);

/// Runs a stream's function until Lambda ends the process.
///
/// `handle` gets the batch's images in order. Its context has no correlation id, because each image has its own.
pub async fn stream<P: 'static, T: Image + 'static>(
    function: &'static str,
    ports: impl AsyncFnOnce(&Start) -> Result<P, StartError>,
    handle: impl AsyncFn(&P, &[T], &Context) -> Result<BatchResult, Failure> + 'static,
) -> Exit {
    let answer = |start: Start, ports: P| -> Result<Answer, StartError> {
        let shared = Rc::new((ports, handle, start.own_queue(false)?, start));
        Ok(Box::new(move |payload| {
            let shared = shared.clone();
            Box::pin(async move {
                let (ports, handle, dlq, start) = &*shared;
                let cx = start.context(String::new(), None);
                let mut batch = Batch::<T>::read(&payload)?;
                let result = handle(ports, &batch.images, &cx).await;
                let result = result.map_err(|failure| retry(cx.function, batch.records.len(), &failure))?;
                let by_record = |(image, failure)| Some((*batch.positions.get(image)?, failure));
                batch.poison.extend(result.poison.into_iter().filter_map(by_record));
                settle(&cx, dlq, &batch.records, result.again_from, batch.poison).await
            })
        }))
    };
    runtime::run(function, ports, answer).await
}

/// A parsed batch.
struct Batch<T> {
    /// The new items that the function needs.
    images: Vec<T>,
    /// The index of each image's record.
    positions: Vec<usize>,
    records: Vec<Pointer>,
    /// The indices of records that failed, with the failure.
    poison: Vec<(usize, Failure)>,
}

/// Identifies a record, so that an operator finds a parked one. The item itself is not parked, because it may have
/// personal data.
struct Pointer {
    keys: String,
    sequence: String,
    at: Timestamp,
}

impl<T: Image> Batch<T> {
    fn read(payload: &Payload) -> Result<Self, InvocationError> {
        let unread = |e: serde_json::Error| {
            InvocationError(format!("not records of a stream: {}", engine::redact::json_error(&e)))
        };
        let event: Records<'_> = serde_json::from_str(payload.get()).map_err(unread)?;
        let mut batch = Self { images: vec![], positions: vec![], records: vec![], poison: vec![] };
        for (position, record) in event.records.iter().enumerate() {
            batch.records.push(record.pointer());
            // Skip deletions, and updates of what is written once.
            let is_wanted = record.event_name == "INSERT" || T::UPDATED && record.event_name == "MODIFY";
            let Some(image) = record.dynamodb.new_image.filter(|_| is_wanted) else { continue };
            match T::read(&RawImage(image)) {
                Ok(Some(image)) => {
                    batch.images.push(image);
                    batch.positions.push(position);
                }
                Ok(None) => {}
                Err(failure) => batch.poison.push((position, failure)),
            }
        }
        Ok(batch)
    }
}

/// Parks the failed records after the others are done, and not before: otherwise each retry would park them again.
async fn settle(
    cx: &Context,
    dlq: &impl Queue,
    records: &[Pointer],
    again_from: Option<usize>,
    poison: Vec<(usize, Failure)>,
) -> Result<Payload, InvocationError> {
    let function = cx.function;
    if again_from.is_some() {
        let busy = Failure::transient(Code::BusRefused, "the bus rejected entries several times in a row");
        return Err(retry(function, records.len(), &busy));
    }
    let mut parked = Vec::with_capacity(poison.len());
    for (position, failure) in &poison {
        match failure {
            Failure::Deferred { .. } | Failure::Transient { .. } => {
                return Err(retry(function, records.len(), failure));
            }
            Failure::Permanent { code, cause } => {
                if let Some(record) = records.get(*position) {
                    parked.push(record.parked(function, *code, cause));
                }
            }
        }
    }
    for parked in &parked {
        let (code, stream) = (parked.code.as_str(), parked.stream.as_str());
        match dlq.park(parked).await {
            Ok(()) => {
                let cause = parked.cause.as_str();
                tracing::error!(
                    function,
                    stream,
                    outcome = "parked",
                    code,
                    cause,
                    "{stream}: parked with {code}: {cause}"
                );
            }
            Err(failure) => return Err(retry(function, records.len(), &failure)),
        }
    }
    tracing::info!(function, records = records.len(), parked = parked.len(), outcome = "applied", "processed records");
    runtime::json(&serde_json::json!({ "batchItemFailures": [] }))
}

/// The failure of the whole invocation, after its log line.
fn retry(function: &'static str, records: usize, failure: &Failure) -> InvocationError {
    let (code, cause) = match failure {
        Failure::Deferred { why, .. } => ("deferred", why.as_str()),
        Failure::Transient { code, cause } | Failure::Permanent { code, cause } => (code.as_str(), cause.as_ref()),
    };
    tracing::warn!(
        function,
        records,
        outcome = "retried",
        code,
        cause,
        "{records} records have to be delivered again: {code}: {cause}"
    );
    InvocationError(format!("{code}: {cause}"))
}

#[derive(Deserialize)]
struct Records<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<Record<'a>>,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(rename = "eventName", default)]
    event_name: String,
    #[serde(borrow)]
    dynamodb: Change<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change<'a> {
    #[serde(borrow)]
    keys: &'a RawValue,
    #[serde(borrow, default)]
    new_image: Option<&'a RawValue>,
    #[serde(default)]
    sequence_number: String,
    /// In seconds since 1970, as a JSON number: an integer on AWS, with a fraction on the emulator.
    #[serde(borrow, default)]
    approximate_creation_date_time: Option<&'a RawValue>,
}

impl Record<'_> {
    fn pointer(&self) -> Pointer {
        let seconds = self.dynamodb.approximate_creation_date_time.map_or("", RawValue::get);
        let seconds = seconds.split('.').next().and_then(|whole| whole.parse().ok());
        Pointer {
            keys: self.dynamodb.keys.get().to_owned(),
            sequence: self.dynamodb.sequence_number.clone(),
            at: seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or(Timestamp::UNIX_EPOCH),
        }
    }
}

impl Pointer {
    fn parked(&self, function: &'static str, code: Code, cause: &str) -> Parked {
        #[derive(Deserialize)]
        struct Key {
            stream: Option<S>,
            delivery: Option<S>,
        }
        let key: Option<Key> = serde_json::from_str(&self.keys).ok();
        let key = key.and_then(|key| key.stream.or(key.delivery));
        Parked {
            body: format!(r#"{{"keys":{},"sequence_number":"{}"}}"#, self.keys, self.sequence),
            code,
            function,
            correlation: String::new(),
            stream: key.map(|key| key.s).unwrap_or_default(),
            attempts: 1,
            first_received: self.at,
            cause: engine::redact::text(cause),
        }
    }
}

#[derive(Deserialize)]
struct S {
    #[serde(rename = "S")]
    s: String,
}

#[derive(Deserialize)]
struct N {
    #[serde(rename = "N")]
    n: String,
}

#[derive(Deserialize)]
struct Bool {
    #[serde(rename = "BOOL")]
    bool: bool,
}

#[derive(Deserialize)]
struct B {
    #[serde(rename = "B")]
    b: String,
}

fn unreadable(what: &str, why: &str) -> Failure {
    Failure::permanent(Code::JournalCorrupt, format!("{what}: {why}"))
}

fn parse<T: std::str::FromStr>(what: &str, attribute: &str, text: &str) -> Result<T, Failure> {
    text.parse().map_err(|_not_shown| unreadable(what, &format!("attribute `{attribute}` is unreadable")))
}

fn decoded(what: &str, attribute: &str, base64: &str) -> Result<Vec<u8>, Failure> {
    let decoded = BASE64_STANDARD.decode(base64);
    decoded.map_err(|_not_shown| unreadable(what, &format!("attribute `{attribute}` is not base64")))
}

impl Image for Commit {
    fn read(image: &RawImage<'_>) -> Result<Option<Self>, Failure> {
        #[derive(Deserialize)]
        struct Version {
            version: N,
        }
        #[derive(Deserialize)]
        struct Stored {
            stream: S,
            version: N,
            cause: S,
            correlation_id: S,
            caused_by: Option<S>,
            actor: S,
            at: S,
            traceparent: Option<S>,
            epoch: S,
            events: Text,
            opened_reviews: Option<S>,
            unlisted: Option<Bool>,
            wakes: Option<S>,
        }
        /// Text, or deflated text.
        #[derive(Deserialize)]
        enum Text {
            S(String),
            B(String),
        }
        let what = "a commit";
        let unread = |e: serde_json::Error| unreadable(what, &engine::redact::json_error(&e));
        let Version { version } = serde_json::from_str(image.0.get()).map_err(unread)?;
        // Version 0 is the item of a natural key.
        if version.n == "0" {
            return Ok(None);
        }
        let stored: Stored = serde_json::from_str(image.0.get()).map_err(unread)?;
        let events = match stored.events {
            Text::S(events) => StoredEvents::Text(events),
            Text::B(events) => StoredEvents::Deflated(decoded(what, "events", &events)?),
        };
        Ok(Some(Self {
            version: parse(what, "version", &stored.version.n)?,
            at: parse(what, "at", &stored.at.s)?,
            stream: stored.stream.s,
            cause: Cause::stored(stored.cause.s),
            correlation: stored.correlation_id.s,
            caused_by: stored.caused_by.map(|text| text.s),
            actor: stored.actor.s,
            traceparent: stored.traceparent.map(|text| text.s),
            epoch: stored.epoch.s,
            events: events.into_events()?,
            opened_reviews: crate::journal::reviews_of(stored.opened_reviews.map(|keys| keys.s)),
            listed: !stored.unlisted.is_some_and(|unlisted| unlisted.bool),
            wakes: wakes_of(stored.wakes.as_ref().map(|text| text.s.as_str()))?,
        }))
    }
}

impl Image for Delivery {
    /// A delivery is updated if its sender repeats it.
    const UPDATED: bool = true;

    fn read(image: &RawImage<'_>) -> Result<Option<Self>, Failure> {
        #[derive(Deserialize)]
        struct Stored {
            delivery: S,
            partner: S,
            role: S,
            topic: S,
            body: B,
            encoding: Option<S>,
            received_at: S,
            correlation_id: S,
            traceparent: Option<S>,
        }
        let what = "a delivery";
        let unread = |e: serde_json::Error| unreadable(what, &engine::redact::json_error(&e));
        let stored: Stored = serde_json::from_str(image.0.get()).map_err(unread)?;
        let role = match stored.role.s.as_str() {
            "crm" => Role::Crm,
            "erp" => Role::Erp,
            "warehouse" => Role::Warehouse,
            _ => return Err(unreadable(what, "attribute `role` is unreadable")),
        };
        let body = decoded(what, "body", &stored.body.b)?;
        let body = StoredBody { bytes: body, is_deflated: stored.encoding.is_some() }.into_body();
        let id = stored.delivery.s.strip_prefix(&stored.partner.s).and_then(|rest| rest.strip_prefix('/'));
        Ok(Some(Self {
            id: id.ok_or_else(|| unreadable(what, "its key does not begin with its partner"))?.to_owned(),
            partner: parse(what, "partner", &stored.partner.s)?,
            role,
            topic: stored.topic.s,
            body: body.ok_or_else(|| unreadable(what, "attribute `body` cannot be inflated"))?,
            received_at: parse(what, "received_at", &stored.received_at.s)?,
            correlation: stored.correlation_id.s,
            traceparent: stored.traceparent.map(|text| text.s),
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::RefCell;
    use std::time::Duration;

    use super::*;

    /// Nine commits, the item of a natural key, an update, and a malformed commit as the third record.
    fn payload() -> Payload {
        let record = |n: usize, image: &str| {
            format!(
                r#"{{"eventName":"{}","dynamodb":{{"Keys":{{"stream":{{"S":"order/ord_{n}"}},"version":{{"N":"1"}}}},
                "NewImage":{image},"SequenceNumber":"{n}00","ApproximateCreationDateTime":1795000000.25}}}}"#,
                if n == 11 { "MODIFY" } else { "INSERT" }
            )
        };
        let good = |n: usize, version: &str| {
            format!(
                r#"{{"stream":{{"S":"order/ord_{n}"}},"version":{{"N":"{version}"}},"cause":{{"S":"c"}},"correlation_id":{{"S":"c-1"}},
                "actor":{{"S":"a"}},"at":{{"S":"2026-11-23T00:00:00Z"}},"epoch":{{"S":"1"}},"events":{{"S":"[]"}},"write_id":{{"S":"7"}}}}"#
            )
        };
        let image = |n: usize| match n {
            2 => r#"{"stream":{"S":"order/ord_2"},"version":{"N":"1"},"cause":{"S":"ada@example.com"}}"#.to_owned(),
            10 => good(n, "0"),
            _ => good(n, "1"),
        };
        let records: Vec<String> = (0..12).map(|n| record(n, &image(n))).collect();
        serde_json::from_str(&format!(r#"{{"Records":[{}]}}"#, records.join(","))).unwrap()
    }

    #[derive(Default)]
    struct Dlq(RefCell<Vec<Parked>>);

    impl Queue for Dlq {
        async fn delay(&self, _: &str, _: Duration) -> Result<(), Failure> {
            Ok(())
        }
        async fn park(&self, parked: &Parked) -> Result<(), Failure> {
            self.0.borrow_mut().push(parked.clone());
            Ok(())
        }
    }

    fn cx() -> Context {
        Context {
            function: "journal-relay",
            correlation: String::new(),
            traceparent: None,
            now: Timestamp::UNIX_EPOCH,
            event_time: Timestamp::UNIX_EPOCH,
            lease: Duration::ZERO,
            epoch: engine::Epoch::FIRST,
            actor: None,
            folds: Default::default(),
            measures: Default::default(),
        }
    }

    #[tokio::test]
    async fn a_malformed_record_is_parked_with_its_keys_and_without_its_item() {
        let batch = Batch::<Commit>::read(&payload()).unwrap();
        assert_eq!(batch.images.len(), 9);
        assert_eq!(batch.positions, [0, 1, 3, 4, 5, 6, 7, 8, 9]);
        let dlq = Dlq::default();
        settle(&cx(), &dlq, &batch.records, None, batch.poison).await.unwrap();
        let parked = dlq.0.borrow_mut().remove(0);
        assert_eq!((parked.stream.as_str(), parked.code), ("order/ord_2", Code::JournalCorrupt));
        assert!(
            serde_json::from_str::<serde_json::Value>(&parked.body).unwrap()["keys"]["stream"]["S"] == "order/ord_2"
        );
        assert!(!format!("{parked:?}").contains("ada@"));
        assert_eq!(parked.first_received.as_second(), 1_795_000_000);
    }

    #[tokio::test]
    async fn a_retry_fails_the_invocation_and_parks_nothing() {
        let dlq = Dlq::default();
        let batch = Batch::<Commit>::read(&payload()).unwrap();
        assert!(settle(&cx(), &dlq, &batch.records, Some(3), batch.poison).await.is_err());
        let batch = Batch::<Commit>::read(&payload()).unwrap();
        let mut failures = batch.poison;
        failures.push((4, Failure::transient(Code::StoreBusy, "busy")));
        assert!(settle(&cx(), &dlq, &batch.records, None, failures).await.is_err());
        assert!(dlq.0.borrow().is_empty());
    }

    #[test]
    fn a_stored_delivery_is_read_back() {
        let image = r#"{"delivery":{"S":"eastco/a/b"},"partner":{"S":"eastco"},"role":{"S":"warehouse"},"topic":{"S":"t"},
            "digest":{"S":"0f"},"body":{"B":"e30="},"received_at":{"S":"2026-11-23T00:00:00Z"},"correlation_id":{"S":"c-1"},
            "expires":{"N":"1"}}"#;
        let read = |text: &str| {
            let raw: &RawValue = serde_json::from_str(text).unwrap();
            Delivery::read(&RawImage(raw))
        };
        let delivery = read(image).unwrap().unwrap();
        assert_eq!(
            (delivery.id.as_str(), delivery.body.as_slice(), delivery.role),
            ("a/b", b"{}".as_slice(), Role::Warehouse)
        );
        assert!(read(&image.replace("eastco/a/b", "shipwest/a")).is_err());
        assert!(read(&image.replace("e30=", "?")).is_err());
        let encoded =
            |body: &str| image.replace("e30=", body).replace(r#""digest""#, r#""encoding":{"S":"deflate"},"digest""#);
        assert_eq!(read(&encoded("q64FAA==")).unwrap().unwrap().body, b"{}");
        assert!(read(&encoded("e30=")).is_err());
    }
}
