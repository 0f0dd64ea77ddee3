//! The seller's rules for returns, in the ERP's document: `[returns]`.

use domain::returns::{Disposition, Policy, ReasonClass, Verdict};
use engine::delivery::Role;
use serde_json::{Map, Value, json};

use crate::wire::fields::Place;

/// The rules where the document has none: no person has to approve, and each step has its usual time.
fn usual() -> Map<String, Value> {
    let deadlines = json!({"shipment": 72, "scan": 168, "receipt": 504, "inspection": 48, "invoice": 96, "credit": 72});
    let usual = json!({"extension_limit_days": 60, "deadlines": deadlines});
    usual.as_object().cloned().unwrap_or_default()
}

/// Reads the section; where it is absent, the usual rules.
pub(super) fn read(place: &Place<'_>, role: Option<Role>) -> Option<Policy> {
    if !place.is_absent() && role.is_some_and(|role| role != Role::Erp) {
        place.refuse("is for role = \"erp\" only");
    }
    place.only(&[
        "acceptance",
        "approval",
        "fee",
        "refund_shipping",
        "credit_undeliverable",
        "advance_days",
        "poll_hours",
        "extension_limit_days",
        "deadlines",
    ]);
    place.at("approval").only(&[
        "above_value",
        "four_eyes_above_value",
        "above_percent_of_order",
        "after_days",
        "above_earlier_returns",
        "reasons",
        "missing_serials",
    ]);
    place.at("deadlines").only(&["shipment", "scan", "receipt", "inspection", "invoice", "credit"]);
    place.at("acceptance").items().iter().for_each(rule);
    let mut members = usual();
    for (name, value) in place.members() {
        let value = value.value().cloned().unwrap_or_default();
        match (members.get_mut(name), value) {
            (Some(Value::Object(known)), Value::Object(given)) => known.extend(given),
            (_, value) => {
                members.insert(name.to_owned(), value);
            }
        }
    }
    match serde_json::from_value::<Policy>(Value::Object(members)) {
        Ok(policy) => Some(policy),
        Err(error) => {
            place.refuse(format_args!("cannot be read: {}", engine::redact::json_error(&error)));
            None
        }
    }
}

/// A rule of acceptance. Its words are checked one by one, so that the offence names the place.
fn rule(place: &Place<'_>) {
    place.only(&["reason", "disposition", "traced", "verdict"]);
    let known = |member: &str, words: &[&str]| {
        let place = place.at(member);
        if place.optional_text().is_some_and(|word| !words.contains(&word)) {
            place.refuse(format_args!("must be {}", words.join(" or ")));
        }
    };
    known("reason", &ReasonClass::ALL.iter().map(|it| it.as_str()).collect::<Vec<_>>());
    known("disposition", &Disposition::ALL.iter().map(|it| it.as_str()).collect::<Vec<_>>());
    known("verdict", &Verdict::ALL.iter().map(|it| it.as_str()).collect::<Vec<_>>());
}
