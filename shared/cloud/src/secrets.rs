//! Secrets by name, from Secrets Manager, kept in memory for a few minutes.

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

/// Secrets under one prefix.
#[derive(Debug, Clone)]
pub struct SecretStore {
    client: Client,
    prefix: Rc<str>,
    known: Rc<RefCell<HashMap<String, CachedSecret>>>,
    /// Held while one is fetched, so that ten messages that need the same one ask once.
    asking: Rc<Mutex<()>>,
}

#[derive(Debug, Clone)]
struct CachedSecret {
    secret: SecretString,
    since: Instant,
}

/// How long a secret is used without asking again.
const LIFE: Duration = Duration::from_secs(300);

/// How often it is asked for at most, even by callers that want it fresh: a flood of wrong signatures must not become a flood
/// of calls.
const FLOOR: Duration = Duration::from_secs(10);

impl SecretStore {
    pub(crate) fn new(client: Client, prefix: String) -> Self {
        Self { client, prefix: prefix.into(), known: Rc::default(), asking: Rc::default() }
    }

    fn kept(&self, name: &str, young_enough: Duration) -> Option<SecretString> {
        let known = self.known.borrow();
        known.get(name).filter(|kept| kept.since.elapsed() < young_enough).map(|kept| kept.secret.clone())
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
        let young_enough = if fresh { FLOOR } else { LIFE };
        if let Some(secret) = self.kept(name, young_enough) {
            return Ok(secret);
        }
        let _asking = self.asking.lock().await;
        // Somebody may have asked for it meanwhile.
        if let Some(secret) = self.kept(name, young_enough) {
            return Ok(secret);
        }
        match self.fetch(name).await {
            Ok(secret) => {
                let known = CachedSecret { secret: secret.clone(), since: Instant::now() };
                self.known.borrow_mut().insert(name.to_owned(), known);
                Ok(secret)
            }
            // Secrets live longer than outages: what was right five minutes ago most likely still is.
            Err(Failure::Transient { code, cause }) if !fresh => match self.kept(name, Duration::MAX) {
                Some(secret) => {
                    tracing::warn!(code = code.as_str(), %cause, "kept using the secret {name}: {cause}");
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
    async fn ten_that_need_one_secret_ask_once_and_a_request_for_a_fresh_one_has_a_floor() {
        let canned = Canned::always(200, json!({ "SecretString": "s" }));
        let store = store(&canned);
        let all = futures::future::join_all((0..10).map(|_| store.secret("partner/eastco", false))).await;
        assert!(all.into_iter().all(|secret| secret.unwrap().expose_secret() == "s"));
        store.secret("partner/eastco", true).await.unwrap();
        assert_eq!(canned.operations(), ["GetSecretValue"]);
        assert_eq!(canned.calls()[0].1["SecretId"], "prefix/partner/eastco");
    }

    #[tokio::test]
    async fn a_missing_secret_is_named_and_final_and_a_busy_store_is_not() {
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
    async fn an_outage_does_not_take_away_a_secret_that_is_known() {
        let canned = Canned::new(|n, _| {
            if n == 0 {
                Some((200, json!({ "SecretString": "s" })))
            } else {
                Some((500, error("InternalServiceError")))
            }
        });
        let store = store(&canned);
        store.secret("partner/eastco", false).await.unwrap();
        let old = Instant::now().checked_sub(LIFE).unwrap();
        store.known.borrow_mut().get_mut("partner/eastco").unwrap().since = old;
        assert_eq!(store.secret("partner/eastco", false).await.unwrap().expose_secret(), "s");
        assert!(store.secret("partner/eastco", true).await.is_err(), "who wants it fresh is told");
    }
}
