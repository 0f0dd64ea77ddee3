//! Partners' documents in DynamoDB. The deployment validates them before it writes them.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
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
        let query = self.client.query().table_name(&self.table);
        let document = |item| Reader::new(item, "partner's document").text("document");
        of_kind(query, PARTNER).await?.into_iter().map(document).collect()
    }
}

/// The kind of the documents that functions read.
pub(crate) const PARTNER: &str = "partner";

const QUERY: &str = "Query of the registry";

/// The registry's items of one kind, in the order of their ids, by a `query` of its table.
pub(crate) async fn of_kind(query: QueryFluentBuilder, kind: &str) -> Result<Vec<Item>, Failure> {
    let query = query.key_condition_expression("#k = :k").expression_attribute_names("#k", "kind");
    let query = query.expression_attribute_values(":k", text(kind));
    let (mut items, mut next): (Vec<Item>, Option<Item>) = (Vec::new(), None);
    loop {
        let page = query.clone().set_exclusive_start_key(next).send().await.map_err(|e| failure(QUERY, &e))?;
        items.extend(page.items.unwrap_or_default());
        match page.last_evaluated_key {
            Some(key) if !key.is_empty() => next = Some(key),
            Some(_) | None => return Ok(items),
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
            .expression_attribute_values(":k", text(PARTNER))
            .expression_attribute_values(":i", text(name))
            .select(Select::Count)
            .send()
            .await
            .map_err(|e| failure(QUERY, &e))?;
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
