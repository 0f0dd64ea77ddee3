//! Tests of the adapters against a real endpoint: the local emulator, or an account that is used for tests only.
//!
//! They are ignored by default; `cargo xtask test --stage live` runs them. To run them alone, start the emulator, then
//! `AWS_ENDPOINT_URL=http://localhost:4566 cargo nextest run -p cloud --run-ignored only`. Each test creates its own
//! tables, queues, bus and secret, under names that no other run uses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use aws_sdk_sqs::types::QueueAttributeName;
use cloud::Start;
use engine::batch::{Parked, Queue};
use engine::partner::{Documents, Secrets};
use engine::relay::{Bus, Entry, resource};
use engine::stores::Queues;
use engine::{Code, Failure};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use testkit::suites;

/// The endpoint, with the settings of the resources that a test has created there.
struct Deployment {
    names: BTreeMap<&'static str, String>,
    run: String,
    config: aws_types::SdkConfig,
}

fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

impl Deployment {
    fn new() -> Self {
        let endpoint = std::env::var("AWS_ENDPOINT_URL").expect("AWS_ENDPOINT_URL names the emulator");
        let run = format!("cloud-{:08x}", fastrand::u32(..));
        let (key, secret) = (setting("AWS_ACCESS_KEY_ID", "test"), setting("AWS_SECRET_ACCESS_KEY", "test"));
        let credentials = aws_credential_types::Credentials::new(&key, &secret, None, None, "test");
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(aws_smithy_http_client::tls::Provider::Rustls(
                aws_smithy_http_client::tls::rustls_provider::CryptoMode::Ring,
            ))
            .build_https();
        let config = aws_types::SdkConfig::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::v2026_01_12())
            .region(aws_types::region::Region::new("us-east-1"))
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(credentials))
            .http_client(http)
            .sleep_impl(aws_smithy_async::rt::sleep::SharedAsyncSleep::new(
                aws_smithy_async::rt::sleep::TokioSleep::new(),
            ))
            .endpoint_url(&endpoint)
            .build();
        let names = BTreeMap::from([
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("ENVIRONMENT", run.clone()),
            ("JOURNAL_EPOCH", "1".to_owned()),
            ("FUNCTION_TIMEOUT_SECONDS", "30".to_owned()),
        ]);
        Self { names, run, config }
    }

    fn start(&self) -> Start {
        Start::with_settings("suite", |name| self.names.get(name).cloned()).unwrap()
    }

    async fn table(&mut self, setting: &'static str, keys: &[(&str, ScalarAttributeType)], index: &[&str]) {
        let name = format!("{}-{}", self.run, setting.to_lowercase());
        let key = |(place, name): (usize, &str)| {
            let kind = if place == 0 { KeyType::Hash } else { KeyType::Range };
            KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap()
        };
        let attribute = |(name, kind): (&str, ScalarAttributeType)| {
            AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap()
        };
        let mut create = aws_sdk_dynamodb::Client::new(&self.config)
            .create_table()
            .table_name(&name)
            .billing_mode(BillingMode::PayPerRequest)
            .set_key_schema(Some(keys.iter().map(|(name, _)| *name).enumerate().map(key).collect()));
        let indexed = index.iter().map(|name| (*name, ScalarAttributeType::S));
        let all = keys.iter().cloned().chain(indexed).map(attribute).collect();
        create = create.set_attribute_definitions(Some(all));
        if !index.is_empty() {
            let by_status = GlobalSecondaryIndex::builder()
                .index_name("by_status")
                .set_key_schema(Some(index.iter().copied().enumerate().map(key).collect()))
                .projection(Projection::builder().projection_type(ProjectionType::All).build());
            create = create.global_secondary_indexes(by_status.build().unwrap());
        }
        create.send().await.unwrap();
        self.names.insert(setting, name);
    }

    async fn queue(&mut self, setting: &'static str, name: &str) -> String {
        let sqs = aws_sdk_sqs::Client::new(&self.config);
        let url = sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap();
        self.names.insert(setting, url.clone());
        url
    }
}

const S: ScalarAttributeType = ScalarAttributeType::S;
const N: ScalarAttributeType = ScalarAttributeType::N;

#[tokio::test]
#[ignore = "needs the emulator at AWS_ENDPOINT_URL"]
async fn the_journal_keeps_its_promises() {
    let mut deployment = Deployment::new();
    deployment.table("JOURNAL_TABLE", &[("stream", S), ("version", N)], &[]).await;
    deployment.table("DUE_TABLE", &[("shard", S), ("due", S)], &[]).await;
    suites::journal(&deployment.start().journal().unwrap()).await;
}

