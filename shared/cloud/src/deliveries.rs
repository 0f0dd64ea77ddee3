//! Raw deliveries in DynamoDB: one conditional put keeps one for thirty days.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use domain::PartnerId;
use engine::delivery::{Delivery, Kept, Role};
use engine::stores::Deliveries;
use engine::{Code, Failure};
use jiff::Timestamp;

use crate::errors::failure;
use crate::items::{Item, Reader, bytes, item, number, text};
use crate::journal::condition_failed;

/// The deliveries' table.
#[derive(Debug, Clone)]
pub struct DeliveriesTable {
    client: Client,
    table: String,
}

/// How long a delivery is evidence: 30 days.
const KEPT_SECONDS: i64 = 30 * 86_400;

const PUT: &str = "PutItem in deliveries";
const GET: &str = "GetItem from deliveries";

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
    async fn keep(&self, delivery: &Delivery) -> Result<Kept, Failure> {
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
            Ok(_) => return Ok(Kept::New),
            Err(error) => error,
        };
        let there = match condition_failed(&error) {
            Some(Some(item)) => Some(item.clone()),
            Some(None) => self.get(&delivery.key()).await?,
            None => return Err(failure(PUT, &error)),
        };
        // Expired between the put and the look: the sender's next try finds the place free.
        let gone = || Failure::transient(Code::StoreBusy, "the earlier delivery has just expired");
        let kept = Reader::new(there.ok_or_else(gone)?, "delivery").text("digest")?;
        Ok(if kept == digest { Kept::Same } else { Kept::Conflict { kept } })
    }

    async fn fetch(&self, partner: &PartnerId, id: &str) -> Result<Option<Delivery>, Failure> {
        let Some(item) = self.get(&format!("{partner}/{id}")).await? else { return Ok(None) };
        let mut item = Reader::new(item, "delivery");
        // The table forgets what expired within days, not on time.
        if item.number::<i64>("expires")? <= Timestamp::now().as_second() {
            return Ok(None);
        }
        let role = match item.text("role")?.as_str() {
            "crm" => Role::Crm,
            "erp" => Role::Erp,
            "warehouse" => Role::Warehouse,
            _ => return Err(item.unreadable("role")),
        };
        Ok(Some(Delivery {
            partner: partner.clone(),
            role,
            id: id.to_owned(),
            topic: item.text("topic")?,
            body: item.bytes("body")?,
            received_at: item.time("received_at")?,
            correlation: item.text("correlation_id")?,
            traceparent: item.optional_text("traceparent"),
        }))
    }
}

fn item_of(delivery: &Delivery, digest: &str) -> Item {
    item([
        ("delivery", Some(text(delivery.key()))),
        ("partner", Some(text(delivery.partner.as_str()))),
        ("role", Some(text(delivery.role.as_str()))),
        ("topic", Some(text(&delivery.topic))),
        ("digest", Some(text(digest))),
        ("body", Some(bytes(&delivery.body))),
        ("received_at", Some(text(delivery.received_at.to_string()))),
        ("correlation_id", Some(text(&delivery.correlation))),
        ("traceparent", delivery.traceparent.as_ref().map(text)),
        ("expires", Some(number(delivery.received_at.as_second() + KEPT_SECONDS))),
    ])
}
