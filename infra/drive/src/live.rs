//! A client of a deployed stack: the API over HTTP, the simulators' control API, and the emulator's tables and queues for what
//! no API shows. The demonstration, the kill test and the live tests use it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use domain::{ExternalId, OrderId, PartnerId};
use jiff::Timestamp;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use simulators::sign;

/// The variable that names the file which `cargo xtask up` writes.
pub const VARIABLE: &str = "CROSSDOCK_LIVE";

/// The suffix of a dead-letter queue's name.
const DLQ: &str = "-dlq";

/// A running stack.
#[derive(Debug, Clone)]
pub struct Live {
    /// Root of the HTTP API.
    pub gateway: String,
    /// Root of the simulators.
    pub partners: String,
    /// Root of the AWS emulator.
    pub endpoint: String,
    description: Value,
    http: Client,
}

/// An HTTP answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Such as `application/problem+json`; empty where there is none.
    pub content_type: String,
    /// The body as JSON; `null` where it is none.
    pub body: Value,
}

/// A webhook as a partner sends it, before it is signed.
#[derive(Debug, Clone)]
pub struct Webhook<'a> {
    /// The sender's id.
    pub partner: &'a str,
    /// The delivery id.
    pub id: &'a str,
    /// The bytes that are signed and sent.
    pub body: &'a [u8],
}

