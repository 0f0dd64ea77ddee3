//! Intent before effect: a step that makes or changes something at a partner commits what it is about to do, does it, and
//! records the answer, whatever has happened to the stream since.
//!
//! Killed before the intent: nothing happened. Killed after it: the effect is possibly done; the next delivery waits until
//! the claim lapses and repeats with the same key, or looks the outcome up, as the partner's semantics say.

use std::time::Duration;

use domain::workflow::Claim as OpenClaim;
use domain::{EffectFailed, EffectRejected, EffectRequest, EffectStarted, Workflow};
use jiff::Timestamp;

use crate::context::Context;
use crate::failure::{Failure, Outcome, Wait};
use crate::journal::{Append, Journal, Stream};
use crate::partner::{Attempt, CallFailure, Ready, Recipient};

/// Whether the effect is this delivery's to carry out.
#[derive(Debug)]
pub enum Claimed<W: Workflow, R> {
    /// It is: the intent is committed.
    Mine(Claim<W>, R),
    /// There is nothing to carry out (any more).
    Nothing,
}

/// A committed intent.
#[derive(Debug)]
pub struct Claim<W: Workflow> {
    stream: Stream<W>,
    started: EffectStarted,
    /// The sending before this one, which may have had its effect.
    earlier: Option<EffectStarted>,
    /// How often the effect was announced, this time included.
    tries: u32,
}

/// How often an intent is announced anew because another commit came first.
const RACES: usize = 8;

/// Announces the effect of the request that `guard` makes of the stream, if it makes one.
///
/// # Errors
/// Deferred while another delivery holds the claim, and while the partner cannot be asked: nothing is written then; the
/// store's; raced too often.
pub async fn claim<W: Workflow, R: EffectRequest>(
    journal: &impl Journal,
    partner: &impl Ready,
    id: &W::Id,
    cx: &Context,
    guard: impl Fn(&W) -> Option<R>,
) -> Result<Claimed<W, R>, Failure> {
    claim_with(journal, partner, id, cx, guard, W::announce).await
}

/// The same, where the announcement is a command of its own (one that opens the stream, too).
///
/// # Errors
/// As [`claim`].
pub async fn claim_with<W: Workflow, R: EffectRequest>(
    journal: &impl Journal,
    partner: &impl Ready,
    id: &W::Id,
    cx: &Context,
    guard: impl Fn(&W) -> Option<R>,
    announce: impl Fn(EffectStarted) -> W::Command,
) -> Result<Claimed<W, R>, Failure> {
    let mut is_ready = false;
    for _ in 0..RACES {
        let mut stream = Stream::<W>::load(journal, id, cx).await?;
        let Some(request) = guard(&stream.state) else { return Ok(Claimed::Nothing) };
        // What undoes an effect waits until nobody can still be at that effect.
        if let Some(until) = request.not_before().filter(|until| *until > cx.now) {
            return Err(Failure::Deferred { until, why: Wait::Claimed });
        }
        let earlier = stream.state.open_effects().get(&request.effect());
        let attempt = match earlier {
            Some(OpenClaim::Held(started)) if started.until > cx.now => {
                return Err(Failure::Deferred { until: started.until, why: Wait::Claimed });
            }
            Some(open) => open.started().attempt.saturating_add(1),
            None => 1,
        };
        let earlier = earlier.map(|open| open.started().clone());
        let tries = stream.how_often(&cx.cause(&format!("{}#started-", request.key())));
        // Once, however often others are faster: what being ready obtained is kept for the call.
        if !is_ready {
            let ready = partner.ready(cx, Recipient::of(&request)).await;
            ready.map_err(|failure| behind(failure, tries))?;
            is_ready = true;
        }
        let (effect, key) = (request.effect(), request.key());
        let started = EffectStarted { effect, key, of_version: stream.version, until: cx.until(), attempt };
        let events = match stream.state.decide(announce(started.clone())) {
            Ok(events) => events,
            Err(rejection) => {
                return Err(Failure::permanent(crate::failure::Code::StateImpossible, rejection.to_string()));
            }
        };
        // A claim belongs to one delivery: its cause is the place in the stream, not the work.
        let cause = cx.cause(&format!("{}#started-{}", started.key, stream.version + 1));
        let commit = stream.next(cx, &cause, &events)?;
        match journal.append(&commit).await? {
            Append::Committed => {
                stream.version = commit.version;
                stream.state = events.iter().fold(stream.state, W::evolve);
                return Ok(Claimed::Mine(Claim { stream, started, earlier, tries: tries.saturating_add(1) }, request));
            }
            Append::Raced => {}
        }
    }
    Err(Failure::transient(crate::failure::Code::JournalRaced, "other commits came first, several times in a row"))
}

/// Work that a partner failed over comes back a second later for each try: whatever was tried less often tries the partner
/// first, so that a long outage is shared by all that waits, and no stream grows with it.
fn behind(failure: Failure, tries: u32) -> Failure {
    match failure {
        Failure::Deferred { until, why: why @ Wait::Circuit(_) } => {
            let later = Duration::from_secs(tries.into());
            Failure::Deferred { until: until.checked_add(later).unwrap_or(Timestamp::MAX), why }
        }
        other @ (Failure::Deferred { .. } | Failure::Transient { .. } | Failure::Permanent { .. }) => other,
    }
}

impl<W: Workflow> Claim<W> {
    /// Whether this is the first try; a later one may have to look before it leaps.
    pub fn attempt(&self) -> Attempt {
        self.earlier.as_ref().map_or(Attempt::First, |earlier| Attempt::Repeat { over_by: earlier.until })
    }

    /// Records what came of the call: the answer, the refusal, or that nobody knows.
    ///
    /// # Errors
    /// The call's own failure, once it is recorded; the store's.
    pub async fn settle(
        mut self,
        journal: &impl Journal,
        cx: &Context,
        answer: Result<W::Command, CallFailure>,
    ) -> Result<Outcome, Failure> {
        let EffectStarted { effect, key, of_version, attempt, until: held_until } = self.started.clone();
        // The cause names the claim by its place in the stream: an answer to another claim is another fact, which `decide`
        // weighs, even where both are first attempts (what was undone once may have to be undone again; what never left is
        // sent again under the same number).
        let claim = of_version + 1;
        match answer {
            Ok(command) => {
                let cause = cx.cause(&format!("{key}#answer-{claim}"));
                self.stream.commit(journal, cx, &cause, command).await
            }
            Err(CallFailure::Refused(rejection)) => {
                let refused = EffectRejected { effect, rejection: rejection.clone() };
                let cause = cx.cause(&format!("{key}#refused-{claim}"));
                self.stream.commit(journal, cx, &cause, W::effect_rejected(refused)).await?;
                Ok(Outcome::Rejected(rejection.to_string()))
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
                self.stream.commit(journal, cx, &cause, W::effect_failed(failed)).await?;
                // A partner that was looked at and has to be looked at again shows what it took some time after whoever sent
                // last was done: this claim is now the last.
                let was_looking = self.earlier.is_some() && matches!(failure, CallFailure::Limited { .. });
                let failure = failure.into_failure(if was_looking { held_until } else { cx.now });
                Err(behind(failure, self.tries))
            }
        }
    }
}