#[tokio::test]
#[ignore = "needs the emulator at AWS_ENDPOINT_URL"]
async fn of_two_hundred_commits_at_one_version_one_is_written() {
    let mut deployment = Deployment::new();
    deployment.table("JOURNAL_TABLE", &[("stream", S), ("version", N)], &[]).await;
    suites::journal_race(&deployment.start().journal().unwrap()).await;
}

#[tokio::test]
#[ignore = "needs the emulator at AWS_ENDPOINT_URL"]
async fn the_other_stores_keep_their_promises() {
    let mut deployment = Deployment::new();
    deployment.table("DELIVERIES_TABLE", &[("delivery", S)], &[]).await;
    deployment.table("PARTIES_TABLE", &[("party", S), ("n", N)], &[]).await;
    deployment.table("PARTNER_HEALTH_TABLE", &[("partner", S)], &[]).await;
    deployment.table("DUE_TABLE", &[("shard", S), ("due", S)], &[]).await;
    deployment.table("SESSIONS_TABLE", &[("subject", S), ("digest", S)], &[]).await;
    deployment.table("VIEWS_TABLE", &[("pk", S), ("sk", S)], &["status", "status_sort"]).await;
    let start = deployment.start();
    suites::sessions(&start.sessions().unwrap()).await;
    suites::deliveries(&start.deliveries().unwrap()).await;
    suites::parties(&start.parties().unwrap()).await;
    suites::due(&start.due().unwrap()).await;
    suites::partner_health(&start.partner_health().unwrap()).await;
    suites::views(&start.views().unwrap()).await;
    let views = start.views().unwrap();
    let malformed = engine::stores::Views::list(&views, "order/shipped", 3, Some("bm9uZQ")).await;
    assert!(matches!(malformed, Err(Failure::Permanent { .. })));
}

