//! A partner's messages to us: when each is sent, how it is signed, how it was answered.
//!
//! The outbox sends nothing itself. Its driver gets the due attempts from [`Outbox::due`], makes them, and reports each with
//! [`Outbox::answered`]. A failed message is sent again with the same id after a doubling wait, a bounded number of times, as
//! vendors do.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use jiff::Timestamp;

use crate::exchange::{Webhook, later, written};
use crate::fault::{Faults, Occasion, PartnerFault};
use crate::ledger::Ledger;
use crate::message::{Attempt, Message};
use crate::sign;

/// How a partner retries its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The most attempts.
    pub attempts: u32,
    /// The wait after the first failure in milliseconds; it doubles with each further one.
    pub first_wait_ms: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 10, first_wait_ms: 500 }
    }
}

/// An attempt to be made now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingAttempt {
    /// The message's index.
    pub message: usize,
    /// The attempt's index.
    pub attempt: usize,
    /// The headers, signature included.
    pub headers: BTreeMap<String, String>,
    /// The body to send.
    pub body: Vec<u8>,
}

/// Messages of one partner, oldest first.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Attempts and waits of all messages.
    pub retry_policy: RetryPolicy,
    messages: Vec<Message>,
    queue: BTreeSet<(Timestamp, u64, usize, bool)>,
    sequence: u64,
    held: Vec<usize>,
    window: Option<Window>,
    under_way: usize,
}

#[derive(Debug)]
struct Window {
    size: usize,
    until: Timestamp,
    rng: Rng,
}

impl Outbox {
    /// An empty outbox.
    #[must_use]
    pub fn new(retry_policy: RetryPolicy) -> Self {
        Self { retry_policy, ..Self::default() }
    }

    /// Queues a message of the partner's system, with the scripted faults of messages.
    pub fn post(&mut self, webhook: Webhook, now: Timestamp, faults: &mut Faults, ledger: &mut Ledger) {
        let met = faults.message(Occasion::Message, &webhook.topic, &webhook.reference);
        let index = self.messages.len();
        let mut due = now;
        let mut copies = 0;
        let mut held = false;
        let mut drop_first = None;
        for fault in met {
            ledger.count(fault.name());
            if let PartnerFault::Duplicate { copies: more } = fault {
                copies += more;
            } else if let PartnerFault::Delay { ms } = fault {
                due = later(due, ms);
            } else if let PartnerFault::Drop { redeliver_after_ms } = fault {
                drop_first = Some(redeliver_after_ms);
            } else if let PartnerFault::Reorder { window, flush_ms } = fault {
                held = true;
                self.window.get_or_insert_with(|| Window {
                    size: window.max(1),
                    until: later(now, flush_ms),
                    // The seed differs from window to window, and repeats with the run.
                    rng: Rng::with_seed(index as u64),
                });
            }
        }
        self.messages.push(Message {
            webhook,
            at: written(now),
            attempts: Vec::new(),
            delivered: false,
            gave_up: false,
            failures: 0,
            drop_first,
        });
        if held {
            self.held.push(index);
        } else {
            self.schedule(due, index, false);
        }
        for _ in 0..copies {
            self.schedule(due, index, true);
        }
        self.flush(now);
    }

    /// Schedules extra copies of a message; `false` when the id is unknown.
    pub fn resend(&mut self, id: &str, copies: u32, now: Timestamp) -> bool {
        let Some(index) = self.messages.iter().position(|message| message.webhook.id == id) else {
            return false;
        };
        for _ in 0..copies {
            self.schedule(now, index, true);
        }
        true
    }

    /// The attempts that are due; each counts as started.
    pub fn due(
        &mut self,
        now: Timestamp,
        secrets: &[String],
        faults: &mut Faults,
        ledger: &mut Ledger,
    ) -> Vec<OutgoingAttempt> {
        self.flush(now);
        let mut outgoing = Vec::new();
        while let Some(&(due, sequence, index, copy)) = self.queue.first() {
            if due > now {
                break;
            }
            self.queue.remove(&(due, sequence, index, copy));
            if let Some(attempt) = self.attempt(index, copy, now, secrets, faults, ledger) {
                outgoing.push(attempt);
            }
        }
        outgoing
    }

