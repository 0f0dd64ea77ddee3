//! The start of a function, before its first message: settings, TLS, clients, a first connection.

use std::fmt;
use std::time::Duration;

use aws_sdk_dynamodb::operation::query::QueryError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use engine::batch::Step;
use engine::context::SKEW;
use engine::partner::PartnerPorts;
use engine::recent::Recent;
use engine::{Clock, Epoch, Failure};
use jiff::Timestamp;

use crate::aws::{Aws, Roots};
use crate::bus::EventBus;
use crate::deliveries::DeliveriesTable;
use crate::due::DueTable;
use crate::items::text;
use crate::journal::JournalTable;
use crate::operator::{AuditTable, OperatorDocuments, OperatorQueues, OperatorSecret};
use crate::parties::PartiesTable;
use crate::partner_health::PartnerHealthTable;
use crate::queues::{OwnQueue, StepQueues};
use crate::registry::RegistryTable;
use crate::secrets::SecretStore;
use crate::sessions::SessionsTable;
use crate::settings::{SettingError, Settings};
use crate::views::ViewsTable;

/// Why a function cannot start. It is logged and reported to Lambda, and ends the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartError {
    why: String,
}

impl StartError {
    /// For failures of `main`'s own setup.
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

impl From<SettingError> for StartError {
    fn from(error: SettingError) -> Self {
        Self::new(error.to_string())
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

/// A function that is starting. `main` gets its ports from it.
///
/// A port whose setting is missing is a [`StartError`] that names the setting.
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
    /// A start outside Lambda, for tools and tests: `get` returns the value of a setting, in place of the environment.
    ///
    /// # Errors
    /// A setting is missing or invalid.
    pub fn with_settings(function: &'static str, get: impl Fn(&str) -> Option<String>) -> Result<Self, StartError> {
        Self::read(function, get, |cheapest| match cheapest {
            Roots::Empty => Roots::Empty,
            // No first connection is made that would show whether Amazon's roots suffice.
            Roots::Amazon | Roots::System => Roots::System,
        })
    }

    /// The start of a Lambda function: settings from the environment, and a first connection.
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
        // A process has one TLS provider. In tests another one may be installed already, which works as well.
        if rustls::crypto::ring::default_provider().install_default().is_err() {
            tracing::debug!("a TLS provider was installed already");
        }
        let settings = Settings::read(get)?;
        let aws = Aws::new(&settings, roots(Roots::cheapest(&settings)))?;
        Ok(Self { function, settings, aws })
    }

    /// The journal, which keeps what it read last: needs `JOURNAL_TABLE`; to create orders, `DUE_TABLE` and `PARTIES_TABLE`, too.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn journal(&self) -> Result<Recent<JournalTable>, StartError> {
        self.journal_table().map(Recent::new)
    }

