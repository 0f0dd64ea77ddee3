//! Partners' health in DynamoDB: one small item per partner, replaced on the condition that its version has not
//! changed.

use aws_sdk_dynamodb::Client;
use domain::PartnerId;
use engine::partner_health::{PartnerHealth, PartnerHealthStore};
use engine::{Code, Failure};

use crate::errors::{condition_failed, failure};
use crate::items::{Reader, item, number, text};

/// The table of partners' health.
#[derive(Debug, Clone)]
pub struct PartnerHealthTable {
    client: Client,
    table: String,
}

impl PartnerHealthTable {
    pub(crate) fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }
}

impl PartnerHealthStore for PartnerHealthTable {
    async fn read(&self, partner: &PartnerId) -> Result<(PartnerHealth, u64), Failure> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("partner", text(partner.as_str()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|e| failure("GetItem from partner health", &e))?;
        let Some(item) = answer.item else { return Ok((PartnerHealth::default(), 0)) };
        let mut item = Reader::new(item, "partner health");
        let version = item.number("version")?;
        let state = serde_json::from_str(&item.text("state")?).map_err(|_not_shown| item.unreadable("state"))?;
        Ok((state, version))
    }

    async fn swap(&self, partner: &PartnerId, version: u64, state: &PartnerHealth) -> Result<bool, Failure> {
        let unwritable = |e: serde_json::Error| {
            Failure::permanent(Code::StateImpossible, format!("partner health: {}", engine::redact::json_error(&e)))
        };
        let next = item([
            ("partner", Some(text(partner.as_str()))),
            ("version", Some(number(version.saturating_add(1)))),
            ("state", Some(text(serde_json::to_string(state).map_err(unwritable)?))),
        ]);
        let put = self.client.put_item().table_name(&self.table).set_item(Some(next));
        let put = if version == 0 {
            put.condition_expression("attribute_not_exists(#p)").expression_attribute_names("#p", "partner")
        } else {
            put.condition_expression("#v = :v")
                .expression_attribute_names("#v", "version")
                .expression_attribute_values(":v", number(version))
        };
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error) if condition_failed(&error).is_some() => Ok(false),
            Err(error) => Err(failure("PutItem in partner health", &error)),
        }
    }
}
