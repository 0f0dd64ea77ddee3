//! The console's settings: one secret of the deployment, so that a template has none of it and the console can be set up later.

use std::collections::BTreeMap;
use std::fmt;

use engine::{Code, Failure};
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::cookie::{CookieKeys, digest, text_matches};
use crate::role::Role;
use crate::route::Site;

/// The name of the secret, below the deployment's prefix.
pub const SECRET: &str = "console/identity";

/// What the secret says.
#[derive(Debug)]
pub struct Settings {
    /// Where the console and its documents are.
    pub site: Site,
    /// For cookies.
    pub keys: CookieKeys,
    /// Who knows people; `None` on a local stack, where a throw-away token is enough.
    pub provider: Option<Provider>,
    local: Vec<LocalToken>,
}

/// The identity provider, and what the console is to it.
pub struct Provider {
    /// As its identity tokens name it.
    pub issuer: Url,
    /// The console's id there.
    pub client_id: String,
    /// What the console authenticates with.
    pub client_secret: SecretString,
    /// Scopes to ask for; `openid` at least.
    pub scope: String,
    /// The claim with a person's roles.
    pub roles_claim: String,
    /// Our roles by the provider's names.
    roles: BTreeMap<String, Role>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provider({})", self.issuer)
    }
}

impl Provider {
    /// Our roles among the names in the claim; each once.
    pub fn roles(&self, names: &[String]) -> Vec<Role> {
        let role = |name: &String| {
            self.roles.get(name).copied().or_else(|| self.roles.is_empty().then(|| Role::named(name))?)
        };
        let mut roles: Vec<Role> = names.iter().filter_map(role).collect();
        roles.sort();
        roles.dedup();
        roles
    }
}

#[derive(Debug, Deserialize)]
struct LocalToken {
    sha256: String,
    subject: String,
    roles: Vec<String>,
}

#[derive(Deserialize)]
struct Document {
    url: String,
    docs: Option<String>,
    cookie_keys: Vec<String>,
    issuer: Option<String>,
    #[serde(default)]
    client_id: String,
    client_secret: Option<String>,
    #[serde(default = "openid")]
    scope: String,
    #[serde(default = "roles_claim")]
    roles_claim: String,
    #[serde(default)]
    roles: BTreeMap<String, String>,
    #[serde(default)]
    local: Vec<LocalToken>,
}

fn openid() -> String {
    "openid".to_owned()
}

fn roles_claim() -> String {
    "roles".to_owned()
}

impl Settings {
    /// Reads the secret. `is_local` is whether this is a local stack: only there an issuer may be reached without https.
    ///
    /// # Errors
    /// CFG-002, with what is wrong, and none of its text.
    pub fn read(secret: &str, is_local: bool) -> Result<Self, Failure> {
        let refused = |why: &str| Failure::permanent(Code::SecretMissing, format!("{SECRET}: {why}"));
        let document: Document = serde_json::from_str(secret).map_err(|e| refused(&engine::redact::json_error(&e)))?;
        let site = Site::new(&document.url, document.docs.as_deref()).map_err(refused)?;
        if !is_local && !site.origin().starts_with("https://") {
            return Err(refused("url does not begin with https"));
        }
        let keys = CookieKeys::read(&document.cookie_keys).map_err(refused)?;
        let provider = match (document.issuer, document.client_secret) {
            (None, _) => None,
            (Some(issuer), Some(client_secret)) if !document.client_id.is_empty() => {
                let issuer = Url::parse(&issuer).map_err(|_not_shown| refused("issuer is no URL"))?;
                if issuer.scheme() != "https" && !is_local {
                    return Err(refused("issuer does not begin with https"));
                }
                let client_secret = SecretString::from(client_secret);
                let mut roles = BTreeMap::new();
                for (name, role) in document.roles {
                    roles.insert(name, Role::named(&role).ok_or_else(|| refused("roles has a value that is no role"))?);
                }
                let (scope, roles_claim) = (document.scope, document.roles_claim);
                Some(Provider { issuer, client_id: document.client_id, client_secret, scope, roles_claim, roles })
            }
            (Some(_), _) => return Err(refused("an issuer needs client_id and client_secret")),
        };
        Ok(Self { site, keys, provider, local: document.local })
    }

    /// Whom a throw-away token signs in. The caller asks on a local stack alone.
    pub fn local(&self, token: &str) -> Option<(String, Vec<Role>)> {
        let digest = digest(token);
        let found = self.local.iter().find(|local| text_matches(&local.sha256, &digest))?;
        Some((found.subject.clone(), found.roles.iter().filter_map(|role| Role::named(role)).collect()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    fn document() -> Value {
        json!({
            "url": "https://api.example.com",
            "cookie_keys": ["AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="],
            "issuer": "https://login.example.com/",
            "client_id": "console",
            "client_secret": "s3cret-text",
        })
    }

    fn read(change: &[(&str, Value)], is_local: bool) -> Result<Settings, Failure> {
        let mut document = document();
        for (name, value) in change {
            document[*name] = value.clone();
        }
        Settings::read(&document.to_string(), is_local)
    }

    #[test]
    fn what_is_wrong_is_said_and_nothing_of_the_secret() {
        assert!(read(&[], false).unwrap().provider.is_some());
        for (name, value) in [
            ("url", json!("http://api.example.com")),
            ("url", json!("s3cret-text")),
            ("docs", json!("javascript:s3cret-text")),
            ("cookie_keys", json!([])),
            ("cookie_keys", json!(["s3cret-text"])),
            ("issuer", json!("http://login.example.com")),
            ("client_id", json!("")),
            ("client_secret", Value::Null),
            ("roles", json!({ "leads": "s3cret-text" })),
            ("roles", json!(["s3cret-text"])),
        ] {
            let Err(Failure::Permanent { code, cause }) = read(&[(name, value.clone())], false) else {
                unreachable!("{name} {value}")
            };
            assert_eq!(code, Code::SecretMissing);
            assert!(!cause.contains("s3cret-text"), "{cause}");
        }
        assert!(read(&[("issuer", json!("http://127.0.0.1:1")), ("url", json!("http://127.0.0.1:2"))], true).is_ok());
        assert!(!format!("{:?}", read(&[], false).unwrap()).contains("s3cret-text"));
    }

    #[test]
    fn a_role_counts_under_the_names_of_the_provider_or_where_there_are_none_under_ours() {
        let roles = |settings: Settings, names: &[&str]| {
            settings.provider.unwrap().roles(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        let named = || read(&[("roles", json!({ "g-1": "operations", "g-2": "credit" }))], false).unwrap();
        assert_eq!(roles(named(), &["g-1", "g-1", "g-2", "other"]), [Role::Credit, Role::Operations]);
        assert_eq!(roles(named(), &["operations"]), [], "another name of ours counts no more");
        assert_eq!(roles(read(&[], false).unwrap(), &["on_call", "admin"]), [Role::OnCall]);
    }

    #[test]
    fn a_local_token_is_its_own_persons() {
        let local = json!([{ "sha256": digest("t1"), "subject": "lee", "roles": ["operations", "king"] }]);
        let settings = read(&[("local", local)], true).unwrap();
        assert_eq!(settings.local("t1"), Some(("lee".to_owned(), vec![Role::Operations])));
        assert_eq!(settings.local("t2"), None);
        assert_eq!(settings.local(""), None);
    }
}