    /// The journal's table itself, for who reads all of its streams: needs what [`Start::journal`] needs.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn journal_table(&self) -> Result<JournalTable, StartError> {
        let table = need(&self.settings.names.journal, "JOURNAL_TABLE")?;
        let names = &self.settings.names;
        Ok(JournalTable::new(self.aws.dynamodb(), table, names.due.clone(), names.parties.clone()))
    }

    /// The store of raw deliveries: needs `DELIVERIES_TABLE`.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn deliveries(&self) -> Result<DeliveriesTable, StartError> {
        Ok(DeliveriesTable::new(self.aws.dynamodb(), need(&self.settings.names.deliveries, "DELIVERIES_TABLE")?))
    }

    /// The store of personal data: needs `PARTIES_TABLE`.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn parties(&self) -> Result<PartiesTable, StartError> {
        Ok(PartiesTable::new(self.aws.dynamodb(), need(&self.settings.names.parties, "PARTIES_TABLE")?))
    }

    /// The store of due items: needs `DUE_TABLE`.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn due(&self) -> Result<DueTable, StartError> {
        Ok(DueTable::new(self.aws.dynamodb(), need(&self.settings.names.due, "DUE_TABLE")?))
    }

    /// The store of read models: needs `VIEWS_TABLE`.
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

    /// The store of partners' health: needs `PARTNER_HEALTH_TABLE`.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn partner_health(&self) -> Result<PartnerHealthTable, StartError> {
        Ok(PartnerHealthTable::new(
            self.aws.dynamodb(),
            need(&self.settings.names.partner_health, "PARTNER_HEALTH_TABLE")?,
        ))
    }

    /// People's sessions at the console: needs `SESSIONS_TABLE`.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn sessions(&self) -> Result<SessionsTable, StartError> {
        Ok(SessionsTable::new(self.aws.dynamodb(), need(&self.settings.names.sessions, "SESSIONS_TABLE")?))
    }

    /// Whether this is a local stack, on which a throw-away token signs in at the console.
    pub fn local_sign_in(&self) -> bool {
        self.settings.local_sign_in
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

    /// All queues, as an operator handles them: needs `QUEUE_URL_PREFIX`.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn operator_queues(&self) -> Result<OperatorQueues, StartError> {
        Ok(OperatorQueues::new(self.aws.sqs(), need(&self.settings.names.queue_prefix, "QUEUE_URL_PREFIX")?))
    }

    /// A secret that an operator writes, by its name below the deployment's prefix: needs `SECRETS_PREFIX`.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn operator_secret(&self, name: &str) -> Result<OperatorSecret, StartError> {
        let prefix = need(&self.settings.names.secrets_prefix, "SECRETS_PREFIX")?;
        Ok(OperatorSecret::new(self.aws.secretsmanager(), format!("{prefix}/{name}")))
    }

    /// Partners' documents, for an operator: needs `REGISTRY_TABLE`.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn operator_documents(&self) -> Result<OperatorDocuments, StartError> {
        Ok(OperatorDocuments::new(self.aws.dynamodb(), need(&self.settings.names.registry, "REGISTRY_TABLE")?))
    }

    /// The operators' audit records: needs `AUDIT_TABLE`.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn audit(&self) -> Result<AuditTable, StartError> {
        Ok(AuditTable::new(self.aws.dynamodb(), need(&self.settings.names.audit, "AUDIT_TABLE")?))
    }

    /// The function's own queue and dead-letter queue: needs `DLQ_URL`, and `QUEUE_URL` if a queue feeds the function.
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

    /// The deployment's name, from `ENVIRONMENT`.
    pub fn environment(&self) -> &str {
        &self.settings.environment
    }

    /// The CloudEvents source of the deployment's events: `/crossdock/<environment>`.
    pub fn source(&self) -> String {
        format!("/crossdock/{}", self.settings.environment)
    }

    /// See [`engine::Context::epoch`].
    pub fn epoch(&self) -> Epoch {
        self.settings.epoch
    }

    /// See [`engine::Context::lease`]: the function's timeout plus the difference that clocks may have.
    pub fn lease(&self) -> Duration {
        self.settings.timeout + SKEW
    }

    /// The function's timeout.
    pub fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// What calls to partners need: `REGISTRY_TABLE`, `SECRETS_PREFIX` and `PARTNER_HEALTH_TABLE`.
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
            call_timeout: self.settings.call_timeout(),
            may_be_private: self.settings.partners_may_be_private,
        })
    }

    /// The settings of the step that apply to all of its messages.
    pub(crate) fn step(&self) -> Step {
        Step {
            function: self.function,
            attempts: self.settings.attempts,
            lease: self.lease(),
            epoch: self.settings.epoch,
        }
    }

    /// The context of an invocation that was not started by one of our messages.
    pub(crate) fn context(&self, correlation: String, traceparent: Option<String>) -> engine::Context {
        let now = Timestamp::now();
        engine::Context {
            function: self.function,
            correlation,
            traceparent,
            now,
            event_time: now,
            lease: self.lease(),
            epoch: self.settings.epoch,
            actor: None,
            folds: Default::default(),
            measures: Default::default(),
            woken_by: None,
        }
    }

    /// Opens a connection before the first message, by a query that finds nothing in a table that the function may
    /// query.
    ///
    /// Relays and the authorizer have no such table; their first call connects. Another operation than a query would
    /// add its code to every function.
    async fn connect(&mut self) -> Result<(), StartError> {
        if !self.reaches_aws().await && Roots::cheapest(&self.settings) == Roots::Amazon {
            // Perhaps the certificate is not signed by Amazon. If the cause is another one, the first message's retries
            // meet it.
            self.aws = Aws::new(&self.settings, Roots::System)?;
            self.reaches_aws().await;
        }
        Ok(())
    }

    /// Whether a first call gets an answer of any kind.
    async fn reaches_aws(&self) -> bool {
        let names = &self.settings.names;
        let query = |table: &str, key: &str| {
            let read = self.aws.dynamodb().query().table_name(table).key_condition_expression("#k = :k").limit(1);
            read.expression_attribute_names("#k", key).expression_attribute_values(":k", text("nothing"))
        };
        if let Some(table) = &names.journal {
            is_answer(query(table, "stream").send().await)
        } else if let Some(table) = &names.registry {
            is_answer(query(table, "kind").send().await)
        } else if let Some(table) = &names.due {
            is_answer(query(table, "shard").send().await)
        } else if let Some(table) = &names.views {
            is_answer(query(table, "status").index_name(crate::views::INDEX).send().await)
        } else {
            // No connection was attempted, so fall back to the system's roots.
            false
        }
    }
}

/// Whether AWS answered, with a result or with an error.
fn is_answer<T>(answer: Result<T, SdkError<QueryError, HttpResponse>>) -> bool {
    match answer {
        Ok(_) => true,
        Err(error) => {
            tracing::debug!(failure = ?crate::errors::failure("Query", &error), "the first call failed");
            !crate::errors::is_unreachable(&error)
        }
    }
}

fn need(setting: &Option<String>, name: &'static str) -> Result<String, StartError> {
    setting.clone().ok_or_else(|| SettingError::Missing(name).into())
}
