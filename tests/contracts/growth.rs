//! Whether a schema only grew: documents of the old schema are valid under the new one, and a reader of the old schema finds
//! every member that it needs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// What the change from `old` to `new` would break, in words.
pub(crate) fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    compare(&Side { root: old, here: old.clone() }, &Side { root: new, here: new.clone() }, "", &mut broken);
    broken
}

/// A part of a schema, and the document whose `$defs` it refers to.
struct Side<'a> {
    root: &'a Value,
    here: Value,
}

/// A schema with its references and `allOf` merged in.
#[derive(Default)]
struct Flat {
    types: BTreeSet<String>,
    values: BTreeSet<String>,
    properties: BTreeMap<String, Value>,
    required: BTreeSet<String>,
    variants: BTreeMap<String, Value>,
    /// What arrays and maps hold.
    inner: BTreeMap<&'static str, Value>,
}

impl Side<'_> {
    fn flat(&self) -> Flat {
        let mut flat = Flat::default();
        self.merge(&self.here, &mut flat, 0);
        flat
    }

    fn merge(&self, schema: &Value, flat: &mut Flat, depth: u8) {
        let Some(schema) = schema.as_object().filter(|_| depth < 16) else { return };
        if let Some(pointer) = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#')) {
            self.merge(self.root.pointer(pointer).unwrap_or(&Value::Null), flat, depth + 1);
        }
        for part in list(schema, "allOf") {
            self.merge(part, flat, depth + 1);
        }
        match schema.get("type") {
            Some(Value::String(one)) => flat.types.extend([one.clone()]),
            Some(Value::Array(several)) => {
                flat.types.extend(several.iter().filter_map(Value::as_str).map(str::to_owned))
            }
            _ => {}
        }
        flat.values.extend(schema.get("const").map(ToString::to_string));
        flat.values.extend(list(schema, "enum").map(ToString::to_string));
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            flat.properties.extend(properties.iter().map(|(name, part)| (name.clone(), part.clone())));
        }
        flat.required.extend(list(schema, "required").filter_map(Value::as_str).map(str::to_owned));
        for several in ["oneOf", "anyOf"] {
            let labeled = list(schema, several).enumerate().map(|(i, part)| (self.label(part, i), part.clone()));
            flat.variants.extend(labeled);
        }
        for name in ["items", "additionalProperties", "patternProperties"] {
            flat.inner.extend(schema.get(name).map(|part| (name, part.clone())));
        }
    }

    /// What tells a variant from its neighbors: its constant, the constant of its tag, its reference, its type; else its
    /// place.
    fn label(&self, variant: &Value, place: usize) -> String {
        let flat = Side { root: self.root, here: variant.clone() }.flat();
        if let Some(value) = flat.values.first() {
            return value.clone();
        }
        let tag = flat.properties.iter().find_map(|(name, part)| Some(format!("{name} = {}", part.get("const")?)));
        let named = variant.get("$ref").and_then(Value::as_str).map(str::to_owned);
        tag.or(named).or_else(|| flat.types.first().cloned()).unwrap_or_else(|| format!("number {place}"))
    }

    fn part(&self, here: &Value) -> Self {
        Self { root: self.root, here: here.clone() }
    }
}

fn list<'a>(schema: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a Value> {
    schema.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn compare(old: &Side<'_>, new: &Side<'_>, at: &str, broken: &mut Vec<String>) {
    if at.matches('/').count() > 12 {
        return;
    }
    let (was, is) = (old.flat(), new.flat());
    let place = if at.is_empty() { "the document" } else { at };
    let mut tell = |what: String| broken.push(format!("{place}: {what}"));
    if was.types != is.types {
        tell(format!("its type was {:?} and would be {:?}", was.types, is.types));
    }
    for value in was.values.difference(&is.values) {
        tell(format!("the value {value} would go"));
    }
    if was.values.is_empty() && was.variants.is_empty() && !is.values.is_empty() {
        tell("it would be narrowed to a list of values".to_owned());
    }
    for name in was.properties.keys().filter(|name| !is.properties.contains_key(*name)) {
        tell(format!("the field `{name}` would go"));
    }
    for name in is.required.difference(&was.required) {
        tell(format!("the field `{name}` would be required; what was written without it could not be read any more"));
    }
    for name in was.required.difference(&is.required).filter(|name| is.properties.contains_key(*name)) {
        tell(format!("the field `{name}` would become optional; readers count on it"));
    }
    for label in was.variants.keys().filter(|label| !is.variants.contains_key(*label)) {
        tell(format!("the variant {label} would go"));
    }
    for (name, part) in &was.properties {
        if let Some(next) = is.properties.get(name) {
            compare(&old.part(part), &new.part(next), &format!("{at}/{name}"), broken);
        }
    }
    for (label, part) in &was.variants {
        if let Some(next) = is.variants.get(label) {
            compare(&old.part(part), &new.part(next), &format!("{at}({label})"), broken);
        }
    }
    for (name, part) in &was.inner {
        if let Some(next) = is.inner.get(name) {
            compare(&old.part(part), &new.part(next), &format!("{at}/*"), broken);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order(required: &[&str], properties: Value) -> Value {
        json!({ "type": "object", "required": required, "properties": properties })
    }

    #[test]
    fn a_new_optional_field_is_growth() {
        let old = order(&["id"], json!({ "id": { "type": "string" } }));
        let new = order(&["id"], json!({ "id": { "type": "string" }, "note": { "type": "string" } }));
        assert_eq!(breaks(&old, &new), Vec::<String>::new());
    }

    #[test]
    fn a_field_that_goes_or_becomes_required_or_changes_its_type_is_not() {
        let old = order(&["id"], json!({ "id": { "type": "string" }, "note": { "type": "string" } }));
        let gone = order(&["id"], json!({ "id": { "type": "string" } }));
        assert_eq!(breaks(&old, &gone), ["the document: the field `note` would go"]);
        let required = order(&["id", "note"], json!({ "id": { "type": "string" }, "note": { "type": "string" } }));
        assert_eq!(breaks(&old, &required).len(), 1, "{:?}", breaks(&old, &required));
        let number = order(&["id"], json!({ "id": { "type": "number" }, "note": { "type": "string" } }));
        assert!(breaks(&old, &number)[0].starts_with("/id: its type was"), "{:?}", breaks(&old, &number));
        let loose = order(&[], json!({ "id": { "type": "string" }, "note": { "type": "string" } }));
        assert!(breaks(&old, &loose)[0].contains("would become optional"));
    }

    #[test]
    fn a_value_may_come_and_none_may_go() {
        let old = json!({ "oneOf": [{ "const": "standard" }, { "const": "expedited" }] });
        let more = json!({ "oneOf": [{ "const": "expedited" }, { "const": "standard" }, { "const": "overnight" }] });
        assert_eq!(breaks(&old, &more), Vec::<String>::new());
        assert_eq!(breaks(&more, &old).len(), 1);
    }

    #[test]
    fn what_a_reference_leads_to_counts_and_its_name_does_not() {
        let with = |name: &str, kind: &str| {
            json!({
                "$defs": { name: { "type": "object", "properties": { "n": { "type": kind } } } },
                "type": "object",
                "properties": { "line": { "$ref": format!("#/$defs/{name}") } },
            })
        };
        assert_eq!(breaks(&with("Line", "integer"), &with("OrderLine", "integer")), Vec::<String>::new());
        assert_eq!(breaks(&with("Line", "integer"), &with("Line", "string")).len(), 1);
    }
}
