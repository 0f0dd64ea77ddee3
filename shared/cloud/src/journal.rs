//! Streams in DynamoDB: one commit is one item, written by one conditional put.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::error::TransactionCanceledException;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use engine::journal::{Append, Commit, Found, Founding, Journal};
use engine::{Code, Failure};

use crate::due;
use crate::errors::{entry_failure, failure};
use crate::items::{Item, Reader, item, number, text};

/// The journal's table.
#[derive(Debug, Clone)]
pub struct JournalTable {
    client: Client,
    table: String,
    due_table: Option<String>,
}

const PUT: &str = "PutItem in the journal";
const READ: &str = "Query of the journal";
const FOUND: &str = "TransactWriteItems in the journal";

/// Names the put that wrote an item, so that a repeated call whose first answer was lost recognises its own work.
const WRITE: &str = "write_id";

impl JournalTable {
    pub(crate) fn new(client: Client, table: String, due_table: Option<String>) -> Self {
        Self { client, table, due_table }
    }

    /// The stream that holds the natural key of the item with this key.
    async fn owner(&self, unique: &str) -> Result<Option<String>, Failure> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("#s = :s")
            .expression_attribute_names("#s", "stream")
            .expression_attribute_values(":s", text(unique))
            .send()
            .await
            .map_err(|e| failure(READ, &e))?;
        let item = answer.items.and_then(|mut items| items.pop());
        Ok(item.and_then(|item| Reader::commit(item).optional_text("owner")))
    }

    /// Why a founding was cancelled, from the reasons that stand in the order of its writes.
    async fn cancelled(&self, founding: &Founding, cancelled: &TransactionCanceledException) -> Result<Found, Failure> {
        let reasons = cancelled.cancellation_reasons();
        let code = |place: usize| reasons.get(place).and_then(|reason| reason.code()).unwrap_or("None");
        if code(0) == CONDITION {
            return Ok(Found::Exists);
        }
        for (place, key) in (1..).zip(&founding.unique) {
            if code(place) != CONDITION {
                continue;
            }
            let named = reasons.get(place).and_then(|reason| reason.item()).and_then(|item| item.get("owner"));
            let owner = match named.and_then(|owner| owner.as_s().ok()) {
                Some(owner) => Some(owner.clone()),
                None => self.owner(&unique_stream(key)).await?,
            };
            let unnamed = || Failure::transient(Code::StoreBusy, "a natural key was taken and is free again");
            return owner.map(|owner| Found::Taken { key: key.clone(), owner }).ok_or_else(unnamed);
        }
        let told = reasons.iter().find(|reason| !matches!(reason.code(), None | Some("None")));
        Err(match told {
            Some(reason) => {
                entry_failure(FOUND, reason.code().unwrap_or_default(), reason.message().unwrap_or_default())
            }
            None => Failure::transient(Code::StoreBusy, "the transaction was cancelled without a reason"),
        })
    }
}

/// A cancellation's code for a condition that did not hold.
const CONDITION: &str = "ConditionalCheckFailed";

impl Journal for JournalTable {
    async fn read(&self, stream: &str) -> Result<Vec<Commit>, Failure> {
        let mut commits = Vec::new();
        let mut next: Option<Item> = None;
        loop {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .key_condition_expression("#s = :s")
                .expression_attribute_names("#s", "stream")
                .expression_attribute_values(":s", text(stream))
                .set_exclusive_start_key(next)
                .send()
                .await
                .map_err(|e| failure(READ, &e))?;
            for item in page.items.unwrap_or_default() {
                commits.push(commit_of(item)?);
            }
            match page.last_evaluated_key {
                Some(key) if !key.is_empty() => next = Some(key),
                Some(_) | None => return Ok(commits),
            }
        }
    }

    async fn append(&self, commit: &Commit) -> Result<Append, Failure> {
        let write = fastrand::u64(..).to_string();
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item_of(commit, &write)))
            .condition_expression("attribute_not_exists(#s)")
            .expression_attribute_names("#s", "stream")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match put {
            Ok(_) => Ok(Append::Committed),
            Err(error) => match condition_failed(&error) {
                Some(there) if there.and_then(|item| item.get(WRITE)) == Some(&text(&write)) => Ok(Append::Committed),
                Some(_) => Ok(Append::Raced),
                None => Err(failure(PUT, &error)),
            },
        }
    }

    async fn found(&self, founding: &Founding) -> Result<Found, Failure> {
        let no_table = || Failure::permanent(Code::StoreRefused, "the setting DUE_TABLE is missing");
        let due_table = self.due_table.as_ref().ok_or_else(no_table)?;
        let write = fastrand::u64(..).to_string();
        let mut writes = vec![absent(&self.table, item_of(&founding.commit, &write))?];
        for key in &founding.unique {
            writes.push(absent(&self.table, unique_item(key, &founding.commit))?);
        }
        let deadline = Put::builder().table_name(due_table).set_item(Some(due::item_of(&founding.deadline)));
        writes.push(TransactWriteItem::builder().put(deadline.build().map_err(unbuilt)?).build());
        // The SDK gives the call a token: repeated after a lost answer, it succeeds again.
        let result = self.client.transact_write_items().set_transact_items(Some(writes)).send().await;
        match result {
            Ok(_) => Ok(Found::Committed),
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    self.cancelled(founding, cancelled).await
                }
                Some(_) | None => Err(failure(FOUND, &error)),
            },
        }
    }
}

/// The item that made a put's condition fail, if that is what happened; `Some(None)` where the store did not return it.
pub(crate) fn condition_failed<R>(error: &SdkError<PutItemError, R>) -> Option<Option<&Item>> {
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(failed)) => Some(failed.item()),
        Some(_) | None => None,
    }
}

fn unbuilt(error: impl std::fmt::Display) -> Failure {
    Failure::permanent(Code::StoreRefused, format!("{FOUND}: the request could not be built: {error}"))
}

/// A write of an item whose key is free.
fn absent(table: &str, item: Item) -> Result<TransactWriteItem, Failure> {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(item))
        .condition_expression("attribute_not_exists(#s)")
        .expression_attribute_names("#s", "stream")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .map_err(unbuilt)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

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

fn item_of(commit: &Commit, write: &str) -> Item {
    item([
        ("stream", Some(text(&commit.stream))),
        ("version", Some(number(commit.version))),
        ("cause", Some(text(&commit.cause))),
        ("correlation_id", Some(text(&commit.correlation))),
        ("actor", Some(text(&commit.actor))),
        ("at", Some(text(commit.at.to_string()))),
        ("traceparent", commit.traceparent.as_ref().map(text)),
        ("epoch", Some(text(&commit.epoch))),
        ("events", Some(text(&commit.events))),
        (WRITE, Some(text(write))),
    ])
}

fn commit_of(item: Item) -> Result<Commit, Failure> {
    let mut item = Reader::commit(item);
    Ok(Commit {
        stream: item.text("stream")?,
        version: item.number("version")?,
        cause: item.text("cause")?,
        correlation: item.text("correlation_id")?,
        actor: item.text("actor")?,
        at: item.time("at")?,
        traceparent: item.optional_text("traceparent"),
        epoch: item.text("epoch")?,
        events: item.text("events")?,
    })
}
