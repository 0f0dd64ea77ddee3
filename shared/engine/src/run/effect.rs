//! Claims. A step that creates or changes something at a partner first commits a claim (`effect_started`), then calls
//! the partner, then commits the answer, even if the stream has changed in between.
//!
//! If the function dies before the claim, nothing has happened. If it dies after the claim, the partner may have
//! carried out the request: the next delivery waits until the claim lapses, and then repeats the call with the same key
//! or looks its outcome up, depending on the partner.

use std::time::Duration;

use domain::workflow::Claim as OpenClaim;
use domain::workflow::{decide, fold};
use domain::{EffectFailed, EffectRejected, EffectRequest, EffectStarted, Workflow};
use jiff::Timestamp;

use crate::context::Context;
use crate::failure::{Failure, Outcome, Wait};
use crate::journal::{Append, Journal, Stream, stream_name};
use crate::partner::{Attempt, CallFailure, Ready, Recipient};

/// The outcome of trying to claim an effect.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // There is one of it in a step, and it is not kept.
pub enum Claimed<W: Workflow, R> {
    /// The claim is committed; this delivery calls the partner with the request.
    Mine(Claim<W>, R),
    /// The stream's state needs no call (any more).
    Nothing,
}

/// A committed claim.
#[derive(Debug)]
pub struct Claim<W: Workflow> {
    stream: Stream<W>,
    started: EffectStarted<W::Effect>,
    /// The end of an earlier attempt whose call may have reached the partner.
    earlier_until: Option<Timestamp>,
    /// How often the effect was claimed, from 1.
    tries: u32,
}

/// How often a claim is tried before the message goes back to its queue. Each lost race asks the guard again.
const MAX_RACES: usize = 8;

/// Claims the effect of the request that `guard` derives from the stream's state, if it derives one.
///
/// # Errors
/// Deferred, with nothing written, while another delivery holds the claim or the partner's health admits no call; failures
/// of the store; STO-004 after too many lost races.
pub async fn claim<W: Workflow, R: EffectRequest<Effect = W::Effect>>(
    journal: &impl Journal,
    partner: &impl Ready,
    id: &W::Id,
    cx: &Context,
    guard: impl Fn(&W) -> Option<R>,
) -> Result<Claimed<W, R>, Failure> {
    claim_with(journal, partner, id, cx, |state| state.and_then(&guard), W::announce).await
}

/// As [`claim`], for a stream that may not exist yet: the command of `announce` may create it.
///
/// # Errors
/// As [`claim`].
pub async fn claim_with<W: Workflow, R: EffectRequest<Effect = W::Effect>>(
    journal: &impl Journal,
    partner: &impl Ready,
    id: &W::Id,
    cx: &Context,
    guard: impl Fn(Option<&W>) -> Option<R>,
    announce: impl Fn(EffectStarted<W::Effect>) -> W::Command,
) -> Result<Claimed<W, R>, Failure> {
    let (mut is_ready, mut races) = (false, 0);
    let mut stream = Stream::<W>::load_to_commit(journal, id, cx).await?;
    while races < MAX_RACES {
        let Some(request) = guard(stream.state.as_ref()) else {
            if stream.renew(journal, cx).await? {
                continue;
            }
            return Ok(Claimed::Nothing);
        };
        let earlier = stream.state.as_ref().and_then(|state| state.open_effects().get(&request.effect()));
        let held_until = match earlier {
            Some(OpenClaim::Held(started)) => Some(started.until),
            Some(OpenClaim::Failed(_)) | None => None,
        };
        // A request that undoes an effect waits until no delivery can still be carrying out that effect.
        let waits_until = request.not_before().max(held_until).filter(|until| *until > cx.now);
        if let Some(until) = waits_until {
            if stream.renew(journal, cx).await? {
                continue;
            }
            return Err(Failure::Deferred { until, why: Wait::Claimed });
        }
        let tries = stream.how_often(&cx.cause(&format!("{}#started-", request.key())));
        let (attempt, earlier_until) = match earlier {
            Some(open) => (open.started().attempt.saturating_add(1), Some(open.started().until)),
            // The journal may have lost a first attempt. It counts, so that no failure of this one closes the claim.
            None if tries == 0 && may_be_lost(&stream, &request, &announce, cx) => (2, Some(cx.epoch.began)),
            None => (1, None),
        };
        // Only once, even after a lost race: `ready` has reserved the permit that the call uses.
        if !is_ready {
            let ready = partner.ready(cx, Recipient::of(&request)).await;
            ready.map_err(|failure| delay_by_tries(failure, tries))?;
            is_ready = true;
        }
        let slot = cx.folds.slot(&stream_name::<W>(id));
        let mut slot = slot.lock().await;
        // Another message of the batch has committed meanwhile: ask the guard again.
        if stream.catch_up(&slot)? {
            continue;
        }
        let (effect, key) = (request.effect(), request.key());
        let started = EffectStarted { effect, key, of_version: stream.version, until: cx.until(), attempt };
        let events = match decide(stream.state.as_ref(), announce(started.clone())) {
            Ok(events) => events,
            Err(rejection) => {
                return Err(Failure::permanent(crate::failure::Code::StateImpossible, rejection.to_string()));
            }
        };
        // The cause has the claim's version, because each delivery makes a claim of its own.
        let cause = cx.cause(&format!("{}#started-{}", started.key, stream.version + 1));
        match stream.append(&mut slot, journal, cx, &cause, &events).await? {
            Append::Committed => {
                return Ok(Claimed::Mine(
                    Claim { stream, started, earlier_until, tries: tries.saturating_add(1) },
                    request,
                ));
            }
            Append::Raced => races += 1,
        }
    }
    Err(Failure::transient(crate::failure::Code::JournalRaced, "other steps committed first, several times in a row"))
}

