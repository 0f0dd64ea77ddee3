//! The settings of a function, read once from its environment and parsed.

use std::time::Duration;

use engine::Epoch;

/// A setting that is missing or invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SettingError {
    /// Not set, or empty.
    Missing(&'static str),
    /// The setting, and what it must be.
    Invalid(&'static str, &'static str),
}

impl std::fmt::Display for SettingError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "the setting {name} is missing"),
            Self::Invalid(name, must) => write!(f, "the setting {name} must be {must}"),
        }
    }
}

/// The settings of a function. It has the names of those tables and queues only that it may access.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) environment: String,
    pub(crate) epoch: Epoch,
    pub(crate) timeout: Duration,
    pub(crate) attempts: u32,
    pub(crate) partners_may_be_private: bool,
    /// Whether a throw-away token signs in at the console: on a local stack alone.
    pub(crate) local_sign_in: bool,
    pub(crate) region: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) session_token: Option<String>,
    pub(crate) endpoints: Endpoints,
    /// Whether the environment names root certificates of its own (`SSL_CERT_FILE`, `SSL_CERT_DIR`).
    pub(crate) own_roots: bool,
    pub(crate) names: Names,
}

/// The services' addresses; `None` for AWS's own.
#[derive(Clone, Default)]
pub(crate) struct Endpoints {
    pub(crate) every: Option<String>,
    pub(crate) dynamodb: Option<String>,
    pub(crate) sqs: Option<String>,
    pub(crate) eventbridge: Option<String>,
    pub(crate) secretsmanager: Option<String>,
}

impl Endpoints {
    /// Whether all calls go to AWS's own addresses.
    pub(crate) fn are_default(&self) -> bool {
        [&self.every, &self.dynamodb, &self.sqs, &self.eventbridge, &self.secretsmanager]
            .into_iter()
            .all(Option::is_none)
    }

    /// Whether all calls are plain HTTP, so that no root certificates are needed.
    pub(crate) fn are_all_http(&self) -> bool {
        let is_http = |url: &Option<String>| url.as_ref().is_none_or(|url| url.starts_with("http://"));
        self.every.is_some()
            && [&self.every, &self.dynamodb, &self.sqs, &self.eventbridge, &self.secretsmanager]
                .into_iter()
                .all(is_http)
    }
}

/// The names of tables, queues and the bus, as the template sets them.
#[derive(Clone, Default)]
pub(crate) struct Names {
    pub(crate) journal: Option<String>,
    pub(crate) deliveries: Option<String>,
    pub(crate) parties: Option<String>,
    pub(crate) views: Option<String>,
    pub(crate) due: Option<String>,
    pub(crate) registry: Option<String>,
    pub(crate) partner_health: Option<String>,
    pub(crate) audit: Option<String>,
    pub(crate) sessions: Option<String>,
    pub(crate) bus: Option<String>,
    pub(crate) queue: Option<String>,
    pub(crate) dlq: Option<String>,
    pub(crate) queue_prefix: Option<String>,
    pub(crate) secrets_prefix: Option<String>,
}

