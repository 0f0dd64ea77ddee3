//! What other tables say of a time that a restored journal lost. An operator has to read them whole.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use domain::OrderId;
use engine::Failure;
use jiff::Timestamp;

use crate::deliveries::DeliveriesTable;
use crate::errors::failure;
use crate::items::{Item, Reader};
use crate::parties::PartiesTable;

impl DeliveriesTable {
    /// The keys of the deliveries that were received at `from` or later and before `to`, oldest first. `progress` is told how
    /// many were read.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn received(
        &self,
        from: Timestamp,
        to: Timestamp,
        progress: impl FnMut(u64),
    ) -> Result<Vec<String>, Failure> {
        let scan = self.client.scan().table_name(&self.table).consistent_read(true);
        let scan = scan.projection_expression("#d, #r").expression_attribute_names("#d", "delivery");
        let scan = scan.expression_attribute_names("#r", "received_at");
        let mut found = Vec::new();
        for item in all(scan, "Scan of deliveries", progress).await? {
            let mut item = Reader::new(item, "delivery");
            let at = item.time("received_at")?;
            if (from..to).contains(&at) {
                found.push((at, item.text("delivery")?));
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, key)| key).collect())
    }
}

impl PartiesTable {
    /// The orders of which an address is stored. It is written in one transaction with the order. `progress` is told how many
    /// addresses were read.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn orders(&self, progress: impl FnMut(u64)) -> Result<BTreeSet<OrderId>, Failure> {
        let scan = self.client.scan().table_name(&self.table).consistent_read(true);
        // Nothing personal is read.
        let scan = scan.projection_expression("#p").expression_attribute_names("#p", "party");
        let mut orders = BTreeSet::new();
        for item in all(scan, "Scan of parties", progress).await? {
            let mut item = Reader::new(item, "party");
            let key = item.text("party")?;
            let order = key.strip_prefix("party/").and_then(|id| id.parse().ok());
            orders.insert(order.ok_or_else(|| item.unreadable("party"))?);
        }
        Ok(orders)
    }
}

async fn all(scan: ScanFluentBuilder, what: &str, mut progress: impl FnMut(u64)) -> Result<Vec<Item>, Failure> {
    let (mut items, mut next): (Vec<Item>, Option<Item>) = (Vec::new(), None);
    loop {
        let page = scan.clone().set_exclusive_start_key(next).send().await.map_err(|e| failure(what, &e))?;
        items.extend(page.items.unwrap_or_default());
        progress(items.len() as u64);
        match page.last_evaluated_key {
            Some(key) if !key.is_empty() => next = Some(key),
            Some(_) | None => return Ok(items),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::canned::Canned;

    #[tokio::test]
    async fn deliveries_of_a_time_are_read_from_every_page_oldest_first() {
        let delivery = |key: &str, at: &str| json!({ "delivery": { "S": key }, "received_at": { "S": at } });
        let canned = Canned::new(move |earlier, _| {
            let first = json!({ "Items": [delivery("crm/late", "2026-03-02T10:00:01Z"), delivery("crm/before", "2026-03-02T09:59:59Z")],
                "LastEvaluatedKey": { "delivery": { "S": "crm/before" } } });
            let second = json!({ "Items": [delivery("crm/early", "2026-03-02T10:00:00.5Z"), delivery("crm/after", "2026-03-02T11:00:00Z")] });
            Some((200, if earlier == 0 { first } else { second }))
        });
        let deliveries = DeliveriesTable::new(canned.aws().dynamodb(), "deliveries".to_owned());
        let at = |hour: &str| format!("2026-03-02T{hour}:00:00Z").parse().unwrap();
        let mut told = 0;
        let found = deliveries.received(at("10"), at("11"), |read| told = read).await.unwrap();
        assert_eq!((found, told), (vec!["crm/early".to_owned(), "crm/late".to_owned()], 4));
    }

    #[tokio::test]
    async fn orders_with_an_address_are_read_without_it() {
        let order = OrderId::derive(&"portal".parse().unwrap(), &"1".parse().unwrap());
        let party = json!({ "party": { "S": format!("party/{order}") } });
        let canned = Canned::always(200, json!({ "Items": [party, party] }));
        let parties = PartiesTable::new(canned.aws().dynamodb(), "parties".to_owned());
        assert_eq!(parties.orders(|_| {}).await.unwrap(), BTreeSet::from([order]));
        assert_eq!(canned.calls()[0].1["ProjectionExpression"], json!("#p"));
    }
}