/// Whether the effect may have been announced and carried out in the time that a restored journal lost: the stream, or the
/// customer's order, is older than the epoch.
fn may_be_lost<W: Workflow, R: EffectRequest<Effect = W::Effect>>(
    stream: &Stream<W>,
    request: &R,
    announce: impl Fn(EffectStarted<W::Effect>) -> W::Command,
    cx: &Context,
) -> bool {
    let ordered_at = match &stream.state {
        Some(state) => state.ordered_at(),
        // What the stream is about to begin with.
        None => {
            let started = EffectStarted {
                effect: request.effect(),
                key: request.key(),
                of_version: 0,
                until: cx.now,
                attempt: 1,
            };
            let events = decide::<W>(None, announce(started)).unwrap_or_default();
            fold::<W>(&events).and_then(|state| state.ordered_at())
        }
    };
    [stream.began, ordered_at].into_iter().flatten().any(|at| at < cx.epoch.began)
}

/// Delays work that waits for an open circuit by one second per earlier claim, so that the least-tried work probes
/// first. In a long outage the probes, and the commits that they cost, are then spread evenly over the waiting streams.
fn delay_by_tries(failure: Failure, tries: u32) -> Failure {
    match failure {
        Failure::Deferred { until, why: why @ Wait::Circuit(_) } => {
            let later = Duration::from_secs(tries.into());
            Failure::Deferred { until: until.checked_add(later).unwrap_or(Timestamp::MAX), why }
        }
        other @ (Failure::Deferred { .. } | Failure::Transient { .. } | Failure::Permanent { .. }) => other,
    }
}

impl<W: Workflow> Claim<W> {
    /// Whether this is the first call. Before a repeat, the adapter of some partners looks the outcome of the first
    /// call up.
    pub fn attempt(&self) -> Attempt {
        self.earlier_until.map_or(Attempt::First, |over_by| Attempt::Repeat { over_by })
    }

    /// Commits the outcome of the call: the answer's command, a rejection, or a failure.
    ///
    /// # Errors
    /// The call's own failure, after it was committed; failures of the store.
    pub async fn settle(
        mut self,
        journal: &impl Journal,
        cx: &Context,
        answer: Result<W::Command, CallFailure>,
    ) -> Result<Outcome, Failure> {
        let EffectStarted { effect, key, of_version, attempt, until: lapses_at } = self.started.clone();
        // The cause includes the claim's version, so that answers to different claims are never deduplicated against
        // each other. The attempt does not suffice: an effect that is undone twice, or was not sent, has several first
        // attempts.
        let claim = of_version + 1;
        match answer {
            Ok(command) => {
                let cause = cx.cause(&format!("{key}#answer-{claim}"));
                self.stream.commit_answer(journal, cx, &cause, command).await
            }
            Err(CallFailure::Refused(rejection)) => {
                let refused = EffectRejected { effect, rejection: rejection.clone() };
                let cause = cx.cause(&format!("{key}#refused-{claim}"));
                self.stream.commit_answer(journal, cx, &cause, W::effect_rejected(refused)).await?.recorded()?;
                Ok(Outcome::Rejected(rejection))
            }
            Err(
                failure @ (CallFailure::Unknown { .. }
                | CallFailure::NotSent { .. }
                | CallFailure::Limited { .. }
                | CallFailure::Closed { .. }
                | CallFailure::Ours { .. }),
            ) => {
                let (code, not_sent) = (failure.code().as_str().to_owned(), failure.is_undone());
                let cause = cx.cause(&format!("{key}#failed-{claim}"));
                let failed = EffectFailed { effect, attempt, code, not_sent };
                self.stream.commit_answer(journal, cx, &cause, W::effect_failed(failed)).await?.recorded()?;
                // A repeat may have been stopped by the partner's settle time, which starts again when this claim
                // lapses.
                let is_settling = self.earlier_until.is_some() && matches!(failure, CallFailure::Limited { .. });
                let failure = failure.into_failure(if is_settling { lapses_at } else { cx.now });
                Err(delay_by_tries(failure, self.tries))
            }
        }
    }
}
