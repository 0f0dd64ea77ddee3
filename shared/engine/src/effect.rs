//! Intent before effect: a step that makes or changes something at a partner commits what it is about to do, does it, and
//! records the answer, whatever has happened to the stream since.
//!
//! Killed before the intent: nothing happened. Killed after it: the effect is possibly done; the next delivery waits until
//! the claim lapses and repeats with the same key, or looks the outcome up, as the partner's semantics say.

use domain::mutants::{self, Mutant};
use domain::workflow::Claim as OpenClaim;
use domain::{EffectRefused, EffectRequest, Faltered, Sending, Workflow};

use crate::context::Context;
use crate::failure::{Failure, Outcome, Wait};
use crate::journal::{Append, Journal, Stream};
use crate::partner::{Attempt, CallFailure};

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
    sending: Sending,
    /// The sending before this one, which may have had its effect.
    earlier: Option<Sending>,
}

/// How often an intent is announced anew because another commit came first.
const RACES: usize = 8;

/// Announces the effect of the request that `guard` makes of the stream, if it makes one.
///
/// # Errors
/// Deferred while another delivery holds the claim; the store's; raced too often.
pub async fn claim<W: Workflow, R: EffectRequest>(
    journal: &impl Journal,
    id: &W::Id,
    cx: &Context,
    guard: impl Fn(&W) -> Option<R>,
) -> Result<Claimed<W, R>, Failure> {
    claim_with(journal, id, cx, guard, W::announce).await
}

/// The same, where the announcement is a command of its own (one that opens the stream, too).
///
/// # Errors
/// As [`claim`].
pub async fn claim_with<W: Workflow, R: EffectRequest>(
    journal: &impl Journal,
    id: &W::Id,
    cx: &Context,
    guard: impl Fn(&W) -> Option<R>,
    announce: impl Fn(Sending) -> W::Command,
) -> Result<Claimed<W, R>, Failure> {
    for _ in 0..RACES {
        let mut stream = Stream::<W>::load(journal, id, cx).await?;
        let Some(request) = guard(&stream.state) else { return Ok(Claimed::Nothing) };
        // What undoes an effect waits until nobody can still be at that effect.
        if let Some(until) = request.not_before().filter(|until| *until > cx.now) {
            return Err(Failure::Deferred { until, why: Wait::Claimed });
        }
        let earlier = stream.state.sendings().get(&request.effect());
        let attempt = match earlier {
            Some(OpenClaim::Held(sending)) if sending.until > cx.now && !mutants::on(Mutant::ClaimIgnored) => {
                return Err(Failure::Deferred { until: sending.until, why: Wait::Claimed });
            }
            Some(open) => open.sending().attempt.saturating_add(1),
            None => 1,
        };
        let earlier = earlier.map(|open| open.sending().clone());
        let (effect, key) = (request.effect(), request.key());
        let sending = Sending { effect, key, of_version: stream.version, until: cx.until(), attempt };
        let events = match stream.state.decide(announce(sending.clone())) {
            Ok(events) => events,
            Err(rejection) => {
                return Err(Failure::permanent(crate::failure::Code::StateImpossible, rejection.to_string()));
            }
        };
        // A claim belongs to one delivery: its cause is the place in the stream, not the work.
        let cause = cx.cause(&format!("{}#sending-{}", sending.key, stream.version + 1));
        let commit = stream.next(cx, &cause, &events)?;
        if mutants::on(Mutant::EffectUnannounced) {
            return Ok(Claimed::Mine(Claim { stream, sending, earlier }, request));
        }
        match journal.append(&commit).await? {
            Append::Committed => {
                stream.version = commit.version;
                stream.state = events.iter().fold(stream.state, W::evolve);
                return Ok(Claimed::Mine(Claim { stream, sending, earlier }, request));
            }
            Append::Raced => {}
        }
    }
    Err(Failure::transient(crate::failure::Code::JournalRaced, "other commits came first, several times in a row"))
}

impl<W: Workflow> Claim<W> {
    /// Whether this is the first try; a later one may have to look before it leaps.
    pub fn attempt(&self) -> Attempt {
        if mutants::on(Mutant::RepeatWithoutLookUp) {
            return Attempt::First;
        }
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
        let effect = self.sending.effect.clone();
        let key = &self.sending.key;
        // The cause names the claim by its place in the stream: an answer to another claim is another fact, which `decide`
        // weighs, even where both are first attempts (what was undone once may have to be undone again).
        let claim = self.sending.of_version + 1;
        match answer {
            Ok(command) => {
                let cause = cx.cause(&format!("{key}#answer-{claim}"));
                self.stream.commit(journal, cx, &cause, command).await
            }
            Err(CallFailure::Unknown { cause, .. }) if mutants::on(Mutant::TimeoutTakenForNo) => {
                let refused = EffectRefused { effect, rejection: domain::Rejection::new("NO_ANSWER", cause) };
                let cause = cx.cause(&format!("{key}#refused-{claim}"));
                self.stream.commit(journal, cx, &cause, W::refuse(refused)).await
            }
            Err(CallFailure::Refused(rejection)) => {
                let refused = EffectRefused { effect, rejection: rejection.clone() };
                let cause = cx.cause(&format!("{key}#refused-{claim}"));
                self.stream.commit(journal, cx, &cause, W::refuse(refused)).await?;
                Ok(Outcome::Rejected(rejection.to_string()))
            }
            // Certainly not done: the claim lapses by itself before the work is due again.
            Err(failure @ CallFailure::Limited { .. }) => Err(failure.into_failure(self.sending.until)),
            Err(failure @ (CallFailure::Unknown { .. } | CallFailure::NotSent { .. } | CallFailure::Ours { .. })) => {
                let code = failure.code().as_str().to_owned();
                let faltered = Faltered { effect, attempt: self.sending.attempt, code };
                let cause = cx.cause(&format!("{key}#faltered-{claim}"));
                self.stream.commit(journal, cx, &cause, W::falter(faltered)).await?;
                Err(failure.into_failure(cx.now))
            }
        }
    }
}
