//! The journal in DynamoDB: one commit is one item, written by one conditional put.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::error::TransactionCanceledException;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use engine::journal::{Append, Commit, CreateOutcome, Journal, NewStream, Takeover, Wake};
use engine::snapshot::Snapshot;
use engine::stored::{MAX_STORED, StoredEvents};
use engine::{Cause, Code, Failure};

use crate::errors::{condition_failed, entry_failure, failure};
use crate::items::{Item, Reader, bytes, item, number, text};
use crate::snapshots::{snapshot_item, snapshot_of, snapshot_stream};
use crate::{due, parties};

/// The journal's table.
#[derive(Debug, Clone)]
pub struct JournalTable {
    pub(crate) client: Client,
    pub(crate) table: String,
    due_table: Option<String>,
    parties_table: Option<String>,
}

const PUT: &str = "PutItem in the journal";
const READ: &str = "Query of the journal";
const TRANSACT: &str = "TransactWriteItems in the journal";

/// The attribute with a random id of the put that wrote the item. By it, a retry whose first answer was lost recognizes
/// its own item.
const WRITE_ID: &str = "write_id";

impl JournalTable {
    pub(crate) fn new(client: Client, table: String, due_table: Option<String>, parties_table: Option<String>) -> Self {
        Self { client, table, due_table, parties_table }
    }

    /// All writes of the transaction that creates a stream, in the order that [`Self::not_created`] reads its reasons in.
    fn creation(&self, new_stream: &NewStream) -> Result<Vec<TransactWriteItem>, Failure> {
        let write_id = fastrand::u64(..).to_string();
        let mut writes = vec![put_if_absent(&self.table, item_of(&new_stream.commit, &write_id))?];
        for key in &new_stream.unique {
            writes.push(put_if_absent(&self.table, unique_item(key, &new_stream.commit))?);
        }
        if let Some(Takeover { key, last }) = &new_stream.takeover {
            writes.push(put_if_absent(&self.table, item_of(last, &write_id))?);
            let moved = Put::builder()
                .table_name(&self.table)
                .set_item(Some(unique_item(key, &new_stream.commit)))
                .condition_expression("#o = :o")
                .expression_attribute_names("#o", "owner")
                .expression_attribute_values(":o", text(&last.stream));
            writes.push(put(moved)?);
        }
        let due = Put::builder().table_name(setting(self.due_table.as_ref(), "DUE_TABLE")?);
        writes.push(put(due.set_item(Some(due::item_of(&new_stream.deadline))))?);
        if let Some((reference, party)) = &new_stream.party {
            let parties = Put::builder().table_name(setting(self.parties_table.as_ref(), "PARTIES_TABLE")?);
            // Without a condition: the number of a record is made from its content.
            writes.push(put(parties.set_item(Some(parties::item_of(reference, party)?)))?);
        }
        Ok(writes)
    }

    /// A query of the items of one partition.
    fn of_stream(&self, stream: &str) -> QueryFluentBuilder {
        let query = self.client.query().table_name(&self.table).key_condition_expression("#s = :s");
        query.expression_attribute_names("#s", "stream").expression_attribute_values(":s", text(stream))
    }

    /// The name of the stream that has the natural key; `unique` is the key of the natural key's item.
    async fn owner(&self, unique: &str) -> Result<Option<String>, Failure> {
        let answer = self.of_stream(unique).consistent_read(true).send().await.map_err(|e| failure(READ, &e))?;
        let item = answer.items.and_then(|mut items| items.pop());
        Ok(item.and_then(|item| Reader::commit(item).optional_text("owner")))
    }

    /// Why the transaction was cancelled. The reasons are in the order of the transaction's writes.
    async fn not_created(
        &self,
        new_stream: &NewStream,
        cancelled: &TransactionCanceledException,
    ) -> Result<CreateOutcome, Failure> {
        let reasons = cancelled.cancellation_reasons();
        let code = |index: usize| reasons.get(index).and_then(|reason| reason.code()).unwrap_or("None");
        if code(0) == CONDITION {
            return Ok(CreateOutcome::Exists);
        }
        let moved = 1 + new_stream.unique.len();
        if new_stream.takeover.is_some() && [moved, moved + 1].iter().any(|index| code(*index) == CONDITION) {
            return Ok(CreateOutcome::Raced);
        }
        for (index, key) in (1..).zip(&new_stream.unique) {
            if code(index) != CONDITION {
                continue;
            }
            let returned = reasons.get(index).and_then(|reason| reason.item()).and_then(|item| item.get("owner"));
            let owner = match returned.and_then(|owner| owner.as_s().ok()) {
                Some(owner) => Some(owner.clone()),
                None => self.owner(&unique_stream(key)).await?,
            };
            let no_owner = || Failure::transient(Code::StoreBusy, "a natural key was taken and is free again");
            return owner.map(|owner| CreateOutcome::Taken { key: key.clone(), owner }).ok_or_else(no_owner);
        }
        Err(cancelled_for(cancelled))
    }
}

