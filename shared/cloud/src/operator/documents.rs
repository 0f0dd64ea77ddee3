//! Partners' documents as an operator changes them: each with its version, the replaced ones kept.

use aws_sdk_dynamodb::Client;
use engine::Failure;

use crate::errors::{condition_failed, failure};
use crate::items::{Item, Reader, item, number, text};
use crate::registry::{PARTNER, of_kind};

/// The table of partners' documents, for writing.
#[derive(Debug, Clone)]
pub struct OperatorDocuments {
    client: Client,
    table: String,
}

/// A partner's document as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDocument {
    /// The partner's id.
    pub partner: String,
    /// Its number. Each change of the partner's document has a higher one.
    pub version: u64,
    /// The JSON text.
    pub document: String,
}

const PUT: &str = "PutItem in the registry";

impl OperatorDocuments {
    pub(crate) fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// The documents that functions read, in the order of their partners' ids.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn current(&self) -> Result<Vec<StoredDocument>, Failure> {
        let read = |item| {
            let mut reader = Reader::new(item, "partner's document");
            Ok(StoredDocument {
                partner: reader.text("id")?,
                version: reader.number("version")?,
                document: reader.text("document")?,
            })
        };
        self.of_kind(PARTNER).await?.into_iter().map(read).collect()
    }

    /// The documents of `partner` that were replaced, in the order of their versions.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn replaced(&self, partner: &str) -> Result<Vec<StoredDocument>, Failure> {
        let read = |item| {
            let mut reader = Reader::new(item, "replaced document");
            let (version, document) = (reader.number("version")?, reader.text("document")?);
            Ok(StoredDocument { partner: partner.to_owned(), version, document })
        };
        self.of_kind(&replaced_kind(partner)).await?.into_iter().map(read).collect()
    }

    /// Writes `next`, and before it a copy of `before`, which it replaces. Returns whether it was written; it is not if the
    /// document has changed since `before` was read. The copy then changes nothing: it is of a version that is still stored.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn replace(&self, before: Option<&StoredDocument>, next: &StoredDocument) -> Result<bool, Failure> {
        if let Some(StoredDocument { partner, version, document }) = before {
            let copy = item([
                ("kind", Some(text(replaced_kind(partner)))),
                ("id", Some(text(format!("{version:020}")))),
                ("version", Some(number(version))),
                ("document", Some(text(document))),
            ]);
            let put = self.client.put_item().table_name(&self.table).set_item(Some(copy));
            put.send().await.map_err(|error| failure(PUT, &error))?;
        }
        let row = item([
            ("kind", Some(text(PARTNER))),
            ("id", Some(text(&next.partner))),
            ("version", Some(number(next.version))),
            ("document", Some(text(&next.document))),
        ]);
        let put = self.client.put_item().table_name(&self.table).set_item(Some(row));
        let put = match before {
            Some(before) => put
                .condition_expression("#v = :v")
                .expression_attribute_names("#v", "version")
                .expression_attribute_values(":v", number(before.version)),
            None => put.condition_expression("attribute_not_exists(#k)").expression_attribute_names("#k", "kind"),
        };
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error) if condition_failed(&error).is_some() => Ok(false),
            Err(error) => Err(failure(PUT, &error)),
        }
    }

    async fn of_kind(&self, kind: &str) -> Result<Vec<Item>, Failure> {
        of_kind(self.client.query().table_name(&self.table).consistent_read(true), kind).await
    }
}

/// The kind of a partner's replaced documents, which no function reads.
fn replaced_kind(partner: &str) -> String {
    format!("replaced/{partner}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::canned::{Canned, error};

    fn stored(version: u64) -> StoredDocument {
        StoredDocument { partner: "eastco".to_owned(), version, document: format!("{{\"n\":{version}}}") }
    }

    #[tokio::test]
    async fn a_replaced_document_is_kept_first_and_a_changed_one_is_not_replaced() {
        let canned = Canned::new(|_, (_, input)| {
            let is_known = input["ExpressionAttributeValues"][":v"] == json!({ "N": "7" });
            let is_copy = input["Item"]["kind"] == json!({ "S": "replaced/eastco" });
            Some(if is_known || is_copy { (200, json!({})) } else { (400, error("ConditionalCheckFailedException")) })
        });
        let documents = OperatorDocuments::new(canned.aws().dynamodb(), "registry".to_owned());
        assert!(documents.replace(Some(&stored(7)), &stored(8)).await.unwrap());
        let items: Vec<_> = canned.calls().into_iter().map(|(_, input)| input["Item"]["version"].clone()).collect();
        assert_eq!(items, [json!({ "N": "7" }), json!({ "N": "8" })]);
        assert!(!documents.replace(Some(&stored(6)), &stored(8)).await.unwrap());
        assert!(!documents.replace(None, &stored(1)).await.unwrap(), "there is one");
    }
}
