//! Scripted faults: which call or message fails, and how.
//!
//! Rules match in the order in which they were added. Latencies add up; the first other fault that applies decides. Each rule
//! has a seed of its own, so that the same calls meet the same faults again.

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use crate::exchange::{Named, matches};

/// One scripted fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The name by which it can be cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it applies to; everything of the fault's kind by default.
    #[serde(default, rename = "match")]
    pub when: When,
    /// What goes wrong.
    pub fault: PartnerFault,
}

/// What a rule applies to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// An operation such as `sales_order.create`, or for messages `webhook.<type>`; `*` stands for any characters.
    #[serde(default = "anything")]
    pub operation: String,
    /// Our reference; `*` stands for any characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Applies from the nth match on, counted from 1. With `nth` alone it applies once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// Applies at most so many times; without `nth` and `times`, every time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Applies with this probability in percent, drawn from `seed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// 0 by default.
    #[serde(default)]
    pub seed: u64,
}

impl Default for When {
    fn default() -> Self {
        Self { operation: anything(), reference: None, nth: None, times: None, percent: None, seed: 0 }
    }
}

/// What goes wrong: the first ten with calls to the partner, the others with the partner's messages to us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum PartnerFault {
    /// The answer comes late; nothing else is wrong.
    Latency {
        /// Milliseconds of delay.
        ms: u64,
    },
    /// Refused, nothing done.
    Refuse {
        /// The status, 422 by default.
        #[serde(default = "unprocessable")]
        status: u16,
        /// The code in the body.
        code: String,
        /// The reason in the body.
        #[serde(default)]
        reason: String,
    },
    /// 429, nothing done.
    Limit {
        /// The header's text, whatever it is; no header without it.
        #[serde(default)]
        retry_after: Option<String>,
        /// The header's name; the partner's own by default (`retry-after`, ShipBob's `x-retry-after`).
        #[serde(default)]
        header: Option<String>,
    },
    /// A server error.
    Fail {
        /// The status, 503 by default.
        #[serde(default = "unavailable")]
        status: u16,
        /// Whether the work is done.
        #[serde(default)]
        after_effect: bool,
    },
    /// No answer, nothing done.
    TimeoutBefore {
        /// How long the connection stays open, in milliseconds; 30 s by default.
        #[serde(default = "half_a_minute")]
        hold_ms: u64,
    },
    /// No answer, the work is done.
    TimeoutAfter {
        /// How long the connection stays open, in milliseconds; 30 s by default.
        #[serde(default = "half_a_minute")]
        hold_ms: u64,
    },
    /// The work is done, then the connection closes at once.
    LostReply,
    /// The work is done, the answer is not readable.
    Garbage {
        /// The body, an HTML page by default.
        #[serde(default = "html")]
        body: String,
    },
    /// The connection closes without anything done, until the rule is cleared.
    Down,
    /// 401, nothing done.
    Unauthorized,
    /// The message is sent several times at the same instant.
    Duplicate {
        /// How many more times.
        #[serde(default = "one")]
        copies: u32,
    },
    /// Messages are held back and sent in another order.
    Reorder {
        /// How many are held before they are shuffled and sent.
        window: usize,
        /// They are sent after this time at the latest, in milliseconds.
        #[serde(default = "one_second")]
        flush_ms: u64,
    },
    /// The message is sent late.
    Delay {
        /// Milliseconds of delay.
        ms: u64,
    },
    /// The first delivery is lost on the way; it is sent again later.
    Drop {
        /// Milliseconds until it is sent again.
        #[serde(default = "one_second")]
        redeliver_after_ms: u64,
    },
    /// An attempt is signed with another secret.
    WrongSignature,
    /// A byte of an attempt's body is changed after signing.
    Tamper,
    /// An attempt carries an old timestamp (and a signature that fits it).
    Stale {
        /// How old, in seconds; 600 by default.
        #[serde(default = "ten_minutes")]
        seconds: i64,
    },
}

