//! Partners' documents in DynamoDB. The deployment validates them before it writes them.

use aws_sdk_dynamodb::Client;
use engine::Failure;
use engine::partner::Documents;

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
