//! Raw deliveries in DynamoDB: each is written by one conditional put and expires after 30 days.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use domain::PartnerId;
use engine::delivery::{Delivery, Role, StoreOutcome};
use engine::stored::StoredBody;
use engine::stores::Deliveries;
use engine::{Code, Failure};
use jiff::Timestamp;

use crate::errors::{condition_failed, failure};
use crate::items::{Item, Reader, bytes, item, number, text};

/// The table of raw deliveries.
#[derive(Debug, Clone)]
pub struct DeliveriesTable {
    client: Client,
    table: String,
}

/// How long a delivery is stored: 30 days.
const RETENTION_SECONDS: i64 = 30 * 86_400;

const PUT: &str = "PutItem in deliveries";
const GET: &str = "GetItem from deliveries";
const UPDATE: &str = "UpdateItem in deliveries";

impl DeliveriesTable {
    pub(crate) fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    async fn get(&self, key: &str) -> Result<Option<Item>, Failure> {
        let get = self.client.get_item().table_name(&self.table).key("delivery", text(key)).consistent_read(true);
        Ok(get.send().await.map_err(|e| failure(GET, &e))?.item)
    }
}

impl Deliveries for DeliveriesTable {
    async fn store(&self, delivery: &Delivery) -> Result<StoreOutcome, Failure> {
        let digest = delivery.digest();
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item_of(delivery, &digest)))
            .condition_expression("attribute_not_exists(#d)")
            .expression_attribute_names("#d", "delivery")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match put {
            Ok(_) => return Ok(StoreOutcome::New),
            Err(error) => error,
        };
        let existing = match condition_failed(&error) {
            Some(Some(item)) => Some(item.clone()),
            Some(None) => self.get(&delivery.key()).await?,
            None => return Err(failure(PUT, &error)),
        };
        // The earlier delivery expired between the put and the read; the sender's next attempt succeeds.
        let expired = || Failure::transient(Code::StoreBusy, "the earlier delivery has just expired");
        let mut existing = Reader::new(existing.ok_or_else(expired)?, "delivery");
        let stored = existing.text("digest")?;
        if stored != digest {
            return Ok(StoreOutcome::Conflict { stored });
        }
        Ok(StoreOutcome::Same { received_at: existing.time("received_at")? })
    }

    async fn announce_again(&self, key: &str) -> Result<(), Failure> {
        // Any change of the item brings it into the table's stream. The condition keeps an expired delivery from coming
        // back as an item of this attribute alone.
        let update = self.client.update_item().table_name(&self.table).key("delivery", text(key));
        let update = update.update_expression("SET #again = :now").condition_expression("attribute_exists(#d)");
        let update = update.expression_attribute_names("#again", "announced_again_at");
        let update = update.expression_attribute_names("#d", "delivery");
        let update = update.expression_attribute_values(":now", text(Timestamp::now().to_string()));
        update.send().await.map(|_| ()).map_err(|e| failure(UPDATE, &e))
    }

    async fn fetch(&self, partner: &PartnerId, id: &str) -> Result<Option<Delivery>, Failure> {
        let Some(item) = self.get(&format!("{partner}/{id}")).await? else { return Ok(None) };
        let mut item = Reader::new(item, "delivery");
        // DynamoDB deletes expired items within days, not on time.
        if item.number::<i64>("expires")? <= Timestamp::now().as_second() {
            return Ok(None);
        }
        let role = match item.text("role")?.as_str() {
            "crm" => Role::Crm,
            "erp" => Role::Erp,
            "warehouse" => Role::Warehouse,
            _ => return Err(item.unreadable("role")),
        };
        let body = StoredBody { bytes: item.bytes("body")?, is_deflated: item.optional_text("encoding").is_some() };
        let body = body.into_body().ok_or_else(|| item.unreadable("body"))?;
        Ok(Some(Delivery {
            partner: partner.clone(),
            role,
            id: id.to_owned(),
            topic: item.text("topic")?,
            body,
            received_at: item.time("received_at")?,
            correlation: item.text("correlation_id")?,
            traceparent: item.optional_text("traceparent"),
        }))
    }
}