/// When a fault can apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// A call to the partner.
    Call,
    /// A message put into the partner's outbox.
    Message,
    /// One attempt to deliver a message.
    Attempt,
}

impl PartnerFault {
    /// Where this fault applies.
    #[must_use]
    pub const fn occasion(&self) -> Occasion {
        match self {
            Self::Latency { .. }
            | Self::Refuse { .. }
            | Self::Limit { .. }
            | Self::Fail { .. }
            | Self::TimeoutBefore { .. }
            | Self::TimeoutAfter { .. }
            | Self::LostReply
            | Self::Garbage { .. }
            | Self::Down
            | Self::Unauthorized => Occasion::Call,
            Self::Duplicate { .. } | Self::Reorder { .. } | Self::Delay { .. } | Self::Drop { .. } => Occasion::Message,
            Self::WrongSignature | Self::Tamper | Self::Stale { .. } => Occasion::Attempt,
        }
    }

    /// The name under which the ledger counts it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Latency { .. } => "latency",
            Self::Refuse { .. } => "refuse",
            Self::Limit { .. } => "limit",
            Self::Fail { after_effect: false, .. } => "fail",
            Self::Fail { after_effect: true, .. } => "fail_after_effect",
            Self::TimeoutBefore { .. } => "timeout_before",
            Self::TimeoutAfter { .. } => "timeout_after",
            Self::LostReply => "lost_reply",
            Self::Garbage { .. } => "garbage",
            Self::Down => "down",
            Self::Unauthorized => "unauthorized",
            Self::Duplicate { .. } => "duplicate",
            Self::Reorder { .. } => "reorder",
            Self::Delay { .. } => "delay",
            Self::Drop { .. } => "drop",
            Self::WrongSignature => "wrong_signature",
            Self::Tamper => "tamper",
            Self::Stale { .. } => "stale",
        }
    }
}

/// A partner's rules with their counters and random numbers.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Vec<Scripted>,
}

/// What a call meets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Milliseconds of latency, summed.
    pub latency_ms: u64,
    /// The fault that decides, if any.
    pub fault: Option<PartnerFault>,
}

#[derive(Debug)]
struct Scripted {
    rule: Rule,
    seen: u64,
    applied: u64,
    rng: Rng,
}

impl Faults {
    /// Adds a rule after the others.
    pub fn add(&mut self, rule: Rule) {
        let rng = Rng::with_seed(rule.when.seed);
        self.rules.push(Scripted { rule, seen: 0, applied: 0, rng });
    }

    /// Removes the rules of a name, or all. Returns how many.
    pub fn clear(&mut self, name: Option<&str>) -> usize {
        let before = self.rules.len();
        self.rules.retain(|scripted| name.is_some() && scripted.rule.name.as_deref() != name);
        before - self.rules.len()
    }

    /// What a call meets.
    pub fn call(&mut self, named: &Named) -> Verdict {
        let mut verdict = Verdict::default();
        for scripted in &mut self.rules {
            if scripted.rule.fault.occasion() != Occasion::Call
                || !scripted.applies(named.operation, named.reference.as_deref())
            {
                continue;
            }
            if let PartnerFault::Latency { ms } = scripted.rule.fault {
                verdict.latency_ms = verdict.latency_ms.saturating_add(ms);
            } else {
                verdict.fault = Some(scripted.rule.fault.clone());
                break;
            }
        }
        verdict
    }

    /// The faults that a message (or an attempt to deliver it) meets, in the rules' order.
    pub fn message(&mut self, occasion: Occasion, topic: &str, reference: &str) -> Vec<PartnerFault> {
        let operation = format!("webhook.{topic}");
        self.rules
            .iter_mut()
            .filter(|scripted| scripted.rule.fault.occasion() == occasion)
            .filter_map(|scripted| scripted.applies(&operation, Some(reference)).then(|| scripted.rule.fault.clone()))
            .collect()
    }

