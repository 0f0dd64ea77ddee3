//! The catalog, held to the code and to the templates.

use std::collections::{BTreeMap, BTreeSet};

use engine::relay::is_published;
use serde_json::{Value, json};
use toml::Table;

use crate::repository::{files, read};
use crate::template::{Part, Template, logical};
use crate::{all_kept, keep, pretty, schemas};

/// The catalog's files by workflow.
fn catalog() -> BTreeMap<String, Table> {
    let paths = files("events/catalog").into_iter().filter(|path| path.ends_with(".toml"));
    let table = |path: String| {
        let workflow = path.trim_start_matches("events/catalog/").trim_end_matches(".toml").to_owned();
        (workflow, read(&path).parse().unwrap_or_else(|error| panic!("{path}: {error}")))
    };
    paths.map(table).collect()
}

/// The settings that hold for every workflow.
fn settings(name: &str) -> Table {
    catalog()["platform"][name].as_table().unwrap().clone()
}

/// All entries of a kind (`event`, `step` or `route`).
pub(crate) fn entries(kind: &str) -> Vec<Table> {
    entries_by_workflow(kind).into_iter().map(|(_, entry)| entry).collect()
}

fn entries_by_workflow(kind: &str) -> Vec<(String, Table)> {
    let lists = catalog().into_iter().filter_map(|(workflow, mut file)| Some((workflow, file.remove(kind)?)));
    lists
        .flat_map(|(workflow, list)| {
            let list = list.as_array().unwrap().clone();
            list.into_iter().map(move |entry| (workflow.clone(), entry.as_table().unwrap().clone()))
        })
        .collect()
}

pub(crate) fn text<'a>(entry: &'a Table, name: &str) -> &'a str {
    entry.get(name).and_then(toml::Value::as_str).unwrap_or_else(|| panic!("{entry:?}: `{name}` is missing"))
}

fn number(entry: &Table, name: &str) -> i64 {
    entry.get(name).and_then(toml::Value::as_integer).unwrap_or_else(|| panic!("{entry:?}: `{name}` is missing"))
}

