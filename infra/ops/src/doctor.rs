//! `crossdock doctor`: looks a deployment over from end to end, and says what to do about each finding. It changes nothing.
//!
//! What AWS says is gathered as JSON by [`gather`]; [`findings`] is pure, and its tests seed a mistake each.

use std::process::ExitCode;

use clap::Args;
use partners::{Partner, Registry};
use serde::Serialize;
use serde_json::{Value, json};

use crate::connection::{Connection, Deployment};
use crate::output::{self, FOUND, Output, words};

/// Looks a deployment over: queues, event sources, rules, alarms, tables, quotas, partners' documents and secrets.
///
/// It reads only. What may not be read is a finding, too.
#[derive(Args)]
#[command(after_help = "Examples:\n  crossdock doctor\n  crossdock doctor --json | jq '.findings[].remedy'\n\n\
    Exit codes:\n  0  nothing was found\n  1  something was found\n  2  a call failed")]
pub(crate) struct Doctor {}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Finding {
    /// What was checked.
    pub(crate) check: &'static str,
    /// The resource.
    pub(crate) about: String,
    /// What to do.
    pub(crate) remedy: String,
}

pub(crate) fn run(_asked: &Doctor, connection: &Connection, out: &Output) -> ExitCode {
    let end = output::wait(async {
        let deployment = connection.deployment()?;
        let facts = Box::pin(gather(connection, &deployment)).await?;
        let found = findings(&facts);
        let text = || {
            if found.is_empty() {
                return vec!["all is well".to_owned()];
            }
            let row = |finding: &Finding| [finding.check.to_owned(), finding.about.clone(), finding.remedy.clone()];
            output::table(["CHECK", "ABOUT", "REMEDY"], &found.iter().map(row).collect::<Vec<_>>())
        };
        let printed = out.print(&json!({ "findings": found }), text);
        Ok(if found.is_empty() { printed } else { ExitCode::from(FOUND) })
    });
    end.unwrap_or_else(|why| output::fail(&why))
}

/// The functions that streams feed; every other one has a queue.
const STREAM_FED: [&str; 3] = ["journal-relay", "delivery-relay", "view-project"];

/// New accounts have ten; the steps together may use hundreds.
const LEAST_CONCURRENCY: u64 = 100;

/// A dead-letter queue that keeps messages for less time leaves no time for a long weekend.
const LEAST_RETENTION_SECONDS: u64 = 4 * 86_400;

/// What AWS says, by [`findings`]' names. A fact that cannot be read is `{"unreadable": why}`.
async fn gather(connection: &Connection, deployment: &Deployment) -> Result<Value, String> {
    let queues = deployment.queues()?;
    let names = queues.names().await.map_err(|failure| words(&failure))?;
    let mut listed = Vec::new();
    for name in names {
        let facts = queues.facts(&name).await.map_err(|failure| words(&failure))?;
        listed.push(json!({ "name": name, "messages": facts.depth, "retention": facts.retention.as_secs() }));
    }
    let prefix = deployment.environment();
    let asked = |arguments: &[&str]| match connection.answer(arguments) {
        Ok(answer) => serde_json::from_str(&answer).unwrap_or(Value::Null),
        Err(why) => json!({ "unreadable": why }),
    };
    let mut tables = Vec::new();
    for (name, table) in deployment.tables() {
        let described = asked(&["dynamodb", "describe-table", "--table-name", &table]);
        let backups = asked(&["dynamodb", "describe-continuous-backups", "--table-name", &table]);
        let expiry = asked(&["dynamodb", "describe-time-to-live", "--table-name", &table]);
        tables.push(json!({ "name": name, "table": described, "backups": backups, "expiry": expiry }));
    }
    let documents = engine::partner::Documents::documents(&deployment.registry()?).await;
    let documents = documents.map_err(|failure| words(&failure))?;
    Ok(json!({
        "queues": listed,
        "sources": asked(&["lambda", "list-event-source-mappings"]),
        "rules": asked(&["events", "list-rules", "--event-bus-name", prefix]),
        "alarms": asked(&["cloudwatch", "describe-alarms", "--alarm-name-prefix", &format!("{prefix}-")]),
        "account": asked(&["lambda", "get-account-settings"]),
        "secrets": asked(&["secretsmanager", "list-secrets", "--filters", &format!("Key=name,Values={}/", deployment.secrets_prefix())]),
        "secrets_prefix": deployment.secrets_prefix(),
        "prefix": format!("{prefix}-"),
        "tables": tables,
        "documents": documents,
    }))
}