    /// Records the outcome of an attempt: the status, or why there was no answer.
    pub fn answered(&mut self, message: usize, attempt: usize, answer: Result<u16, String>, now: Timestamp) {
        self.under_way = self.under_way.saturating_sub(1);
        let Some(entry) = self.messages.get_mut(message) else {
            return;
        };
        let success = answer.as_ref().is_ok_and(|status| (200..300).contains(status));
        let mut copy = false;
        if let Some(attempt) = entry.attempts.get_mut(attempt) {
            copy = attempt.copy;
            match answer {
                Ok(status) => attempt.status = Some(status),
                Err(error) => attempt.error = Some(error),
            }
        }
        if success {
            entry.delivered = true;
        } else if !copy {
            self.retry(message, now);
        }
    }

    /// When something is due next.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        let queued = self.queue.first().map(|&(due, ..)| due);
        let flushed = self.window.as_ref().map(|window| window.until);
        queued.into_iter().chain(flushed).min()
    }

    /// How many attempts are scheduled, held back or started.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.queue.len() + self.held.len() + self.under_way
    }

    /// All messages, oldest first.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    fn schedule(&mut self, due: Timestamp, index: usize, copy: bool) {
        self.sequence += 1;
        self.queue.insert((due, self.sequence, index, copy));
    }

    /// Releases the held messages, shuffled, when the window is full or its time is over.
    fn flush(&mut self, now: Timestamp) {
        let open = self.window.as_ref().is_some_and(|window| self.held.len() < window.size && now < window.until);
        if open {
            return;
        }
        let Some(mut window) = self.window.take() else {
            return;
        };
        let before = self.held.clone();
        window.rng.shuffle(&mut self.held);
        if self.held == before {
            // An unchanged order would not be the scripted fault.
            self.held.reverse();
        }
        for index in std::mem::take(&mut self.held) {
            self.schedule(now, index, false);
        }
    }

    fn attempt(
        &mut self,
        index: usize,
        copy: bool,
        now: Timestamp,
        secrets: &[String],
        faults: &mut Faults,
        ledger: &mut Ledger,
    ) -> Option<OutgoingAttempt> {
        let message = self.messages.get_mut(index)?;
        if !copy && let Some(wait) = message.drop_first.take() {
            message.attempts.push(Attempt {
                at: written(now),
                status: None,
                error: Some("lost on the way".to_owned()),
                copy,
                fault: Some("drop"),
            });
            self.schedule(later(now, wait), index, false);
            return None;
        }
        let webhook = &message.webhook;
        let mut timestamp = now.as_second();
        let mut body = webhook.body.clone();
        let mut secrets = secrets.to_vec();
        let mut tamper = false;
        let met = faults.message(Occasion::Attempt, &webhook.topic, &webhook.reference);
        for fault in &met {
            ledger.count(fault.name());
            if let PartnerFault::Stale { seconds } = fault {
                timestamp = timestamp.saturating_sub(*seconds);
            } else if *fault == PartnerFault::WrongSignature {
                secrets = vec![sign::local_secret("another partner")];
            } else if *fault == PartnerFault::Tamper {
                tamper = true;
            }
        }
        let signature = sign::signature(&secrets, &webhook.id, timestamp, &body);
        if tamper && let Some(byte) = body.iter_mut().find(|byte| byte.is_ascii_digit()) {
            // One digit becomes another: still JSON, but not what was signed.
            *byte = if *byte == b'7' { b'3' } else { b'7' };
        }
        let mut headers = webhook.headers.clone();
        headers.extend([
            ("content-type".to_owned(), "application/json".to_owned()),
            ("webhook-id".to_owned(), webhook.id.clone()),
            ("webhook-timestamp".to_owned(), timestamp.to_string()),
            ("webhook-signature".to_owned(), signature),
        ]);
        message.attempts.push(Attempt {
            at: written(now),
            status: None,
            error: None,
            copy,
            fault: met.first().map(PartnerFault::name),
        });
        self.under_way += 1;
        Some(OutgoingAttempt { message: index, attempt: message.attempts.len() - 1, headers, body })
    }

    fn retry(&mut self, index: usize, now: Timestamp) {
        let retry_policy = self.retry_policy;
        let Some(message) = self.messages.get_mut(index) else {
            return;
        };
        message.failures += 1;
        if message.failures >= retry_policy.attempts {
            message.gave_up = true;
            return;
        }
        let doublings = (message.failures - 1).min(20);
        let wait = retry_policy.first_wait_ms.saturating_mul(1 << doublings);
        self.schedule(later(now, wait), index, false);
    }
}
