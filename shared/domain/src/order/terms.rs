//! Sub-machine: what was ordered. The first submission counts until an amendment replaces it; other submissions of the same
//! order are compared with it and never change it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::{LineNo, OrderId};
use crate::order::event::{Amendment, Conflict, OrderEvent, OrderLine, Submission};

/// What was ordered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// As submitted, or as amended last.
    pub submission: Submission,
    /// How often it was amended.
    pub revision: u32,
    /// The digest of the content that counts now.
    pub digest: String,
    /// The digests of every content that the order has had. A submission with one of them is a repetition.
    pub digests: BTreeSet<String>,
    /// Submissions that did not agree with the order.
    pub conflicts: BTreeSet<Conflict>,
}

impl Amendment {
    /// Whether both request the same content.
    pub(super) fn has_content_of(&self, other: &Self) -> bool {
        let content = |it: &Self| (it.digest.clone(), it.service_level, it.ship_complete);
        self.lines == other.lines && self.ship_to == other.ship_to && content(self) == content(other)
    }
}

impl Terms {
    pub(super) fn new(submission: Submission) -> Self {
        let digests = BTreeSet::from([submission.digest.clone()]);
        let digest = submission.digest.clone();
        Self { submission, revision: 0, digest, digests, conflicts: BTreeSet::new() }
    }

    /// The order's id.
    pub fn order(&self) -> &OrderId {
        &self.submission.ship_to.order
    }

    /// A line by its number.
    pub fn line(&self, line: LineNo) -> Option<&OrderLine> {
        self.submission.lines.iter().find(|ordered| ordered.line == line)
    }

    /// The same order again is nothing new; another content under its name is a conflict, recorded once. So is the same
    /// content under a new name `after_cancel`: its sender believes that the goods will come.
    pub(super) fn compare(&self, again: Submission, after_cancel: bool) -> Option<OrderEvent> {
        if self.is_conflict(&again) || (self.digests.contains(&again.digest) && !after_cancel) {
            return None;
        }
        let Submission { source, external_id, digest, .. } = again;
        Some(OrderEvent::SubmissionConflicted(Conflict { source, external_id, digest, after_cancel }))
    }

    /// Whether `again` repeats a content that the order has or had.
    pub fn is_same(&self, again: &Submission) -> bool {
        self.digests.contains(&again.digest) && !self.is_conflict(again)
    }

    /// Whether `again` is recorded as a conflict.
    fn is_conflict(&self, again: &Submission) -> bool {
        let of = |it: &Conflict| {
            (&it.source, &it.external_id, &it.digest) == (&again.source, &again.external_id, &again.digest)
        };
        self.conflicts.iter().any(of)
    }

    /// Whether `amendment` would change nothing.
    pub(super) fn says(&self, amendment: &Amendment) -> bool {
        let Submission { lines, ship_to, service_level, ship_complete, .. } = &self.submission;
        *lines == amendment.lines
            && *ship_to == amendment.ship_to
            && amendment.service_level.is_none_or(|level| level == *service_level)
            && amendment.ship_complete.is_none_or(|complete| complete == *ship_complete)
    }

    pub(super) fn amend(&mut self, amendment: &Amendment) {
        self.revision = amendment.revision;
        self.digests.insert(amendment.digest.clone());
        self.digest.clone_from(&amendment.digest);
        if let Some(level) = amendment.service_level {
            self.submission.service_level = level;
        }
        if let Some(complete) = amendment.ship_complete {
            self.submission.ship_complete = complete;
        }
        self.submission.lines.clone_from(&amendment.lines);
        self.submission.ship_to = amendment.ship_to.clone();
        self.submission.destination = amendment.destination.clone();
        // The customer was promised a total for the earlier content.
        self.submission.expected = None;
    }
}