impl Live {
    /// The stack that [`VARIABLE`] names.
    ///
    /// # Errors
    /// The variable is not set, or its file is not what `cargo xtask up` writes.
    pub fn from_environment() -> Result<Self> {
        let path = std::env::var(VARIABLE).with_context(|| {
            format!(
                "{VARIABLE} is not set: it names the file that a running stack writes.\n  try: cargo xtask up && \
                 {VARIABLE}=$PWD/.local/stack/live.json …, or let `cargo xtask demo` or `cargo xtask test --stage live` do all"
            )
        })?;
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("{path} cannot be read: is the stack up?"))?;
        // The parser's own words could quote a secret.
        let description: Value = serde_json::from_str(&text).map_err(|_| anyhow::anyhow!("{path} is not JSON"))?;
        Self::new(description).with_context(|| format!("{path} does not describe a running stack"))
    }

    fn new(description: Value) -> Result<Self> {
        let text = |name: &str| -> Result<String> {
            Ok(description.get(name).and_then(Value::as_str).with_context(|| format!("it has no {name}"))?.to_owned())
        };
        let (gateway, partners, endpoint) = (text("gateway")?, text("partners")?, text("endpoint")?);
        simulators::install_crypto();
        let http = Client::builder().timeout(Duration::from_secs(20)).build()?;
        Ok(Self { gateway, partners, endpoint, description, http })
    }

    /// The bearer token of an API client, such as `portal`.
    ///
    /// # Errors
    /// There is no such client.
    pub fn token(&self, client: &str) -> Result<&str> {
        let clients = self.description.pointer("/secrets/api").and_then(Value::as_array).into_iter().flatten();
        let found = clients.filter(|entry| entry["client"] == client).find_map(|entry| entry["token"].as_str());
        found.with_context(|| format!("the stack has no API client {client}"))
    }

    /// A partner's signing secrets, as the stack knows them.
    ///
    /// # Errors
    /// There is no such partner.
    pub fn signing(&self, partner: &str) -> Result<Vec<String>> {
        let listed = self.description["secrets"]["partners"][partner]["signing"].as_array();
        let listed = listed.with_context(|| format!("the stack has no partner {partner}"))?;
        Ok(listed.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// The physical id of a logical one, such as `DeliveriesTable`.
    ///
    /// # Errors
    /// The stack has no such resource.
    pub fn resource(&self, logical: &str) -> Result<&str> {
        self.description["resources"][logical].as_str().with_context(|| format!("the stack has no {logical}"))
    }

    /// Logical ids by physical ones.
    #[must_use]
    pub fn logical_names(&self) -> BTreeMap<&str, &str> {
        let resources = self.description["resources"].as_object().into_iter().flatten();
        resources.filter_map(|(logical, physical)| Some((physical.as_str()?, logical.as_str()))).collect()
    }

    /// The common beginning of the deployed functions' names.
    #[must_use]
    pub fn function_prefix(&self) -> &str {
        self.output("FunctionNamePrefix").unwrap_or_default()
    }

    /// A GET of the API as `client`; without a token for `None`.
    ///
    /// # Errors
    /// No answer.
    pub async fn api(&self, client: Option<&str>, path: &str) -> Result<Answer> {
        let request = self.http.get(format!("{}{path}", self.gateway));
        served(self.authorized(request, client)?).await
    }

    /// A GET of the API with this token.
    ///
    /// # Errors
    /// No answer.
    pub async fn api_as(&self, token: &str, path: &str) -> Result<Answer> {
        served(self.http.get(format!("{}{path}", self.gateway)).bearer_auth(token)).await
    }

    /// Submits an order to the API as `client`, with an idempotency key.
    ///
    /// # Errors
    /// No answer.
    pub async fn submit(&self, client: Option<&str>, key: Option<&str>, body: &[u8]) -> Result<Answer> {
        self.post(client, "/v1/orders", key, body).await
    }

    /// Posts JSON to the API as `client`, with an idempotency key.
    ///
    /// # Errors
    /// No answer.
    pub async fn post(&self, client: Option<&str>, path: &str, key: Option<&str>, body: &[u8]) -> Result<Answer> {
        let mut request = self.http.post(format!("{}{path}", self.gateway)).body(body.to_vec());
        request = request.header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        served(self.authorized(request, client)?).await
    }

    /// Sends a webhook with these headers.
    ///
    /// # Errors
    /// No answer.
    pub async fn webhook(&self, partner: &str, headers: &[(&str, String)], body: &[u8]) -> Result<Answer> {
        let mut request = self.http.post(format!("{}/v1/webhooks/{partner}", self.gateway)).body(body.to_vec());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        served(request).await
    }

    /// Sends a webhook, signed now with the stack's secrets.
    ///
    /// # Errors
    /// No answer, or no such partner.
    pub async fn signed(&self, webhook: &Webhook<'_>) -> Result<Answer> {
        let headers = webhook.headers(&self.signing(webhook.partner)?, Timestamp::now());
        self.webhook(webhook.partner, &headers, webhook.body).await
    }

    /// Reads from the simulators' control API, such as `/control/erp/ledger`.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn read(&self, path: &str) -> Result<Value> {
        done(answer(self.http.get(format!("{}{path}", self.partners))).await?, path)
    }

    /// A POST to the simulators' control API.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn tell(&self, path: &str, body: &Value) -> Result<Value> {
        done(answer(self.http.post(format!("{}{path}", self.partners)).body(body.to_string())).await?, path)
    }

    /// Scripts a fault of a partner, under a name by which [`Live::mend`] ends it.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn fault(&self, partner: &str, name: &str, when: Value, fault: Value) -> Result<()> {
        let rule = json!({"name": name, "match": when, "fault": fault});
        self.tell(&format!("/control/{partner}/faults"), &rule).await.map(|_added| ())
    }

    /// Ends a partner's faults of a name.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn mend(&self, partner: &str, name: &str) -> Result<()> {
        let path = format!("/control/{partner}/faults?name={name}");
        done(answer(self.http.delete(format!("{}{path}", self.partners))).await?, &path).map(|_cleared| ())
    }

    /// How many AWS calls each function made since the last call with `reset`.
    ///
    /// # Errors
    /// No answer: an emulator that was not started by this repository.
    pub async fn calls(&self, reset: bool) -> Result<Value> {
        let method = if reset { Method::DELETE } else { Method::GET };
        let path = "/_crossdock/calls";
        let counted = done(answer(self.http.request(method, format!("{}{path}", self.endpoint))).await?, path)?;
        Ok(counted["functions"].clone())
    }

    /// Reads the items of one key from a table: one page, which is enough for a test's own keys.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn query(&self, table: &str, key: &str, value: &str) -> Result<Vec<Value>> {
        let asked = json!({
            "TableName": self.resource(table)?,
            "ConsistentRead": true,
            "KeyConditionExpression": "#key = :value",
            "ExpressionAttributeNames": {"#key": key},
            "ExpressionAttributeValues": {":value": {"S": value}},
        });
        let told = self.aws("DynamoDB_20120810.Query", &asked).await?;
        Ok(told["Items"].as_array().cloned().unwrap_or_default())
    }

    /// The partition keys of all items of a table. Reads the whole table, which suits a demonstration only.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn keys(&self, table: &str, key: &str) -> Result<BTreeSet<String>> {
        let items = self.scan(table, &[key]).await?;
        Ok(items.iter().filter_map(|item| item[key]["S"].as_str()).map(str::to_owned).collect())
    }

    /// All items of a table, with these attributes alone.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn scan(&self, table: &str, attributes: &[&str]) -> Result<Vec<Value>> {
        let names: BTreeMap<String, &str> = (0..).map(|n| format!("#a{n}")).zip(attributes.iter().copied()).collect();
        let mut asked = json!({
            "TableName": self.resource(table)?,
            "ConsistentRead": true,
            "ProjectionExpression": names.keys().cloned().collect::<Vec<_>>().join(", "),
            "ExpressionAttributeNames": names,
        });
        let mut items = Vec::new();
        loop {
            let told = self.aws("DynamoDB_20120810.Scan", &asked).await?;
            items.extend(told["Items"].as_array().into_iter().flatten().cloned());
            match told.get("LastEvaluatedKey").filter(|last| !last.is_null()) {
                Some(last) => asked["ExclusiveStartKey"] = last.clone(),
                None => return Ok(items),
            }
        }
    }

    /// Changes a partner's document, and returns the one before. Functions read it within a minute.
    ///
    /// # Errors
    /// No answer, a refusal, or no such partner.
    pub async fn change_document(&self, partner: &str, change: impl Fn(&mut Value)) -> Result<Value> {
        let (table, key) = (self.resource("RegistryTable")?, json!({"kind": {"S": "partner"}, "id": {"S": partner}}));
        let asked = json!({"TableName": table, "Key": key, "ConsistentRead": true});
        let mut item = self.aws("DynamoDB_20120810.GetItem", &asked).await?["Item"].take();
        let text = item["document"]["S"].as_str().with_context(|| format!("there is no partner {partner}"))?;
        let before: Value = serde_json::from_str(text)?;
        let mut document = before.clone();
        change(&mut document);
        item["document"]["S"] = json!(document.to_string());
        self.aws("DynamoDB_20120810.PutItem", &json!({"TableName": table, "Item": item})).await?;
        Ok(before)
    }

    /// The URL of a queue, named without the stack's prefix: `order-price`, `order-price-dlq`.
    ///
    /// # Errors
    /// The stack has no output `QueueUrlPrefix`.
    pub fn queue(&self, name: &str) -> Result<String> {
        let prefix = self.output("QueueUrlPrefix").context("the stack has no QueueUrlPrefix")?;
        Ok(format!("{prefix}{name}"))
    }

    /// The URLs of the steps' queues, by step.
    ///
    /// # Errors
    /// The stack has no output `QueueUrlPrefix`.
    pub fn queues(&self) -> Result<BTreeMap<&str, &str>> {
        let mut queues = self.all_queues()?;
        queues.retain(|name, _| !name.ends_with(DLQ));
        Ok(queues)
    }

    /// The URLs of the dead-letter queues, by the step or the stream's reader that parks there.
    ///
    /// # Errors
    /// The stack has no output `QueueUrlPrefix`.
    pub fn dead_letter_queues(&self) -> Result<BTreeMap<&str, &str>> {
        Ok(self.all_queues()?.into_iter().filter_map(|(name, url)| Some((name.strip_suffix(DLQ)?, url))).collect())
    }

    fn all_queues(&self) -> Result<BTreeMap<&str, &str>> {
        let prefix = self.output("QueueUrlPrefix").context("the stack has no QueueUrlPrefix")?;
        let physical = self.logical_names().into_keys();
        Ok(physical.filter_map(|url| Some((url.strip_prefix(prefix)?, url))).collect())
    }

    /// An output of the template.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<&str> {
        self.description["outputs"][name].as_str()
    }

    /// The stack's name.
    #[must_use]
    pub fn stack(&self) -> &str {
        self.description["stack"].as_str().unwrap_or_default()
    }

    /// A part of the stack's description, such as `outputs`; `null` if it has none.
    pub(crate) fn described(&self, part: &str) -> &Value {
        &self.description[part]
    }

    /// Calls the emulator as the account's owner; `target` is the service's name of the operation. The signature is a dummy, which
    /// the emulator does not check for the owner.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn aws(&self, target: &str, body: &Value) -> Result<Value> {
        let (version, service) = match target.split(['.', '_']).next().unwrap_or_default() {
            "AmazonSQS" => ("1.0", "sqs"),
            "secretsmanager" => ("1.1", "secretsmanager"),
            _ => ("1.0", "dynamodb"),
        };
        let credential = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        let request = self.http.post(&self.endpoint).header("authorization", credential).header("x-amz-target", target);
        let request = request.header("content-type", format!("application/x-amz-json-{version}"));
        done(answer(request.body(body.to_string())).await?, target)
    }

    fn authorized(&self, request: RequestBuilder, client: Option<&str>) -> Result<RequestBuilder> {
        Ok(match client {
            Some(client) => request.bearer_auth(self.token(client)?),
            None => request,
        })
    }
}

