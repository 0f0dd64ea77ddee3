//! Due items in DynamoDB, sorted by time: those of each partner in partitions of its own, the others in a few.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::types::{DeleteRequest, WriteRequest};
use domain::PartnerId;
use engine::stores::{Due, DueItem, DuePage, WaitingPartner, sortable};
use engine::{Code, Failure};
use jiff::{SignedDuration, Timestamp};

use crate::errors::failure;
use crate::items::{Item, Reader, item, text};

/// The table of due items.
#[derive(Debug, Clone)]
pub struct DueTable {
    client: Client,
    table: String,
    /// When this process listed each partner last. Clones share it.
    listed: Arc<Mutex<BTreeMap<PartnerId, Timestamp>>>,
}

/// The partition of the list of partners that have items.
const PARTNERS: &str = "partners";

/// A process lists a partner again after this time. Most items then cost one write.
const LISTED_FOR: SignedDuration = SignedDuration::from_secs(60);

/// A partner that was listed less than this ago is not taken off: a process that listed it may be writing an item. Twice
/// [`LISTED_FOR`], for clocks that differ and for calls that take long.
const KEPT_FOR: SignedDuration = SignedDuration::from_secs(120);

const DELETE: &str = "BatchWriteItem in due";

impl DueTable {
    pub(crate) fn new(client: Client, table: String) -> Self {
        Self { client, table, listed: Arc::default() }
    }

    /// Lists `partner`, before its item is written, unless this process did so a moment ago.
    async fn list(&self, partner: &PartnerId, now: Timestamp) -> Result<(), Failure> {
        let is_recent = |at: &Timestamp| now.duration_since(*at) < LISTED_FOR;
        if self.listed.lock().unwrap_or_else(PoisonError::into_inner).get(partner).is_some_and(is_recent) {
            return Ok(());
        }
        let mark = item([
            ("shard", Some(text(PARTNERS))),
            ("due", Some(text(partner.as_str()))),
            ("since", Some(text(sortable(now)))),
        ]);
        self.put(mark).await?;
        self.listed.lock().unwrap_or_else(PoisonError::into_inner).insert(partner.clone(), now);
        Ok(())
    }
}

impl Due for DueTable {
    async fn defer(&self, item: &DueItem) -> Result<(), Failure> {
        // The copy under the parent is written first. If the second write fails, the copy is at worst sent once too
        // often.
        if let Some(parent) = &item.parent {
            self.put(with_shard(item, parent_shard(parent))).await?;
        }
        if let Some(partner) = &item.partner {
            self.list(partner, Timestamp::now()).await?;
        }
        self.put(item_of(item)).await
    }

    async fn ready(
        &self,
        partition: &str,
        now: Timestamp,
        limit: u32,
        after: Option<&str>,
    ) -> Result<DuePage, Failure> {
        // The item's id follows the time in the key, so that the condition "up to now" becomes "before the next
        // millisecond".
        let end = sortable(now.checked_add(Duration::from_millis(1)).unwrap_or(Timestamp::MAX));
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("#s = :s AND #d < :end")
            .expression_attribute_names("#s", "shard")
            .expression_attribute_names("#d", "due")
            .expression_attribute_values(":s", text(partition))
            .expression_attribute_values(":end", text(end))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(after.map(|after| place(partition.to_owned(), after.to_owned())))
            .send()
            .await
            .map_err(|e| failure("Query of due", &e))?;
        let next = answer.last_evaluated_key.map(|key| Reader::new(key, "due item").text("due")).transpose()?;
        // Skip an item that cannot be parsed, so that the others do not wait. It stays in the table for an operator.
        let readable = |item| match due_item_of(item) {
            Ok(item) => Some(item),
            Err(failure) => {
                tracing::error!(partition, ?failure, "skipped a due item that cannot be parsed");
                None
            }
        };
        let items = answer.items.unwrap_or_default().into_iter().filter_map(readable).collect();
        Ok(DuePage { items, next })
    }

