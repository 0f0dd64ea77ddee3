//! Rows of lists as pages show them. They are read leniently: a newer release may have written a status, a kind or an option that
//! this one does not know, and its row is shown all the same.

use domain::Money;
use domain::fulfillment::FulfillmentReview;
use domain::intake::DeliveryReview;
use domain::order::OrderReview;
use domain::review::{ReviewKind, Team};
use jiff::Timestamp;
use serde_json::Value;

/// An order in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderRow {
    /// Crossdock's id.
    pub id: String,
    /// As it was written.
    pub status: String,
    /// The system or client that submitted it.
    pub source: String,
    /// Its id there.
    pub external_id: String,
    /// The sold-to customer's number.
    pub customer: String,
    /// The customer's purchase order number.
    pub customer_po: String,
    /// `None` until it is priced.
    pub total: Option<Money>,
    /// By the sender's clock.
    pub ordered_at: Option<Timestamp>,
    /// The number of its own open reviews.
    pub reviews: u64,
}

impl OrderRow {
    /// The order of a row's document.
    pub fn read(row: &Value) -> Self {
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            id: text("id"),
            status: text("status"),
            source: text("source"),
            external_id: text("external_id"),
            customer: text("customer"),
            customer_po: text("customer_po"),
            total: row.get("total").and_then(|total| serde_json::from_value(total.clone()).ok()),
            ordered_at: time(row, "ordered_at"),
            reviews: row.get("reviews").and_then(Value::as_u64).unwrap_or(0),
        }
    }

    /// Whether `reference` is one of its names: our id, the sender's id, or the purchase order, also those of later submissions.
    pub fn is_called(row: &Value, reference: &str) -> bool {
        let is = |row: &Value, name: &str| row.get(name).and_then(Value::as_str) == Some(reference);
        let by_name = |row: &Value| is(row, "id") || is(row, "external_id");
        let mut aliases = row.get("aliases").and_then(Value::as_array).into_iter().flatten();
        by_name(row) || is(row, "customer_po") || aliases.any(by_name)
    }
}

/// A review in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewRow {
    /// `<order, fulfillment or delivery>.<review>`.
    pub id: String,
    /// As it was written.
    pub kind: String,
    /// For people.
    pub reason: String,
    /// As they were written.
    pub options: Vec<String>,
    /// When it should be decided.
    pub decide_by: Option<Timestamp>,
}

impl ReviewRow {
    /// The review of a part of a row's document.
    pub fn read(review: &Value) -> Self {
        let text = |name: &str| review.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let options = review.get("options").and_then(Value::as_array).into_iter().flatten();
        Self {
            id: text("id"),
            kind: text("kind"),
            reason: text("reason"),
            options: options.filter_map(|option| option.as_str().map(str::to_owned)).collect(),
            decide_by: time(review, "decide_by"),
        }
    }

    /// The team that decides it; `None` for a kind that this release does not know.
    pub fn team(&self) -> Option<Team> {
        team_of(&self.id, &self.kind)
    }
}

/// The team that decides reviews of this kind in the stream of the review `id`.
pub fn team_of(id: &str, kind: &str) -> Option<Team> {
    let stream = id.split('.').next().unwrap_or_default();
    if stream.starts_with("dlv_") {
        team::<DeliveryReview>(kind)
    } else if stream.contains('-') {
        team::<FulfillmentReview>(kind)
    } else {
        team::<OrderReview>(kind)
    }
}

fn team<K: ReviewKind>(kind: &str) -> Option<Team> {
    K::ALL.iter().find(|known| known.as_str() == kind).map(|known| known.team())
}

fn time(row: &Value, name: &str) -> Option<Timestamp> {
    row.get(name).and_then(Value::as_str).and_then(|text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_of_a_newer_release_is_shown_with_what_is_known_of_it() {
        let order =
            OrderRow::read(&json!({ "id": "ord_1", "status": "quarantined", "total": 5, "ordered_at": "soon" }));
        assert_eq!((order.status.as_str(), order.total, order.ordered_at), ("quarantined", None, None));
        let review = ReviewRow::read(&json!({ "id": "ord_1.burnt-0", "kind": "burnt", "options": ["burn", 7] }));
        assert_eq!((review.team(), review.options), (None, vec!["burn".to_owned()]));
    }

    #[test]
    fn a_kind_that_several_workflows_have_is_its_own_workflows_teams() {
        assert_eq!(team_of("ord_1.partner_refused-0", "partner_refused"), Some(Team::Orders));
        assert_eq!(team_of("ord_1-2.partner_refused-0", "partner_refused"), Some(Team::Logistics));
        assert_eq!(team_of("dlv_1.unmappable_delivery-0", "unmappable_delivery"), Some(Team::Orders));
    }
}
