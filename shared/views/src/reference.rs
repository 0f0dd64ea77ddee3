//! Cross references: the names that other systems have for an order and what belongs to it, each with the order.
//!
//! A reference is of one event and never changes, so that its row is written once, without reading the stream. Whether the order
//! still goes by it is for the reader to see in the journal: a restored journal may have lost the event.

use std::str::FromStr;

use domain::{FulfillmentId, OrderId, Workflow};
use engine::journal::events_of;
use engine::stores::ViewRow;
use engine::{Commit, Failure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A name of an order, or of a document or package that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// Crossdock's id of the order.
    pub order: OrderId,
    /// What has the name: `purchase_order`, `external_id`, `sales_order`, `invoice`, `warehouse_order` or `tracking`. It is
    /// text, so that the kinds of a newer release can be shown.
    pub kind: String,
    /// The name, as its system writes it.
    pub reference: String,
    /// The fulfillment that it belongs to; `None` where it belongs to the whole order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fulfillment: Option<FulfillmentId>,
}

impl Reference {
    /// A name of the whole order.
    pub(crate) fn of_order(order: &OrderId, kind: &str, reference: &impl ToString) -> Self {
        Self { order: order.clone(), kind: kind.to_owned(), reference: reference.to_string(), fulfillment: None }
    }

    /// A name of a fulfillment, or of one of its packages.
    pub(crate) fn of_fulfillment(fulfillment: &FulfillmentId, kind: &str, reference: &impl ToString) -> Self {
        Self { fulfillment: Some(fulfillment.clone()), ..Self::of_order(fulfillment.order(), kind, reference) }
    }

    fn row(&self, version: u64) -> ViewRow {
        let owner = self.fulfillment.as_ref().map_or_else(|| self.order.to_string(), ToString::to_string);
        ViewRow {
            key: key(&self.reference),
            part: format!("{}/{owner}", self.kind),
            version,
            fold: crate::FOLD,
            list: String::new(),
            rank: String::new(),
            document: serde_json::to_string(self).unwrap_or_default(),
        }
    }
}

/// The [`ViewRow::key`] of all rows with a reference. People type references as they read them, so that spaces, hyphens and
/// letters' case do not count; what then has one key is told apart by the documents.
pub fn key(reference: &str) -> String {
    let counted = reference.chars().filter(|c| !c.is_whitespace() && *c != '-');
    format!("reference/{}", counted.flat_map(char::to_uppercase).collect::<String>())
}

/// The rows of all references that a commit of `W` has, each once; none of another workflow's commit.
///
/// # Errors
/// The commit cannot be read.
pub(crate) fn rows<W: Workflow<Id: FromStr>>(
    commit: &Commit,
    now: Timestamp,
    references: impl Fn(&W::Id, &W::Event) -> Vec<Reference>,
) -> Result<Vec<ViewRow>, Failure> {
    let id = commit.stream.strip_prefix(W::KIND).and_then(|rest| rest.strip_prefix('/'));
    let Some(id) = id.and_then(|id| id.parse::<W::Id>().ok()) else { return Ok(vec![]) };
    let events = events_of::<W>(commit, now)?;
    let mut found: Vec<Reference> = events.iter().flat_map(|event| references(&id, event)).collect();
    found.sort();
    let mut rows: Vec<ViewRow> = found.iter().map(|reference| reference.row(commit.version)).collect();
    rows.sort_by(|a, b| (&a.key, &a.part).cmp(&(&b.key, &b.part)));
    rows.dedup_by(|a, b| (&a.key, &a.part) == (&b.key, &b.part));
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_found_as_people_type_it() {
        for typed in ["1Z 999 aa1 0123456784", "1z999AA10123456784", " 1Z-999-AA1-0123456784 "] {
            assert_eq!(key(typed), "reference/1Z999AA10123456784");
        }
        assert_ne!(key("SO/7"), key("SO7"), "other signs count");
    }
}
