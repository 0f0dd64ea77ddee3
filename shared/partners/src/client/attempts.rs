//! What an attempt does before it sends a write that may have been sent before.
//!
//! The partner's document declares what a repeated write does: `keyed`, `lookup` or `neither`
//! (`docs/partners/registry.md`, "What a repeated write does").

use std::time::Duration;

use domain::Rejection;
use engine::partner::{Attempt, CallFailure, Secrets};
use jiff::Timestamp;

use crate::client::exchange::PartnerClient;
use crate::client::transport::Transport;
use crate::registry::Submissions;

/// How an attempt begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstStep {
    /// Nothing was sent before, or sending the same again is harmless.
    Send,
    /// An earlier attempt may have been carried out: look it up by our reference.
    LookUp {
        /// If the look-up finds nothing, wait so long and look up again before sending. `None`: the partner already had its
        /// settle time.
        then_wait: Option<Duration>,
    },
}

impl<S: Secrets, T: Transport> PartnerClient<'_, S, T> {
    /// How `attempt` begins with this partner.
    pub(crate) fn first_step(&self, attempt: Attempt) -> Result<FirstStep, CallFailure> {
        match (attempt, self.partner.submission) {
            (Attempt::First, _) | (Attempt::Repeat { .. }, Submissions::Keyed) => Ok(FirstStep::Send),
            (Attempt::Repeat { over_by }, Submissions::Lookup { settle_seconds }) => {
                let settle = Duration::from_secs(u64::from(settle_seconds));
                let is_settled = over_by.checked_add(settle).is_ok_and(|settled_at| self.cx.now >= settled_at);
                Ok(FirstStep::LookUp { then_wait: (!is_settled && settle > Duration::ZERO).then_some(settle) })
            }
            (Attempt::Repeat { .. }, Submissions::Neither) => Err(CallFailure::Refused(Rejection::new(
                domain::rejection::OUTCOME_UNKNOWN,
                format!("{} may have done it and offers no look-up; an operator has to look there", self.partner.id),
            ))),
        }
    }

    /// How long an undo that finds nothing has to wait before it looks up again: a document that was sent up to `sent_until` may
    /// not be listed yet.
    pub(crate) fn settle_wait(&self, sent_until: Option<Timestamp>) -> Result<Option<Duration>, CallFailure> {
        let over_by = sent_until.unwrap_or(Timestamp::MIN);
        match self.first_step(Attempt::Repeat { over_by })? {
            FirstStep::Send => Ok(None),
            FirstStep::LookUp { then_wait } => Ok(then_wait),
        }
    }

    /// Ends the attempt after a look-up that found nothing, if the partner has not had its settle time yet.
    ///
    /// # Errors
    /// [`CallFailure::Limited`], for the settle time.
    pub(crate) fn require_settled(&self, then_wait: Option<Duration>) -> Result<(), CallFailure> {
        then_wait
            .map_or(Ok(()), |retry_after| Err(CallFailure::Limited { partner: self.partner.id.clone(), retry_after }))
    }
}
