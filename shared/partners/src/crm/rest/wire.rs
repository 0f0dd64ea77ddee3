//! `PUT /orders/{id}/status`.

use serde::{Deserialize, Serialize};

use crate::wire::exact::Exact;

#[derive(Serialize)]
pub(super) struct Status<'a> {
    pub(super) order: &'a str,
    /// Only for an order that did not come from this CRM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<Origin<'a>>,
    pub(super) status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) requested_by: Option<String>,
    pub(super) version: u64,
    pub(super) at: String,
    pub(super) lines: Vec<LineStatus>,
    pub(super) packages: Vec<PackageStatus<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) erp_order: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) invoice: Option<&'a str>,
    /// Only of an order that was not taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) errors: Vec<StatusError<'a>>,
}

/// What is wrong with an order that was not taken.
#[derive(Serialize)]
pub(super) struct StatusError<'a> {
    pub(super) pointer: &'a str,
    pub(super) detail: &'a str,
}

/// The system that the order came from, and its id there.
#[derive(Serialize)]
pub(super) struct Origin<'a> {
    pub(super) source: &'a str,
    pub(super) id: &'a str,
}

#[derive(Serialize)]
pub(super) struct LineStatus {
    pub(super) line: u32,
    pub(super) ordered: Exact,
    pub(super) shipped: Exact,
    pub(super) delivered: Exact,
    pub(super) uom: String,
}

#[derive(Serialize)]
pub(super) struct PackageStatus<'a> {
    pub(super) package: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tracking: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) carrier: Option<&'a str>,
    pub(super) status: &'a str,
}

/// The part of a message that names its order.
#[derive(Deserialize)]
pub(super) struct Named {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) data: NamedOrder,
}

#[derive(Deserialize)]
pub(super) struct NamedOrder {
    pub(super) id: String,
}

/// The body of a 409: the version that the CRM shows.
#[derive(Deserialize)]
pub(super) struct Version {
    pub(super) version: u64,
}