/// Everything that is not as it should be.
fn findings(facts: &Value) -> Vec<Finding> {
    let mut found = Vec::new();
    unreadable(facts, &mut found);
    queues(facts, &mut found);
    sources_rules_and_alarms(facts, &mut found);
    tables(facts, &mut found);
    partners(facts, &mut found);
    let concurrency = facts["account"]["AccountLimit"]["ConcurrentExecutions"].as_u64();
    if let Some(concurrency) = concurrency.filter(|concurrency| *concurrency < LEAST_CONCURRENCY) {
        let remedy =
            format!("the account allows {concurrency} functions at once: ask for a higher Lambda quota (L-B99A9384)");
        found.push(finding("quota", "Lambda", remedy));
    }
    found.sort();
    found
}

fn finding(check: &'static str, about: &str, remedy: impl Into<String>) -> Finding {
    Finding { check, about: about.to_owned(), remedy: remedy.into() }
}

fn members<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn unreadable(facts: &Value, found: &mut Vec<Finding>) {
    let top = facts.as_object().into_iter().flatten().map(|(name, fact)| (name.clone(), fact));
    let of_table = |table: &Value, part: &str| format!("{} of {}", part, text(table, "name"));
    let in_tables = members(facts, "tables")
        .flat_map(|table| ["table", "backups", "expiry"].map(|part| (of_table(table, part), &table[part])));
    for (name, fact) in top.chain(in_tables) {
        if let Some(why) = fact["unreadable"].as_str() {
            found.push(finding("readable", &name, format!("your role may not read it, or the call failed: {why}")));
        }
    }
}

fn queues(facts: &Value, found: &mut Vec<Finding>) {
    let names: Vec<&str> = members(facts, "queues").map(|queue| text(queue, "name")).collect();
    for queue in members(facts, "queues") {
        let name = text(queue, "name");
        match name.strip_suffix("-dlq") {
            Some(step) => {
                if !STREAM_FED.contains(&step) && !names.contains(&step) {
                    found.push(finding("queue", name, "its step has no queue: deploy the template again"));
                }
                if queue["messages"].as_u64().is_some_and(|messages| messages > 0) {
                    found.push(finding("parked", name, format!("messages are parked: crossdock dlq group {step}")));
                }
                if queue["retention"].as_u64().is_some_and(|seconds| seconds < LEAST_RETENTION_SECONDS) {
                    found.push(finding(
                        "retention",
                        name,
                        "it loses messages within days: deploy the template again (14 days)",
                    ));
                }
            }
            None if !names.contains(&format!("{name}-dlq").as_str()) => {
                found.push(finding("queue", name, "it has no dead-letter queue: deploy the template again"));
            }
            None => {}
        }
    }
}

fn sources_rules_and_alarms(facts: &Value, found: &mut Vec<Finding>) {
    let prefix = text(facts, "prefix");
    let is_ours = |arn: &str| arn.rsplit([':', '/']).any(|part| part.starts_with(prefix));
    let sources = members(&facts["sources"], "EventSourceMappings");
    for source in sources.filter(|source| is_ours(text(source, "FunctionArn"))) {
        let state = text(source, "State");
        if !["Enabled", "Enabling", "Creating", "Updating"].contains(&state) {
            let remedy = format!(
                "it is {state}: aws lambda update-event-source-mapping --enabled --uuid {}",
                text(source, "UUID")
            );
            found.push(finding("event source", text(source, "FunctionArn"), remedy));
        }
    }
    for rule in members(&facts["rules"], "Rules").filter(|rule| text(rule, "State") == "DISABLED") {
        let name = text(rule, "Name");
        let remedy = format!(
            "no event reaches its step: aws events enable-rule --event-bus-name {} --name {name}",
            prefix.trim_end_matches('-')
        );
        found.push(finding("rule", name, remedy));
    }
    for alarm in members(&facts["alarms"], "MetricAlarms") {
        let name = text(alarm, "AlarmName");
        if members(alarm, "AlarmActions").next().is_none() {
            found.push(finding("alarm", name, "no one is told when it rings: deploy with the parameter AlarmTopicArn"));
        } else if alarm["ActionsEnabled"] == false {
            found.push(finding(
                "alarm",
                name,
                format!("its actions are off: aws cloudwatch enable-alarm-actions --alarm-names {name}"),
            ));
        }
        if text(alarm, "StateValue") == "ALARM" {
            found.push(finding("alarm", name, "it rings: docs/runbooks/on-call.md"));
        }
    }
}

