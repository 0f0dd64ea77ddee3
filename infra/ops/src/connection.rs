//! How the command line finds a deployment: the stack's outputs name its queues and tables.
//!
//! Credentials and outputs come from the AWS command line, which an operator has in any case: it knows every way to sign in
//! (single sign-on, roles, a second factor, an instance's role), and its configuration is the one that people maintain. Where
//! the environment has keys, and the outputs are given by `--outputs`, it is not needed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use clap::Args;
use cloud::operator::{AuditTable, OperatorDocuments, OperatorQueues, OperatorSecret};
use cloud::{DeliveriesTable, EventBus, JournalTable, PartnerHealthTable, RegistryTable, Start, ViewsTable};
use engine::Epoch;
use serde::Deserialize;
use serde_json::Value;

/// Which deployment, and how to reach it.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Deployment")]
pub(crate) struct Connection {
    /// The root stack's name.
    #[arg(long, global = true, env = "CROSSDOCK_STACK", value_name = "NAME")]
    stack: Option<String>,
    /// The profile of the AWS command line; AWS_PROFILE counts, too, unless the environment has keys.
    #[arg(long, global = true, value_name = "NAME")]
    profile: Option<String>,
    /// The region; AWS_DEFAULT_REGION is read, too, and then the profile.
    #[arg(long, global = true, env = "AWS_REGION", value_name = "REGION")]
    region: Option<String>,
    /// Another address for all of AWS, such as http://127.0.0.1:4566 of the local stack.
    #[arg(long, global = true, env = "AWS_ENDPOINT_URL", value_name = "URL")]
    endpoint_url: Option<String>,
    /// A file with the answer of `aws cloudformation describe-stacks`, in place of the call.
    #[arg(long, global = true, value_name = "FILE")]
    outputs: Option<PathBuf>,
    /// Who you are, for the audit records.
    #[arg(long = "as", global = true, env = "CROSSDOCK_OPERATOR", value_name = "NAME")]
    operator: Option<String>,
}

/// A deployment that was found.
pub(crate) struct Deployment {
    start: Start,
    settings: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Keys {
    access_key_id: String,
    secret_access_key: String,
    #[serde(default)]
    session_token: String,
}

impl Connection {
    /// The stack's name.
    ///
    /// # Errors
    /// None was given.
    pub(crate) fn stack(&self) -> Result<&str, String> {
        self.stack.as_deref().ok_or_else(|| "which deployment? Give --stack NAME, or set CROSSDOCK_STACK".to_owned())
    }

    /// Whether the deployment is on AWS, and not an emulator on this machine.
    fn is_on_aws(&self) -> bool {
        let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
        !self.endpoint_url.as_ref().is_some_and(|url| local.iter().any(|address| url.starts_with(address)))
    }

    /// Has the operator name what is to be changed, if the deployment is on AWS: on the terminal, or by an option.
    ///
    /// # Errors
    /// It was not named.
    pub(crate) fn confirmed(&self, given: Option<&str>, name: &str, what: &str) -> Result<(), String> {
        if !self.is_on_aws() || given == Some(name) {
            return Ok(());
        }
        let stack = self.stack.as_deref().unwrap_or("of --outputs");
        let question = format!("{what}, on AWS, stack {stack}. Type {name} to go on:");
        if given.is_none() && crate::output::confirms(&question, name) {
            return Ok(());
        }
        Err(format!("not confirmed: give --confirm {name}"))
    }

    /// Who the operator is: as said, or the name on this machine.
    ///
    /// # Errors
    /// Neither is known.
    pub(crate) fn operator(&self) -> Result<String, String> {
        let of_machine = || ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
        let name = self.operator.clone().or_else(of_machine).filter(|name| !name.trim().is_empty());
        // A holder's name ends at the first space.
        name.map(|name| name.replace(' ', "_")).ok_or_else(|| "who are you? Give --as NAME".to_owned())
    }

    /// Finds the deployment.
    ///
    /// # Errors
    /// There is no such stack, or no way to sign in.
    pub(crate) fn deployment(&self) -> Result<Deployment, String> {
        let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let region = match self.region.clone().or_else(|| environment("AWS_DEFAULT_REGION")) {
            Some(region) => region,
            None => self.aws(&["configure", "get", "region"])?.trim().to_owned(),
        };
        let mut settings: BTreeMap<String, String> = self.names(&region)?;
        // With a profile that was named, the environment's keys are not meant.
        if self.profile.is_some() || environment("AWS_ACCESS_KEY_ID").is_none() {
            let answer = self.aws(&["configure", "export-credentials", "--format", "process"])?;
            let keys: Keys = serde_json::from_str(&answer)
                .map_err(|_not_shown| "`aws configure export-credentials` gave no keys".to_owned())?;
            settings.insert("AWS_ACCESS_KEY_ID".to_owned(), keys.access_key_id);
            settings.insert("AWS_SECRET_ACCESS_KEY".to_owned(), keys.secret_access_key);
            settings.insert("AWS_SESSION_TOKEN".to_owned(), keys.session_token);
        }
        settings.insert("AWS_REGION".to_owned(), region);
        settings.insert("AWS_ENDPOINT_URL".to_owned(), self.endpoint_url.clone().unwrap_or_default());
        // Not the functions': an operator can wait longer than a step, and a call that waits for a message takes a second.
        settings.insert("FUNCTION_TIMEOUT_SECONDS".to_owned(), "30".to_owned());
        let get = |name: &str| settings.get(name).cloned().or_else(|| environment(name));
        let start = Start::with_settings("crossdock", get).map_err(|why| why.to_string())?;
        Ok(Deployment { start, settings })
    }

