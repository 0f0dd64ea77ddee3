//! Partners' documents in DynamoDB. The deployment validates them before it writes them.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::Select;
use engine::Failure;
use engine::partner::{Documents, PartnerNames};

use crate::errors::failure;
use crate::items::{Item, Reader, text};

/// The table of partners' documents.
#[derive(Debug, Clone)]
pub struct RegistryTable {
    client: Client,
    table: String,
}

impl RegistryTable {
    pub(crate) fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }
}

impl Documents for RegistryTable {
    async fn documents(&self) -> Result<Vec<String>, Failure> {
        let mut documents = Vec::new();
        let mut next: Option<Item> = None;
        loop {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("#k = :k")
                .expression_attribute_names("#k", "kind")
                .expression_attribute_values(":k", text("partner"))
                .set_exclusive_start_key(next)
                .send()
                .await
                .map_err(|e| failure("Query of the registry", &e))?;
            for item in page.items.unwrap_or_default() {
                documents.push(Reader::new(item, "partner's document").text("document")?);
            }
            match page.last_evaluated_key {
                Some(key) if !key.is_empty() => next = Some(key),
                Some(_) | None => return Ok(documents),
            }
        }
    }
}

impl PartnerNames for RegistryTable {
    async fn is_partner(&self, name: &str) -> Result<bool, Failure> {
        // A query and no `GetItem`, because a function's start has this operation already.
        let found = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("#k = :k AND #i = :i")
            .expression_attribute_names("#k", "kind")
            .expression_attribute_names("#i", "id")
            .expression_attribute_values(":k", text("partner"))
            .expression_attribute_values(":i", text(name))
            .select(Select::Count)
            .send()
            .await
            .map_err(|e| failure("Query of the registry", &e))?;
        Ok(found.count > 0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::canned::{Canned, error};

    #[tokio::test]
    async fn a_partners_name_is_looked_up_by_its_key() {
        let canned = Canned::new(|_, (_, input)| {
            let values = &input["ExpressionAttributeValues"];
            assert_eq!(values[":k"], json!({ "S": "partner" }));
            Some((200, json!({ "Count": u8::from(values[":i"] == json!({ "S": "eastco" })) })))
        });
        let registry = RegistryTable::new(canned.aws().dynamodb(), "registry".to_owned());
        assert!(registry.is_partner("eastco").await.unwrap());
        assert!(!registry.is_partner("portal").await.unwrap());
        let busy = Canned::always(500, error("InternalServerError"));
        let registry = RegistryTable::new(busy.aws().dynamodb(), "registry".to_owned());
        assert!(matches!(registry.is_partner("portal").await, Err(Failure::Transient { .. })));
    }
}
