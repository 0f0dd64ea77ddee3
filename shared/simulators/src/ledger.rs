//! A partner's ledger: every call, every effect, every message.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::exchange::{Effect, matches};
use crate::message::Message;

/// One call to the partner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Call {
    /// RFC 3339.
    pub at: String,
    /// Such as `sales_order.create`.
    pub operation: String,
    /// The HTTP method.
    pub method: &'static str,
    /// The path below the partner's prefix.
    pub path: String,
    /// Our reference in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Its idempotency key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Our correlation id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// Our trace context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// `null` when the caller got no answer.
    pub status: Option<u16>,
    /// The scripted fault that applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
    /// How many documents were created or changed.
    pub effects: usize,
}

/// One effect with its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Done {
    /// RFC 3339.
    pub at: String,
    /// The document.
    #[serde(flatten)]
    pub effect: Effect,
}

/// Calls, effects and fault counts of one partner. Its outbox has the messages.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Every call, oldest first.
    pub calls: Vec<Call>,
    /// Every effect, oldest first.
    pub effects: Vec<Done>,
    /// How often each scripted fault applied.
    pub faults: BTreeMap<&'static str, u64>,
}

/// A filter of a ledger's entries; `*` in a pattern stands for any characters.
#[derive(Debug, Clone, Default)]
pub struct CallFilter {
    /// Our reference.
    pub reference: Option<String>,
    /// The idempotency key.
    pub key: Option<String>,
    /// The operation (of calls) or kind (of effects) or topic (of messages).
    pub operation: Option<String>,
}

impl Ledger {
    /// Counts a scripted fault.
    pub fn count(&mut self, fault: &'static str) {
        *self.faults.entry(fault).or_insert(0) += 1;
    }

    /// The entries that match the filter, with totals over them.
    ///
    /// `effects_by_reference` has the number of each kind for each reference.
    #[must_use]
    pub fn report(&self, messages: &[Message], wanted: &CallFilter) -> Value {
        let calls: Vec<&Call> = self
            .calls
            .iter()
            .filter(|call| wanted.fits(call.reference.as_deref(), call.key.as_deref(), &call.operation))
            .collect();
        let effects: Vec<&Done> = self
            .effects
            .iter()
            .filter(|done| {
                let effect = &done.effect;
                wanted.fits(Some(&effect.reference), effect.key.as_deref(), effect.kind)
            })
            .collect();
        let messages: Vec<&Message> = messages
            .iter()
            .filter(|message| {
                wanted.key.is_none() && wanted.fits(Some(&message.webhook.reference), None, &message.webhook.topic)
            })
            .collect();
        json!({
            "totals": {
                "calls": totals(calls.iter().map(|call| call.operation.as_str())),
                "effects": totals(effects.iter().map(|done| done.effect.kind)),
                "webhooks": totals(messages.iter().map(|message| message.webhook.topic.as_str())),
                "webhook_attempts": messages.iter().map(|message| message.attempts.len()).sum::<usize>(),
                "webhooks_undelivered": messages.iter().filter(|message| !message.delivered).count(),
                "faults": self.faults,
            },
            "effects_by_reference": by_reference(&effects),
            "calls": calls,
            "effects": effects,
            "webhooks": messages.iter().map(|message| message.listed()).collect::<Vec<_>>(),
        })
    }
}

impl CallFilter {
    fn fits(&self, reference: Option<&str>, key: Option<&str>, operation: &str) -> bool {
        fits(self.reference.as_deref(), reference)
            && fits(self.key.as_deref(), key)
            && fits(self.operation.as_deref(), Some(operation))
    }
}

fn fits(pattern: Option<&str>, text: Option<&str>) -> bool {
    pattern.is_none_or(|pattern| text.is_some_and(|text| matches(pattern, text)))
}

fn totals<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, u64> {
    names.fold(BTreeMap::new(), |mut totals, name| {
        *totals.entry(name).or_insert(0) += 1;
        totals
    })
}

fn by_reference<'a>(effects: &[&'a Done]) -> BTreeMap<&'a str, BTreeMap<&'a str, u64>> {
    effects.iter().fold(BTreeMap::new(), |mut counts, done| {
        *counts.entry(done.effect.reference.as_str()).or_default().entry(done.effect.kind).or_insert(0) += 1;
        counts
    })
}
