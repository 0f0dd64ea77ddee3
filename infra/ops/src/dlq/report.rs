//! How a run of a plan ended.

use std::collections::BTreeMap;

use serde::Serialize;

/// Why a message was left where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Skipped {
    /// Its work is done: redriven, it would change nothing.
    AlreadyDone,
    /// Its stream has newer commits than when the plan was made.
    Changed,
    /// The queue does not have it any more.
    Gone,
    /// It was redriven several times and came back each time.
    LoopGuard,
    /// Its work is still due, and is about no order that could have a review of the discard.
    StillDue,
}

impl Skipped {
    /// The reason in words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::AlreadyDone => "its work is done already; a redrive would change nothing",
            Self::Changed => "its stream has changed since the plan was made: plan again",
            Self::Gone => "the queue does not have it any more",
            Self::LoopGuard => "it was redriven several times and came back: correct its cause first",
            Self::StillDue => "its work is still due, and no order would have the review: redrive it",
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "end", content = "why")]
pub(crate) enum End {
    /// Every message of the plan was looked at.
    Finished,
    /// The operator stopped it. The same command goes on.
    Paused,
    /// Too many of the messages that were sent failed again.
    FailedAgain,
    /// Another operator has the queue.
    Leased {
        /// Who.
        holder: String,
        /// Until when, unless it is renewed.
        until: String,
    },
    /// A call failed. The same command goes on.
    Broken(String),
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    /// The plan.
    pub(crate) plan: String,
    /// How it ended.
    #[serde(flatten)]
    pub(crate) end: End,
    /// Whether nothing was changed.
    pub(crate) dry_run: bool,
    /// Messages that this run sent, or would send; or discarded.
    pub(crate) done: u64,
    /// Messages that an earlier run of the plan had sent or discarded.
    pub(crate) done_before: u64,
    /// Of those that were sent: their work is done.
    pub(crate) verified: u64,
    /// Of those that were sent: they are in the dead-letter queue again.
    pub(crate) failed_again: u64,
    /// Messages that were left, with the reason.
    pub(crate) skipped: BTreeMap<Skipped, Vec<String>>,
}

impl Report {
    /// For a run that begins.
    pub(crate) fn new(plan: &str, dry_run: bool) -> Self {
        Self {
            plan: plan.to_owned(),
            end: End::Finished,
            dry_run,
            done: 0,
            done_before: 0,
            verified: 0,
            failed_again: 0,
            skipped: BTreeMap::new(),
        }
    }

    /// How many messages were left.
    pub(crate) fn left(&self) -> usize {
        self.skipped.values().map(Vec::len).sum()
    }
}
