//! The provider's keys, and when to ask for them again.

use std::cell::RefCell;
use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;

/// An unknown key is asked for at most so often: a flood of forged tokens must not become a flood of calls.
const AT_MOST_EVERY: Duration = Duration::from_secs(60);
/// Keys that a provider has withdrawn count so long.
const MAX_AGE: Duration = Duration::from_secs(3_600);

/// The keys that sign identity tokens.
#[derive(Clone, Default)]
pub struct KeySet(Vec<(Option<String>, DecodingKey)>);

impl KeySet {
    /// Reads a JSON Web Key Set. Keys of other kinds, and for other purposes, are left out.
    ///
    /// # Errors
    /// It is no key set.
    pub fn read(body: &[u8]) -> Result<Self, &'static str> {
        #[derive(Deserialize)]
        struct Keys {
            keys: Vec<serde_json::Value>,
        }
        #[derive(Deserialize)]
        struct Rsa {
            kty: String,
            kid: Option<String>,
            #[serde(rename = "use")]
            purpose: Option<String>,
            alg: Option<String>,
            n: String,
            e: String,
        }
        let keys: Keys = engine::json::typed(body).map_err(|_not_shown| "its keys cannot be read")?;
        let key = |key: serde_json::Value| {
            let key: Rsa = serde_json::from_value(key).ok()?;
            let signs = key.purpose.is_none_or(|purpose| purpose == "sig") && key.alg.is_none_or(|alg| alg == "RS256");
            let rsa = DecodingKey::from_rsa_components(&key.n, &key.e).ok()?;
            (key.kty == "RSA" && signs).then_some((key.kid, rsa))
        };
        Ok(Self(keys.keys.into_iter().filter_map(key).collect()))
    }

    /// The key of this id; without an id, the only key.
    fn key(&self, id: Option<&str>) -> Option<DecodingKey> {
        match (id, self.0.as_slice()) {
            (Some(id), keys) => keys.iter().find(|(own, _)| own.as_deref() == Some(id)).map(|(_, key)| key.clone()),
            (None, [(_, key)]) => Some(key.clone()),
            (None, _) => None,
        }
    }
}

/// What is known of a key.
pub enum Lookup {
    /// The key.
    Found(Box<DecodingKey>),
    /// Ask the provider for its keys, and look again.
    Ask,
    /// There is no such key, and the provider was asked a moment ago.
    Unknown,
}

/// One instance's copy of the provider's keys.
#[derive(Default)]
pub struct KnownKeys(RefCell<Option<(KeySet, Timestamp)>>);

impl KnownKeys {
    /// The key of this id at `now`.
    pub fn look_up(&self, id: Option<&str>, now: Timestamp) -> Lookup {
        let known = self.0.borrow();
        let Some((keys, asked)) = known.as_ref() else { return Lookup::Ask };
        let age = Duration::try_from(now.duration_since(*asked)).unwrap_or_default();
        match keys.key(id) {
            Some(key) if age < MAX_AGE => Lookup::Found(Box::new(key)),
            Some(_) | None if age >= AT_MOST_EVERY => Lookup::Ask,
            Some(_) | None => Lookup::Unknown,
        }
    }

    /// Keeps the answer to a question of `now`. One that failed counts as a question, too.
    pub fn answered(&self, keys: Option<KeySet>, now: Timestamp) {
        let mut known = self.0.borrow_mut();
        let before = known.take().map(|(keys, _)| keys).unwrap_or_default();
        *known = Some((keys.unwrap_or(before), now));
    }
}