fn tables(facts: &Value, found: &mut Vec<Finding>) {
    for table in members(facts, "tables") {
        let name = text(table, "name");
        let described = &table["table"]["Table"];
        let recovery = &table["backups"]["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"];
        if table["backups"].get("unreadable").is_none() && recovery["PointInTimeRecoveryStatus"] != "ENABLED" {
            found.push(finding(
                "recovery",
                name,
                "it cannot be restored to a point in time: deploy the template again",
            ));
        }
        let is_streamed = ["JOURNAL_TABLE", "DELIVERIES_TABLE"].contains(&name);
        let stream = &described["StreamSpecification"];
        let is_carrying = stream["StreamEnabled"] == true && stream["StreamViewType"] == "NEW_IMAGE";
        if is_streamed && described.is_object() && !is_carrying {
            found.push(finding("stream", name, "its stream does not carry new images: deploy the template again"));
        }
        let expiry = &table["expiry"]["TimeToLiveDescription"];
        let is_on = ["ENABLED", "ENABLING"].iter().any(|status| expiry["TimeToLiveStatus"] == *status);
        let is_expiring = is_on && expiry["AttributeName"] == "expires";
        if name == "DELIVERIES_TABLE" && expiry.is_object() && !is_expiring {
            found.push(finding(
                "expiry",
                name,
                "raw deliveries never expire: deploy the template again (TTL on `expires`)",
            ));
        }
    }
}

