//! Builds DynamoDB items from attributes, and reads attributes from items.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use engine::stored::StoredEvents;
use engine::{Code, Failure};
use jiff::Timestamp;

/// The SDK's type of an item.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A text attribute.
pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number attribute.
pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A binary attribute.
pub(crate) fn bytes(value: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

/// An item of the attributes that are not `None`.
pub(crate) fn item<const N: usize>(attributes: [(&str, Option<AttributeValue>); N]) -> Item {
    attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// Takes attributes out of an item. Its failures name the attribute that is missing or malformed.
pub(crate) struct Reader {
    item: Item,
    what: &'static str,
    code: Code,
}

impl Reader {
    /// For an item of the journal.
    pub(crate) fn commit(item: Item) -> Self {
        Self { item, what: "commit", code: Code::JournalCorrupt }
    }

    /// For any other item. `what` says in failures what the item is. A malformed one is a defect, since only Crossdock
    /// writes them.
    pub(crate) fn new(item: Item, what: &'static str) -> Self {
        Self { item, what, code: Code::StateImpossible }
    }

    /// The failure for the attribute `name`.
    pub(crate) fn unreadable(&self, name: &str) -> Failure {
        Failure::permanent(self.code, format!("{}: attribute `{name}` is missing or unreadable", self.what))
    }

    /// Takes a text.
    pub(crate) fn text(&mut self, name: &str) -> Result<String, Failure> {
        self.optional_text(name).ok_or_else(|| self.unreadable(name))
    }

    /// Takes a text that may be missing.
    pub(crate) fn optional_text(&mut self, name: &str) -> Option<String> {
        match self.item.remove(name) {
            Some(AttributeValue::S(text)) => Some(text),
            Some(_) | None => None,
        }
    }

    /// Takes a truth value; `false` if it is missing.
    pub(crate) fn optional_bool(&mut self, name: &str) -> bool {
        matches!(self.item.remove(name), Some(AttributeValue::Bool(true)))
    }

    /// Takes an integer.
    pub(crate) fn number<T: std::str::FromStr>(&mut self, name: &str) -> Result<T, Failure> {
        let number = match self.item.remove(name) {
            Some(AttributeValue::N(digits)) => digits.parse().ok(),
            Some(_) | None => None,
        };
        number.ok_or_else(|| self.unreadable(name))
    }

    /// Takes bytes.
    pub(crate) fn bytes(&mut self, name: &str) -> Result<Vec<u8>, Failure> {
        match self.item.remove(name) {
            Some(AttributeValue::B(blob)) => Ok(blob.into_inner()),
            Some(_) | None => Err(self.unreadable(name)),
        }
    }

    /// Takes a commit's events.
    pub(crate) fn text_or_bytes(&mut self, name: &str) -> Result<StoredEvents, Failure> {
        match self.item.remove(name) {
            Some(AttributeValue::S(text)) => Ok(StoredEvents::Text(text)),
            Some(AttributeValue::B(blob)) => Ok(StoredEvents::Deflated(blob.into_inner())),
            Some(_) | None => Err(self.unreadable(name)),
        }
    }

    /// Takes a time in RFC 3339.
    pub(crate) fn time(&mut self, name: &str) -> Result<Timestamp, Failure> {
        self.parsed(name)
    }

    /// Takes a text and parses it.
    pub(crate) fn parsed<T: std::str::FromStr>(&mut self, name: &str) -> Result<T, Failure> {
        self.text(name)?.parse().map_err(|_not_shown| self.unreadable(name))
    }
}
