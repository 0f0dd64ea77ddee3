//! What is known, across all instances, of how a partner is: whether its circuit is open, whether it asked us to wait, whether
//! it is slow, and how many calls it may get.
//!
//! Pure: [`PartnerHealth`] says who may call now and what follows from a call; [`PartnerHealthStore`] keeps it. A partner that is well costs a
//! read now and then and no write: what is nothing new is `None`. Whoever calls partners asks before, tells after, and goes
//! ahead where the store does not answer: a gate spares work, it does not decide whether there is any.

use std::time::Duration;

use domain::PartnerId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Wait};

/// So many failures in a row open the circuit, if there was no answer for [`SPAN`].
const FAILURES: u32 = 3;
/// Many calls at once may fail in one bad moment; what was tried in it is tried again before anybody has to wait. It is longer
/// than an instance believes a gate, so that every instance's answers are heard in between.
const SPAN: Duration = Duration::from_secs(4);
/// So many slow answers in a row make a partner slow, and so many fast ones end that.
const ANSWERS: u32 = 3;
/// How long the circuit is open the first time; each failed probe doubles it.
const SHORTEST: Duration = Duration::from_secs(5);
/// How long it is open at most: nobody waits longer for a partner that is well again.
const LONGEST: Duration = Duration::from_secs(300);
/// How many tokens an instance takes at once: those of so much time.
const TOKENS_OF: Duration = Duration::from_secs(5);
/// How long an instance may keep tokens before they lapse.
const TOKENS_FOR: Duration = Duration::from_secs(10);

/// What a partner bears, as its document says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// An answer that takes longer is a slow one.
    pub slow: Duration,
    /// How many calls are in flight at once, from all instances together, while it is slow.
    pub in_flight: u32,
    /// How many calls it takes, if it says so.
    pub rate: Option<Rate>,
}

/// How many calls a partner takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Calls a minute, in the long run; at least 1.
    pub per_minute: u32,
    /// How many of them may come at once; at least 1.
    pub burst: u32,
}

/// How a partner is. The default is a partner that is well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartnerHealth {
    /// Calls in a row that failed, up to those that open the circuit.
    failures: u32,
    /// When the first of them did.
    failing_since: Option<Timestamp>,
    /// How often in a row the circuit was opened.
    trips: u32,
    /// The circuit is open until then; after that, until a probe succeeds, one call at a time goes.
    open_until: Option<Timestamp>,
    /// A probe is under way, until then at most.
    probe_until: Option<Timestamp>,
    /// The partner asked us to wait until then.
    limited_until: Option<Timestamp>,
    /// Answers in a row that were slow, up to those that make the partner slow.
    slow: u32,
    /// Answers in a row that were fast since it is slow.
    fast: u32,
    /// While it is slow: until when each call in flight may last. Equal ones are as good as each other.
    slots: Vec<Timestamp>,
    /// When the last of all tokens that were given out would have been earned.
    tokens_until: Option<Timestamp>,
}

/// Whether a call may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It may, and nothing has to be written.
    Go,
    /// It may with this pass, once this state is written.
    GoOnce(PartnerHealth, Permit),
    /// Not before `until`.
    Wait {
        /// When to ask again.
        until: Timestamp,
        /// What keeps it.
        why: Closed,
    },
}

/// What keeps a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The circuit is open, or another call is the probe.
    Circuit,
    /// The partner asked us to wait, or the calls that it takes are spent.
    Limited,
    /// The partner is slow, and enough calls are in flight.
    Slow,
}

impl Closed {
    /// What work waits for.
    pub fn wait(self, partner: PartnerId) -> Wait {
        match self {
            Self::Circuit => Wait::Circuit(partner),
            Self::Limited => Wait::Limited(partner),
            Self::Slow => Wait::Slow(partner),
        }
    }
}

/// What an admitted call holds until it is over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permit {
    /// It is the probe.
    pub probe: bool,
    /// Its place among the calls in flight.
    pub slot: Option<Timestamp>,
}

/// Tokens that an instance may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokens {
    /// How many.
    pub left: u32,
    /// Unspent ones are worth nothing from then on.
    pub until: Timestamp,
}

/// What came of a call, for the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOutcome {
    /// An answer, whatever it says, after so long.
    Answer(Duration),
    /// None: no connection, no answer in time, a fault of the partner's own.
    Failed,
    /// "Not before": nothing was done.
    Later(Timestamp),
    /// The partner was not asked.
    Nothing,
}

