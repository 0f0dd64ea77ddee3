//! What the environment says, read once and typed.

use std::time::Duration;

/// A setting that is missing or cannot be what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// Not set, or empty.
    Missing(&'static str),
    /// Set to something else than it must be.
    Invalid(&'static str, &'static str),
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "the setting {name} is missing"),
            Self::Invalid(name, must) => write!(f, "the setting {name} must be {must}"),
        }
    }
}

/// The environment of a function. Names of tables and queues are there only where the function may touch them.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) environment: String,
    pub(crate) epoch: String,
    pub(crate) timeout: Duration,
    pub(crate) attempts: u32,
    pub(crate) partners_may_be_private: bool,
    pub(crate) region: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) session_token: Option<String>,
    pub(crate) endpoints: Endpoints,
    /// Whether the environment names root certificates of its own (`SSL_CERT_FILE`, `SSL_CERT_DIR`).
    pub(crate) own_roots: bool,
    pub(crate) names: Names,
}

/// Where the services are, if not where AWS has them.
#[derive(Clone, Default)]
pub(crate) struct Endpoints {
    pub(crate) every: Option<String>,
    pub(crate) dynamodb: Option<String>,
    pub(crate) sqs: Option<String>,
    pub(crate) eventbridge: Option<String>,
    pub(crate) secretsmanager: Option<String>,
}

impl Endpoints {
    /// Whether AWS's own addresses serve every call.
    pub(crate) fn are_usual(&self) -> bool {
        [&self.every, &self.dynamodb, &self.sqs, &self.eventbridge, &self.secretsmanager]
            .into_iter()
            .all(Option::is_none)
    }

    /// Whether no call needs TLS, and so no root certificates.
    pub(crate) fn are_plain(&self) -> bool {
        let plain = |url: &Option<String>| url.as_ref().is_none_or(|url| url.starts_with("http://"));
        self.every.is_some()
            && [&self.every, &self.dynamodb, &self.sqs, &self.eventbridge, &self.secretsmanager].into_iter().all(plain)
    }
}

/// What the template gave its names to.
#[derive(Clone, Default)]
pub(crate) struct Names {
    pub(crate) journal: Option<String>,
    pub(crate) deliveries: Option<String>,
    pub(crate) parties: Option<String>,
    pub(crate) views: Option<String>,
    pub(crate) due: Option<String>,
    pub(crate) registry: Option<String>,
    pub(crate) partner_health: Option<String>,
    pub(crate) bus: Option<String>,
    pub(crate) queue: Option<String>,
    pub(crate) dlq: Option<String>,
    pub(crate) queue_prefix: Option<String>,
    pub(crate) secrets_prefix: Option<String>,
}