    /// The settings that a function of the deployment would have, from the stack's outputs and parameters.
    fn names(&self, region: &str) -> Result<BTreeMap<String, String>, String> {
        let answer = match &self.outputs {
            Some(file) => std::fs::read_to_string(file).map_err(|why| format!("{}: {why}", file.display()))?,
            None => {
                let describe = ["cloudformation", "describe-stacks", "--output", "json", "--region", region];
                let mut call: Vec<&str> = describe.into_iter().chain(["--stack-name", self.stack()?]).collect();
                if let Some(url) = &self.endpoint_url {
                    call.extend(["--endpoint-url", url]);
                }
                self.aws(&call)?
            }
        };
        settings_of(&answer)
    }

    /// An answer of AWS, as JSON: for what only a diagnosis asks.
    ///
    /// # Errors
    /// The call failed.
    pub(crate) fn answer(&self, arguments: &[&str]) -> Result<String, String> {
        let mut call: Vec<&str> = arguments.iter().copied().chain(["--output", "json"]).collect();
        if let Some(region) = &self.region {
            call.extend(["--region", region]);
        }
        if let Some(url) = &self.endpoint_url {
            call.extend(["--endpoint-url", url]);
        }
        self.aws(&call)
    }

    /// Runs the AWS command line.
    fn aws(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new("aws");
        command.args(arguments);
        if let Some(profile) = &self.profile {
            command.args(["--profile", profile]);
        }
        let shown = || format!("aws {}", arguments.join(" "));
        let answer = command.output().map_err(|why| format!("`{}` cannot be run: {why}", shown()))?;
        if !answer.status.success() {
            let why = String::from_utf8_lossy(&answer.stderr);
            return Err(format!("`{}` failed: {}", shown(), why.trim()));
        }
        String::from_utf8(answer.stdout).map_err(|_not_shown| format!("`{}` answered no text", shown()))
    }
}

/// The settings in the answer of `describe-stacks`.
fn settings_of(answer: &str) -> Result<BTreeMap<String, String>, String> {
    let answer: Value = serde_json::from_str(answer).map_err(|why| format!("no answer of describe-stacks: {why}"))?;
    let stack = &answer["Stacks"][0];
    let value = |list: &str, key: &str, name: &str, value: &str| {
        let members = stack[list].as_array().into_iter().flatten();
        members.filter(|member| member[key] == name).find_map(|member| Some(member[value].as_str()?.to_owned()))
    };
    let outputs = [
        ("BusName", "EVENT_BUS"),
        ("BusName", "ENVIRONMENT"),
        ("JournalTableName", "JOURNAL_TABLE"),
        ("DeliveriesTableName", "DELIVERIES_TABLE"),
        ("PartiesTableName", "PARTIES_TABLE"),
        ("ViewsTableName", "VIEWS_TABLE"),
        ("DueTableName", "DUE_TABLE"),
        ("RegistryTableName", "REGISTRY_TABLE"),
        ("PartnerHealthTableName", "PARTNER_HEALTH_TABLE"),
        ("AuditTableName", "AUDIT_TABLE"),
        ("QueueUrlPrefix", "QUEUE_URL_PREFIX"),
        ("SecretsPrefix", "SECRETS_PREFIX"),
    ];
    let parameters = [("JournalEpoch", "JOURNAL_EPOCH")];
    let outputs = outputs.map(|(name, setting)| (value("Outputs", "OutputKey", name, "OutputValue"), setting));
    let parameters =
        parameters.map(|(name, setting)| (value("Parameters", "ParameterKey", name, "ParameterValue"), setting));
    let found = outputs.into_iter().chain(parameters).filter_map(|(value, setting)| Some((setting.to_owned(), value?)));
    let mut found: BTreeMap<String, String> = found.collect();
    if !found.contains_key("QUEUE_URL_PREFIX") {
        return Err(
            "the stack has no output QueueUrlPrefix: is it the root stack of a Crossdock deployment?".to_owned()
        );
    }
    found.entry("JOURNAL_EPOCH".to_owned()).or_insert_with(|| "1".to_owned());
    Ok(found)
}

impl Deployment {
    /// All queues.
    ///
    /// # Errors
    /// The stack does not name them.
    pub(crate) fn queues(&self) -> Result<OperatorQueues, String> {
        self.start.operator_queues().map_err(|why| why.to_string())
    }

