//! `crossdock rights`: the least rights that a verb needs, as a policy for the deployment. The live tests run each verb with its
//! own policy alone, so that the list is neither too short nor out of date.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use crate::connection::{Connection, Deployment};
use crate::output::{self, Output};

/// Prints the policy (IAM) that allows verbs, and nothing else, on this deployment.
///
/// Names are those of the deployment's tables, queues, bus and secrets, also of restored tables. Attach the policy to the role of
/// the people on call; none of them may delete a table's item.
#[derive(Args)]
#[command(after_help = "Examples:\n  crossdock rights order review audit > look.json\n  \
    crossdock rights dlq > redrive.json\n  crossdock rights 'order find'\n  \
    aws iam put-role-policy --role-name on-call --policy-name look --policy-document file://look.json\n\n\
    Exit codes:\n  0  printed\n  2  there is no such verb, or a call failed")]
pub(crate) struct Rights {
    /// Verbs such as `order find`, or nouns such as `order` for all of their verbs; without one, all verbs.
    #[arg(value_name = "VERB")]
    verbs: Vec<String>,
}

/// What an action is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum On {
    /// Actions that AWS allows on all resources only.
    All,
    /// Every queue of the deployment.
    Queues,
    /// Every dead-letter queue.
    DeadLetters,
    Bus,
    /// The table that a setting names.
    Table(&'static str),
    /// The indexes of that table.
    Index(&'static str),
    /// The secret with the API clients' tokens.
    Tokens,
    /// The key of the parties, by way of their table.
    PartiesKey,
}

use On::{All, Bus, DeadLetters, Index, PartiesKey, Queues, Table, Tokens};

const JOURNAL: On = Table("JOURNAL_TABLE");
const DELIVERIES: On = Table("DELIVERIES_TABLE");
const PARTIES: On = Table("PARTIES_TABLE");
const VIEWS: On = Table("VIEWS_TABLE");
const LISTS: On = Index("VIEWS_TABLE");
const REGISTRY: On = Table("REGISTRY_TABLE");
const HEALTH: On = Table("PARTNER_HEALTH_TABLE");
const AUDIT: On = Table("AUDIT_TABLE");

/// The rights of a verb: an action, and on what.
type Needs = &'static [(&'static str, On)];

/// A pass through a dead-letter queue.
const LOOK: [(&str, On); 3] = [
    ("sqs:GetQueueAttributes", DeadLetters),
    ("sqs:ReceiveMessage", DeadLetters),
    ("sqs:ChangeMessageVisibility", DeadLetters),
];

