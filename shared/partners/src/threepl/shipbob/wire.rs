//! `POST /1.0/order`, `GET /1.0/order`, `POST /1.0/order/{id}/cancel`.

use serde::{Deserialize, Serialize};

use crate::threepl::place::may_be_same;

#[derive(Serialize)]
pub(super) struct NewOrder<'a> {
    pub(super) reference_id: String,
    pub(super) order_number: String,
    pub(super) shipping_method: &'a str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) location_id: Option<u64>,
    pub(super) recipient: Recipient,
    pub(super) products: Vec<Product>,
}

#[derive(Serialize)]
pub(super) struct Recipient {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) phone_number: Option<String>,
    pub(super) address: Address,
}

#[derive(Serialize)]
pub(super) struct Address {
    pub(super) address1: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) address2: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) company_name: Option<String>,
    pub(super) city: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) zip_code: Option<String>,
    pub(super) country: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Product {
    pub(super) reference_id: String,
    pub(super) quantity: u64,
    pub(super) external_line_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) quantity_unit_of_measure_code: Option<String>,
}

/// A product of a listed order. The vendor's published answers leave out members; what is missing is not compared.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct ExistingProduct {
    #[serde(default)]
    reference_id: Option<String>,
    #[serde(default)]
    sku: Option<String>,
    #[serde(default)]
    quantity: Option<u64>,
    #[serde(default)]
    external_line_id: Option<u32>,
}

/// An order as the vendor lists it.
#[derive(Deserialize)]
pub(super) struct ExistingOrder {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) reference_id: Option<String>,
    #[serde(default)]
    pub(super) status: Option<String>,
    #[serde(default)]
    pub(super) recipient: Option<ExistingRecipient>,
    #[serde(default)]
    pub(super) products: Vec<ExistingProduct>,
}

#[derive(Deserialize)]
pub(super) struct ExistingRecipient {
    address: Option<ExistingPlace>,
}

/// What is compared of an address; the vendor spells the rest in its own way.
#[derive(Deserialize)]
struct ExistingPlace {
    zip_code: Option<String>,
    country: Option<String>,
}

impl ExistingRecipient {
    fn may_be(&self, recipient: &Recipient) -> bool {
        let Some(place) = &self.address else { return true };
        let sent = [recipient.address.zip_code.as_deref(), Some(recipient.address.country.as_str())];
        may_be_same([place.zip_code.as_deref(), place.country.as_deref()], sent)
    }
}

impl ExistingOrder {
    /// Whether it has the content of `order`. Members that the vendor does not list are not compared; units of measure never.
    pub(super) fn is_same(&self, order: &NewOrder<'_>) -> bool {
        let all = |is_listed: fn(&ExistingProduct) -> bool| self.products.iter().all(is_listed);
        let lists_lines = all(|product| product.external_line_id.is_some());
        let lists_skus = all(|product| product.reference_id.is_some() || product.sku.is_some());
        let lists_quantities = all(|product| product.quantity.is_some());
        let key = |line: Option<u32>, sku: Option<&str>, quantity: Option<u64>| {
            let sku = sku.filter(|_| lists_skus).map(str::to_owned);
            (line.filter(|_| lists_lines), sku, quantity.filter(|_| lists_quantities))
        };
        let theirs = self.products.iter().map(|product| {
            let sku = product.reference_id.as_ref().or(product.sku.as_ref());
            key(product.external_line_id, sku.map(String::as_str), product.quantity)
        });
        let ours = order
            .products
            .iter()
            .map(|product| key(product.external_line_id, Some(&product.reference_id), Some(product.quantity)));
        let (mut theirs, mut ours): (Vec<_>, Vec<_>) = (theirs.collect(), ours.collect());
        theirs.sort();
        ours.sort();
        theirs == ours && self.recipient.as_ref().is_none_or(|recipient| recipient.may_be(&order.recipient))
    }
}

#[derive(Deserialize)]
pub(super) struct OrderId {
    pub(super) id: u64,
}

/// The answer to a cancellation: a result for each shipment, and the order.
#[derive(Deserialize)]
pub(super) struct Cancelled {
    #[serde(default)]
    pub(super) order: Option<OrderStatus>,
    #[serde(default)]
    pub(super) canceled_shipment_results: Vec<ShipmentCancelled>,
}

#[derive(Deserialize)]
pub(super) struct OrderStatus {
    pub(super) status: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct ShipmentCancelled {
    pub(super) is_success: bool,
    #[serde(default)]
    pub(super) reason: Option<String>,
}
