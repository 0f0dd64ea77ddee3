//! What the catalog needs to know of infra/template.yaml and its child stacks.

use std::collections::{BTreeMap, BTreeSet};

use yaml_rust2::{Yaml, YamlLoader};

use crate::repository::read;

/// The resources of all template files. CloudFormation's short forms (`!Ref X`, `!GetAtt X.Arn`) read as the text behind
/// them.
pub(crate) struct Template {
    resources: BTreeMap<String, Yaml>,
    globals: Yaml,
}

/// A part of the template, found by names without a panic on the way.
pub(crate) trait Part {
    /// What is at this path of names; `BadValue` where there is nothing.
    fn at(&self, path: &[&str]) -> &Yaml;
    /// The text, or a number as text; empty where there is none.
    fn text(&self) -> String;
    fn number(&self) -> Option<i64>;
    /// A list's items; one text counts as a list of it.
    fn texts(&self) -> BTreeSet<String>;
}

impl Part for Yaml {
    fn at(&self, path: &[&str]) -> &Yaml {
        path.iter().fold(self, |part, name| &part[*name])
    }

    fn text(&self) -> String {
        self.as_str().map(str::to_owned).or_else(|| self.as_i64().map(|n| n.to_string())).unwrap_or_default()
    }

    fn number(&self) -> Option<i64> {
        self.as_i64().or_else(|| self.as_str()?.parse().ok())
    }

    fn texts(&self) -> BTreeSet<String> {
        match self.as_vec() {
            Some(items) => items.iter().map(Part::text).collect(),
            None => Some(self.text()).filter(|text| !text.is_empty()).into_iter().collect(),
        }
    }
}

impl Template {
    pub(crate) fn read() -> Self {
        let root = document("infra/template.yaml");
        let mut found = Self { resources: BTreeMap::new(), globals: Yaml::BadValue };
        for (name, resource) in root["Resources"].as_hash().expect("a template has resources") {
            if resource["Type"].as_str() == Some("AWS::CloudFormation::Stack") {
                let child = document(&format!("infra/{}", resource["Properties"]["TemplateURL"].text()));
                // infra/checks holds them equal in all children.
                found.globals = child["Globals"]["Function"].clone();
                let own = child["Resources"].as_hash().expect("a template has resources").iter();
                found.resources.extend(own.map(|(name, resource)| (name.text(), resource.clone())));
            }
            found.resources.insert(name.text(), resource.clone());
        }
        found
    }

    /// The properties of the resources of a type, by logical name.
    pub(crate) fn of_type(&self, kind: &str) -> BTreeMap<String, &Yaml> {
        let wanted = self.resources.iter().filter(|(_, resource)| resource["Type"].as_str() == Some(kind));
        wanted.map(|(name, resource)| (name.clone(), &resource["Properties"])).collect()
    }

    /// A resource's properties.
    pub(crate) fn resource(&self, name: &str) -> &Yaml {
        self.resources.get(name).map_or(&Yaml::BadValue, |resource| &resource["Properties"])
    }

    /// The settings of every function.
    pub(crate) fn globals(&self) -> &Yaml {
        &self.globals
    }

    /// The event types that a rule takes.
    pub(crate) fn kinds_of_rule(rule: &Yaml) -> BTreeSet<String> {
        let pattern = &rule["EventPattern"];
        let branches = pattern["$or"].as_vec().cloned().unwrap_or_default();
        let own = pattern["detail-type"].texts();
        own.into_iter().chain(branches.iter().flat_map(|branch| branch["detail-type"].texts())).collect()
    }

    /// The partners' roles whose deliveries a rule takes.
    pub(crate) fn roles_of_rule(rule: &Yaml) -> BTreeSet<String> {
        let data = rule.at(&["EventPattern", "detail", "data"]);
        let branches = data["$or"].as_vec().cloned().unwrap_or_default();
        let own = data["role"].texts();
        own.into_iter().chain(branches.iter().flat_map(|branch| branch["role"].texts())).collect()
    }
}

fn document(path: &str) -> Yaml {
    YamlLoader::load_from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}")).remove(0)
}

/// `order-price` is `OrderPrice` in the template.
pub(crate) fn logical(name: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('-').map(capital).collect()
}