impl Settings {
    /// Parses all settings. `get` returns the value of a variable.
    pub(crate) fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        let get = |name: &str| get(name).filter(|value| !value.is_empty());
        let need = |name: &'static str| get(name).ok_or(SettingError::Missing(name));
        let timeout = need("FUNCTION_TIMEOUT_SECONDS")?.parse().ok().filter(|seconds| (1..=900).contains(seconds));
        let attempts = get("MAX_ATTEMPTS").map_or(Some(5), |text| text.parse().ok().filter(|attempts| *attempts >= 1));
        Ok(Self {
            environment: need("ENVIRONMENT")?,
            epoch: need("JOURNAL_EPOCH")?.parse().map_err(|why| SettingError::Invalid("JOURNAL_EPOCH", why))?,
            timeout: timeout
                .map(Duration::from_secs)
                .ok_or(SettingError::Invalid("FUNCTION_TIMEOUT_SECONDS", "a whole number of seconds from 1 to 900"))?,
            attempts: attempts.ok_or(SettingError::Invalid("MAX_ATTEMPTS", "a whole number of at least 1"))?,
            partners_may_be_private: match get("PARTNERS_MAY_BE_PRIVATE").as_deref() {
                None | Some("false") => false,
                Some("true") => true,
                Some(_) => return Err(SettingError::Invalid("PARTNERS_MAY_BE_PRIVATE", "\"true\" or \"false\"")),
            },
            local_sign_in: match get("LOCAL_SIGN_IN").as_deref() {
                None => false,
                Some("true") => true,
                Some(_) => return Err(SettingError::Invalid("LOCAL_SIGN_IN", "\"true\", or not set")),
            },
            region: get("AWS_REGION")
                .or_else(|| get("AWS_DEFAULT_REGION"))
                .ok_or(SettingError::Missing("AWS_REGION"))?,
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
                audit: get("AUDIT_TABLE"),
                sessions: get("SESSIONS_TABLE"),
                bus: get("EVENT_BUS"),
                queue: get("QUEUE_URL"),
                dlq: get("DLQ_URL"),
                queue_prefix: get("QUEUE_URL_PREFIX"),
                secrets_prefix: get("SECRETS_PREFIX"),
            },
        })
    }

    /// The longest time that one call to a partner may take. A step may have to make two calls, to look an outcome up
    /// and to send, and needs the rest of its time for the journal: if a function times out, its whole batch is
    /// delivered again.
    pub(crate) fn call_timeout(&self) -> Duration {
        self.timeout * 2 / 5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: [(&str, &str); 6] = [
        ("ENVIRONMENT", "test"),
        ("JOURNAL_EPOCH", "1"),
        ("FUNCTION_TIMEOUT_SECONDS", "10"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "key"),
    ];

    fn read(changes: &[(&str, &str)]) -> Result<Settings, SettingError> {
        Settings::read(|name| {
            let all = changes.iter().chain(&DEFAULTS);
            all.into_iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_error_names_the_missing_setting() {
        for (name, _) in DEFAULTS {
            let missing = read(&[(name, "")]).err();
            assert_eq!(missing, Some(SettingError::Missing(name)));
        }
    }

    #[test]
    fn two_calls_that_time_out_leave_time_for_the_journal() {
        for seconds in ["3", "10", "29"] {
            let settings = read(&[("FUNCTION_TIMEOUT_SECONDS", seconds)]);
            let is_enough = settings.map(|settings| settings.call_timeout() * 2 <= settings.timeout * 4 / 5);
            assert_eq!(is_enough, Ok(true), "{seconds} s");
        }
    }

    #[test]
    fn an_invalid_setting_is_refused() {
        for (name, value) in [
            ("FUNCTION_TIMEOUT_SECONDS", "0"),
            ("FUNCTION_TIMEOUT_SECONDS", "soon"),
            ("MAX_ATTEMPTS", "0"),
            ("JOURNAL_EPOCH", "e1"),
            ("JOURNAL_EPOCH", "2"),
            ("PARTNERS_MAY_BE_PRIVATE", "yes"),
            ("LOCAL_SIGN_IN", "yes"),
        ] {
            assert!(
                matches!(read(&[(name, value)]), Err(SettingError::Invalid(named, _)) if named == name),
                "{name}={value}"
            );
        }
    }

    #[test]
    fn by_default_partners_are_public_and_tls_is_needed() {
        let default = read(&[]).ok();
        assert!(default.is_some_and(|s| !s.partners_may_be_private
            && !s.local_sign_in
            && !s.endpoints.are_all_http()
            && s.attempts == 5));
        let local = read(&[("AWS_ENDPOINT_URL", "http://localhost:4566")]).ok();
        assert!(local.is_some_and(|s| s.endpoints.are_all_http()));
        let mixed = [("AWS_ENDPOINT_URL", "http://localhost:4566"), ("AWS_ENDPOINT_URL_SQS", "https://sqs.test")];
        assert!(read(&mixed).is_ok_and(|s| !s.endpoints.are_all_http()));
    }
}