    /// The audit records.
    ///
    /// # Errors
    /// The stack has no audit table.
    pub(crate) fn audit(&self) -> Result<AuditTable, String> {
        let why = "the stack has no output AuditTableName: deploy this release's template first";
        self.start.audit().map_err(|_missing| why.to_owned())
    }

    /// Partners' documents, for writing.
    ///
    /// # Errors
    /// The stack does not name their table.
    pub(crate) fn documents(&self) -> Result<OperatorDocuments, String> {
        self.start.operator_documents().map_err(|why| why.to_string())
    }

    /// The secret with the tokens of API clients.
    ///
    /// # Errors
    /// The stack does not name the beginning of its secrets.
    pub(crate) fn tokens(&self) -> Result<OperatorSecret, String> {
        self.start.operator_secret(usecases::tokens::SECRET).map_err(|why| why.to_string())
    }

    /// The journal's epoch.
    pub(crate) fn epoch(&self) -> Epoch {
        self.start.epoch()
    }

    /// The deployment's NamePrefix.
    pub(crate) fn environment(&self) -> &str {
        self.start.environment()
    }

    /// The first part of its secrets' names.
    pub(crate) fn secrets_prefix(&self) -> &str {
        self.settings.get("SECRETS_PREFIX").map_or("crossdock", String::as_str)
    }

    /// Its tables: the setting that names each, and its name.
    pub(crate) fn tables(&self) -> Vec<(String, String)> {
        let is_table = |(setting, _): &(&String, &String)| setting.ends_with("_TABLE");
        self.settings.iter().filter(is_table).map(|(setting, name)| (setting.clone(), name.clone())).collect()
    }

    /// The CloudEvents source of the deployment's events.
    pub(crate) fn source(&self) -> String {
        self.start.source()
    }

    /// The bus.
    ///
    /// # Errors
    /// The stack does not name it.
    pub(crate) fn bus(&self) -> Result<EventBus, String> {
        self.start.bus().map_err(|why| why.to_string())
    }

    /// The read models.
    ///
    /// # Errors
    /// The stack does not name their table.
    pub(crate) fn views(&self) -> Result<ViewsTable, String> {
        self.start.views().map_err(|why| why.to_string())
    }

    /// Partners' documents.
    ///
    /// # Errors
    /// The stack does not name their table.
    pub(crate) fn registry(&self) -> Result<RegistryTable, String> {
        self.start.registry().map_err(|why| why.to_string())
    }

    /// Partners' health.
    ///
    /// # Errors
    /// The stack does not name its table.
    pub(crate) fn partner_health(&self) -> Result<PartnerHealthTable, String> {
        self.start.partner_health().map_err(|why| why.to_string())
    }

    /// Partners' raw deliveries.
    ///
    /// # Errors
    /// The stack does not name their table.
    pub(crate) fn deliveries(&self) -> Result<DeliveriesTable, String> {
        self.start.deliveries().map_err(|why| why.to_string())
    }

    /// The journal.
    ///
    /// # Errors
    /// The stack does not name it.
    pub(crate) fn journal(&self) -> Result<JournalTable, String> {
        self.start.journal_table().map_err(|why| why.to_string())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn settings_come_from_the_outputs_and_parameters_of_the_root_stack() {
        let answer = r#"{"Stacks": [{"Outputs": [
            {"OutputKey": "QueueUrlPrefix", "OutputValue": "https://sqs/1/crossdock-"},
            {"OutputKey": "AuditTableName", "OutputValue": "audit"}],
            "Parameters": [{"ParameterKey": "JournalEpoch", "ParameterValue": "2@2026-03-02T10:00:00Z"},
            {"ParameterKey": "FunctionTimeoutSeconds", "ParameterValue": "3"}]}]}"#;
        let settings = settings_of(answer).unwrap();
        assert_eq!(settings["QUEUE_URL_PREFIX"], "https://sqs/1/crossdock-");
        assert_eq!(settings["AUDIT_TABLE"], "audit");
        assert_eq!(settings["JOURNAL_EPOCH"], "2@2026-03-02T10:00:00Z");
        assert_eq!(settings.get("FUNCTION_TIMEOUT_SECONDS"), None, "a command has its own time");
        assert!(settings_of(r#"{"Stacks": [{}]}"#).unwrap_err().contains("QueueUrlPrefix"));
    }
}
