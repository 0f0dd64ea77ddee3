//! DynamoDB items: attributes in and out.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use engine::{Code, Failure};
use jiff::Timestamp;

/// An item, as the SDK has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A text attribute.
pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number attribute.
pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// An attribute of bytes.
pub(crate) fn bytes(value: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

/// An item under construction; what is `None` is left out.
pub(crate) fn item<const N: usize>(attributes: [(&str, Option<AttributeValue>); N]) -> Item {
    attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// Takes attributes out of an item, and says which one is not what it should be.
pub(crate) struct Reader {
    item: Item,
    what: &'static str,
    code: Code,
}

impl Reader {
    /// A commit's.
    pub(crate) fn commit(item: Item) -> Self {
        Self { item, what: "commit", code: Code::JournalCorrupt }
    }

    /// Any other item's. `what` names the kind in a failure: we alone write them, so it is a fault of ours.
    pub(crate) fn new(item: Item, what: &'static str) -> Self {
        Self { item, what, code: Code::StateImpossible }
    }

    /// The failure over `name`.
    pub(crate) fn unreadable(&self, name: &str) -> Failure {
        Failure::permanent(self.code, format!("{}: attribute `{name}` is missing or unreadable", self.what))
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &str) -> Result<String, Failure> {
        self.optional_text(name).ok_or_else(|| self.unreadable(name))
    }

    /// A text that may be missing.
    pub(crate) fn optional_text(&mut self, name: &str) -> Option<String> {
        match self.item.remove(name) {
            Some(AttributeValue::S(text)) => Some(text),
            Some(_) | None => None,
        }
    }

    /// A whole number.
    pub(crate) fn number<T: std::str::FromStr>(&mut self, name: &str) -> Result<T, Failure> {
        let number = match self.item.remove(name) {
            Some(AttributeValue::N(digits)) => digits.parse().ok(),
            Some(_) | None => None,
        };
        number.ok_or_else(|| self.unreadable(name))
    }

    /// Bytes.
    pub(crate) fn bytes(&mut self, name: &str) -> Result<Vec<u8>, Failure> {
        match self.item.remove(name) {
            Some(AttributeValue::B(blob)) => Ok(blob.into_inner()),
            Some(_) | None => Err(self.unreadable(name)),
        }
    }

    /// A time, RFC 3339.
    pub(crate) fn time(&mut self, name: &str) -> Result<Timestamp, Failure> {
        self.parsed(name)
    }

    /// A text that stands for something else.
    pub(crate) fn parsed<T: std::str::FromStr>(&mut self, name: &str) -> Result<T, Failure> {
        self.text(name)?.parse().map_err(|_not_shown| self.unreadable(name))
    }
}