impl PartnerHealth {
    /// Whether a call may go at `now` that lasts `lease` at most.
    pub fn admit(&self, limits: &Limits, now: Timestamp, lease: Duration) -> Admission {
        if let Some(until) = self.limited_until.filter(|until| *until > now) {
            return Admission::Wait { until, why: Closed::Limited };
        }
        let (mut next, mut permit) = (self.clone(), Permit::default());
        if let Some(until) = self.open_until {
            let probe = self.probe_until.filter(|probe| *probe > now);
            if let Some(until) = probe.or((until > now).then_some(until)) {
                return Admission::Wait { until, why: Closed::Circuit };
            }
            next.probe_until = Some(later(now, lease));
            permit.probe = true;
        }
        if self.is_slow() {
            next.slots.retain(|slot| *slot > now);
            if next.slots.len() >= usize::try_from(limits.in_flight).unwrap_or(usize::MAX) {
                let until = next.slots.iter().min().copied().unwrap_or(now);
                return Admission::Wait { until, why: Closed::Slow };
            }
            let slot = later(now, lease);
            next.slots.push(slot);
            permit.slot = Some(slot);
        }
        if permit == Permit::default() { Admission::Go } else { Admission::GoOnce(next, permit) }
    }

    /// The state after tokens for a few seconds were taken, and the tokens.
    ///
    /// # Errors
    /// When the next one is earned.
    pub fn take_tokens(&self, rate: Rate, now: Timestamp) -> Result<(Self, Tokens), Timestamp> {
        let each = Duration::from_secs(60) / rate.per_minute.max(1);
        let earned_by = self.tokens_until.map_or(now, |until| until.max(now));
        // Whoever takes tokens before they are earned may be ahead of them by the burst.
        let bound = later(now, each.saturating_mul(rate.burst));
        let wanted = u32::try_from(TOKENS_OF.as_nanos() / each.as_nanos().max(1)).unwrap_or(u32::MAX);
        let fitting = |n: &u32| later(earned_by, each.saturating_mul(*n)) <= bound;
        let Some(left) = (1..=wanted.clamp(1, rate.burst.max(1))).rev().find(fitting) else {
            let ahead = later(earned_by, each).duration_since(bound);
            return Err(now.checked_add(ahead).unwrap_or(Timestamp::MAX));
        };
        let tokens_until = Some(later(earned_by, each.saturating_mul(left)));
        Ok((Self { tokens_until, ..self.clone() }, Tokens { left, until: later(now, TOKENS_FOR) }))
    }

    /// The state after so many requests went that nobody had a token for: whoever comes next waits for them, too.
    #[must_use]
    pub fn charge(self, rate: Rate, requests: u32, now: Timestamp) -> Self {
        let each = Duration::from_secs(60) / rate.per_minute.max(1);
        let earned_by = self.tokens_until.map_or(now, |until| until.max(now));
        Self { tokens_until: Some(later(earned_by, each.saturating_mul(requests))), ..self }
    }

    /// The state after a call with `permit` was `outcome`; `None` where it is the same.
    pub fn after(&self, limits: &Limits, permit: &Permit, outcome: CallOutcome, now: Timestamp) -> Option<Self> {
        let mut next = self.clone();
        if let Some(place) = permit.slot.and_then(|slot| next.slots.iter().position(|known| *known == slot)) {
            next.slots.remove(place);
        }
        match outcome {
            CallOutcome::Answer(took) => {
                next.recover(permit);
                next.record_latency(took > limits.slow);
            }
            CallOutcome::Later(until) => {
                next.recover(permit);
                next.limited_until = next.limited_until.max(Some(until));
            }
            CallOutcome::Failed => next.fail(permit, now),
            CallOutcome::Nothing => {
                if permit.probe {
                    next.probe_until = None;
                }
            }
        }
        (next != *self).then_some(next)
    }

    /// Until when the circuit is open, if it is.
    pub fn open_until(&self) -> Option<Timestamp> {
        self.open_until
    }

    /// Whether only some calls may be in flight.
    pub fn is_slow(&self) -> bool {
        self.slow >= ANSWERS
    }

    /// An answer closes the circuit where it is the probe's. One that was asked before the circuit opened does not: the
    /// failures that opened it are younger.
    fn recover(&mut self, permit: &Permit) {
        if permit.probe || self.open_until.is_none() {
            (self.failures, self.failing_since) = (0, None);
            (self.trips, self.open_until, self.probe_until) = (0, None, None);
        }
    }

    fn fail(&mut self, permit: &Permit, now: Timestamp) {
        if !permit.probe && self.open_until.is_some() {
            return;
        }
        self.failures = self.failures.saturating_add(1).min(FAILURES);
        let since = *self.failing_since.get_or_insert(now);
        if permit.probe || self.failures >= FAILURES && now >= later(since, SPAN) {
            let open = SHORTEST.saturating_mul(1 << self.trips.min(16)).min(LONGEST);
            self.trips = self.trips.saturating_add(1);
            (self.open_until, self.probe_until) = (Some(later(now, open)), None);
        }
    }

