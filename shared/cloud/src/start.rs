//! What happens once, before the first message: settings, logs, TLS, clients, a first connection.

use std::fmt;
use std::time::Duration;

use aws_sdk_dynamodb::operation::query::QueryError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use engine::batch::Step;
use engine::context::SKEW;
use engine::partner::PartnerPorts;
use engine::{Clock, Failure};
use jiff::Timestamp;

use crate::aws::{Aws, Roots};
use crate::bus::EventBus;
use crate::deliveries::DeliveriesTable;
use crate::due::DueTable;
use crate::items::text;
use crate::journal::JournalTable;
use crate::parties::PartiesTable;
use crate::partner_health::PartnerHealthTable;
use crate::queues::{OwnQueue, StepQueues};
use crate::registry::RegistryTable;
use crate::secrets::SecretStore;
use crate::settings::{Settings, Unusable};
use crate::views::ViewsTable;

/// Why a function cannot start. It is told to Lambda and to the log, and ends the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartError {
    why: String,
}

impl StartError {
    /// For what `main` itself cannot set up.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for StartError {}

impl From<Unusable> for StartError {
    fn from(unusable: Unusable) -> Self {
        Self::new(unusable.to_string())
    }
}

impl From<Failure> for StartError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Deferred { why, .. } => Self::new(why.as_str()),
            Failure::Transient { code, cause } | Failure::Permanent { code, cause } => {
                Self::new(format!("{code}: {cause}"))
            }
        }
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A function that is starting: gives `main` the ports that its settings name.
///
/// Each port that is asked for without its setting is a [`StartError`] that names the setting.
pub struct Start {
    function: &'static str,
    settings: Settings,
    aws: Aws,
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Start({} in {})", self.function, self.settings.environment)
    }
}

impl Start {
    /// What the runners do with the process's environment, for tools and tests that are no Lambda functions: `get` gives the
    /// value of a setting.
    ///
    /// # Errors
    /// A setting is missing or is not what it must be.
    pub fn with_settings(function: &'static str, get: impl Fn(&str) -> Option<String>) -> Result<Self, StartError> {
        Self::read(function, get, |cheapest| match cheapest {
            Roots::Nobodys => Roots::Nobodys,
            // Nobody connects for them, to find out that Amazon's alone do not do.
            Roots::Amazons | Roots::Systems => Roots::Systems,
        })
    }

    /// Settings from the environment, with a first connection.
    pub(crate) async fn begin(function: &'static str) -> Result<Self, StartError> {
        let mut start = Self::read(function, |name| std::env::var(name).ok(), |cheapest| cheapest)?;
        start.connect().await?;
        Ok(start)
    }

    fn read(
        function: &'static str,
        get: impl Fn(&str) -> Option<String>,
        roots: impl FnOnce(Roots) -> Roots,
    ) -> Result<Self, StartError> {
        // The one TLS provider of the process. Should another one be installed already (tests), that one serves as well.
        if rustls::crypto::ring::default_provider().install_default().is_err() {
            tracing::debug!("a TLS provider had been installed before");
        }
        let settings = Settings::read(get)?;
        let aws = Aws::new(&settings, roots(Roots::cheapest(&settings)))?;
        Ok(Self { function, settings, aws })
    }

