//! Read models in DynamoDB: rows that only a newer version replaces, and lists of them by an index.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use engine::stores::{Page, ViewRow, Views};
use engine::{Code, Failure};
use serde::{Deserialize, Serialize};

use crate::errors::{condition_failed, failure};
use crate::items::{Item, Reader, item, number, text};

/// The table of read models.
#[derive(Debug, Clone)]
pub struct ViewsTable {
    pub(crate) client: Client,
    pub(crate) table: String,
}

/// The most rows that one call writes.
const BATCH: usize = 25;

const PUT_ALL: &str = "BatchWriteItem in views";

/// The index that lists are read from.
pub(crate) const INDEX: &str = "by_status";

impl ViewsTable {
    pub(crate) fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }
}

impl Views for ViewsTable {
    async fn put(&self, row: &ViewRow) -> Result<bool, Failure> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item_of(row)))
            .condition_expression(
                "attribute_not_exists(#pk) OR #version < :version OR (#version = :version AND #fold < :fold)",
            )
            .expression_attribute_names("#pk", "pk")
            .expression_attribute_names("#fold", "fold")
            .expression_attribute_values(":fold", number(row.fold))
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":version", number(row.version))
            .send()
            .await;
        match put {
            Ok(_) => Ok(true),
            Err(error) if condition_failed(&error).is_some() => Ok(false),
            Err(error) => Err(failure("PutItem in views", &error)),
        }
    }

    async fn put_all(&self, rows: &[ViewRow]) -> Result<(), Failure> {
        for rows in rows.chunks(BATCH) {
            let put = |row| {
                let put = PutRequest::builder().set_item(Some(item_of(row))).build().map_err(|error| {
                    Failure::permanent(
                        Code::StoreRefused,
                        format!("{PUT_ALL}: the request could not be built: {error}"),
                    )
                })?;
                Ok(WriteRequest::builder().put_request(put).build())
            };
            let puts = rows.iter().map(put).collect::<Result<Vec<_>, Failure>>()?;
            let batch = self.client.batch_write_item().request_items(&self.table, puts).send().await;
            let left = batch.map_err(|e| failure(PUT_ALL, &e))?.unprocessed_items.unwrap_or_default();
            let left: usize = left.values().map(Vec::len).sum();
            if left > 0 {
                return Err(Failure::transient(Code::StoreBusy, format!("{PUT_ALL}: {left} rows were not written")));
            }
        }
        Ok(())
    }

    async fn rows(&self, key: &str, limit: u32) -> Result<Vec<ViewRow>, Failure> {
        let query = self.client.query().table_name(&self.table).consistent_read(true);
        let query = query.key_condition_expression("#k = :k").expression_attribute_names("#k", "pk");
        let query = query.expression_attribute_values(":k", text(key)).limit(i32::try_from(limit).unwrap_or(i32::MAX));
        let answer = query.send().await.map_err(|e| failure("Query of views", &e))?;
        answer.items.unwrap_or_default().into_iter().map(row_of).collect()
    }

    async fn get(&self, key: &str, part: &str) -> Result<Option<ViewRow>, Failure> {
        let get = self.client.get_item().table_name(&self.table).key("pk", text(key)).key("sk", text(part));
        let answer = get.send().await.map_err(|e| failure("GetItem from views", &e))?;
        answer.item.map(row_of).transpose()
    }

    async fn list(&self, list: &str, limit: u32, cursor: Option<&str>) -> Result<Page, Failure> {
        let start = cursor.map(|cursor| Place::read(cursor, list).map(Place::key)).transpose()?;
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(INDEX)
            .key_condition_expression("#l = :l")
            .expression_attribute_names("#l", "status")
            .expression_attribute_values(":l", text(list))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|e| failure("Query of views", &e))?;
        let next = answer.last_evaluated_key.filter(|key| !key.is_empty()).map(Place::write).transpose()?;
        let rows = answer.items.unwrap_or_default().into_iter().map(row_of).collect::<Result<_, _>>()?;
        Ok(Page { rows, next })
    }
}

/// The end of a page: the list, and the last row's rank, key and part.
#[derive(Serialize, Deserialize)]
struct Place(String, String, String, String);