/// The commits that `query` finds by a consistent read, at most `limit`. A page ends at the limit, or at 1 MB.
async fn pages(query: &QueryFluentBuilder, limit: Option<u32>) -> Result<Vec<Commit>, Failure> {
    let mut commits = Vec::new();
    let mut next: Option<Item> = None;
    loop {
        let missing = limit.map(|limit| (limit as usize).saturating_sub(commits.len()));
        let page = query
            .clone()
            .consistent_read(true)
            .set_limit(missing.map(|missing| i32::try_from(missing).unwrap_or(i32::MAX)))
            .set_exclusive_start_key(next)
            .send()
            .await
            .map_err(|e| failure(READ, &e))?;
        for item in page.items.unwrap_or_default() {
            commits.push(commit_of(item)?);
        }
        let is_enough = limit.is_some_and(|limit| commits.len() >= limit as usize);
        match page.last_evaluated_key {
            Some(key) if !key.is_empty() && !is_enough => next = Some(key),
            Some(_) | None => return Ok(commits),
        }
    }
}

/// A transaction that was cancelled for another reason than a condition.
fn cancelled_for(cancelled: &TransactionCanceledException) -> Failure {
    let mut reasons = cancelled.cancellation_reasons().iter();
    match reasons.find(|reason| !matches!(reason.code(), None | Some("None"))) {
        Some(reason) => {
            entry_failure(TRANSACT, reason.code().unwrap_or_default(), reason.message().unwrap_or_default())
        }
        None => Failure::transient(Code::StoreBusy, "the transaction was cancelled without a reason"),
    }
}

/// The code of a write whose condition failed, in the reasons of a cancelled transaction.
const CONDITION: &str = "ConditionalCheckFailed";

impl Journal for JournalTable {
    async fn read(&self, stream: &str) -> Result<Vec<Commit>, Failure> {
        self.read_after(stream, 0).await
    }

    async fn read_after(&self, stream: &str, version: u64) -> Result<Vec<Commit>, Failure> {
        let query = self.of_stream(stream).key_condition_expression("#s = :s AND #v > :v");
        let query = query.expression_attribute_names("#v", "version");
        pages(&query.expression_attribute_values(":v", number(version)), None).await
    }

    async fn read_newest(&self, stream: &str, limit: u32) -> Result<Vec<Commit>, Failure> {
        let mut commits = pages(&self.of_stream(stream).scan_index_forward(false), Some(limit)).await?;
        commits.reverse();
        Ok(commits)
    }

    async fn snapshot(&self, stream: &str) -> Result<Option<Snapshot>, Failure> {
        let answer = self.of_stream(&snapshot_stream(stream)).send().await.map_err(|e| failure(READ, &e))?;
        let item = answer.items.and_then(|mut items| items.pop());
        item.map(|item| snapshot_of(stream, item)).transpose()
    }

    async fn store_snapshot(&self, snapshot: &Snapshot) -> Result<(), Failure> {
        if snapshot.state.len() > MAX_STORED {
            return Ok(());
        }
        let put = self.client.put_item().table_name(&self.table).set_item(Some(snapshot_item(snapshot)));
        put.send().await.map(|_| ()).map_err(|e| failure(PUT, &e))
    }

