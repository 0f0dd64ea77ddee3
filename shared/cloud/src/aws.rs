//! One HTTP client for all services, their configuration by hand, and clients that come into being when they are needed.
//!
//! Functions get region and credentials in their environment; the default chain of providers would only cost time.

use std::cell::OnceCell;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::{BehaviorVersion, IdentityCache, StalledStreamProtectionConfig};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::settings::Settings;
use crate::start::StartError;

/// Clients for every service that a function speaks to.
pub(crate) struct Aws {
    config: SdkConfig,
    settings: Settings,
    dynamodb: OnceCell<aws_sdk_dynamodb::Client>,
    sqs: OnceCell<aws_sdk_sqs::Client>,
    eventbridge: OnceCell<aws_sdk_eventbridge::Client>,
    secretsmanager: OnceCell<aws_sdk_secretsmanager::Client>,
}

impl Aws {
    pub(crate) fn new(settings: &Settings) -> Result<Self, StartError> {
        Ok(Self::with_http_client(settings, http_client(settings)?))
    }

    /// The same over another transport: tests bring a canned one.
    pub(crate) fn with_http_client(settings: &Settings, http_client: SharedHttpClient) -> Self {
        let credentials = Credentials::new(
            settings.access_key.clone(),
            settings.secret_key.clone(),
            settings.session_token.clone(),
            None,
            "environment",
        );
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(settings.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .identity_cache(IdentityCache::no_cache())
            .http_client(http_client)
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .timeout_config(timeouts(settings.timeout))
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(3)
                    .with_initial_backoff(Duration::from_millis(50))
                    .with_max_backoff(Duration::from_millis(500)),
            )
            // Answers are small and read at once; the watchdog is for downloads.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        config.set_endpoint_url(settings.endpoints.every.clone());
        Self {
            config: config.build(),
            settings: settings.clone(),
            dynamodb: OnceCell::new(),
            sqs: OnceCell::new(),
            eventbridge: OnceCell::new(),
            secretsmanager: OnceCell::new(),
        }
    }

    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let make = || {
            let mut config = aws_sdk_dynamodb::config::Builder::from(&self.config);
            if let Some(url) = &self.settings.endpoints.dynamodb {
                config = config.endpoint_url(url);
            }
            aws_sdk_dynamodb::Client::from_conf(config.build())
        };
        self.dynamodb.get_or_init(make).clone()
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        let make = || {
            let mut config = aws_sdk_sqs::config::Builder::from(&self.config);
            if let Some(url) = &self.settings.endpoints.sqs {
                config = config.endpoint_url(url);
            }
            aws_sdk_sqs::Client::from_conf(config.build())
        };
        self.sqs.get_or_init(make).clone()
    }

    pub(crate) fn eventbridge(&self) -> aws_sdk_eventbridge::Client {
        let make = || {
            let mut config = aws_sdk_eventbridge::config::Builder::from(&self.config);
            if let Some(url) = &self.settings.endpoints.eventbridge {
                config = config.endpoint_url(url);
            }
            aws_sdk_eventbridge::Client::from_conf(config.build())
        };
        self.eventbridge.get_or_init(make).clone()
    }

    pub(crate) fn secretsmanager(&self) -> aws_sdk_secretsmanager::Client {
        let make = || {
            let mut config = aws_sdk_secretsmanager::config::Builder::from(&self.config);
            if let Some(url) = &self.settings.endpoints.secretsmanager {
                config = config.endpoint_url(url);
            }
            aws_sdk_secretsmanager::Client::from_conf(config.build())
        };
        self.secretsmanager.get_or_init(make).clone()
    }
}

/// TLS by ring, with the system's roots (or those of `SSL_CERT_FILE`).
fn http_client(settings: &Settings) -> Result<SharedHttpClient, StartError> {
    // Reading the roots costs more than all the rest of the start: not where nothing is encrypted.
    let roots = TrustStore::empty().with_native_roots(!settings.endpoints.are_plain());
    let tls = TlsContext::builder()
        .with_trust_store(roots)
        .build()
        .map_err(|error| StartError::new(format!("the system's root certificates are not usable: {error}")))?;
    Ok(Builder::new()
        // Below what load balancers wait for, so that they do not close a connection just as a request goes out on it.
        .pool_idle_timeout(Duration::from_secs(15))
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(tls)
        .build_https())
}

/// A call ends, with its repetitions, well before the function does: what it answers has to be acted upon.
fn timeouts(function: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(function / 5)
        .operation_attempt_timeout(function * 3 / 10)
        .operation_timeout(function * 6 / 10)
        .build()
}
