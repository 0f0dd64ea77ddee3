//! The clients of AWS services: created on first use, with one HTTP client for all of them.
//!
//! The configuration is built here, because the SDK's default chain of providers costs time at every start. A function
//! gets its region and credentials from its environment.

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
use engine::{Code, Failure};

use crate::settings::Settings;

/// The clients of the services that functions call.
pub(crate) struct Aws {
    config: SdkConfig,
    settings: Settings,
    dynamodb: OnceCell<aws_sdk_dynamodb::Client>,
    sqs: OnceCell<aws_sdk_sqs::Client>,
    eventbridge: OnceCell<aws_sdk_eventbridge::Client>,
    secretsmanager: OnceCell<aws_sdk_secretsmanager::Client>,
}

/// The root certificates that TLS connections trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Roots {
    /// None, because no call uses TLS.
    Empty,
    /// Amazon's five. Loading all of the system's takes longer than the rest of the start.
    Amazon,
    /// The system's, or those in `SSL_CERT_FILE`.
    System,
}

impl Roots {
    /// The fastest roots that should suffice. Amazon's do not if a proxy answers instead of AWS; `Start` then falls
    /// back to the system's.
    pub(crate) fn cheapest(settings: &Settings) -> Self {
        let other_authorities =
            ["cn-", "us-iso", "eu-isoe", "eusc-"].iter().any(|part| settings.region.starts_with(part));
        if settings.endpoints.are_all_http() {
            Self::Empty
        } else if settings.own_roots || !settings.endpoints.are_default() || other_authorities {
            Self::System
        } else {
            Self::Amazon
        }
    }

    fn trust_store(self) -> TrustStore {
        match self {
            Self::Empty => TrustStore::empty(),
            Self::Amazon => TrustStore::empty().with_pem_certificate(include_bytes!("amazon-roots.pem").as_slice()),
            Self::System => TrustStore::default(),
        }
    }
}

impl Aws {
    pub(crate) fn new(settings: &Settings, roots: Roots) -> Result<Self, Failure> {
        Ok(Self::with_http_client(settings, http_client(roots)?))
    }

    /// Clients over another transport, for tests.
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
            // Not needed: it watches for downloads that stall, and our answers are small.
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

/// An HTTP client with TLS by ring.
fn http_client(roots: Roots) -> Result<SharedHttpClient, Failure> {
    let tls = TlsContext::builder().with_trust_store(roots.trust_store()).build().map_err(|error| {
        Failure::permanent(Code::StoreRefused, format!("the root certificates are not usable: {error}"))
    })?;
    Ok(Builder::new()
        // Shorter than the load balancers' idle timeout, so that they do not close a connection while a request is sent
        // on it.
        .pool_idle_timeout(Duration::from_secs(15))
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(tls)
        .build_https())
}

/// A call ends, with its retries, well before the function's timeout, so that there is time left to act on the answer.
fn timeouts(function: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(function / 5)
        .operation_attempt_timeout(function * 3 / 10)
        .operation_timeout(function * 6 / 10)
        .build()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn settings(changes: &[(&str, &str)]) -> Settings {
        Settings::read(|name| {
            let changed = changes.iter().find(|(changed, _)| *changed == name).map(|(_, value)| (*value).to_owned());
            changed.or_else(|| match name {
                "AWS_REGION" => Some("eu-central-1".to_owned()),
                "FUNCTION_TIMEOUT_SECONDS" => Some("10".to_owned()),
                "JOURNAL_EPOCH" => Some("1".to_owned()),
                "ENVIRONMENT" | "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("any".to_owned()),
                _ => None,
            })
        })
        .unwrap()
    }

    #[test]
    fn amazons_roots_are_used_for_amazons_own_addresses_only() {
        assert_eq!(Roots::cheapest(&settings(&[])), Roots::Amazon);
        for change in [
            ("SSL_CERT_FILE", "/etc/pki/proxy.pem"),
            ("AWS_ENDPOINT_URL_SQS", "https://vpce-1.sqs.eu-central-1.vpce.amazonaws.com"),
            ("AWS_REGION", "cn-north-1"),
        ] {
            assert_eq!(Roots::cheapest(&settings(&[change])), Roots::System, "{change:?}");
        }
        assert_eq!(Roots::cheapest(&settings(&[("AWS_ENDPOINT_URL", "http://localhost:4566")])), Roots::Empty);
    }

    #[test]
    fn every_kind_of_roots_makes_a_client() {
        for roots in [Roots::Empty, Roots::Amazon, Roots::System] {
            // Certificates are parsed when the first client is created; an invalid one would panic here.
            Aws::new(&settings(&[]), roots).unwrap().dynamodb();
        }
    }
}