    fn record_latency(&mut self, slow: bool) {
        match (self.is_slow(), slow) {
            (false, true) => self.slow += 1,
            (false, false) => self.slow = 0,
            (true, true) => self.fast = 0,
            (true, false) => self.fast += 1,
        }
        if self.fast >= ANSWERS {
            (self.slow, self.fast) = (0, 0);
            self.slots.clear();
        }
    }
}

/// Where partners' gates are kept.
pub trait PartnerHealthStore {
    /// The gate of `partner` and its version; version 0 and a partner that is well where nothing was ever written.
    fn read(&self, partner: &PartnerId) -> impl Future<Output = Result<(PartnerHealth, u64), Failure>>;

    /// Writes `state` as the version after `version`, if that is still the newest. Returns whether it was.
    fn swap(
        &self,
        partner: &PartnerId,
        version: u64,
        state: &PartnerHealth,
    ) -> impl Future<Output = Result<bool, Failure>>;
}

/// No gate: for tools, and for what never calls a partner.
impl PartnerHealthStore for () {
    async fn read(&self, _partner: &PartnerId) -> Result<(PartnerHealth, u64), Failure> {
        Ok((PartnerHealth::default(), 0))
    }

    async fn swap(&self, _partner: &PartnerId, _version: u64, _state: &PartnerHealth) -> Result<bool, Failure> {
        Ok(true)
    }
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    const LIMITS: Limits = Limits { slow: Duration::from_secs(5), in_flight: 2, rate: None };
    const LEASE: Duration = Duration::from_secs(30);
    const FAST: CallOutcome = CallOutcome::Answer(Duration::from_millis(80));
    const SLOW: CallOutcome = CallOutcome::Answer(Duration::from_secs(20));

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn went(state: &PartnerHealth, second: i64) -> (PartnerHealth, Permit) {
        match state.admit(&LIMITS, at(second), LEASE) {
            Admission::Go => (state.clone(), Permit::default()),
            Admission::GoOnce(state, permit) => (state, permit),
            Admission::Wait { .. } => panic!("{state:?} at {second}"),
        }
    }

    /// One whole call.
    fn call(state: &PartnerHealth, outcome: CallOutcome, second: i64) -> PartnerHealth {
        let (state, permit) = went(state, second);
        state.after(&LIMITS, &permit, outcome, at(second)).unwrap_or(state)
    }

    fn waits(state: &PartnerHealth, second: i64) -> (Timestamp, Closed) {
        match state.admit(&LIMITS, at(second), LEASE) {
            Admission::Wait { until, why } => (until, why),
            Admission::Go | Admission::GoOnce(..) => panic!("{state:?} lets it go"),
        }
    }

    fn open() -> PartnerHealth {
        [-2, 0, 2].into_iter().fold(PartnerHealth::default(), |state, second| call(&state, CallOutcome::Failed, second))
    }

    #[test]
    fn a_partner_that_is_well_costs_no_write() {
        let well = PartnerHealth::default();
        assert_eq!(well.admit(&LIMITS, at(0), LEASE), Admission::Go);
        assert_eq!(well.after(&LIMITS, &Permit::default(), FAST, at(0)), None);
        assert_eq!(well.after(&LIMITS, &Permit::default(), CallOutcome::Nothing, at(0)), None);
    }

    #[test]
    fn b23_three_failures_in_a_row_open_the_circuit_and_an_answer_between_them_does_not_let_them() {
        let two = [-2, 0]
            .into_iter()
            .fold(PartnerHealth::default(), |state, second| call(&state, CallOutcome::Failed, second));
        assert_eq!(call(&two, FAST, 2), PartnerHealth::default());
        assert_eq!(waits(&call(&two, CallOutcome::Failed, 2), 3), (at(7), Closed::Circuit));
    }

    #[test]
    fn calls_that_fail_in_one_bad_moment_open_no_circuit_and_cost_three_writes() {
        let failed = (0..3).fold(PartnerHealth::default(), |state, _| call(&state, CallOutcome::Failed, 0));
        assert_eq!(failed.after(&LIMITS, &Permit::default(), CallOutcome::Failed, at(1)), None);
        assert_eq!(
            waits(&call(&failed, CallOutcome::Failed, 4), 5),
            (at(9), Closed::Circuit),
            "nothing was heard for four seconds"
        );
        assert_eq!(call(&failed, FAST, 1), PartnerHealth::default());
    }