/// Every verb with what it needs beside the description of the stack. Those that need no deployment are not listed.
const VERBS: [(&str, Needs); 29] = [
    ("audit ls", &[("dynamodb:Query", AUDIT)]),
    ("dlq ls", &[LOOK[0], LOOK[1], LOOK[2], ("sqs:ListQueues", All)]),
    ("dlq sample", &LOOK),
    (
        "dlq group",
        &[LOOK[0], LOOK[1], LOOK[2], ("sqs:ListQueues", All), ("dynamodb:PutItem", AUDIT), ("dynamodb:Query", AUDIT)],
    ),
    ("dlq plan", &[LOOK[0], LOOK[1], LOOK[2], ("dynamodb:PutItem", AUDIT), ("dynamodb:Query", JOURNAL)]),
    (
        "dlq apply",
        &[
            LOOK[0],
            LOOK[1],
            LOOK[2],
            ("sqs:SendMessage", Queues),
            ("sqs:DeleteMessage", DeadLetters),
            ("dynamodb:PutItem", AUDIT),
            ("dynamodb:Query", AUDIT),
            ("dynamodb:Query", JOURNAL),
        ],
    ),
    (
        "dlq discard",
        &[
            LOOK[0],
            LOOK[1],
            LOOK[2],
            ("sqs:DeleteMessage", DeadLetters),
            ("dynamodb:PutItem", AUDIT),
            ("dynamodb:Query", AUDIT),
            ("dynamodb:Query", JOURNAL),
            ("dynamodb:PutItem", JOURNAL),
        ],
    ),
    ("dlq export", &[LOOK[0], LOOK[1], LOOK[2], ("dynamodb:PutItem", AUDIT)]),
    ("dlq import", &[("sqs:SendMessage", DeadLetters), ("dynamodb:PutItem", AUDIT), ("dynamodb:Query", AUDIT)]),
    ("dlq edit", &[("dynamodb:GetItem", DELIVERIES), ("dynamodb:PutItem", DELIVERIES), ("dynamodb:PutItem", AUDIT)]),
    (
        "dlq review",
        &[
            LOOK[0],
            LOOK[1],
            LOOK[2],
            ("dynamodb:PutItem", AUDIT),
            ("dynamodb:Query", JOURNAL),
            ("dynamodb:PutItem", JOURNAL),
        ],
    ),
    (
        "doctor",
        &[
            ("sqs:ListQueues", All),
            ("sqs:GetQueueAttributes", Queues),
            ("lambda:ListEventSourceMappings", All),
            ("lambda:GetAccountSettings", All),
            ("events:ListRules", All),
            ("cloudwatch:DescribeAlarms", All),
            ("secretsmanager:ListSecrets", All),
            ("dynamodb:DescribeTable", Table("")),
            ("dynamodb:DescribeContinuousBackups", Table("")),
            ("dynamodb:DescribeTimeToLive", Table("")),
            ("dynamodb:ListTagsOfResource", Table("")),
            ("dynamodb:Query", JOURNAL),
            ("dynamodb:Query", REGISTRY),
            ("dynamodb:Query", LISTS),
        ],
    ),
    (
        "journal republish",
        &[
            ("dynamodb:Query", JOURNAL),
            ("dynamodb:Scan", JOURNAL),
            ("events:PutEvents", Bus),
            ("dynamodb:PutItem", AUDIT),
        ],
    ),
    ("order show", &[("dynamodb:Query", JOURNAL)]),
    ("order trace", &[("dynamodb:Query", JOURNAL)]),
    ("order find", &[("dynamodb:Query", JOURNAL), ("dynamodb:Query", VIEWS)]),
    ("partner apply", &[("dynamodb:Query", REGISTRY), ("dynamodb:PutItem", REGISTRY), ("dynamodb:PutItem", AUDIT)]),
    ("partner health", &[("dynamodb:Query", REGISTRY), ("dynamodb:GetItem", HEALTH)]),
    ("partner pause", PAUSE),
    ("partner resume", PAUSE),
    (
        "restore deliveries",
        &[("dynamodb:Scan", DELIVERIES), ("dynamodb:UpdateItem", DELIVERIES), ("dynamodb:PutItem", AUDIT)],
    ),
    (
        "restore missing",
        &[
            ("dynamodb:Scan", PARTIES),
            ("kms:Decrypt", PartiesKey),
            ("dynamodb:Query", JOURNAL),
            ("dynamodb:GetItem", VIEWS),
        ],
    ),
    ("review ls", &[("dynamodb:Query", LISTS)]),
    ("review decide", &[("dynamodb:Query", JOURNAL), ("dynamodb:PutItem", JOURNAL), ("dynamodb:PutItem", AUDIT)]),
    ("token ls", &[("secretsmanager:GetSecretValue", Tokens)]),
    (
        "token new",
        &[
            ("dynamodb:Query", REGISTRY),
            ("secretsmanager:GetSecretValue", Tokens),
            ("secretsmanager:PutSecretValue", Tokens),
            ("secretsmanager:CreateSecret", Tokens),
            ("dynamodb:PutItem", AUDIT),
        ],
    ),
    (
        "token revoke",
        &[
            ("secretsmanager:GetSecretValue", Tokens),
            ("secretsmanager:PutSecretValue", Tokens),
            ("dynamodb:PutItem", AUDIT),
        ],
    ),
    (
        "views rebuild",
        &[
            ("dynamodb:Query", JOURNAL),
            ("dynamodb:Scan", JOURNAL),
            ("dynamodb:PutItem", VIEWS),
            ("dynamodb:BatchWriteItem", VIEWS),
            ("dynamodb:PutItem", AUDIT),
        ],
    ),
    ("rights", &[]),
];

const PAUSE: Needs = &[
    ("dynamodb:Query", REGISTRY),
    ("dynamodb:GetItem", HEALTH),
    ("dynamodb:PutItem", HEALTH),
    ("dynamodb:PutItem", AUDIT),
];

pub(crate) fn run(asked: &Rights, connection: &Connection, out: &Output) -> ExitCode {
    let policy = connection.deployment().and_then(|deployment| {
        let needs = needs_of(&asked.verbs)?;
        Ok(policy(&needs, &Names::of(&deployment)))
    });
    match policy {
        Ok(policy) => out.print(&policy, || vec![format!("{policy:#}")]),
        Err(why) => output::fail(&why),
    }
}

/// The rights of the verbs and nouns together.
fn needs_of(asked: &[String]) -> Result<BTreeSet<(On, &'static str)>, String> {
    let is_meant =
        |verb: &str, name: &str| verb == name || verb.strip_prefix(name).is_some_and(|rest| rest.starts_with(' '));
    if let Some(unknown) = asked.iter().find(|name| !VERBS.iter().any(|(verb, _)| is_meant(verb, name))) {
        return Err(format!("`{unknown}` is no verb that needs a deployment"));
    }
    let meant = VERBS.iter().filter(|(verb, _)| asked.is_empty() || asked.iter().any(|name| is_meant(verb, name)));
    Ok(meant.flat_map(|(_, needs)| needs.iter().map(|(action, on)| (*on, *action))).collect())
}

/// The names in a deployment's policy.
struct Names {
    /// Partition, region and account, as in the stack's ARN.
    place: [String; 3],
    stack: String,
    prefix: String,
    bus: String,
    secrets: String,
    tables: BTreeMap<String, String>,
}

