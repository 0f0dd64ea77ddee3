//! `POST /fulfillments`, `GET /fulfillments`.

use domain::party::Party;
use serde::{Deserialize, Serialize};

use crate::rest::Line;
use crate::threepl::place::may_be_same;

#[derive(Serialize)]
pub(super) struct NewFulfillment<'a> {
    pub(super) reference: String,
    pub(super) site: &'a str,
    pub(super) service_level: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) requested_by: Option<String>,
    /// `whole`, or absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fill: Option<&'static str>,
    pub(super) ship_to: Address,
    pub(super) lines: Vec<Line>,
}

#[derive(Deserialize)]
pub(super) struct Created {
    pub(super) id: String,
    pub(super) status: Option<String>,
    pub(super) reason: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct ExistingFulfillment {
    pub(super) id: String,
    pub(super) status: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) lines: Vec<Line>,
    pub(super) site: Option<String>,
    pub(super) ship_to: Option<ExistingPlace>,
}

/// What is compared of an address; a warehouse spells the rest in its own way.
#[derive(Deserialize)]
pub(super) struct ExistingPlace {
    postal_code: Option<String>,
    country: Option<String>,
}

impl ExistingPlace {
    pub(super) fn may_be(&self, address: &Address) -> bool {
        let sent = [address.postal_code.as_deref(), Some(address.country.as_str())];
        may_be_same([self.postal_code.as_deref(), self.country.as_deref()], sent)
    }
}

/// What a withdrawal needs of an existing fulfillment.
#[derive(Deserialize)]
pub(super) struct IdAndStatus {
    pub(super) id: String,
    #[serde(default)]
    pub(super) status: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Address {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    company: Option<String>,
    line1: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line2: Option<String>,
    city: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    postal_code: Option<String>,
    country: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

impl From<&Party> for Address {
    fn from(party: &Party) -> Self {
        let Party { name, company, line1, line2, city, region, postal_code, country, phone, email } = party.clone();
        Self { name, company, line1, line2, city, region, postal_code, country, phone, email }
    }
}