    #[test]
    fn b23_an_open_circuit_lets_one_probe_through_and_no_second_one() {
        let (probing, permit) = went(&open(), 7);
        assert!(permit.probe);
        assert_eq!(waits(&probing, 8), (at(37), Closed::Circuit));
        let (_, second) = went(&probing, 37);
        assert!(second.probe, "a probe that was killed is followed by another");
        assert_eq!(probing.after(&LIMITS, &permit, FAST, at(8)), Some(PartnerHealth::default()));
        let unasked = probing.after(&LIMITS, &permit, CallOutcome::Nothing, at(8)).unwrap();
        assert!(went(&unasked, 8).1.probe, "a probe that asked nothing is given back");
    }

    #[test]
    fn b23_each_failed_probe_doubles_the_pause_up_to_five_minutes() {
        let (mut state, mut second, mut pauses) = (open(), 7, vec![]);
        for _ in 0..8 {
            state = call(&state, CallOutcome::Failed, second);
            let (until, _) = waits(&state, second);
            pauses.push(until.duration_since(at(second)).as_secs());
            second += pauses.last().unwrap();
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 300, 300, 300]);
    }

    #[test]
    fn calls_that_went_before_the_circuit_opened_neither_close_nor_prolong_it() {
        let open = open();
        for outcome in [FAST, CallOutcome::Failed] {
            assert_eq!(open.after(&LIMITS, &Permit::default(), outcome, at(4)), None, "{outcome:?}");
        }
    }

    #[test]
    fn b23_a_slow_partner_gets_two_calls_at_a_time_until_it_is_fast_again() {
        let slow = (0..3).fold(PartnerHealth::default(), |state, second| call(&state, SLOW, second));
        assert!(slow.is_slow());
        let (one, first) = went(&slow, 10);
        let (two, second) = went(&one, 11);
        assert_eq!(waits(&two, 12), (at(40), Closed::Slow));
        let freed = two.after(&LIMITS, &first, SLOW, at(30)).unwrap();
        let freed = went(&freed, 30).0;
        assert_eq!(waits(&freed, 30).1, Closed::Slow);
        let freed = freed.after(&LIMITS, &second, FAST, at(31)).unwrap();
        assert!(freed.is_slow(), "one fast answer may be luck");
        let well = (32..34).fold(freed, |state, second| call(&state, FAST, second));
        assert_eq!(well, PartnerHealth::default());
    }

    #[test]
    fn places_of_calls_that_were_killed_lapse() {
        let slow = (0..3).fold(PartnerHealth::default(), |state, second| call(&state, SLOW, second));
        let full = went(&went(&slow, 10).0, 10).0;
        assert_eq!(went(&full, 40).0.slots.len(), 1);
    }

    #[test]
    fn b24_a_429_keeps_everybody_until_it_is_over_and_is_no_failure() {
        let limited = call(&PartnerHealth::default(), CallOutcome::Later(at(60)), 0);
        assert_eq!(waits(&limited, 59), (at(60), Closed::Limited));
        assert_eq!(limited.admit(&LIMITS, at(60), LEASE), Admission::Go);
        assert_eq!(
            limited.after(&LIMITS, &Permit::default(), CallOutcome::Later(at(30)), at(1)),
            None,
            "the longest counts"
        );
        assert_eq!(limited.open_until(), None);
    }

    #[test]
    fn tokens_are_taken_some_at_a_time_and_never_more_than_are_earned() {
        let rate = Rate { per_minute: 60, burst: 10 };
        let (mut state, mut taken) = (PartnerHealth::default(), 0);
        for second in 0..120 {
            while let Ok((next, tokens)) = state.take_tokens(rate, at(second)) {
                assert!((1..=5).contains(&tokens.left));
                (state, taken) = (next, taken + tokens.left);
                assert!(i64::from(taken) <= second + 10, "{taken} at {second}");
            }
            let next = state.take_tokens(rate, at(second)).unwrap_err();
            assert_eq!(next, at(second + 1));
        }
        assert!(taken >= 125, "{taken}");
    }

    #[test]
    fn requests_that_went_without_a_token_are_waited_for_by_those_that_come_after() {
        let rate = Rate { per_minute: 6, burst: 1 };
        let (state, _) = PartnerHealth::default().take_tokens(rate, at(0)).unwrap();
        let state = state.charge(rate, 2, at(1));
        assert_eq!(state.take_tokens(rate, at(29)).unwrap_err(), at(30));
        assert!(state.take_tokens(rate, at(30)).is_ok());
    }

    #[test]
    fn a_state_that_another_release_wrote_can_be_read() {
        let read: PartnerHealth = serde_json::from_str(r#"{"failures":1,"mood":"good"}"#).unwrap();
        assert_eq!(read.failures, 1);
    }
}