    async fn waiting(&self, parent: &str, limit: u32) -> Result<Vec<DueItem>, Failure> {
        let query = self.client.query().table_name(&self.table).consistent_read(true);
        let query = query.key_condition_expression("#s = :s").expression_attribute_names("#s", "shard");
        let query = query.expression_attribute_values(":s", text(parent_shard(parent)));
        let answer = query.limit(i32::try_from(limit).unwrap_or(i32::MAX)).send().await;
        let items = answer.map_err(|e| failure("Query of due", &e))?.items.unwrap_or_default();
        items.into_iter().map(due_item_of).collect()
    }

    async fn done(&self, item: &DueItem) -> Result<(), Failure> {
        if let Some(parent) = &item.parent {
            self.delete(parent_shard(parent), item.sort_key()).await?;
        }
        self.delete(item.partition(), item.sort_key()).await
    }

    async fn all_done(&self, items: &[DueItem]) -> Result<(), Failure> {
        let copies = items.iter().filter_map(|item| Some(place(parent_shard(item.parent.as_ref()?), item.sort_key())));
        let places = items.iter().map(|item| place(item.partition(), item.sort_key()));
        let delete = |key: Item| {
            let request = DeleteRequest::builder().set_key(Some(key)).build().map_err(|error| {
                Failure::permanent(Code::StoreRefused, format!("{DELETE}: the request could not be built: {error}"))
            })?;
            Ok(WriteRequest::builder().delete_request(request).build())
        };
        let deletes = copies.chain(places).map(delete).collect::<Result<Vec<_>, Failure>>()?;
        if deletes.is_empty() {
            return Ok(());
        }
        let batch = self.client.batch_write_item().request_items(&self.table, deletes);
        let answer = batch.send().await.map_err(|e| failure(DELETE, &e))?;
        // What was not deleted is sent once more by the next sweep.
        let left: usize = answer.unprocessed_items.unwrap_or_default().values().map(Vec::len).sum();
        let busy = || Failure::transient(Code::StoreBusy, format!("{DELETE}: {left} items were not deleted"));
        (left == 0).then_some(()).ok_or_else(busy)
    }

    async fn partners(&self) -> Result<Vec<WaitingPartner>, Failure> {
        let query = self.client.query().table_name(&self.table).consistent_read(true);
        let query = query.key_condition_expression("#s = :s").expression_attribute_names("#s", "shard");
        let answer = query.expression_attribute_values(":s", text(PARTNERS)).send().await;
        let items = answer.map_err(|e| failure("Query of due", &e))?.items.unwrap_or_default();
        items.into_iter().map(waiting_of).collect()
    }

    async fn forget(&self, partner: &WaitingPartner) -> Result<(), Failure> {
        if Timestamp::now().duration_since(partner.since) < KEPT_FOR {
            return Ok(());
        }
        let key = place(PARTNERS.to_owned(), partner.partner.to_string());
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key));
        let delete = delete.condition_expression("#since = :since").expression_attribute_names("#since", "since");
        let deleted = delete.expression_attribute_values(":since", text(sortable(partner.since))).send().await;
        match deleted {
            Ok(_) => Ok(()),
            // It was listed again.
            Err(error) if is_condition_failed(&error) => Ok(()),
            Err(error) => Err(failure("DeleteItem from due", &error)),
        }
    }
}

fn is_condition_failed<R>(error: &SdkError<DeleteItemError, R>) -> bool {
    matches!(error.as_service_error(), Some(DeleteItemError::ConditionalCheckFailedException(_)))
}

fn waiting_of(item: Item) -> Result<WaitingPartner, Failure> {
    let mut item = Reader::new(item, "waiting partner");
    Ok(WaitingPartner { partner: item.parsed("due")?, since: item.time("since")? })
}

impl DueTable {
    async fn put(&self, item: Item) -> Result<(), Failure> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map(|_| ()).map_err(|e| failure("PutItem in due", &e))
    }

    async fn delete(&self, shard: String, due: String) -> Result<(), Failure> {
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(place(shard, due)));
        delete.send().await.map(|_| ()).map_err(|e| failure("DeleteItem from due", &e))
    }
}

/// An item's key.
fn place(shard: String, due: String) -> Item {
    item([("shard", Some(text(shard))), ("due", Some(text(due)))])
}

/// The partition of the copies of items that wait for the stream `parent` to be created.
fn parent_shard(parent: &str) -> String {
    format!("parent/{parent}")
}