    async fn append(&self, commit: &Commit) -> Result<Append, Failure> {
        let write_id = fastrand::u64(..).to_string();
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item_of(commit, &write_id)))
            .condition_expression("attribute_not_exists(#s)")
            .expression_attribute_names("#s", "stream")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match put {
            Ok(_) => Ok(Append::Committed),
            Err(error) => match condition_failed(&error) {
                Some(existing) if existing.and_then(|item| item.get(WRITE_ID)) == Some(&text(&write_id)) => {
                    Ok(Append::Committed)
                }
                Some(_) => Ok(Append::Raced),
                None => Err(failure(PUT, &error)),
            },
        }
    }

    async fn append_all(&self, commits: &[Commit]) -> Result<Append, Failure> {
        let write_id = fastrand::u64(..).to_string();
        let writes = commits.iter().map(|commit| put_if_absent(&self.table, item_of(commit, &write_id)));
        let writes = writes.collect::<Result<Vec<_>, Failure>>()?;
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(Append::Committed),
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    let mut reasons = cancelled.cancellation_reasons().iter();
                    let raced = reasons.any(|reason| reason.code() == Some(CONDITION));
                    if raced { Ok(Append::Raced) } else { Err(cancelled_for(cancelled)) }
                }
                Some(_) | None => Err(failure(TRANSACT, &error)),
            },
        }
    }

    async fn create(&self, new_stream: &NewStream) -> Result<CreateOutcome, Failure> {
        let writes = self.creation(new_stream)?;
        // The SDK adds a token to the call, so that a retry after a lost answer succeeds again.
        let result = self.client.transact_write_items().set_transact_items(Some(writes)).send().await;
        match result {
            Ok(_) => Ok(CreateOutcome::Committed),
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    self.not_created(new_stream, cancelled).await
                }
                Some(_) | None => Err(failure(TRANSACT, &error)),
            },
        }
    }
}

fn unbuilt(error: impl std::fmt::Display) -> Failure {
    Failure::permanent(Code::StoreRefused, format!("{TRANSACT}: the request could not be built: {error}"))
}

/// A write of a transaction that fails if the item's key exists.
fn put_if_absent(table: &str, item: Item) -> Result<TransactWriteItem, Failure> {
    put(Put::builder()
        .table_name(table)
        .set_item(Some(item))
        .condition_expression("attribute_not_exists(#s)")
        .expression_attribute_names("#s", "stream")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld))
}

fn put(put: PutBuilder) -> Result<TransactWriteItem, Failure> {
    Ok(TransactWriteItem::builder().put(put.build().map_err(unbuilt)?).build())
}

fn setting<'a>(value: Option<&'a String>, name: &'static str) -> Result<&'a String, Failure> {
    value.ok_or_else(|| Failure::permanent(Code::StoreRefused, format!("the setting {name} is missing")))
}

/// The table's key for a natural key, beside the streams' names.
fn unique_stream(key: &str) -> String {
    format!("unique/{key}")
}

fn unique_item(key: &str, commit: &Commit) -> Item {
    item([
        ("stream", Some(text(unique_stream(key)))),
        ("version", Some(number(0))),
        ("owner", Some(text(&commit.stream))),
        ("at", Some(text(commit.at.to_string()))),
    ])
}

fn item_of(commit: &Commit, write_id: &str) -> Item {
    let events = match StoredEvents::new(&commit.events) {
        StoredEvents::Text(events) => text(events),
        StoredEvents::Deflated(events) => bytes(&events),
    };
    item([
        ("stream", Some(text(&commit.stream))),
        ("version", Some(number(commit.version))),
        ("cause", Some(text(commit.cause.as_str()))),
        ("correlation_id", Some(text(&commit.correlation))),
        ("caused_by", commit.caused_by.as_ref().map(text)),
        ("actor", Some(text(&commit.actor))),
        ("at", Some(text(commit.at.to_string()))),
        ("traceparent", commit.traceparent.as_ref().map(text)),
        ("epoch", Some(text(&commit.epoch))),
        ("events", Some(events)),
        (REVIEWS, (!commit.opened_reviews.is_empty()).then(|| text(commit.opened_reviews.join(" ")))),
        (UNLISTED, (!commit.listed).then_some(AttributeValue::Bool(true))),
        ("wakes", wakes(&commit.wakes).map(text)),
        (WRITE_ID, Some(text(write_id))),
    ])
}

/// The attribute of commits of which [`Commit::listed`] is false. Those of a release that did not know the attribute count as
/// listed.
pub(crate) const UNLISTED: &str = "unlisted";

/// The attribute of [`Commit::opened_reviews`]; no key has a space.
pub(crate) const REVIEWS: &str = "opened_reviews";

pub(crate) fn reviews_of(attribute: Option<String>) -> Vec<String> {
    attribute.iter().flat_map(|keys| keys.split(' ')).map(str::to_owned).collect()
}

fn commit_of(item: Item) -> Result<Commit, Failure> {
    let mut item = Reader::commit(item);
    Ok(Commit {
        stream: item.text("stream")?,
        version: item.number("version")?,
        cause: Cause::stored(item.text("cause")?),
        correlation: item.text("correlation_id")?,
        caused_by: item.optional_text("caused_by"),
        actor: item.text("actor")?,
        at: item.time("at")?,
        traceparent: item.optional_text("traceparent"),
        epoch: item.text("epoch")?,
        events: item.text_or_bytes("events")?.into_events()?,
        opened_reviews: reviews_of(item.optional_text(REVIEWS)),
        listed: !item.optional_bool(UNLISTED),
        wakes: wakes_of(item.optional_text("wakes").as_deref())?,
    })
}