fn partners(facts: &Value, found: &mut Vec<Finding>) {
    let documents: Vec<String> = members(facts, "documents").filter_map(Value::as_str).map(str::to_owned).collect();
    let registry = Registry::read(&documents);
    for document in &documents {
        let id = serde_json::from_str::<Value>(document)
            .map(|document| text(&document, "id").to_owned())
            .unwrap_or_default();
        if registry.broken(&id).is_some() || registry.partner(&id).is_none() {
            found.push(finding("partner", &id, "its document is not valid: crossdock partner check"));
        }
    }
    let contradictions = registry.contradictions().into_iter();
    found.extend(contradictions.map(|contradiction| finding("partner", "registry", contradiction)));
    if facts["secrets"].get("unreadable").is_some() {
        return;
    }
    let names: Vec<&str> = members(&facts["secrets"], "SecretList").map(|secret| text(secret, "Name")).collect();
    let prefix = text(facts, "secrets_prefix");
    let tokens = registry.partners().map(|partner| partner.secret.clone());
    let signing = registry.partners().filter(|partner| partner.webhook.is_some()).map(Partner::webhook_secret);
    for secret in tokens.chain(signing).chain([usecases::tokens::SECRET.to_owned()]) {
        let secret = format!("{prefix}/{secret}");
        if !names.contains(&secret.as_str()) {
            found.push(finding("secret", &secret, "it does not exist: docs/runbooks/deploy.md#the-secrets"));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A deployment in which all is well.
    fn well() -> Value {
        let partner = include_str!("../../partners/eastco.toml");
        let (_, document) = partners::Partner::from_toml(partner).unwrap_or_else(|_| unreachable!("a valid document"));
        let table = |name: &str| {
            json!({
                "name": name,
                "table": { "Table": { "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_IMAGE" } } },
                "backups": { "ContinuousBackupsDescription":
                    { "PointInTimeRecoveryDescription": { "PointInTimeRecoveryStatus": "ENABLED" } } },
                "expiry": { "TimeToLiveDescription": { "TimeToLiveStatus": "ENABLED", "AttributeName": "expires" } },
            })
        };
        json!({
            "prefix": "crossdock-",
            "secrets_prefix": "crossdock",
            "queues": [
                { "name": "order-price", "messages": 5, "retention": 345_600 },
                { "name": "order-price-dlq", "messages": 0, "retention": 1_209_600 },
                { "name": "journal-relay-dlq", "messages": 0, "retention": 1_209_600 },
            ],
            "sources": { "EventSourceMappings": [
                { "FunctionArn": "arn:aws:lambda:eu:1:function:crossdock-order-price", "State": "Enabled", "UUID": "u1" },
                { "FunctionArn": "arn:aws:lambda:eu:1:function:another-product", "State": "Disabled", "UUID": "u2" },
            ] },
            "rules": { "Rules": [{ "Name": "crossdock-order-price", "State": "ENABLED" }] },
            "alarms": { "MetricAlarms": [{ "AlarmName": "crossdock-order-price-dlq", "AlarmActions": ["arn:topic"],
                "ActionsEnabled": true, "StateValue": "OK" }] },
            "account": { "AccountLimit": { "ConcurrentExecutions": 1_000 } },
            "secrets": { "SecretList": [
                { "Name": "crossdock/partner/warehouse/eastco" },
                { "Name": "crossdock/webhook/eastco" },
                { "Name": "crossdock/api/tokens" },
            ] },
            "tables": [table("JOURNAL_TABLE"), table("DELIVERIES_TABLE"), table("VIEWS_TABLE")],
            "documents": [document.to_string()],
        })
    }

    #[test]
    fn nothing_is_found_where_all_is_well() {
        assert_eq!(findings(&well()), []);
    }

    #[test]
    fn each_seeded_mistake_is_found_alone_with_its_remedy() {
        for (place, value, check, remedy) in [
            ("/queues/1/name", json!("order-price-deadletters"), "queue", "no dead-letter queue"),
            ("/queues/0/name", json!("order-prices"), "queue", "has no"),
            ("/queues/1/messages", json!(3), "parked", "crossdock dlq group order-price"),
            ("/queues/1/retention", json!(3_600), "retention", "14 days"),
            ("/sources/EventSourceMappings/0/State", json!("Disabled"), "event source", "--uuid u1"),
            ("/rules/Rules/0/State", json!("DISABLED"), "rule", "enable-rule --event-bus-name crossdock"),
            ("/alarms/MetricAlarms/0/AlarmActions", json!([]), "alarm", "AlarmTopicArn"),
            ("/alarms/MetricAlarms/0/ActionsEnabled", json!(false), "alarm", "enable-alarm-actions"),
            ("/alarms/MetricAlarms/0/StateValue", json!("ALARM"), "alarm", "it rings"),
            ("/account/AccountLimit/ConcurrentExecutions", json!(10), "quota", "allows 10"),
            (
                "/tables/2/backups/ContinuousBackupsDescription/PointInTimeRecoveryDescription/PointInTimeRecoveryStatus",
                json!("DISABLED"),
                "recovery",
                "restored",
            ),
            ("/tables/0/table/Table/StreamSpecification", json!(null), "stream", "new images"),
            ("/tables/0/table/Table/StreamSpecification/StreamEnabled", json!(false), "stream", "new images"),
            ("/tables/1/backups/ContinuousBackupsDescription", json!(null), "recovery", "restored"),
            ("/tables/1/expiry/TimeToLiveDescription/AttributeName", json!(null), "expiry", "expires"),
            ("/tables/1/expiry/TimeToLiveDescription/TimeToLiveStatus", json!("DISABLED"), "expiry", "expires"),
            ("/secrets/SecretList/0/Name", json!("crossdock/partner/eastco"), "secret", "does not exist"),
            ("/secrets/SecretList/1/Name", json!("crossdock/webhook/westco"), "secret", "does not exist"),
            ("/secrets/SecretList/2/Name", json!("crossdock/api/token"), "secret", "does not exist"),
            ("/account", json!({ "unreadable": "AccessDenied" }), "readable", "AccessDenied"),
        ] {
            let mut facts = well();
            *facts.pointer_mut(place).unwrap() = value;
            let found = findings(&facts);
            assert!(!found.is_empty(), "{place}: nothing was found");
            assert!(found.iter().all(|finding| finding.check == check), "{place}: {found:?}");
            assert!(found.iter().any(|finding| finding.remedy.contains(remedy)), "{place}: {found:?}");
        }
        let mut facts = well();
        facts["documents"][0] = json!("{\"id\": \"eastco\"}");
        assert!(
            findings(&facts).iter().any(|finding| finding.remedy.contains("crossdock partner check")),
            "a broken document"
        );
    }
}