impl Names {
    fn of(deployment: &Deployment) -> Self {
        let stack = deployment.stack()["StackName"].as_str();
        // An outputs file may be without it.
        let arn = deployment.stack()["StackId"].as_str().unwrap_or("arn:aws:cloudformation:*:*");
        let mut parts = arn.split(':').skip(1);
        let mut part = || parts.next().unwrap_or("*").to_owned();
        let (partition, _service, region, account) = (part(), part(), part(), part());
        Self {
            place: [partition, region, account],
            stack: stack.unwrap_or(deployment.environment()).to_owned(),
            prefix: deployment.environment().to_owned(),
            bus: deployment.environment().to_owned(),
            secrets: deployment.secrets_prefix().to_owned(),
            tables: deployment.tables().into_iter().collect(),
        }
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        let [partition, region, account] = &self.place;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    /// The resources, as a policy names them.
    fn resources(&self, on: On) -> Vec<String> {
        let table = |name: &str| self.arn("dynamodb", &format!("table/{name}"));
        let named = |setting: &str| self.tables.get(setting).map(|name| table(name));
        match on {
            All => vec!["*".to_owned()],
            Queues => vec![self.arn("sqs", &format!("{}-*", self.prefix))],
            DeadLetters => vec![self.arn("sqs", &format!("{}-*-dlq", self.prefix))],
            Bus => vec![self.arn("events", &format!("event-bus/{}", self.bus))],
            Table("") => self.tables.values().map(|name| table(name)).collect(),
            Table(setting) => named(setting).into_iter().collect(),
            Index(setting) => named(setting).into_iter().map(|table| format!("{table}/index/*")).collect(),
            // Secrets Manager adds six characters to a name.
            Tokens => {
                vec![self.arn("secretsmanager", &format!("secret:{}/{}*", self.secrets, usecases::tokens::SECRET))]
            }
            PartiesKey => vec![self.arn("kms", "key/*")],
        }
    }
}

/// The policy: one statement for each kind of resource.
fn policy(needs: &BTreeSet<(On, &'static str)>, names: &Names) -> Value {
    let mut actions: BTreeMap<On, Vec<&str>> = BTreeMap::new();
    for (on, action) in needs {
        actions.entry(*on).or_default().push(action);
    }
    let stack = json!({ "Effect": "Allow", "Action": ["cloudformation:DescribeStacks"],
        "Resource": [names.arn("cloudformation", &format!("stack/{}/*", names.stack))] });
    let statement = |(on, actions): (&On, &Vec<&str>)| {
        let mut statement = json!({ "Effect": "Allow", "Action": actions, "Resource": names.resources(*on) });
        if *on == PartiesKey {
            statement["Condition"] = json!({ "StringLike": { "kms:ViaService": "dynamodb.*.amazonaws.com" } });
        }
        statement
    };
    let statements: Vec<Value> = std::iter::once(stack).chain(actions.iter().map(statement)).collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names() -> Names {
        let tables = ["JOURNAL_TABLE", "VIEWS_TABLE"].map(|setting| (setting.to_owned(), format!("shop-{setting}")));
        Names {
            place: ["aws", "eu-west-1", "1"].map(str::to_owned),
            stack: "shop".to_owned(),
            prefix: "shop".to_owned(),
            bus: "shop".to_owned(),
            secrets: "shop".to_owned(),
            tables: BTreeMap::from(tables),
        }
    }

    #[test]
    fn a_verbs_policy_has_what_it_needs_by_name_and_a_nouns_all_of_its_verbs() {
        let find = policy(&needs_of(&["order find".to_owned()]).unwrap(), &names());
        assert_eq!(
            find["Statement"],
            json!([
                { "Effect": "Allow", "Action": ["cloudformation:DescribeStacks"],
                    "Resource": ["arn:aws:cloudformation:eu-west-1:1:stack/shop/*"] },
                { "Effect": "Allow", "Action": ["dynamodb:Query"],
                    "Resource": ["arn:aws:dynamodb:eu-west-1:1:table/shop-JOURNAL_TABLE"] },
                { "Effect": "Allow", "Action": ["dynamodb:Query"],
                    "Resource": ["arn:aws:dynamodb:eu-west-1:1:table/shop-VIEWS_TABLE"] },
            ])
        );
        let dlq = needs_of(&["dlq".to_owned()]).unwrap();
        assert!(dlq.contains(&(Queues, "sqs:SendMessage")) && dlq.contains(&(DELIVERIES, "dynamodb:PutItem")));
        assert!(needs_of(&["ord".to_owned()]).is_err(), "no beginning of a noun");
    }

    #[test]
    fn no_verb_deletes_an_item_and_only_tokens_are_read_as_secrets() {
        let all = needs_of(&[]).unwrap();
        assert!(!all.iter().any(|(_, action)| action.contains("DeleteItem") || action.contains("DeleteTable")));
        let secrets: Vec<_> = all.iter().filter(|(_, action)| action.ends_with("SecretValue")).collect();
        assert!(secrets.iter().all(|(on, _)| *on == Tokens), "{secrets:?}");
    }
}