/// The attribute with the steps that a commit wakes; `None` if it wakes none.
fn wakes(wakes: &[Wake]) -> Option<String> {
    // Names and ids can always be written.
    serde_json::to_string(wakes).ok().filter(|_| !wakes.is_empty())
}

/// The steps that a commit wakes.
///
/// # Errors
/// The attribute cannot be parsed: permanent.
pub(crate) fn wakes_of(attribute: Option<&str>) -> Result<Vec<Wake>, Failure> {
    let unreadable = |e: serde_json::Error| {
        Failure::permanent(Code::JournalCorrupt, format!("attribute `wakes`: {}", engine::redact::json_error(&e)))
    };
    attribute.map_or(Ok(Vec::new()), |text| serde_json::from_str(text).map_err(unreadable))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use domain::party::PartyRef;
    use engine::stores::DueItem;
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;
    use crate::canned::{Call, Canned, Reply, error};

    fn journal(canned: &Canned) -> JournalTable {
        let (due, parties) = (Some("due".to_owned()), Some("parties".to_owned()));
        JournalTable::new(canned.aws().dynamodb(), "journal".to_owned(), due, parties)
    }

    fn commit(version: u64) -> Commit {
        Commit {
            stream: "order/ord_1".to_owned(),
            version,
            cause: Cause::new("order-price", "price"),
            correlation: "c-1".to_owned(),
            caused_by: None,
            actor: "order-price".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            traceparent: None,
            epoch: "1".to_owned(),
            events: "[]".to_owned(),
            opened_reviews: vec![],
            listed: true,
            wakes: vec![],
        }
    }

    fn new_stream() -> NewStream {
        let deadline = DueItem {
            due: Timestamp::UNIX_EPOCH,
            id: "deadline".to_owned(),
            function: "deadline-raise".to_owned(),
            body: "{}".to_owned(),
            why: "deadline".to_owned(),
            partner: None,
            parent: None,
        };
        let unique = vec!["po/1".to_owned(), "key/2".to_owned()];
        NewStream { commit: commit(1), unique, deadline, party: None, takeover: None }
    }

    /// The same, with a receiver, and with its purchase order taken over from another stream.
    fn taking_over() -> NewStream {
        let order = domain::OrderId::derive(&"crm".parse().unwrap(), &"1".parse().unwrap());
        let address = json!({"name": "A", "line1": "B", "city": "C", "postal_code": "1", "country": "US"});
        let party = Some((PartyRef { order, n: 1 }, serde_json::from_value(address).unwrap()));
        let last = Commit { stream: "order/ord_0".to_owned(), ..commit(7) };
        let takeover = Some(Takeover { key: "po/1".to_owned(), last });
        NewStream { unique: vec!["key/2".to_owned()], party, takeover, ..new_stream() }
    }

    fn is_busy(failure: &Failure) -> bool {
        matches!(failure, Failure::Transient { code: Code::StoreBusy, .. })
    }

    #[tokio::test]
    async fn f06_throttling_a_lost_race_and_a_refusal_are_distinguished() {
        for (status, code) in
            [(400, "ThrottlingException"), (400, "ProvisionedThroughputExceededException"), (500, "X")]
        {
            let canned = Canned::always(status, error(code));
            assert!(is_busy(&journal(&canned).append(&commit(2)).await.unwrap_err()), "{code}");
            assert_eq!(canned.calls().len(), 3, "{code} is tried three times in one call");
        }
        let raced = Canned::always(400, error("ConditionalCheckFailedException"));
        assert_eq!(journal(&raced).append(&commit(2)).await, Ok(Append::Raced));
        assert_eq!(raced.calls().len(), 1);
        for code in ["ValidationException", "AccessDeniedException", "ResourceNotFoundException"] {
            let canned = Canned::always(400, error(code));
            let refused = journal(&canned).append(&commit(2)).await;
            assert!(matches!(refused, Err(Failure::Permanent { code: Code::StoreRefused, .. })), "{code}");
            assert_eq!(canned.calls().len(), 1, "{code} is final");
        }
        let no_answer = Canned::new(|_, _| None).aws_within(std::time::Duration::from_millis(100));
        let no_answer = JournalTable::new(no_answer.dynamodb(), "journal".to_owned(), None, None);
        assert!(is_busy(&no_answer.append(&commit(2)).await.unwrap_err()), "no answer in time");
    }

    #[tokio::test]
    async fn a_retry_after_a_lost_answer_recognizes_its_own_item() {
        let canned = Canned::new(|n, (_, input): &Call| {
            let mut existing = error("ConditionalCheckFailedException");
            existing["Item"] = input["Item"].clone();
            if n == 0 { Some((500, error("InternalServerError"))) } else { Some((400, existing)) }
        });
        assert_eq!(journal(&canned).append(&commit(2)).await, Ok(Append::Committed));
        let other = Canned::new(|_, (_, input): &Call| {
            let mut existing = error("ConditionalCheckFailedException");
            existing["Item"] = input["Item"].clone();
            existing["Item"][WRITE_ID] = json!({ "S": "another" });
            Some((400, existing))
        });
        assert_eq!(journal(&other).append(&commit(2)).await, Ok(Append::Raced));
    }

    #[tokio::test]
    async fn a_long_stream_is_read_consistently_to_its_last_page() {
        let stored = |version: u64| {
            json!({ "stream": {"S": "order/ord_1"}, "version": {"N": version.to_string()}, "cause": {"S": "order-price/price"},
                "correlation_id": {"S": "c-1"}, "actor": {"S": "order-price"}, "at": {"S": "1970-01-01T00:00:00Z"},
                "epoch": {"S": "1"}, "events": {"S": "[]"} })
        };
        let canned = Canned::new(move |n, _| {
            Some((
                200,
                match n {
                    0 => {
                        json!({ "Items": [stored(1)], "LastEvaluatedKey": { "stream": {"S": "order/ord_1"}, "version": {"N": "1"} } })
                    }
                    _ => json!({ "Items": [stored(2)] }),
                },
            ))
        });
        assert_eq!(journal(&canned).read("order/ord_1").await, Ok(vec![commit(1), commit(2)]));
        let calls = canned.calls();
        assert!(calls.iter().all(|(operation, input)| operation == "Query" && input["ConsistentRead"] == true));
        assert_eq!(calls[1].1["ExclusiveStartKey"]["version"]["N"], "1");
        assert_eq!(calls[0].1["ExpressionAttributeValues"][":v"]["N"], "0");
        let newer = Canned::always(200, json!({ "Items": [stored(7)] }));
        assert_eq!(journal(&newer).read_after("order/ord_1", 6).await, Ok(vec![commit(7)]));
        assert_eq!(newer.calls()[0].1["ExpressionAttributeValues"][":v"]["N"], "6");
    }

    #[tokio::test]
    async fn the_failure_over_a_malformed_commit_names_the_attribute_and_shows_no_value() {
        let canned =
            Canned::always(200, json!({ "Items": [{ "stream": {"S": "order/secret"}, "version": {"S": "one"} }] }));
        let Err(Failure::Permanent { code, cause }) = journal(&canned).read("order/ord_1").await else {
            unreachable!()
        };
        assert_eq!(code, Code::JournalCorrupt);
        assert!(cause.contains("`version`") && !cause.contains("secret"), "{cause}");
    }

    /// A store that cancels transactions for `reasons`; a later `Query` finds `owner`.
    fn cancelling(reasons: Value, owner: Option<&'static str>) -> Canned {
        Canned::new(move |_, (operation, _): &Call| -> Reply {
            if operation == "Query" {
                let items: Vec<Value> = owner.map(|owner| json!({ "owner": {"S": owner} })).into_iter().collect();
                return Some((200, json!({ "Items": items })));
            }
            let mut cancelled = error("TransactionCanceledException");
            cancelled["CancellationReasons"] = reasons.clone();
            Some((400, cancelled))
        })
    }

    #[tokio::test]
    async fn creating_an_existing_stream_or_a_taken_key_returns_the_owner() {
        let (none, failed) = (json!({ "Code": "None" }), json!({ "Code": "ConditionalCheckFailed" }));
        let named = json!({ "Code": "ConditionalCheckFailed", "Item": { "owner": {"S": "order/ord_7"} } });
        let taken = |key: &str, owner: &str| Ok(CreateOutcome::Taken { key: key.to_owned(), owner: owner.to_owned() });

        let exists = cancelling(json!([failed, named, none, none]), None);
        assert_eq!(
            journal(&exists).create(&new_stream()).await,
            Ok(CreateOutcome::Exists),
            "the stream's own reason comes first"
        );
        let first = cancelling(json!([none, named, none, none]), None);
        assert_eq!(journal(&first).create(&new_stream()).await, taken("po/1", "order/ord_7"));
        let not_returned = cancelling(json!([none, none, failed, none]), Some("order/ord_8"));
        assert_eq!(journal(&not_returned).create(&new_stream()).await, taken("key/2", "order/ord_8"), "by a query");
        assert_eq!(not_returned.calls().last().unwrap().1["ExpressionAttributeValues"][":s"]["S"], "unique/key/2");

        let conflict = json!([{ "Code": "TransactionConflict" }, none, none, none]);
        assert!(is_busy(&journal(&cancelling(conflict, None)).create(&new_stream()).await.unwrap_err()));
        let invalid = json!([none, none, none, { "Code": "ValidationError", "Message": "too large" }]);
        let refused = journal(&cancelling(invalid, None)).create(&new_stream()).await;
        assert!(matches!(refused, Err(Failure::Permanent { code: Code::StoreRefused, .. })));
    }

    #[tokio::test]
    async fn a_stream_is_created_by_one_transaction_with_a_token() {
        let canned = Canned::always(200, json!({}));
        assert_eq!(journal(&canned).create(&new_stream()).await, Ok(CreateOutcome::Committed));
        let (operation, input) = canned.calls().remove(0);
        assert_eq!(operation, "TransactWriteItems");
        assert!(!input["ClientRequestToken"].as_str().unwrap().is_empty());
        let tables: Vec<&str> = input["TransactItems"]
            .as_array()
            .unwrap()
            .iter()
            .map(|w| w["Put"]["TableName"].as_str().unwrap())
            .collect();
        assert_eq!(tables, ["journal", "journal", "journal", "due"]);
    }

    #[tokio::test]
    async fn a_takeover_moves_the_key_by_condition_and_stops_where_the_owner_has_changed() {
        let canned = Canned::always(200, json!({}));
        assert_eq!(journal(&canned).create(&taking_over()).await, Ok(CreateOutcome::Committed));
        let (_, input) = canned.calls().remove(0);
        let put = |index: usize| &input["TransactItems"][index]["Put"];
        assert_eq!(put(2)["Item"]["version"]["N"], "7", "no commit follows the one that was read");
        assert_eq!(put(2)["ConditionExpression"], "attribute_not_exists(#s)");
        assert_eq!(put(3)["Item"]["owner"]["S"], "order/ord_1");
        assert_eq!(put(3)["ExpressionAttributeValues"][":o"]["S"], "order/ord_0");
        assert_eq!((&put(4)["TableName"], &put(5)["TableName"]), (&json!("due"), &json!("parties")));
        let (none, failed) = (json!({ "Code": "None" }), json!({ "Code": "ConditionalCheckFailed" }));
        for changed in [json!([none, none, failed, none, none, none]), json!([none, none, none, failed, none, none])] {
            let raced = journal(&cancelling(changed, None)).create(&taking_over()).await;
            assert_eq!(raced, Ok(CreateOutcome::Raced));
        }
        let named = json!({ "Code": "ConditionalCheckFailed", "Item": { "owner": {"S": "order/ord_7"} } });
        let used = cancelling(json!([none, named, none, none, none, none]), None);
        let taken = CreateOutcome::Taken { key: "key/2".to_owned(), owner: "order/ord_7".to_owned() };
        assert_eq!(journal(&used).create(&taking_over()).await, Ok(taken));
    }

    #[tokio::test]
    async fn commits_of_several_streams_are_written_together_or_not_at_all() {
        let both = [commit(2), Commit { stream: "order/ord_2".to_owned(), ..commit(1) }];
        let canned = Canned::always(200, json!({}));
        assert_eq!(journal(&canned).append_all(&both).await, Ok(Append::Committed));
        let (operation, input) = canned.calls().remove(0);
        assert_eq!((operation.as_str(), input["TransactItems"].as_array().unwrap().len()), ("TransactWriteItems", 2));
        let (none, failed) = (json!({ "Code": "None" }), json!({ "Code": "ConditionalCheckFailed" }));
        let raced = cancelling(json!([none, failed]), None);
        assert_eq!(journal(&raced).append_all(&both).await, Ok(Append::Raced));
        let conflict = cancelling(json!([{ "Code": "TransactionConflict" }, none]), None);
        assert!(is_busy(&journal(&conflict).append_all(&both).await.unwrap_err()));
    }
}