fn texts(entry: &Table, name: &str) -> BTreeSet<String> {
    let list =
        entry.get(name).and_then(toml::Value::as_array).unwrap_or_else(|| panic!("{entry:?}: `{name}` is missing"));
    list.iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

/// The folder of a step, `functions/<workflow>/<step>`.
fn function_folder(step: &str) -> Option<String> {
    let suffix = format!("/{step}/Cargo.toml");
    let mut manifests = files("functions").into_iter();
    manifests.find(|path| path.ends_with(&suffix)).map(|path| path.trim_end_matches("/Cargo.toml").to_owned())
}

#[test]
fn every_interface_has_owner_version_criticality_and_sla() {
    let workflows: BTreeSet<String> = catalog().into_keys().collect();
    for (kind, name) in [("event", "type"), ("step", "name"), ("route", "route")] {
        let mut seen = BTreeSet::new();
        for entry in entries(kind) {
            let id = text(&entry, name);
            assert!(seen.insert(id.to_owned()), "{id} is listed twice as a [[{kind}]]");
            assert!(workflows.contains(text(&entry, "owner")), "{id}: the owner is no workflow");
            assert!(["immediate", "near_real_time", "scheduled"].contains(&text(&entry, "criticality")), "{id}");
            assert!(number(&entry, "version") >= 1 && number(&entry, "sla_seconds") > 0, "{id}");
            assert!(text(&entry, "what").ends_with('.'), "{id}: `what` is a sentence");
        }
    }
}

#[test]
fn each_file_lists_the_functions_of_the_folder_of_its_name() {
    for (kind, member) in [("step", "name"), ("route", "function")] {
        for (workflow, entry) in entries_by_workflow(kind) {
            let name = text(&entry, member);
            let folder = function_folder(name).unwrap_or_else(|| panic!("there is no function {name}"));
            assert_eq!(folder, format!("functions/{workflow}/{name}"), "events/catalog/{workflow}.toml");
        }
    }
    for (workflow, file) in catalog() {
        let known = ["event", "step", "route"];
        let other: Vec<_> = file.keys().filter(|key| !known.contains(&key.as_str())).collect();
        assert!(other.is_empty() || workflow == "platform", "events/catalog/{workflow}.toml: {other:?}");
        assert!(!files(&format!("functions/{workflow}")).is_empty(), "there is no functions/{workflow}");
    }
}

#[test]
fn every_published_event_is_in_the_catalog_and_no_other() {
    let listed: BTreeSet<String> = entries("event").iter().map(|e| text(e, "type").to_owned()).collect();
    let published: BTreeSet<String> = schemas::kinds().into_iter().filter(|kind| is_published(kind)).collect();
    assert_eq!(listed, published);
}

#[test]
fn every_event_comes_from_and_goes_to_functions_that_are_there() {
    let template = Template::read();
    let rules = template.of_type("AWS::Events::Rule");
    let mut takers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for rule in rules.values() {
        // One target each; the target's id is the function's name.
        let step = rule["Targets"][0]["Id"].text();
        for kind in Template::kinds_of_rule(rule) {
            takers.entry(kind).or_default().insert(step.clone());
        }
    }
    for entry in entries("event") {
        let kind = text(&entry, "type");
        let to = entry.get("to").map(|_| texts(&entry, "to")).unwrap_or_default();
        assert_eq!(to, takers.remove(kind).unwrap_or_default(), "{kind}: `to` is not what rules say");
        for function in texts(&entry, "from") {
            // The operator's command line commits, too.
            let is_there = function == "crossdock" || function_folder(&function).is_some();
            assert!(is_there, "{kind}: there is no {function}");
        }
    }
    assert!(takers.is_empty(), "rules wait for events that nobody publishes: {takers:?}");
}

#[test]
fn the_catalogs_queues_and_rules_are_the_templates() {
    let template = Template::read();
    let (rule_says, queue_says) = (&settings("rule"), &settings("queue"));
    let attempts = template.globals().at(&["Environment", "Variables", "MAX_ATTEMPTS"]).number();
    assert_eq!(attempts, Some(number(queue_says, "attempts")), "MAX_ATTEMPTS");

    let mut rules = template.of_type("AWS::Events::Rule");
    let mut queues = template.of_type("AWS::SQS::Queue");
    for step in entries("step").iter().filter(|step| text(step, "feed") == "queue") {
        let name = text(step, "name");
        let own = logical(name);
        let on = step.get("on").map(|_| texts(step, "on")).unwrap_or_default();
        let when = step.get("when").map(|_| text(step, "when"));
        match rules.remove(&format!("{own}Rule")) {
            None => assert!(on.is_empty() && when.is_none(), "{name}: the template has no {own}Rule"),
            Some(rule) => {
                assert_eq!(on, Template::kinds_of_rule(rule), "{name}: `on` is not what {own}Rule selects");
                let own_work = when.map(|sentence| {
                    assert!(sentence.ends_with('.'), "{name}: `when` is a sentence");
                    engine::relay::resource(name)
                });
                let selected = rule.at(&["EventPattern", "resources"]).texts();
                assert_eq!(
                    selected,
                    BTreeSet::from_iter(own_work),
                    "{name}: {own}Rule selects its due work by its name"
                );
                assert!(
                    selected.is_empty() != on.is_empty(),
                    "{name}: either due work wakes it, or types of events do"
                );
                let target = &rule["Targets"][0];
                assert_eq!(target["Arn"].text(), format!("{own}Queue.Arn"), "{name}: the rule's target");
                assert_eq!(target.at(&["DeadLetterConfig", "Arn"]).text(), format!("{own}Dlq.Arn"), "{name}");
                let retry = &target["RetryPolicy"];
                assert_eq!(retry["MaximumRetryAttempts"].number(), Some(number(rule_says, "attempts")), "{name}");
                assert_eq!(
                    retry["MaximumEventAgeInSeconds"].number(),
                    Some(number(rule_says, "age_seconds")),
                    "{name}"
                );
                let listed = step.get("roles").map(|_| texts(step, "roles")).unwrap_or_default();
                assert_eq!(listed, Template::roles_of_rule(rule), "{name}: `roles` is not what {own}Rule selects");
            }
        }
        let queue = queues.remove(&format!("{own}Queue")).unwrap_or_else(|| panic!("{name} has no queue"));
        assert_eq!(queue["MessageRetentionPeriod"].number(), Some(number(queue_says, "retention_seconds")), "{name}");
        let redrive = &queue["RedrivePolicy"];
        assert_eq!(redrive["maxReceiveCount"].number(), Some(number(queue_says, "redrive_after")), "{name}");
        let source = template.resource(&own).at(&["Events", "Messages", "Properties"]);
        assert_eq!(source["BatchSize"].number(), Some(number(queue_says, "batch")), "{name}");
        dead_letters(&mut queues, name, number(queue_says, "dlq_retention_seconds"));
    }
    assert!(rules.is_empty(), "rules that the catalog does not know: {:?}", rules.keys());
    for step in entries("step").iter().filter(|step| text(step, "feed") != "queue") {
        dead_letters(&mut queues, text(step, "name"), number(&settings("stream"), "dlq_retention_seconds"));
        if let Some(seconds) = step.get("own_queue_seconds") {
            let own = format!("{}Queue", logical(text(step, "name")));
            let queue = queues.remove(&own).unwrap_or_else(|| panic!("there is no {own}"));
            assert_eq!(queue["MessageRetentionPeriod"].number(), seconds.as_integer(), "{own}");
            let ticks = step.get("tick_seconds").and_then(toml::Value::as_integer);
            assert_eq!(queue["DelaySeconds"].number(), ticks, "{own}");
        }
    }
    assert!(queues.is_empty(), "queues that the catalog does not know: {:?}", queues.keys());
}

fn dead_letters(queues: &mut BTreeMap<String, &yaml_rust2::Yaml>, name: &str, seconds: i64) {
    let own = format!("{}Dlq", logical(name));
    let dlq = queues.remove(&own).unwrap_or_else(|| panic!("{name} has no {own}"));
    assert_eq!(dlq["MessageRetentionPeriod"].number(), Some(seconds), "{own}");
    assert_eq!(dlq["QueueName"].text(), format!("${{NamePrefix}}-{name}-dlq"), "{own}");
}

#[test]
fn the_catalogs_streams_and_schedules_are_the_templates() {
    let template = Template::read();
    let says = &settings("stream");
    for step in &entries("step") {
        let name = text(step, "name");
        let own = logical(name);
        match text(step, "feed") {
            "queue" => {}
            "stream" => {
                let source = template.resource(&own).at(&["Events", "Records", "Properties"]);
                assert_eq!(source["Stream"].text(), format!("{}StreamArn", text(step, "table")), "{name}");
                assert_eq!(source["BatchSize"].number(), Some(number(says, "batch")), "{name}");
                assert_eq!(source["MaximumRecordAgeInSeconds"].number(), Some(number(says, "age_seconds")), "{name}");
                let alarm = template.resource(&format!("{own}LateAlarm"));
                assert_eq!(alarm["MetricName"].text(), "IteratorAge", "{name}");
                assert_eq!(alarm["Threshold"].number(), Some(number(says, "alarm_seconds") * 1_000), "{name}");
            }
            "schedule" => {
                let schedule = template.resource(&format!("{own}Schedule"));
                assert_eq!(schedule["ScheduleExpression"].text(), text(step, "schedule"), "{name}");
            }
            other => panic!("{name}: nothing feeds by {other}"),
        }
    }
    let listed: BTreeSet<String> = entries("step").iter().map(|step| logical(text(step, "name"))).collect();
    let api: BTreeSet<String> = entries("route").iter().map(|route| logical(text(route, "function"))).collect();
    let deployed: BTreeSet<String> = template.of_type("AWS::Serverless::Function").into_keys().collect();
    let all = listed.into_iter().chain(api).chain(["TokenAuthorize".to_owned()]).collect();
    assert_eq!(deployed, all, "functions of the template, and of the catalog");
}

#[test]
fn the_catalogs_routes_are_the_templates() {
    let template = Template::read();
    let deployed: BTreeMap<String, &yaml_rust2::Yaml> = template
        .of_type("AWS::ApiGatewayV2::Route")
        .into_values()
        .map(|route| (route["RouteKey"].text(), route))
        .collect();
    let listed = entries("route");
    let keys: BTreeSet<&str> = listed.iter().map(|entry| text(entry, "route")).collect();
    assert_eq!(keys, deployed.keys().map(String::as_str).collect());
    for entry in &listed {
        let (route, function) = (text(entry, "route"), logical(text(entry, "function")));
        let target = deployed[route]["Target"].text();
        assert_eq!(target, format!("integrations/${{{function}Integration}}"), "{route}");
        let open = deployed[route]["AuthorizationType"].text() == "NONE";
        assert_eq!(open, text(entry, "scope").is_empty(), "{route}: an authorizer, or a reason to have none");
        let handler = read(&format!("{}/src/lib.rs", function_folder(text(entry, "function")).unwrap()));
        if !open {
            let scope = text(entry, "scope");
            let asks = ["allow(", "allow_part(", "grant("].map(|how| handler.contains(&format!("{how}\"{scope}\"")));
            assert!(asks.contains(&true), "{route}: the handler does not ask for {scope}");
        }
    }
}

/// The channels' description in AsyncAPI 3, generated from the catalog. JSON is YAML, too.
#[test]
fn the_channels_description_is_the_catalogs() {
    let mut description = json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Crossdock events",
            "version": "1.0.0",
            "description": "Generated from events/catalog by the contracts test; do not edit. Every event is a CloudEvents 1.0 document in `detail` of an EventBridge entry with the source `crossdock` and the event's type as detail-type. Subscribe with a rule of your own on the stack's bus (output BusName). Events may come twice and in any order: their ids are the same whenever they are relayed.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": {
            "bus": {
                "host": "events.{region}.amazonaws.com",
                "protocol": "eventbridge",
                "description": "The stack's event bus.",
                "variables": { "region": { "description": "The stack's region." } },
            },
        },
        "channels": {},
        "operations": {},
        "components": { "messages": {} },
    });
    for entry in entries("event") {
        let kind = text(&entry, "type");
        let message = format!("#/components/messages/{kind}");
        description["components"]["messages"][kind] = json!({
            "name": kind,
            "summary": text(&entry, "what"),
            "payload": {
                "allOf": [
                    { "$ref": "../../events/schemas/cloudevent.json" },
                    { "type": "object", "properties": {
                        "type": { "const": kind },
                        "data": { "$ref": format!("../../events/schemas/{kind}.json") },
                    } },
                ],
            },
            "x-sample": format!("../../events/samples/bus/{kind}.json"),
        });
        description["channels"][kind] = json!({
            "address": kind,
            "description": text(&entry, "what"),
            "servers": [{ "$ref": "#/servers/bus" }],
            "messages": { "event": { "$ref": message } },
            "x-owner": text(&entry, "owner"),
            "x-version": number(&entry, "version"),
            "x-criticality": text(&entry, "criticality"),
            "x-sla-seconds": number(&entry, "sla_seconds"),
        });
        description["operations"][format!("publish-{kind}")] = json!({
            "action": "send",
            "channel": { "$ref": format!("#/channels/{kind}") },
            "summary": format!("After a commit of {}", Vec::from_iter(texts(&entry, "from")).join(" or ")),
        });
    }
    drop_empty_summaries(&mut description);
    all_kept([keep("docs/api/asyncapi.json", &pretty(&description), |_| vec![])]);
}

/// An event that no function emits yet has no summary of its operation.
fn drop_empty_summaries(description: &mut Value) {
    for operation in description["operations"].as_object_mut().unwrap().values_mut() {
        if operation["summary"] == "After a commit of " {
            operation["summary"] = json!("No function emits it yet");
        }
    }
}