impl Webhook<'_> {
    /// Standard Webhooks headers, signed with `secrets` at `at`.
    #[must_use]
    pub fn headers(&self, secrets: &[String], at: Timestamp) -> Vec<(&'static str, String)> {
        let seconds = at.as_second();
        vec![
            ("content-type", "application/json".to_owned()),
            ("webhook-id", self.id.to_owned()),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-signature", sign::signature(secrets, self.id, seconds, self.body)),
        ]
    }
}

/// Our id of the order that `source` calls `external`.
///
/// # Errors
/// One of them cannot be an id.
pub fn order_id(source: &str, external: &str) -> Result<OrderId> {
    let (source, external): (PartnerId, ExternalId) = (source.parse()?, external.parse()?);
    Ok(OrderId::derive(&source, &external))
}

/// The API's answer. Our 503 invites a retry, and on a busy machine the gateway answers 500 for a function that timed out.
/// Retries up to ten times, as a client would; then the 5xx is the answer.
async fn served(request: RequestBuilder) -> Result<Answer> {
    for _ in 0..9 {
        let again = request.try_clone().context("the request cannot be sent twice")?;
        let told = answer(again).await?;
        if told.status < 500 {
            return Ok(told);
        }
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    answer(request).await
}

async fn answer(request: RequestBuilder) -> Result<Answer> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let bytes = response.bytes().await?;
    Ok(Answer { status, content_type, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
}

fn done(answer: Answer, what: &str) -> Result<Value> {
    if !(200..300).contains(&answer.status) {
        bail!("{what} was refused with {}: {}", answer.status, answer.body);
    }
    Ok(answer.body)
}
