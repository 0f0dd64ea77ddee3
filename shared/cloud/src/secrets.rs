//! Secrets by name, from Secrets Manager, cached in memory for a few minutes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use engine::partner::Secrets;
use engine::{Code, Failure};
use secrecy::SecretString;
use tokio::sync::Mutex;

use crate::errors::failure;

/// The secrets of one deployment: those whose names begin with its prefix.
#[derive(Debug, Clone)]
pub struct SecretStore {
    client: Client,
    prefix: Rc<str>,
    cache: Rc<RefCell<HashMap<String, CachedSecret>>>,
    /// Locked during a fetch, so that the concurrent messages of a batch fetch a secret only once.
    fetching: Rc<Mutex<()>>,
}

#[derive(Debug, Clone)]
struct CachedSecret {
    secret: SecretString,
    fetched_at: Instant,
}

/// How long a cached secret is used.
const MAX_AGE: Duration = Duration::from_secs(300);

/// The same for callers that need a fresh secret: a flood of wrong signatures must not cause a flood of calls.
const MAX_AGE_IF_FRESH: Duration = Duration::from_secs(10);

impl SecretStore {
    pub(crate) fn new(client: Client, prefix: String) -> Self {
        Self { client, prefix: prefix.into(), cache: Rc::default(), fetching: Rc::default() }
    }

    fn cached(&self, name: &str, max_age: Duration) -> Option<SecretString> {
        let cache = self.cache.borrow();
        cache.get(name).filter(|cached| cached.fetched_at.elapsed() < max_age).map(|cached| cached.secret.clone())
    }

    async fn fetch(&self, name: &str) -> Result<SecretString, Failure> {
        let id = format!("{}/{name}", self.prefix);
        let answer = self.client.get_secret_value().secret_id(&id).send().await.map_err(|error| {
            let missing = matches!(error.as_service_error(), Some(GetSecretValueError::ResourceNotFoundException(_)));
            match failure("GetSecretValue", &error) {
                _ if missing => Failure::permanent(Code::SecretMissing, format!("there is no secret {id}")),
                Failure::Permanent { cause, .. } => Failure::permanent(Code::SecretMissing, format!("{id}: {cause}")),
                other @ (Failure::Transient { .. } | Failure::Deferred { .. }) => other,
            }
        })?;
        let no_text = || Failure::permanent(Code::SecretMissing, format!("the secret {id} is not text"));
        answer.secret_string.map(SecretString::from).ok_or_else(no_text)
    }
}

impl Secrets for SecretStore {
    async fn secret(&self, name: &str, fresh: bool) -> Result<SecretString, Failure> {
        let max_age = if fresh { MAX_AGE_IF_FRESH } else { MAX_AGE };
        if let Some(secret) = self.cached(name, max_age) {
            return Ok(secret);
        }
        let _fetching = self.fetching.lock().await;
        // Another message may have fetched it while this one waited for the lock.
        if let Some(secret) = self.cached(name, max_age) {
            return Ok(secret);
        }
        match self.fetch(name).await {
            Ok(secret) => {
                let cached = CachedSecret { secret: secret.clone(), fetched_at: Instant::now() };
                self.cache.borrow_mut().insert(name.to_owned(), cached);
                Ok(secret)
            }
            // Use the old secret during an outage: secrets change rarely, so that it is most likely still valid.
            Err(Failure::Transient { code, cause }) if !fresh => match self.cached(name, Duration::MAX) {
                Some(secret) => {
                    tracing::warn!(code = code.as_str(), %cause, "the cached secret {name} is used longer: {cause}");
                    Ok(secret)
                }
                None => Err(Failure::Transient { code, cause }),
            },
            Err(failure) => Err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use secrecy::ExposeSecret;
    use serde_json::json;

    use super::*;
    use crate::canned::{Canned, error};

    fn store(canned: &Canned) -> SecretStore {
        SecretStore::new(canned.aws().secretsmanager(), "prefix".to_owned())
    }

    #[tokio::test]
    async fn concurrent_and_fresh_requests_within_seconds_fetch_a_secret_once() {
        let canned = Canned::always(200, json!({ "SecretString": "s" }));
        let store = store(&canned);
        let all = futures::future::join_all((0..10).map(|_| store.secret("partner/warehouse/eastco", false))).await;
        assert!(all.into_iter().all(|secret| secret.unwrap().expose_secret() == "s"));
        store.secret("partner/warehouse/eastco", true).await.unwrap();
        assert_eq!(canned.operations(), ["GetSecretValue"]);
        assert_eq!(canned.calls()[0].1["SecretId"], "prefix/partner/warehouse/eastco");
    }

    #[tokio::test]
    async fn a_missing_secret_is_a_permanent_failure_and_a_busy_store_a_transient_one() {
        let missing = Canned::always(400, error("ResourceNotFoundException"));
        let Err(Failure::Permanent { code, cause }) = store(&missing).secret("api/tokens", false).await else {
            unreachable!()
        };
        assert_eq!(code, Code::SecretMissing);
        assert!(cause.contains("prefix/api/tokens"));
        let denied = Canned::always(400, error("AccessDeniedException"));
        let denied = store(&denied).secret("api/tokens", false).await;
        assert!(matches!(denied, Err(Failure::Permanent { code: Code::SecretMissing, .. })));
        let busy = Canned::always(500, error("InternalServiceError"));
        assert!(matches!(store(&busy).secret("api/tokens", false).await, Err(Failure::Transient { .. })));
    }

    #[tokio::test]
    async fn a_cached_secret_is_used_during_an_outage() {
        let canned = Canned::new(|n, _| {
            if n == 0 {
                Some((200, json!({ "SecretString": "s" })))
            } else {
                Some((500, error("InternalServiceError")))
            }
        });
        let store = store(&canned);
        store.secret("partner/warehouse/eastco", false).await.unwrap();
        let expired = Instant::now().checked_sub(MAX_AGE).unwrap();
        store.cache.borrow_mut().get_mut("partner/warehouse/eastco").unwrap().fetched_at = expired;
        assert_eq!(store.secret("partner/warehouse/eastco", false).await.unwrap().expose_secret(), "s");
        assert!(store.secret("partner/warehouse/eastco", true).await.is_err(), "a fresh one is not available");
    }
}
