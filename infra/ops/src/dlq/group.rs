//! Counts of parked messages by what they have in common.

use std::collections::BTreeMap;

use clap::ValueEnum;
use jiff::Timestamp;
use serde::Serialize;

use crate::dlq::letter::DeadLetter;

/// By what messages are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// Code and cause, with numbers and ids left out of the cause.
    Cause,
    /// The partner that sent it, or whose answer failed.
    Partner,
    /// The step.
    Function,
    /// The order.
    Order,
}

/// Messages that have something in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Group {
    /// What they have in common.
    pub(crate) key: String,
    /// How many there are.
    pub(crate) count: u64,
    /// When the first of them came into the queue.
    pub(crate) first_seen: Timestamp,
    /// When the last of them did.
    pub(crate) last_seen: Timestamp,
    /// Counts by code.
    pub(crate) codes: BTreeMap<String, u64>,
    /// Counts by step.
    pub(crate) functions: BTreeMap<String, u64>,
    /// One of their streams, to look at.
    pub(crate) example: String,
    /// Whether one of the sampled messages was redriven before and came back.
    pub(crate) failed_again: bool,
    /// Step and digest of the sampled messages, by which the audit records say whether they were redriven before.
    #[serde(skip)]
    pub(crate) sample: Vec<(String, String)>,
}

/// The groups of a pass. At most [`MOST`]; what belongs to none of them is counted as one more.
#[derive(Debug)]
pub(crate) struct Groups {
    by: By,
    groups: BTreeMap<String, Group>,
}

/// The most groups that are kept apart.
pub(crate) const MOST: usize = 1_000;

/// How many messages of a group are sampled for `failed_again`.
pub(crate) const SAMPLE: usize = 10;

/// The key of the messages beyond the first [`MOST`] groups.
const OTHERS: &str = "(others)";

impl Groups {
    /// None yet.
    pub(crate) fn new(by: By) -> Self {
        Self { by, groups: BTreeMap::new() }
    }

    /// Counts one more message.
    pub(crate) fn add(&mut self, letter: &DeadLetter) {
        let mut key = key_of(self.by, letter);
        if self.groups.len() >= MOST && !self.groups.contains_key(&key) {
            OTHERS.clone_into(&mut key);
        }
        let group = self.groups.entry(key.clone()).or_insert_with(|| Group {
            key,
            count: 0,
            first_seen: letter.sent_at,
            last_seen: letter.sent_at,
            codes: BTreeMap::new(),
            functions: BTreeMap::new(),
            example: letter.stream.clone(),
            failed_again: false,
            sample: Vec::new(),
        });
        group.count += 1;
        group.first_seen = group.first_seen.min(letter.sent_at);
        group.last_seen = group.last_seen.max(letter.sent_at);
        *group.codes.entry(letter.code.clone()).or_default() += 1;
        *group.functions.entry(letter.function.clone()).or_default() += 1;
        if group.sample.len() < SAMPLE {
            group.sample.push((letter.function.clone(), letter.digest.clone()));
        }
    }

    /// The groups, the largest first.
    pub(crate) fn into_groups(self) -> Vec<Group> {
        let mut groups: Vec<Group> = self.groups.into_values().collect();
        groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key.cmp(&b.key)));
        groups
    }
}

fn key_of(by: By, letter: &DeadLetter) -> String {
    let or_none = |own: &Option<String>| own.clone().unwrap_or_else(|| "(none)".to_owned());
    match by {
        By::Cause => format!("{} {}", letter.code, without_numbers(&letter.cause)),
        By::Partner => or_none(&letter.partner),
        By::Function => letter.function.clone(),
        By::Order => or_none(&letter.order),
    }
}

/// A cause without what differs from message to message: words with digits, and the digits of a place in a document.
fn without_numbers(cause: &str) -> String {
    let word = |word: &str| {
        if !word.contains(|c: char| c.is_ascii_digit()) {
            return word.to_owned();
        }
        if word.starts_with('/') {
            return word.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
        }
        let end: String = word.chars().rev().take_while(|c| ",;:.".contains(*c)).collect();
        format!("…{}", end.chars().rev().collect::<String>())
    };
    cause.split_whitespace().map(word).collect::<Vec<String>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_loses_what_differs_from_message_to_message() {
        assert_eq!(
            without_numbers("eastco msg_17: /lines/0/sku: SKU-9 has no mapping"),
            "eastco …: /lines/#/sku: … has no mapping"
        );
    }
}
