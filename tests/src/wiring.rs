//! Which function gets which event: the rules of `infra/stacks/*.yaml`, matched as EventBridge matches them.
//!
//! It understands what our patterns use: texts, booleans, nesting, `$or`, `anything-but`, `exists`. Any other keyword in a
//! pattern is a panic, instead of a rule that never matches.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

/// The deployment's rules.
#[derive(Debug, Clone)]
pub struct Rules(Vec<(String, Yaml)>);

impl Rules {
    /// Reads them from the workflows' stacks, in the order of the files' names, without those of steps that the catalog
    /// marks as not simulated.
    ///
    /// # Panics
    /// A stack or a catalog file cannot be read.
    pub fn read() -> Self {
        let rules = texts("infra/stacks", "yaml").into_iter().flat_map(|(path, text)| rules_of(&path, &text));
        let left_out = not_simulated();
        Self(rules.filter(|(function, _)| !left_out.contains(function)).collect())
    }

    /// Every function that a rule feeds, sorted.
    pub fn functions(&self) -> BTreeSet<String> {
        self.0.iter().map(|(function, _)| function.clone()).collect()
    }

    /// The same rules without those of one function.
    #[must_use]
    pub fn without(&self, function: &str) -> Self {
        Self(self.0.iter().filter(|(fed, _)| fed != function).cloned().collect())
    }

    /// The functions that due work wakes, sorted.
    pub fn woken(&self) -> BTreeSet<String> {
        let by_work = self.0.iter().filter(|(_, pattern)| !pattern["resources"].is_badvalue());
        by_work.map(|(function, _)| function.clone()).collect()
    }

    /// The functions whose queues get `event`, as the bus delivers it.
    pub fn targets(&self, event: &Value) -> Vec<&str> {
        self.0.iter().filter(|(_, pattern)| fits(pattern, event)).map(|(function, _)| function.as_str()).collect()
    }
}

/// The steps whose catalog entry says `simulated = false`: new ones, which the table of functions does not have yet.
fn not_simulated() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (path, text) in texts("events/catalog", "toml") {
        let file: toml::Table = text.parse().unwrap_or_else(|e| panic!("{path}: {e}"));
        let steps = file.get("step").and_then(toml::Value::as_array).into_iter().flatten();
        let left_out = steps.filter(|step| step.get("simulated").and_then(toml::Value::as_bool) == Some(false));
        found.extend(left_out.filter_map(|step| Some(step.get("name")?.as_str()?.to_owned())));
    }
    found
}

/// The files of a folder of the repository with this extension, sorted: path and text.
fn texts(folder: &str, extension: &str) -> Vec<(String, String)> {
    let path = format!("{}/../{folder}", env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut paths: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        (path.display().to_string(), text)
    };
    paths.into_iter().map(read).collect()
}

/// The rules of one stack, each as its function and its pattern.
fn rules_of(path: &str, text: &str) -> Vec<(String, Yaml)> {
    let template = YamlLoader::load_from_str(text).unwrap_or_else(|e| panic!("{path}: {e}")).remove(0);
    let Some(resources) = template["Resources"].as_hash() else { panic!("{path} has no resources") };
    let rules = resources.values().filter(|resource| resource["Type"].as_str() == Some("AWS::Events::Rule"));
    let fed = rules.flat_map(|rule| {
        let rule = &rule["Properties"];
        let targets = rule["Targets"].as_vec().cloned().unwrap_or_default();
        let name = |target: Yaml| (target["Id"].as_str().unwrap_or_default().to_owned(), rule["EventPattern"].clone());
        targets.into_iter().map(name).collect::<Vec<_>>()
    });
    fed.collect()
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

/// A keyword applies to a value, never to a member that has members: EventBridge compares leaves only.
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
    fn due_work_goes_to_its_step_alone_and_a_type_of_event_wakes_no_step() {
        let woken = RULES.woken();
        assert!(woken.contains("order-price") && woken.contains("goods-issue-post"), "{woken:?}");
        for step in &woken {
            let resources = [engine::relay::resource(step)];
            let event =
                json!({"source": "crossdock", "detail-type": "order.priced", "resources": resources, "detail": {}});
            assert_eq!(RULES.targets(&event), [step]);
        }
        for kind in ["order.priced", "order.work_due", "fulfillment.opened"] {
            assert_eq!(fed(kind, json!({})), "", "{kind}");
        }
    }

    #[test]
    fn a_delivery_about_an_order_that_exists_goes_to_change_import_alone() {
        let delivery = |role: &str, topic: &str| fed("delivery.received", json!({"role": role, "topic": topic}));
        assert_eq!(delivery("crm", "order.created"), "order-import");
        for topic in ["order.cancelled", "order.held", "order.hold_released", "order.amended"] {
            assert_eq!(delivery("crm", topic), "change-import", "{topic}");
        }
        assert_eq!(delivery("erp", "order.held"), "change-import");
        assert_eq!(delivery("erp", "order.hold_released"), "change-import");
        assert_eq!(delivery("erp", "order.cancelled"), "change-import", "an unknown topic is parked, not lost");
        assert_eq!(delivery("warehouse", "order.held"), "warehouse-report-record");
    }

    #[test]
    fn exists_applies_to_values_and_not_to_members_with_members() {
        let pattern = |there: bool| yaml(&format!("{{a: [{{exists: {there}}}]}}"));
        for (event, there) in [(json!({"a": 1}), true), (json!({}), false), (json!({"a": {"b": 1}}), false)] {
            assert_eq!(fits(&pattern(true), &event), there, "{event}");
            assert_eq!(fits(&pattern(false), &event), !there, "{event}");
        }
    }

    #[test]
    #[should_panic(expected = "not understood here")]
    fn an_unknown_keyword_is_a_panic() {
        fits(&yaml("{a: [{prefix: x}]}"), &json!({"a": "xy"}));
    }
}