fn item_of(delivery: &Delivery, digest: &str) -> Item {
    let body = StoredBody::new(&delivery.body);
    item([
        ("delivery", Some(text(delivery.key()))),
        ("partner", Some(text(delivery.partner.as_str()))),
        ("role", Some(text(delivery.role.as_str()))),
        ("topic", Some(text(&delivery.topic))),
        ("digest", Some(text(digest))),
        ("body", Some(bytes(&body.bytes))),
        ("encoding", body.is_deflated.then(|| text("deflate"))),
        ("received_at", Some(text(delivery.received_at.to_string()))),
        ("correlation_id", Some(text(&delivery.correlation))),
        ("traceparent", delivery.traceparent.as_ref().map(text)),
        ("expires", Some(number(delivery.received_at.as_second() + RETENTION_SECONDS))),
    ])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use serde_json::{Value, json};

    use super::*;
    use crate::canned::{Call, Canned, error};

    fn table(canned: &Canned) -> DeliveriesTable {
        DeliveriesTable::new(canned.aws().dynamodb(), "deliveries".to_owned())
    }

    fn delivery() -> Delivery {
        Delivery {
            partner: "eastco".parse().unwrap(),
            role: Role::Warehouse,
            id: "msg_1".to_owned(),
            topic: "package.packed".to_owned(),
            body: b"{}".to_vec(),
            received_at: Timestamp::now(),
            correlation: "c-1".to_owned(),
            traceparent: None,
        }
    }

    /// A store that has a delivery with `digest`. `in_error` says whether the error of a put contains the item.
    fn storing(digest: String, in_error: bool) -> Canned {
        Canned::new(move |_, (operation, _): &Call| {
            let item = json!({ "digest": { "S": digest }, "received_at": { "S": "2026-11-23T00:00:00Z" } });
            if operation == "GetItem" {
                return Some((200, json!({ "Item": item })));
            }
            let mut failed = error("ConditionalCheckFailedException");
            if in_error {
                failed["Item"] = item;
            }
            Some((400, failed))
        })
    }

    #[tokio::test]
    async fn equal_bytes_are_the_same_delivery_and_other_bytes_are_a_conflict() {
        for in_error in [true, false] {
            let calls = if in_error { vec!["PutItem"] } else { vec!["PutItem", "GetItem"] };
            let same = storing(delivery().digest(), in_error);
            let received_at = "2026-11-23T00:00:00Z".parse().unwrap();
            assert_eq!(table(&same).store(&delivery()).await, Ok(StoreOutcome::Same { received_at }));
            assert_eq!(same.operations(), calls);
            let other = storing("0f".to_owned(), in_error);
            assert_eq!(table(&other).store(&delivery()).await, Ok(StoreOutcome::Conflict { stored: "0f".to_owned() }));
        }
    }

    #[tokio::test]
    async fn a_long_body_is_stored_deflated_and_fetched_as_it_was_sent() {
        let body = format!("[{}]", vec![r#"{"line":1,"quantity":"1"}"#; 100].join(",")).into_bytes();
        let stored = item_of(&Delivery { body: body.clone(), ..delivery() }, "0f");
        let bytes = stored["body"].as_b().unwrap();
        assert!(bytes.as_ref().len() < body.len() / 4);
        let attributes = |body: &[u8]| {
            let body = BASE64_STANDARD.encode(body);
            let expires = Timestamp::now().as_second() + 60;
            json!({ "Item": { "delivery": {"S": "eastco/msg_1"}, "partner": {"S": "eastco"}, "role": {"S": "warehouse"},
                "topic": {"S": "package.packed"}, "digest": {"S": "0f"}, "body": {"B": body}, "encoding": {"S": "deflate"},
                "correlation_id": {"S": "c-1"}, "received_at": {"S": "2026-11-23T00:00:00Z"},
                "expires": {"N": expires.to_string()} } })
        };
        let fetch = async |body: &[u8]| {
            table(&Canned::always(200, attributes(body))).fetch(&"eastco".parse().unwrap(), "msg_1").await
        };
        assert_eq!(fetch(bytes.as_ref()).await.unwrap().unwrap().body, body);
        assert!(matches!(fetch(b"?").await, Err(Failure::Permanent { code: Code::StateImpossible, .. })));
    }

    #[tokio::test]
    async fn an_expired_delivery_is_not_returned_while_the_table_still_has_it() {
        let stored = |expires: i64| -> Value {
            json!({ "Item": { "delivery": {"S": "eastco/msg_1"}, "partner": {"S": "eastco"}, "role": {"S": "warehouse"},
                "topic": {"S": "package.packed"}, "digest": {"S": "0f"}, "body": {"B": "e30="}, "correlation_id": {"S": "c-1"},
                "received_at": {"S": "2026-11-23T00:00:00Z"}, "expires": {"N": expires.to_string()} } })
        };
        let now = Timestamp::now().as_second();
        let fetch = async |expires| {
            let canned = Canned::always(200, stored(expires));
            table(&canned).fetch(&"eastco".parse().unwrap(), "msg_1").await
        };
        assert_eq!(fetch(now + 60).await.unwrap().unwrap().body, b"{}");
        assert_eq!(fetch(now - 1).await, Ok(None));
    }
}
