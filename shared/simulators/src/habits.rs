//! The habits of partners in which they differ from one another: what a test scripts and a schedule draws.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How a warehouse handles certain requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkScript {
    /// Requests with this reference; `*` stands for any characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Requests with a line of this SKU; `*` stands for any characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// The number of packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages: Option<usize>,
    /// The answer is a refusal with this reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reject: Option<String>,
    /// Accepted, and refused with this reason by a message one step later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reject_later: Option<String>,
    /// These milestones, in this order, instead of the usual ones; any text is sent unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milestones: Option<Vec<String>>,
    /// The first package's label is voided and printed again with another number.
    #[serde(default)]
    pub void_first: bool,
    /// How many units of the first line are never packed.
    #[serde(default)]
    pub short_by: u32,
    /// How many units of the first line are packed in addition.
    #[serde(default)]
    pub over_by: u32,
    /// The first line is packed with this SKU instead of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub substitute: Option<String>,
    /// Which lots and serial numbers a package reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
    /// A package reports one more in total than its lines have.
    #[serde(default)]
    pub wrong_total: bool,
    /// Messages report the first package only; a query shows the others.
    #[serde(default)]
    pub first_only: bool,
    /// Milliseconds for which a query does not show the request, and no work is done.
    #[serde(default)]
    pub late_ms: u64,
    /// Nothing happens and no message is sent, not even the acceptance.
    #[serde(default)]
    pub silent: bool,
    /// The message of the close names the packages in this way.
    #[serde(default)]
    pub closes: Closes,
    /// Addresses are shown in capitals and abbreviated, and lines in another order than they were sent.
    #[serde(default)]
    pub respells: bool,
    /// Lines of one SKU are packed as one, under the number of the first.
    #[serde(default)]
    pub sums_up: bool,
    /// A warehouse with a vendor's API leaves out the members that the vendor's published messages and answers do not have: the
    /// order line, and the product's own quantity and unit.
    #[serde(default)]
    pub as_published: bool,
    /// A warehouse with a vendor's API leaves out the header that names a message's topic, as a proxy on the way may.
    #[serde(default)]
    pub without_topic: bool,
    /// A package lists what it does not have of the other lines, too, with the quantity 0. Only a warehouse with our REST protocol
    /// does.
    #[serde(default)]
    pub lists_zeros: bool,
    /// Applies to so many requests; to all by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

/// Whether the message of a close names the packages. A query always does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closes {
    /// All that were packed.
    #[default]
    Naming,
    /// None of them, and all of them in a second message ten steps later.
    NamingLate,
    /// The message has no list.
    WithoutList,
    /// The message has an empty list.
    WithEmptyList,
}

/// Lots or serial numbers that a warehouse reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trace {
    /// The lot of every line.
    Lots,
    /// A number for every piece.
    Serials,
    /// A number for every piece, and the same numbers in every package.
    SameSerials,
}

/// An address as another system stores it: its street and city in capitals, abbreviated.
pub(crate) fn respelled(address: &Value) -> Value {
    let mut respelled = address.clone();
    for (name, value) in respelled.as_object_mut().into_iter().flatten() {
        let is_coded =
            ["country", "postal_code", "zip_code", "state", "region", "email", "phone"].contains(&name.as_str());
        if let (false, Some(text)) = (is_coded, value.as_str()) {
            let text = text.to_uppercase().replace("STREET", "ST").replace("ROAD", "RD").replace(['.', ','], "");
            *value = json!(text);
        }
    }
    respelled
}

/// How long the ERP's approvals of credit hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreditValidity {
    /// So many milliseconds from the answer on; a negative number has passed when it arrives.
    For(i64),
    /// All of them until the same time.
    Until(Timestamp),
}

impl CreditValidity {
    pub(crate) fn until(self, now: Timestamp) -> Timestamp {
        match self {
            Self::For(ms) => now.checked_add(SignedDuration::from_millis(ms)).unwrap_or(now),
            Self::Until(time) => time,
        }
    }
}
