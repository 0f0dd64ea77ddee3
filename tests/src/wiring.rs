//! Which function gets which event: the rules of `infra/template.yaml` themselves, matched as EventBridge matches them.
//!
//! Only what our patterns use is understood: texts and truths, nesting, `$or`, `anything-but`, `exists`. Another word in a
//! pattern is a panic, not a rule that silently never fits.

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

    /// Every function that a rule feeds, sorted.
    pub fn functions(&self) -> std::collections::BTreeSet<String> {
        self.0.iter().map(|(function, _)| function.clone()).collect()
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
        Yaml::Boolean(truth) => found.as_bool() == Some(*truth),
        Yaml::Hash(word) if word.len() == 1 => word_fits(choice, found),
        other => panic!("a pattern's choice is not understood here: {other:?}"),
    }
}

/// A word asks about a value, never about a member that has members: EventBridge looks at leaves only.
fn word_fits(word: &Yaml, found: &Value) -> bool {
    let there = !found.is_null() && !found.is_object();
    match (word["anything-but"].as_vec(), word["exists"].as_bool()) {
        (Some(unwanted), None) => there && !unwanted.iter().any(|text| found.as_str() == text.as_str()),
        (None, Some(wanted)) => there == wanted,
        (_, _) => panic!("a pattern's word is not understood here: {word:?}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use serde_json::json;

    use super::*;

    static RULES: LazyLock<Rules> = LazyLock::new(Rules::read);

    fn fed(kind: &str, data: Value) -> String {
        RULES.targets(&json!({"source": "crossdock", "detail-type": kind, "detail": {"data": data}})).join(" ")
    }

    fn yaml(text: &str) -> Yaml {
        YamlLoader::load_from_str(text).unwrap_or_else(|e| panic!("{text}: {e}")).remove(0)
    }

    #[test]
    fn the_templates_rules_send_each_event_where_it_belongs() {
        assert_eq!(fed("delivery.received", json!({"role": "warehouse"})), "warehouse-report-record");
        assert_eq!(fed("order.priced", json!({})), "credit-check stock-allocate");
        assert_eq!(fed("order.withdrawal_requested", json!({})), "fulfillment-withdraw");
        assert_eq!(fed("fulfillment.opened", json!({})), "due-wake");
        assert!(fed("fulfillment.milestone_recorded", json!({"milestone": "picked_up"})).contains("goods-issue-post"));
        assert!(!fed("fulfillment.milestone_recorded", json!({"milestone": "on_hold"})).contains("goods-issue-post"));
    }

    #[test]
    fn a_delivery_about_an_order_that_exists_goes_to_change_submit_alone() {
        let delivery = |role: &str, topic: &str| fed("delivery.received", json!({"role": role, "topic": topic}));
        assert_eq!(delivery("crm", "order.created"), "order-import");
        for topic in ["order.cancelled", "order.held", "order.hold_released", "order.amended"] {
            assert_eq!(delivery("crm", topic), "change-import", "{topic}");
        }
        assert_eq!(delivery("erp", "order.held"), "change-import");
        assert_eq!(delivery("erp", "order.hold_released"), "change-import");
        assert_eq!(delivery("erp", "order.cancelled"), "change-import", "what nobody understands is parked, not lost");
        assert_eq!(delivery("warehouse", "order.held"), "warehouse-report-record");
    }

    #[test]
    fn only_a_later_allocation_is_routed_and_only_a_short_one_is_looked_after() {
        let allocated = |amount: &str| json!({"lines": [{"short": {"amount": amount, "uom": "EA"}}]});
        assert_eq!(fed("order.allocated", allocated("0")), "sales-order-create");
        assert_eq!(fed("order.allocated", allocated("2")), "backorder-check sales-order-create crm-update");
        let mut later = allocated("0");
        later["part"] = json!(2);
        assert_eq!(fed("order.allocated", later), "sales-order-create order-route");
    }

    #[test]
    fn a_fulfillment_that_ends_without_goods_sets_back_in_motion_what_its_order_may_need() {
        let told = |data: Value| fed("order.fulfillment_progressed", data);
        assert_eq!(told(json!({"request_status": "accepted"})), "crm-update invoice-create");
        let gone = "stock-deallocate sales-order-cancel order-route crm-update invoice-create";
        assert_eq!(told(json!({"request_status": "rejected"})), gone);
        assert_eq!(told(json!({"request_status": "withdrawn", "closed_short": false})), gone);
        let short = json!({"request_status": "accepted", "closed_short": true});
        let closed = "backorder-check stock-deallocate sales-order-cancel crm-update invoice-create";
        assert_eq!(told(short), closed, "it may be that nothing of a cancelled order ships");
    }

    #[test]
    fn a_fulfillment_that_stays_though_it_was_asked_back_lets_what_came_back_be_routed() {
        let routes = |data: Value| fed("order.fulfillment_progressed", data).contains("order-route");
        assert!(routes(
            json!({"request_status": "accepted", "packages": [], "withdrawal_refused": "it is being picked"})
        ));
        assert!(
            !routes(json!({"request_status": "accepted", "packages": [{"status": "picked_up"}]})),
            "each costs a call"
        );
    }

    #[test]
    fn exists_asks_about_values_and_not_about_what_has_members() {
        let pattern = |there: bool| yaml(&format!("{{a: [{{exists: {there}}}]}}"));
        for (event, there) in [(json!({"a": 1}), true), (json!({}), false), (json!({"a": {"b": 1}}), false)] {
            assert_eq!(fits(&pattern(true), &event), there, "{event}");
            assert_eq!(fits(&pattern(false), &event), !there, "{event}");
        }
    }

    #[test]
    #[should_panic(expected = "not understood here")]
    fn a_word_that_is_not_understood_is_a_panic() {
        fits(&yaml("{a: [{prefix: x}]}"), &json!({"a": "xy"}));
    }
}