/// The table's item of a due item. The journal writes one, too, in the transaction that creates a stream.
pub(crate) fn item_of(due: &DueItem) -> Item {
    with_shard(due, due.partition())
}

fn with_shard(due: &DueItem, shard: String) -> Item {
    item([
        ("shard", Some(text(shard))),
        ("due", Some(text(due.sort_key()))),
        ("function", Some(text(&due.function))),
        ("body", Some(text(&due.body))),
        ("why", Some(text(&due.why))),
        ("partner", due.partner.as_ref().map(|partner| text(partner.as_str()))),
        ("parent", due.parent.as_ref().map(text)),
    ])
}

fn due_item_of(item: Item) -> Result<DueItem, Failure> {
    let mut item = Reader::new(item, "due item");
    let key = item.text("due")?;
    let (due, id) = key.split_once('/').ok_or_else(|| item.unreadable("due"))?;
    Ok(DueItem {
        due: due.parse().map_err(|_not_shown| item.unreadable("due"))?,
        id: id.to_owned(),
        function: item.text("function")?,
        body: item.text("body")?,
        why: item.text("why")?,
        partner: match item.optional_text("partner") {
            Some(partner) => Some(partner.parse().map_err(|_not_shown| item.unreadable("partner"))?),
            None => None,
        },
        parent: item.optional_text("parent"),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::canned::{Canned, error};

    fn waiting(n: usize) -> DueItem {
        DueItem {
            due: Timestamp::UNIX_EPOCH,
            id: n.to_string(),
            function: "fulfillment-request".to_owned(),
            body: "{}".to_owned(),
            why: "circuit".to_owned(),
            partner: Some("eastco".parse().unwrap()),
            parent: None,
        }
    }

    #[tokio::test]
    async fn f15_a_partner_is_listed_with_its_first_item_and_the_next_items_cost_one_write() {
        let canned = Canned::always(200, json!({}));
        let table = DueTable::new(canned.aws().dynamodb(), "due".to_owned());
        for n in 0..3 {
            table.defer(&waiting(n)).await.unwrap();
        }
        let shards: Vec<_> = canned.calls().iter().map(|(_, input)| input["Item"]["shard"]["S"].clone()).collect();
        assert_eq!(shards, ["partners", "partner/eastco/ahead", "partner/eastco/ahead", "partner/eastco/ahead"]);
    }

    #[tokio::test]
    async fn f15_a_partner_that_was_listed_a_moment_ago_or_again_is_not_forgotten() {
        let partner: PartnerId = "eastco".parse().unwrap();
        let canned = Canned::always(400, error("ConditionalCheckFailedException"));
        let table = DueTable::new(canned.aws().dynamodb(), "due".to_owned());
        table.forget(&WaitingPartner { partner: partner.clone(), since: Timestamp::now() }).await.unwrap();
        assert!(canned.calls().is_empty());
        table.forget(&WaitingPartner { partner, since: Timestamp::UNIX_EPOCH }).await.unwrap();
        let condition = canned.calls()[0].1["ExpressionAttributeValues"][":since"]["S"].clone();
        assert_eq!(condition, "1970-01-01T00:00:00.000Z");
    }

    #[tokio::test]
    async fn ten_items_are_deleted_by_one_call_and_what_is_left_is_a_failure() {
        let canned = Canned::always(200, json!({ "UnprocessedItems": {} }));
        let table = DueTable::new(canned.aws().dynamodb(), "due".to_owned());
        let items: Vec<DueItem> = (0..10).map(waiting).collect();
        table.all_done(&items).await.unwrap();
        assert_eq!(canned.operations(), ["BatchWriteItem"]);
        assert_eq!(canned.calls()[0].1["RequestItems"]["due"].as_array().unwrap().len(), 10);
        let key = json!({ "shard": {"S": "x"}, "due": {"S": "y"} });
        let left = json!({ "UnprocessedItems": { "due": [{ "DeleteRequest": { "Key": key } }] } });
        let table = DueTable::new(Canned::always(200, left).aws().dynamodb(), "due".to_owned());
        assert!(matches!(table.all_done(&items).await, Err(Failure::Transient { .. })));
    }
}
