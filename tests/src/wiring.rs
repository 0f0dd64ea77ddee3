//! Which function gets which event: the rules of `infra/template.yaml` themselves, matched as EventBridge matches them.
//!
//! Only what our patterns use is understood: values, nesting, `$or`, `anything-but`. Another word in a pattern is a panic, not
//! a rule that silently never fits.

use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

/// The deployment's rules.
#[derive(Debug, Clone)]
pub struct Rules(Vec<(String, Yaml)>);

impl Rules {
    /// Reads them from the template.
    ///
    /// # Panics
    /// The template cannot be read.
    pub fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/template.yaml");
        let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let template = YamlLoader::load_from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}")).remove(0);
        let Some(resources) = template["Resources"].as_hash() else { panic!("{path} has no resources") };
        let rules = resources.values().filter(|resource| resource["Type"].as_str() == Some("AWS::Events::Rule"));
        let fed = rules.flat_map(|rule| {
            let rule = &rule["Properties"];
            let targets = rule["Targets"].as_vec().cloned().unwrap_or_default();
            let name =
                |target: Yaml| (target["Id"].as_str().unwrap_or_default().to_owned(), rule["EventPattern"].clone());
            targets.into_iter().map(name).collect::<Vec<_>>()
        });
        Self(fed.collect())
    }

    /// The functions whose queues get `event`, as the bus delivers it.
    pub fn targets(&self, event: &Value) -> Vec<&str> {
        self.0.iter().filter(|(_, pattern)| fits(pattern, event)).map(|(function, _)| function.as_str()).collect()
    }
}

/// Whether a pattern's every member fits.
fn fits(pattern: &Yaml, event: &Value) -> bool {
    let Some(members) = pattern.as_hash() else { panic!("a pattern is no map: {pattern:?}") };
    members.iter().all(|(name, wanted)| match name.as_str() {
        Some("$or") => wanted.as_vec().into_iter().flatten().any(|branch| fits(branch, event)),
        Some(name) => member_fits(wanted, event.get(name).unwrap_or(&Value::Null)),
        None => panic!("a pattern's member has no name: {pattern:?}"),
    })
}

/// Whether a value is one of the wanted ones; of a list, whether any of its items is.
fn member_fits(wanted: &Yaml, found: &Value) -> bool {
    if let Value::Array(items) = found {
        return items.iter().any(|item| member_fits(wanted, item));
    }
    match wanted {
        Yaml::Hash(_) => found.is_object() && fits(wanted, found),
        Yaml::Array(choices) => choices.iter().any(|choice| chosen(choice, found)),
        other => panic!("a pattern's value is no list: {other:?}"),
    }
}

fn chosen(choice: &Yaml, found: &Value) -> bool {
    match choice {
        Yaml::String(text) => found.as_str() == Some(text),
        Yaml::Hash(_) => {
            let unwanted = choice["anything-but"].as_vec();
            let unwanted = unwanted.unwrap_or_else(|| panic!("a pattern's word is not understood here: {choice:?}"));
            !found.is_null() && !unwanted.iter().any(|text| found.as_str() == text.as_str())
        }
        other => panic!("a pattern's choice is not understood here: {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_templates_rules_send_each_event_where_it_belongs() {
        let rules = Rules::read();
        let targets = |kind: &str, data: Value| {
            rules.targets(&json!({"source": "crossdock", "detail-type": kind, "detail": {"data": data}})).join(" ")
        };
        assert_eq!(targets("delivery.received", json!({"role": "crm"})), "order-submit");
        assert_eq!(targets("delivery.received", json!({"role": "warehouse"})), "milestone-record");
        assert_eq!(targets("delivery.received", json!({"role": "erp"})), "");
        assert_eq!(targets("order.priced", json!({})), "credit-check stock-allocate");
        assert!(targets("fulfillment.milestone_recorded", json!({"milestone": "picked_up"})).contains("shipment-post"));
        assert!(!targets("fulfillment.milestone_recorded", json!({"milestone": "on_hold"})).contains("shipment-post"));
        let allocated = |amount: &str| json!({"lines": [{"short": {"amount": amount, "uom": "EA"}}]});
        assert_eq!(targets("order.allocated", allocated("0")), "order-release");
        assert_eq!(targets("order.allocated", allocated("2")), "order-release crm-tell");
    }
}
