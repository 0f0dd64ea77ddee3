//! Secrets by name, from Secrets Manager, kept in memory for a few minutes.

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
    /// Held while one is fetched, so that ten messages that need the same one ask once.
    known: Rc<Mutex<HashMap<String, Known>>>,
}

#[derive(Debug, Clone)]
struct Known {
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
        Self { client, prefix: prefix.into(), known: Rc::default() }
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
        let mut known = self.known.lock().await;
        let old_enough = if fresh { FLOOR } else { LIFE };
        if let Some(kept) = known.get(name)
            && kept.since.elapsed() < old_enough
        {
            return Ok(kept.secret.clone());
        }
        match self.fetch(name).await {
            Ok(secret) => {
                known.insert(name.to_owned(), Known { secret: secret.clone(), since: Instant::now() });
                Ok(secret)
            }
            // Secrets live longer than outages: what was right five minutes ago most likely still is.
            Err(Failure::Transient { code, cause }) if !fresh => match known.get(name) {
                Some(kept) => {
                    tracing::warn!(code = code.as_str(), %cause, "kept using the secret {name}: {cause}");
                    Ok(kept.secret.clone())
                }
                None => Err(Failure::Transient { code, cause }),
            },
            Err(failure) => Err(failure),
        }
    }
}