    /// The rules, with how often each matched and applied.
    #[must_use]
    pub fn listed(&self) -> serde_json::Value {
        self.rules
            .iter()
            .map(|scripted| {
                serde_json::json!({
                    "rule": scripted.rule,
                    "matched": scripted.seen,
                    "applied": scripted.applied,
                })
            })
            .collect()
    }
}

impl Scripted {
    fn applies(&mut self, operation: &str, reference: Option<&str>) -> bool {
        let when = &self.rule.when;
        let fits = matches(&when.operation, operation)
            && when.reference.as_deref().is_none_or(|pattern| reference.is_some_and(|text| matches(pattern, text)));
        if !fits {
            return false;
        }
        self.seen += 1;
        let limit = match (when.nth, when.times) {
            (_, Some(times)) => times,
            (Some(_), None) => 1,
            (None, None) => u64::MAX,
        };
        if self.seen < when.nth.unwrap_or(1) || self.applied >= limit {
            return false;
        }
        if let Some(percent) = when.percent
            && self.rng.u8(0..100) >= percent
        {
            return false;
        }
        self.applied += 1;
        true
    }
}

fn anything() -> String {
    "*".to_owned()
}

const fn unprocessable() -> u16 {
    422
}

const fn unavailable() -> u16 {
    503
}

const fn half_a_minute() -> u64 {
    30_000
}

const fn one_second() -> u64 {
    1_000
}

const fn one() -> u32 {
    1
}

const fn ten_minutes() -> i64 {
    600
}

fn html() -> String {
    "<!doctype html><title>502 Bad Gateway</title><h1>Something went wrong".to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Faults, PartnerFault, Rule};
    use crate::exchange::Named;

    fn call(operation: &'static str) -> Named {
        Named { operation, reference: Some("ord_1".to_owned()), key: None }
    }

    fn scripted(rule: serde_json::Value) -> Faults {
        let mut faults = Faults::default();
        faults.add(serde_json::from_value::<Rule>(rule).unwrap());
        faults
    }

    #[test]
    fn nth_bites_once_and_times_bites_so_often() {
        let mut faults = scripted(serde_json::json!({"match": {"nth": 2}, "fault": {"kind": "lost_reply"}}));
        let met: Vec<bool> = (0..4).map(|_| faults.call(&call("price")).fault.is_some()).collect();
        assert_eq!(met, [false, true, false, false]);

        let mut faults = scripted(serde_json::json!({"match": {"nth": 2, "times": 2}, "fault": {"kind": "down"}}));
        let met: Vec<bool> = (0..5).map(|_| faults.call(&call("price")).fault.is_some()).collect();
        assert_eq!(met, [false, true, true, false, false]);
    }

    #[test]
    fn chance_repeats_with_its_seed() {
        let draw = |seed: u64| -> Vec<bool> {
            let mut faults =
                scripted(serde_json::json!({"match": {"percent": 40, "seed": seed}, "fault": {"kind": "fail"}}));
            (0..50).map(|_| faults.call(&call("price")).fault.is_some()).collect()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(draw(7).contains(&true) && draw(7).contains(&false));
    }

    #[test]
    fn latency_adds_to_the_fault_that_decides() {
        let mut faults = scripted(serde_json::json!({"fault": {"kind": "latency", "ms": 30}}));
        faults.add(serde_json::from_value(serde_json::json!({"fault": {"kind": "fail", "status": 500}})).unwrap());
        let verdict = faults.call(&call("price"));
        assert_eq!(verdict.latency_ms, 30);
        assert_eq!(verdict.fault, Some(PartnerFault::Fail { status: 500, after_effect: false }));
    }

    #[test]
    fn a_misspelt_rule_is_refused() {
        let rule = serde_json::json!({"match": {"operaton": "price"}, "fault": {"kind": "down"}});
        assert!(serde_json::from_value::<Rule>(rule).is_err());
    }
}
