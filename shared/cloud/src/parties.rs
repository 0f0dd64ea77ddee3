//! Personal data in a DynamoDB table of its own.

use aws_sdk_dynamodb::Client;
use domain::party::{Party, PartyRef};
use engine::stores::Parties;
use engine::{Code, Failure};

use crate::errors::{condition_failed, failure};
use crate::items::{Item, Reader, item, number, text};

/// The table of parties.
#[derive(Debug, Clone)]
pub struct PartiesTable {
    pub(crate) client: Client,
    pub(crate) table: String,
}

impl PartiesTable {
    pub(crate) fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }
}

/// A party as it is stored.
pub(crate) fn item_of(reference: &PartyRef, party: &Party) -> Result<Item, Failure> {
    let unwritable = |e: serde_json::Error| {
        Failure::permanent(Code::StateImpossible, format!("a party: {}", engine::redact::json_error(&e)))
    };
    Ok(item([
        ("party", Some(text(reference.key()))),
        ("n", Some(number(reference.n))),
        ("document", Some(text(serde_json::to_string(party).map_err(unwritable)?))),
    ]))
}

impl Parties for PartiesTable {
    async fn store(&self, reference: &PartyRef, party: &Party) -> Result<(), Failure> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item_of(reference, party)?))
            .condition_expression("attribute_not_exists(#p)")
            .expression_attribute_names("#p", "party")
            .send()
            .await;
        match put {
            Ok(_) => Ok(()),
            Err(error) if condition_failed(&error).is_some() => Ok(()),
            Err(error) => Err(failure("PutItem in parties", &error)),
        }
    }

    async fn fetch(&self, reference: &PartyRef) -> Result<Option<Party>, Failure> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("party", text(reference.key()))
            .key("n", number(reference.n))
            .consistent_read(true)
            .send()
            .await
            .map_err(|e| failure("GetItem from parties", &e))?;
        let Some(item) = answer.item else { return Ok(None) };
        let mut item = Reader::new(item, "party");
        let document = item.text("document")?;
        serde_json::from_str(&document).map(Some).map_err(|_personal| item.unreadable("document"))
    }
}