impl Place {
    /// # Errors
    /// The cursor is malformed, or of another list than `list`: permanent. A place in another list would silently begin
    /// somewhere in this one.
    fn read(cursor: &str, list: &str) -> Result<Self, Failure> {
        let malformed = || Failure::permanent(Code::StoreRefused, "the cursor is malformed, or of another list");
        let json = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_not_base64| malformed())?;
        let place: Self = serde_json::from_slice(&json).map_err(|_not_a_place| malformed())?;
        // The store rejects empty keys with an error that looks like a defect of this release.
        let is_empty = [&place.1, &place.2, &place.3].iter().any(|part| part.is_empty());
        if is_empty || place.0 != list { Err(malformed()) } else { Ok(place) }
    }

    fn key(self) -> Item {
        item([
            ("status", Some(text(self.0))),
            ("status_sort", Some(text(self.1))),
            ("pk", Some(text(self.2))),
            ("sk", Some(text(self.3))),
        ])
    }

    fn write(key: Item) -> Result<String, Failure> {
        let mut key = Reader::new(key, "view row");
        let place = Self(key.text("status")?, key.text("status_sort")?, key.text("pk")?, key.text("sk")?);
        let json = serde_json::to_vec(&place)
            .map_err(|e| Failure::permanent(Code::StateImpossible, engine::redact::json_error(&e)))?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode(json))
    }
}

fn item_of(row: &ViewRow) -> Item {
    // A row without these two attributes is not in the index.
    let listed = |value: &String| (!row.list.is_empty()).then(|| text(value));
    item([
        ("pk", Some(text(&row.key))),
        ("sk", Some(text(&row.part))),
        ("version", Some(number(row.version))),
        ("fold", Some(number(row.fold))),
        ("status", listed(&row.list)),
        ("status_sort", listed(&row.rank)),
        ("document", Some(text(&row.document))),
    ])
}

pub(crate) fn row_of(item: Item) -> Result<ViewRow, Failure> {
    let mut item = Reader::new(item, "view row");
    Ok(ViewRow {
        key: item.text("pk")?,
        part: item.text("sk")?,
        version: item.number("version")?,
        fold: item.number("fold")?,
        list: item.optional_text("status").unwrap_or_default(),
        rank: item.optional_text("status_sort").unwrap_or_default(),
        document: item.text("document")?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::canned::Canned;

    #[tokio::test]
    async fn rows_that_the_table_left_are_written_by_another_delivery() {
        let row = ViewRow {
            key: "reference/1Z".to_owned(),
            part: "tracking/ord_1-1".to_owned(),
            version: 1,
            fold: 1,
            list: String::new(),
            rank: String::new(),
            document: "{}".to_owned(),
        };
        let canned = Canned::new(|earlier, (_, input)| {
            let left = if earlier == 1 { input["RequestItems"].clone() } else { json!({}) };
            Some((200, json!({ "UnprocessedItems": left })))
        });
        let views = ViewsTable::new(canned.aws().dynamodb(), "views".to_owned());
        let rows = vec![row; 26];
        let failed = views.put_all(&rows).await.unwrap_err();
        assert!(matches!(failed, Failure::Transient { code: Code::StoreBusy, .. }), "{failed:?}");
        views.put_all(&rows[..1]).await.unwrap();
        assert_eq!(canned.operations(), ["BatchWriteItem"; 3]);
    }

    #[test]
    fn f19_a_cursor_is_read_back_and_one_of_another_list_is_refused() {
        let key = item([
            ("status", Some(text("order/shipped"))),
            ("status_sort", Some(text("2026-11-23T10:00:00.000Z/ord_1"))),
            ("pk", Some(text("order/ord_1"))),
            ("sk", Some(text("summary"))),
        ]);
        let cursor = Place::write(key.clone()).unwrap();
        assert_eq!(Place::read(&cursor, "order/shipped").unwrap().key(), key);
        assert!(matches!(Place::read(&cursor, "order/routed"), Err(Failure::Permanent { .. })), "of another list");
        let empty = BASE64_URL_SAFE_NO_PAD.encode(r#"["order/shipped","","",""]"#);
        for other in ["", "?", "bm9uZQ", empty.as_str()] {
            assert!(matches!(Place::read(other, "order/shipped"), Err(Failure::Permanent { .. })), "{other}");
        }
    }
}