    /// Streams: needs `JOURNAL_TABLE`, and `DUE_TABLE` to found any.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn journal(&self) -> Result<JournalTable, StartError> {
        let table = need(&self.settings.names.journal, "JOURNAL_TABLE")?;
        Ok(JournalTable::new(self.aws.dynamodb(), table, self.settings.names.due.clone()))
    }

    /// Raw deliveries: needs `DELIVERIES_TABLE`.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn deliveries(&self) -> Result<DeliveriesTable, StartError> {
        Ok(DeliveriesTable::new(self.aws.dynamodb(), need(&self.settings.names.deliveries, "DELIVERIES_TABLE")?))
    }

    /// Personal data: needs `PARTIES_TABLE`.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn parties(&self) -> Result<PartiesTable, StartError> {
        Ok(PartiesTable::new(self.aws.dynamodb(), need(&self.settings.names.parties, "PARTIES_TABLE")?))
    }

    /// Deferred work: needs `DUE_TABLE`.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn due(&self) -> Result<DueTable, StartError> {
        Ok(DueTable::new(self.aws.dynamodb(), need(&self.settings.names.due, "DUE_TABLE")?))
    }

    /// Read models: needs `VIEWS_TABLE`.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn views(&self) -> Result<ViewsTable, StartError> {
        Ok(ViewsTable::new(self.aws.dynamodb(), need(&self.settings.names.views, "VIEWS_TABLE")?))
    }

    /// Partners' documents: needs `REGISTRY_TABLE`.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn registry(&self) -> Result<RegistryTable, StartError> {
        Ok(RegistryTable::new(self.aws.dynamodb(), need(&self.settings.names.registry, "REGISTRY_TABLE")?))
    }

    /// Partners' gates: needs `PARTNER_HEALTH_TABLE`.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn partner_health(&self) -> Result<PartnerHealthTable, StartError> {
        Ok(PartnerHealthTable::new(
            self.aws.dynamodb(),
            need(&self.settings.names.partner_health, "PARTNER_HEALTH_TABLE")?,
        ))
    }

    /// Secrets: needs `SECRETS_PREFIX`.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn secrets(&self) -> Result<SecretStore, StartError> {
        Ok(SecretStore::new(self.aws.secretsmanager(), need(&self.settings.names.secrets_prefix, "SECRETS_PREFIX")?))
    }

    /// The bus: needs `EVENT_BUS`.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn bus(&self) -> Result<EventBus, StartError> {
        Ok(EventBus::new(self.aws.eventbridge(), need(&self.settings.names.bus, "EVENT_BUS")?))
    }

    /// All steps' queues: needs `QUEUE_URL_PREFIX`.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn queues(&self) -> Result<StepQueues, StartError> {
        Ok(StepQueues::new(self.aws.sqs(), need(&self.settings.names.queue_prefix, "QUEUE_URL_PREFIX")?))
    }

    /// The function's own queue and dead-letter queue: needs `DLQ_URL`; `QUEUE_URL` where a queue feeds it.
    ///
    /// # Errors
    /// A setting is missing.
    pub fn own_queue(&self, fed_by_queue: bool) -> Result<OwnQueue, StartError> {
        let dlq = need(&self.settings.names.dlq, "DLQ_URL")?;
        let queue = if fed_by_queue { need(&self.settings.names.queue, "QUEUE_URL")? } else { String::new() };
        Ok(OwnQueue::new(self.aws.sqs(), queue, dlq))
    }

    /// The machine's clock.
    pub fn clock(&self) -> SystemClock {
        SystemClock
    }

    /// The name of this deployment.
    pub fn environment(&self) -> &str {
        &self.settings.environment
    }

    /// The CloudEvents source of this deployment's events: `/crossdock/<environment>`.
    pub fn source(&self) -> String {
        format!("/crossdock/{}", self.settings.environment)
    }

    /// The journal's epoch.
    pub fn epoch(&self) -> &str {
        &self.settings.epoch
    }

    /// How long one delivery can be at work, at most: the function's timeout, and as much as clocks may differ.
    pub fn lease(&self) -> Duration {
        self.settings.timeout + SKEW
    }

    /// The function's timeout.
    pub fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// What calls to partners need: `REGISTRY_TABLE`, `SECRETS_PREFIX` and `GATES_TABLE`.
    ///
    /// # Errors
    /// A setting is missing.
    pub fn partners(
        &self,
    ) -> Result<PartnerPorts<RegistryTable, SecretStore, SystemClock, PartnerHealthTable>, StartError> {
        Ok(PartnerPorts {
            documents: self.registry()?,
            secrets: self.secrets()?,
            clock: self.clock(),
            partner_health: self.partner_health()?,
            call_timeout: self.settings.patience(),
            may_be_private: self.settings.partners_may_be_private,
        })
    }

    /// What the messages of this function have in common.
    pub(crate) fn step(&self) -> Step {
        Step {
            function: self.function,
            attempts: self.settings.attempts,
            lease: self.lease(),
            epoch: self.settings.epoch.clone(),
        }
    }

    /// The surroundings of an invocation that no message of ours began.
    pub(crate) fn context(&self, correlation: String, traceparent: Option<String>) -> engine::Context {
        let now = Timestamp::now();
        engine::Context {
            function: self.function,
            correlation,
            traceparent,
            now,
            event_time: now,
            lease: self.lease(),
            epoch: self.settings.epoch.clone(),
        }
    }

    /// Connects before the first message does, by one query for nothing of a table that the function may query.
    ///
    /// Relays and the authorizer have no such table: they connect with their first call. Other reads than a query would bring
    /// their code into every function.
    async fn connect(&mut self) -> Result<(), StartError> {
        if self.read_nothing().await == Reached::NotAtAll && Roots::cheapest(&self.settings) == Roots::Amazons {
            // The first message will meet the same trouble, with its own retries; unless it was Amazon's roots.
            self.aws = Aws::new(&self.settings, Roots::Systems)?;
            self.read_nothing().await;
        }
        Ok(())
    }

    async fn read_nothing(&self) -> Reached {
        let names = &self.settings.names;
        let query = |table: &str, key: &str| {
            let read = self.aws.dynamodb().query().table_name(table).key_condition_expression("#k = :k").limit(1);
            read.expression_attribute_names("#k", key).expression_attribute_values(":k", text("nothing"))
        };
        if let Some(table) = &names.journal {
            reached(query(table, "stream").send().await)
        } else if let Some(table) = &names.registry {
            reached(query(table, "kind").send().await)
        } else if let Some(table) = &names.due {
            reached(query(table, "shard").send().await)
        } else if let Some(table) = &names.views {
            reached(query(table, "status").index_name(crate::views::INDEX).send().await)
        } else {
            // Nobody was tried, so nobody is known to believe Amazon's roots alone.
            Reached::NotAtAll
        }
    }
}

/// Whether the first connection stands.
#[derive(Debug, PartialEq, Eq)]
enum Reached {
    /// Somebody answered, whatever it was.
    Somebody,
    /// There was no connection.
    NotAtAll,
}

fn reached<T>(answer: Result<T, SdkError<QueryError, HttpResponse>>) -> Reached {
    match answer {
        Ok(_) => Reached::Somebody,
        Err(error) => {
            tracing::debug!(failure = ?crate::errors::failure("Query", &error), "the first call failed");
            if crate::errors::is_unreachable(&error) { Reached::NotAtAll } else { Reached::Somebody }
        }
    }
}

fn need(setting: &Option<String>, name: &'static str) -> Result<String, StartError> {
    setting.clone().ok_or_else(|| Unusable::Missing(name).into())
}
