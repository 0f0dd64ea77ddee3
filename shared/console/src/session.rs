//! A person's session: the browser's secret, what is stored of it, and the token of its forms.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use engine::Failure;
use engine::sessions::Session;
use jiff::Timestamp;

use crate::page::Person;
use crate::role::Role;
use crate::sign_in::{SESSION_TIME, digest, form_token, secret};

/// What the browser has: whose session it is, and its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The identity provider's id of the person.
    pub subject: String,
    secret: String,
}

impl Ticket {
    /// A new session of a person: the ticket for the browser, and what is stored.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn issue(subject: String, roles: &[Role], now: Timestamp) -> Result<(Self, Session), Failure> {
        let ticket = Self { subject, secret: secret()? };
        let session = Session {
            subject: ticket.subject.clone(),
            digest: ticket.digest(),
            roles: roles.iter().map(|role| role.as_str().to_owned()).collect(),
            expires: now.checked_add(SESSION_TIME).unwrap_or(now),
        };
        Ok((ticket, session))
    }

    /// The cookie's value.
    pub fn value(&self) -> String {
        format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(&self.subject), self.secret)
    }

    /// The ticket in a cookie's value.
    pub fn read(value: &str) -> Option<Self> {
        let (subject, secret) = value.split_once('.')?;
        let subject = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(subject).ok()?).ok()?;
        let is_ours = !subject.is_empty() && secret.len() == 43 && value.len() < 1_024;
        is_ours.then(|| Self { subject, secret: secret.to_owned() })
    }

    /// What is stored of the secret.
    pub fn digest(&self) -> String {
        digest(&self.secret)
    }

    /// The person of the stored session, unless it has expired.
    pub fn person(&self, session: &Session, now: Timestamp) -> Option<Person> {
        let roles = session.roles.iter().filter_map(|role| Role::named(role)).collect();
        let person = || Person { subject: self.subject.clone(), roles, form_token: form_token(&self.secret, "form") };
        (now < session.expires && session.digest == self.digest()).then(person)
    }

    /// The same for each attempt to decide `review` as it was at `version`.
    pub fn decision_key(&self, review: &str, version: u64) -> String {
        form_token(&self.secret, &format!("{review}/{version}"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_ticket_counts_for_fifteen_minutes_and_for_its_own_session() {
        let now: Timestamp = "2026-03-02T10:00:00Z".parse().unwrap();
        let (ticket, session) = Ticket::issue("auth0|7".to_owned(), &[Role::Credit], now).unwrap();
        let read = Ticket::read(&ticket.value()).unwrap();
        assert!(read == ticket && !session.digest.contains(&ticket.secret));
        let later = |seconds| now.checked_add(Duration::from_secs(seconds)).unwrap();
        assert_eq!(read.person(&session, later(899)).unwrap().roles, [Role::Credit]);
        assert_eq!(read.person(&session, later(900)), None);
        let (other, _) = Ticket::issue("auth0|7".to_owned(), &[Role::Operations], now).unwrap();
        assert_eq!(other.person(&session, now), None);
        assert_ne!(other.decision_key("r", 1), ticket.decision_key("r", 1));
        assert_ne!(ticket.decision_key("r", 1), ticket.decision_key("r", 2));
        for value in ["", ".", "YQ", "YQ.", "YQ.short", "?.", &format!(".{}", "x".repeat(43))] {
            assert!(Ticket::read(value).is_none(), "{value}");
        }
    }
}
