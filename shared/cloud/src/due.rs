//! Due items in DynamoDB, sorted by time in a few partitions.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use engine::Failure;
use engine::stores::{Due, DueItem, DuePage, sortable};
use jiff::Timestamp;

use crate::errors::failure;
use crate::items::{Item, Reader, item, text};

/// The table of due items.
#[derive(Debug, Clone)]
pub struct DueTable {
    client: Client,
    table: String,
}

impl DueTable {
    pub(crate) fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }
}

impl Due for DueTable {
    async fn defer(&self, item: &DueItem) -> Result<(), Failure> {
        // The copy under the parent is written first. If the second write fails, the copy is at worst sent once too
        // often.
        if let Some(parent) = &item.parent {
            self.put(with_shard(item, parent_shard(parent))).await?;
        }
        self.put(item_of(item)).await
    }

    async fn ready(&self, shard: u32, now: Timestamp, limit: u32, after: Option<&str>) -> Result<DuePage, Failure> {
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
            .expression_attribute_values(":s", text(shard.to_string()))
            .expression_attribute_values(":end", text(end))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(after.map(|after| place(shard.to_string(), after.to_owned())))
            .send()
            .await
            .map_err(|e| failure("Query of due", &e))?;
        let next = answer.last_evaluated_key.map(|key| Reader::new(key, "due item").text("due")).transpose()?;
        // Skip an item that cannot be parsed, so that the others do not wait. It stays in the table for an operator.
        let readable = |item| match due_item_of(item) {
            Ok(item) => Some(item),
            Err(failure) => {
                tracing::error!(shard, ?failure, "skipped a due item that cannot be parsed");
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
        self.delete(item.shard().to_string(), item.sort_key()).await
    }
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
    with_shard(due, due.shard().to_string())
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