#[tokio::test]
#[ignore = "needs the emulator at AWS_ENDPOINT_URL"]
async fn the_registry_returns_every_partners_document() {
    let mut deployment = Deployment::new();
    deployment.table("REGISTRY_TABLE", &[("kind", S), ("id", S)], &[]).await;
    let registry = deployment.start().registry().unwrap();
    assert_eq!(registry.documents().await.unwrap(), Vec::<String>::new());
    let text = |value: &str| aws_sdk_dynamodb::types::AttributeValue::S(value.to_owned());
    for (kind, id) in [("partner", "acme-crm"), ("partner", "eastco"), ("other", "x")] {
        let put = aws_sdk_dynamodb::Client::new(&deployment.config)
            .put_item()
            .table_name(&deployment.names["REGISTRY_TABLE"]);
        let put =
            put.item("kind", text(kind)).item("id", text(id)).item("document", text(&format!("{{\"id\":\"{id}\"}}")));
        put.send().await.unwrap();
    }
    assert_eq!(registry.documents().await.unwrap(), [r#"{"id":"acme-crm"}"#, r#"{"id":"eastco"}"#]);
}

#[tokio::test]
#[ignore = "needs the emulator at AWS_ENDPOINT_URL"]
async fn secrets_are_read_by_name_and_cached() {
    let mut deployment = Deployment::new();
    let secretsmanager = aws_sdk_secretsmanager::Client::new(&deployment.config);
    let id = format!("{}/partner/warehouse/eastco", deployment.run);
    secretsmanager.create_secret().name(&id).secret_string("one").send().await.unwrap();
    deployment.names.insert("SECRETS_PREFIX", deployment.run.clone());
    let secrets = deployment.start().secrets().unwrap();
    assert_eq!(secrets.secret("partner/warehouse/eastco", false).await.unwrap().expose_secret(), "one");
    secretsmanager.put_secret_value().secret_id(&id).secret_string("two").send().await.unwrap();
    assert_eq!(
        secrets.secret("partner/warehouse/eastco", false).await.unwrap().expose_secret(),
        "one",
        "from the cache"
    );
    let missing = secrets.secret("partner/warehouse/unknown", false).await;
    assert!(matches!(missing, Err(Failure::Permanent { code: Code::SecretMissing, .. })));
}

#[tokio::test]
#[ignore = "needs the emulator at AWS_ENDPOINT_URL"]
async fn messages_are_sent_delayed_and_parked_with_their_cause() {
    let mut deployment = Deployment::new();
    let prefix = format!("{}-", deployment.run);
    let queue = deployment.queue("QUEUE_URL", &format!("{prefix}order-price")).await;
    let dlq = deployment.queue("DLQ_URL", &format!("{prefix}order-price-dlq")).await;
    deployment.names.insert("QUEUE_URL_PREFIX", queue.strip_suffix("order-price").unwrap().to_owned());
    let start = deployment.start();
    let sqs = aws_sdk_sqs::Client::new(&deployment.config);

    let bodies: Vec<String> = (0..23).map(|n| format!("{{\"n\":{n},\"text\":\"\u{ffff} é\"}}")).collect();
    assert_eq!(start.queues().unwrap().send("order-price", &bodies).await.unwrap(), Vec::<usize>::new());
    let counted = sqs.get_queue_attributes().queue_url(&queue);
    let counted = counted.attribute_names(QueueAttributeName::ApproximateNumberOfMessages).send().await.unwrap();
    assert_eq!(counted.attributes.unwrap()[&QueueAttributeName::ApproximateNumberOfMessages], "23");
    let none = start.queues().unwrap().send("unknown", &bodies).await;
    assert!(matches!(none, Err(Failure::Permanent { code: Code::StoreRefused, .. })), "{none:?}");

    let own = start.own_queue(true).unwrap();
    let received = sqs.receive_message().queue_url(&queue).send().await.unwrap().messages.unwrap().remove(0);
    own.delay(received.receipt_handle().unwrap(), Duration::from_millis(1_500)).await.unwrap();

    let parked = Parked {
        body: "{\"text\":\"\u{fffe}\"}".to_owned(),
        code: Code::PartnerGarbage,
        function: "order-price",
        correlation: String::new(),
        stream: "order/ord_1".to_owned(),
        attempts: 5,
        first_received: Timestamp::UNIX_EPOCH,
        cause: "the answer was \u{1} words".to_owned(),
    };
    own.park(&parked).await.unwrap();
    let receive = sqs.receive_message().queue_url(&dlq).message_attribute_names("All");
    let message = receive.send().await.unwrap().messages.unwrap().remove(0);
    assert_eq!(message.body(), Some("{\"text\":\"\\ufffe\"}"));
    let attributes = message.message_attributes().unwrap();
    let value = |name: &str| attributes.get(name).and_then(|value| value.string_value()).unwrap_or("none");
    assert_eq!((value("code"), value("function"), value("attempts")), ("PRT-003", "order-price", "5"));
    assert_eq!((value("stream"), value("first_received")), ("order/ord_1", "1970-01-01T00:00:00Z"));
    assert_eq!((value("cause"), value("correlation_id")), ("the answer was \\u0001 words", "none"));
}

#[tokio::test]
#[ignore = "needs the emulator at AWS_ENDPOINT_URL"]
async fn events_reach_the_queue_of_the_rule_that_selects_them() {
    let mut deployment = Deployment::new();
    let run = deployment.run.clone();
    let events = aws_sdk_eventbridge::Client::new(&deployment.config);
    let sqs = aws_sdk_sqs::Client::new(&deployment.config);
    let queue = deployment.queue("QUEUE_URL", &format!("{run}-order-price")).await;
    let arn = sqs.get_queue_attributes().queue_url(&queue).attribute_names(QueueAttributeName::QueueArn);
    let arn = arn.send().await.unwrap().attributes.unwrap().remove(&QueueAttributeName::QueueArn).unwrap();
    events.create_event_bus().name(&run).send().await.unwrap();
    let pattern = r#"{"source":["crossdock"],"resources":["crossdock:step/order-price"]}"#;
    events.put_rule().name(&run).event_bus_name(&run).event_pattern(pattern).send().await.unwrap();
    let target = aws_sdk_eventbridge::types::Target::builder().id("queue").arn(arn).build().unwrap();
    events.put_targets().rule(&run).event_bus_name(&run).targets(target).send().await.unwrap();

    deployment.names.insert("EVENT_BUS", run);
    let bus = deployment.start().bus().unwrap();
    let entry = |n: usize| Entry {
        kind: "order.submitted".to_owned(),
        detail: format!(r#"{{"id":"1/order/ord_1/1/{n}"}}"#),
        resources: vec![resource("crm-update"), resource(if n.is_multiple_of(2) { "order-price" } else { "due-wake" })],
    };
    let entries: Vec<Entry> = (0..25).map(entry).collect();
    assert_eq!(bus.publish(&entries).await.unwrap(), vec![]);
    let mut received_events = 0;
    for _ in 0..20 {
        let received = sqs.receive_message().queue_url(&queue).max_number_of_messages(10).send().await.unwrap();
        for message in received.messages() {
            assert!(message.body().unwrap().contains(r#""detail-type""#));
            received_events += 1;
            let delete = sqs.delete_message().queue_url(&queue).receipt_handle(message.receipt_handle().unwrap());
            delete.send().await.unwrap();
        }
        if received_events == 13 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(received_events, 13);
}