impl Settings {
    /// Reads them all. `get` is the environment.
    pub(crate) fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, Unusable> {
        let get = |name: &str| get(name).filter(|value| !value.is_empty());
        let need = |name: &'static str| get(name).ok_or(Unusable::Missing(name));
        let timeout = need("FUNCTION_TIMEOUT_SECONDS")?.parse().ok().filter(|seconds| (1..=900).contains(seconds));
        let attempts = get("MAX_ATTEMPTS").map_or(Some(5), |text| text.parse().ok().filter(|attempts| *attempts >= 1));
        Ok(Self {
            environment: need("ENVIRONMENT")?,
            epoch: need("JOURNAL_EPOCH")?,
            timeout: timeout
                .map(Duration::from_secs)
                .ok_or(Unusable::Invalid("FUNCTION_TIMEOUT_SECONDS", "a whole number of seconds from 1 to 900"))?,
            attempts: attempts.ok_or(Unusable::Invalid("MAX_ATTEMPTS", "a whole number of at least 1"))?,
            partners_may_be_private: match get("PARTNERS_MAY_BE_PRIVATE").as_deref() {
                None | Some("false") => false,
                Some("true") => true,
                Some(_) => return Err(Unusable::Invalid("PARTNERS_MAY_BE_PRIVATE", "\"true\" or \"false\"")),
            },
            region: get("AWS_REGION").or_else(|| get("AWS_DEFAULT_REGION")).ok_or(Unusable::Missing("AWS_REGION"))?,
            access_key: need("AWS_ACCESS_KEY_ID")?,
            secret_key: need("AWS_SECRET_ACCESS_KEY")?,
            session_token: get("AWS_SESSION_TOKEN"),
            endpoints: Endpoints {
                every: get("AWS_ENDPOINT_URL"),
                dynamodb: get("AWS_ENDPOINT_URL_DYNAMODB"),
                sqs: get("AWS_ENDPOINT_URL_SQS"),
                eventbridge: get("AWS_ENDPOINT_URL_EVENTBRIDGE"),
                secretsmanager: get("AWS_ENDPOINT_URL_SECRETS_MANAGER"),
            },
            own_roots: get("SSL_CERT_FILE").or_else(|| get("SSL_CERT_DIR")).is_some(),
            names: Names {
                journal: get("JOURNAL_TABLE"),
                deliveries: get("DELIVERIES_TABLE"),
                parties: get("PARTIES_TABLE"),
                views: get("VIEWS_TABLE"),
                due: get("DUE_TABLE"),
                registry: get("REGISTRY_TABLE"),
                partner_health: get("PARTNER_HEALTH_TABLE"),
                bus: get("EVENT_BUS"),
                queue: get("QUEUE_URL"),
                dlq: get("DLQ_URL"),
                queue_prefix: get("QUEUE_URL_PREFIX"),
                secrets_prefix: get("SECRETS_PREFIX"),
            },
        })
    }

    /// How long one call to a partner may take. A step may have to call twice, to look and to send, and the rest of its time
    /// is for the journal: a function that ends before it has recorded takes the whole batch with it.
    pub(crate) fn patience(&self) -> Duration {
        self.timeout * 2 / 5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: [(&str, &str); 6] = [
        ("ENVIRONMENT", "test"),
        ("JOURNAL_EPOCH", "1"),
        ("FUNCTION_TIMEOUT_SECONDS", "10"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "key"),
    ];

    fn read(changes: &[(&str, &str)]) -> Result<Settings, Unusable> {
        Settings::read(|name| {
            let all = changes.iter().chain(&USUAL);
            all.into_iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_missing_setting_names_itself() {
        for (name, _) in USUAL {
            let missing = read(&[(name, "")]).err();
            assert_eq!(missing, Some(Unusable::Missing(name)));
        }
    }

    #[test]
    fn two_calls_to_a_partner_that_does_not_answer_leave_a_function_time_for_its_journal() {
        for seconds in ["3", "10", "29"] {
            let settings = read(&[("FUNCTION_TIMEOUT_SECONDS", seconds)]);
            let leave = settings.map(|settings| settings.patience() * 2 <= settings.timeout * 4 / 5);
            assert_eq!(leave, Ok(true), "{seconds} s");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_not_guessed() {
        for (name, value) in [
            ("FUNCTION_TIMEOUT_SECONDS", "0"),
            ("FUNCTION_TIMEOUT_SECONDS", "soon"),
            ("MAX_ATTEMPTS", "0"),
            ("PARTNERS_MAY_BE_PRIVATE", "yes"),
        ] {
            assert!(
                matches!(read(&[(name, value)]), Err(Unusable::Invalid(named, _)) if named == name),
                "{name}={value}"
            );
        }
    }

    #[test]
    fn partners_are_public_and_tls_is_needed_unless_said_otherwise() {
        let usual = read(&[]).ok();
        assert!(usual.is_some_and(|s| !s.partners_may_be_private && !s.endpoints.are_plain() && s.attempts == 5));
        let local = read(&[("AWS_ENDPOINT_URL", "http://localhost:4566")]).ok();
        assert!(local.is_some_and(|s| s.endpoints.are_plain()));
        let mixed = [("AWS_ENDPOINT_URL", "http://localhost:4566"), ("AWS_ENDPOINT_URL_SQS", "https://sqs.test")];
        assert!(read(&mixed).is_ok_and(|s| !s.endpoints.are_plain()));
    }
}
