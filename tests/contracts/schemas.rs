//! The JSON Schemas of every event, generated from the domain's types.

use std::collections::{BTreeMap, BTreeSet};

use domain::intake::DeliveryEvent;
use domain::{FulfillmentEvent, OrderEvent, ReturnEvent};
use engine::relay::is_published;
use serde_json::{Value, json};

/// The folder of the schemas.
pub(crate) const FOLDER: &str = "events/schemas";

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Every schema by its file. What others may subscribe to stands in the folder itself; what stays in the journal stands
/// under `journal/`, since commits of every release have to be readable for ever.
pub(crate) fn generate() -> BTreeMap<String, Value> {
    let mut schemas = BTreeMap::new();
    let roots = [
        schemars::schema_for!(OrderEvent),
        schemars::schema_for!(FulfillmentEvent),
        schemars::schema_for!(DeliveryEvent),
        schemars::schema_for!(ReturnEvent),
    ];
    for root in roots {
        for (kind, schema) in variants(root.as_value()) {
            let folder = if is_published(&kind) { FOLDER.to_owned() } else { format!("{FOLDER}/journal") };
            schemas.insert(format!("{folder}/{kind}.json"), schema);
        }
    }
    schemas.insert(format!("{FOLDER}/delivery.received.json"), delivery_received());
    schemas.insert(format!("{FOLDER}/cloudevent.json"), envelope());
    schemas
}

/// Every event's name, published or not.
pub(crate) fn kinds() -> BTreeSet<String> {
    let names = generate().into_keys().map(|path| {
        let file = path.rsplit('/').next().unwrap_or_default().to_owned();
        file.trim_end_matches(".json").to_owned()
    });
    names.filter(|name| name != "cloudevent").collect()
}

/// One schema for each variant of an event type, with just the definitions that it needs.
fn variants(root: &Value) -> Vec<(String, Value)> {
    let variants = root["oneOf"].as_array().expect("an event is one of several");
    variants
        .iter()
        .map(|variant| {
            let kind = variant["properties"]["type"]["const"].as_str().expect("an event names its type").to_owned();
            let mut schema = json!({ "$schema": DIALECT, "$id": id(&kind), "title": kind });
            let members = variant.as_object().expect("a variant is an object");
            for (name, value) in members {
                schema[name] = value.clone();
            }
            let needed = needed(variant, root);
            if !needed.is_empty() {
                schema["$defs"] = needed.into_iter().map(|name| (name.clone(), root["$defs"][name].clone())).collect();
            }
            (kind, schema)
        })
        .collect()
}

/// The definitions that `schema` leads to.
fn needed(schema: &Value, root: &Value) -> BTreeSet<String> {
    let (mut found, mut open) = (BTreeSet::new(), vec![schema.clone()]);
    while let Some(part) = open.pop() {
        match part {
            Value::Object(members) => {
                let name = members.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/$defs/"));
                if let Some(name) = name.filter(|name| !found.contains(*name)) {
                    found.insert(name.to_owned());
                    open.push(root["$defs"][name].clone());
                }
                open.extend(members.into_iter().map(|(_, value)| value));
            }
            Value::Array(items) => open.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    found
}

fn id(kind: &str) -> String {
    format!("urn:crossdock:event:{kind}:1")
}

/// `engine::delivery::DeliveryReceived`: the engine has no schemas of its own.
fn delivery_received() -> Value {
    json!({
        "$schema": DIALECT,
        "$id": id("delivery.received"),
        "title": "delivery.received",
        "description": "A partner's delivery was kept. It is a pointer: the raw bytes stay in their table.",
        "type": "object",
        "required": ["type", "partner", "role", "delivery", "topic"],
        "properties": {
            "type": { "type": "string", "const": "delivery.received" },
            "partner": { "description": "Who sent it.", "type": "string" },
            "role": { "description": "What the sender is to us.", "type": "string", "enum": ["crm", "erp", "warehouse"] },
            "delivery": { "description": "The sender's id for it.", "type": "string" },
            "topic": { "description": "What it is about, in the sender's words.", "type": "string" },
        },
    })
}

/// What stands in `detail` of every entry on the bus: CloudEvents 1.0 in its JSON format.
fn envelope() -> Value {
    json!({
        "$schema": DIALECT,
        "$id": "urn:crossdock:cloudevent:1",
        "title": "CloudEvent",
        "description": "The `detail` of every entry on the bus, under the source `crossdock` and the event's type as detail-type.",
        "type": "object",
        "required": [
            "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "correlationid", "data",
        ],
        "properties": {
            "specversion": { "type": "string", "const": "1.0" },
            "id": {
                "description": "<epoch>/<stream>/<version>/<place in the commit>: the same however often it is relayed. A delivery's is its subject.",
                "type": "string",
            },
            "source": { "description": "/crossdock/<environment>", "type": "string", "pattern": "^/crossdock/" },
            "type": { "description": "The event's type, the detail-type of the entry.", "type": "string" },
            "subject": { "description": "The stream: order/…, fulfillment/…, return/…, delivery/….", "type": "string" },
            "time": { "description": "When it was committed, RFC 3339.", "type": "string" },
            "datacontenttype": { "type": "string", "const": "application/json" },
            "correlationid": { "description": "From the first byte to the last partner call.", "type": "string" },
            "traceparent": { "description": "W3C trace context, where the sender gave one.", "type": "string" },
            "data": { "description": "The event, by the schema of its type.", "type": "object", "required": ["type"] },
        },
    })
}
