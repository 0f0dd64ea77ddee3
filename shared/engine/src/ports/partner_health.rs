//! A partner's health, shared by all instances: a circuit breaker, a wait after a 429, a limit of calls in flight while the
//! partner is slow, and a rate limit.
//!
//! [`PartnerHealth`] is pure: it decides whether a call may go, and what follows from a call's outcome. [`PartnerHealthStore`]
//! stores it. A healthy partner costs a read now and then, and no write, because an outcome that changes nothing yields `None`. If
//! the store does not answer, calls go ahead: health saves useless calls, it is not needed for correctness.

use std::time::Duration;

use domain::PartnerId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Wait};

/// So many failures in a row open the circuit, if the first is at least [`MIN_OUTAGE`] ago.
const MAX_FAILURES: u32 = 3;
/// Many concurrent calls may fail in one bad moment; they are retried before the circuit opens. Longer than an instance caches
/// health (three seconds), so that each instance's successes count.
const MIN_OUTAGE: Duration = Duration::from_secs(4);
/// So many slow answers in a row make a partner slow; so many fast ones in a row end it.
const STREAK: u32 = 3;
/// The first time that the circuit opens; each failed probe doubles it.
const FIRST_OPEN: Duration = Duration::from_secs(5);
/// The longest that work waits for a partner that has recovered.
const LONGEST_OPEN: Duration = Duration::from_secs(300);
/// An instance leases the tokens of this time in one write.
const LEASED_SPAN: Duration = Duration::from_secs(5);
/// Leased tokens expire after this time.
const TOKEN_LIFETIME: Duration = Duration::from_secs(10);

/// The load that a partner takes, from its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// An answer that takes longer is slow.
    pub slow: Duration,
    /// Calls in flight, from all instances together, while the partner is slow.
    pub in_flight: u32,
    /// Its rate limit; `None` if it has none.
    pub rate: Option<Rate>,
}

/// A rate limit, as a token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Tokens earned a minute; at least 1.
    pub per_minute: u32,
    /// Tokens that may be spent at once; at least 1.
    pub burst: u32,
}

/// A partner's health. The default is a healthy partner.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartnerHealth {
    /// Failures in a row, up to the number that opens the circuit.
    failures: u32,
    /// When the first of them happened.
    failing_since: Option<Timestamp>,
    /// How often the circuit opened since the last success.
    trips: u32,
    /// The circuit is open until then. After that one call at a time may go, until a probe succeeds.
    open_until: Option<Timestamp>,
    /// When the probe's lease ends.
    probe_until: Option<Timestamp>,
    /// The end of the wait after a 429.
    limited_until: Option<Timestamp>,
    /// Slow answers in a row, up to the number that makes the partner slow.
    slow: u32,
    /// Fast answers in a row since the partner is slow.
    fast: u32,
    /// The ends of the leases of the calls in flight, while the partner is slow. May contain equal ones.
    slots: Vec<Timestamp>,
    /// When the last token that was leased is earned.
    tokens_until: Option<Timestamp>,
    /// [`Limits::in_flight`] while the partner is slow, and [`Limits::rate`] once tokens were leased: for readers without
    /// the partner's document.
    in_flight: u32,
    rate: Option<Rate>,
}

/// Whether a call may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It may go; nothing has to be written.
    Go,
    /// It may go with this permit, once this state is written.
    GoOnce(PartnerHealth, Permit),
    /// It may not go before `until`.
    Wait {
        /// When to try again.
        until: Timestamp,
        /// Why it may not go now.
        why: Closed,
    },
}

/// Why a call may not go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The circuit is open, or another call is the probe.
    Circuit,
    /// The wait after a 429 is not over, or no token is left.
    Limited,
    /// The partner is slow, and enough calls are in flight.
    Slow,
}

impl Closed {
    /// The same as the reason for which work at `partner` waits.
    pub fn wait(self, partner: PartnerId) -> Wait {
        match self {
            Self::Circuit => Wait::Circuit(partner),
            Self::Limited => Wait::Limited(partner),
            Self::Slow => Wait::Slow(partner),
        }
    }
}

/// What an admitted call holds until its outcome is recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permit {
    /// The call is the probe.
    pub probe: bool,
    /// Its place among the calls in flight, by the end of its lease.
    pub slot: Option<Timestamp>,
}

/// Of the work that waits for a healthy partner, so much is queued at once: the steps that it returns to serve other partners,
/// too, which wait behind it for at most a few seconds.
const MOST_AT_ONCE: u32 = 200;

/// Tokens that an instance leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokens {
    /// Tokens not spent yet.
    pub left: u32,
    /// When they expire.
    pub until: Timestamp,
}

/// A call's outcome, as far as it concerns the partner's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOutcome {
    /// Any answer, with its latency.
    Answer(Duration),
    /// No connection, no answer in time, or a 5xx.
    Failed,
    /// A 429, with the time before which no call may go.
    Later(Timestamp),
    /// No request was sent.
    Nothing,
}

impl PartnerHealth {
    /// Whether a call that lasts `lease` at most may go at `now`.
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

    /// Leases the tokens of a few seconds. Returns the state without them, and the tokens.
    ///
    /// # Errors
    /// No token is left; when the next one is earned.
    pub fn take_tokens(&self, rate: Rate, now: Timestamp) -> Result<(Self, Tokens), Timestamp> {
        let each = Duration::from_secs(60) / rate.per_minute.max(1);
        let earned_by = self.tokens_until.map_or(now, |until| until.max(now));
        // Tokens may be leased before they are earned, up to the burst.
        let latest = later(now, each.saturating_mul(rate.burst));
        let most = u32::try_from(LEASED_SPAN.as_nanos() / each.as_nanos().max(1)).unwrap_or(u32::MAX);
        let fitting = |n: &u32| later(earned_by, each.saturating_mul(*n)) <= latest;
        let Some(left) = (1..=most.clamp(1, rate.burst.max(1))).rev().find(fitting) else {
            let ahead = later(earned_by, each).duration_since(latest);
            return Err(now.checked_add(ahead).unwrap_or(Timestamp::MAX));
        };
        let tokens_until = Some(later(earned_by, each.saturating_mul(left)));
        Ok((
            Self { tokens_until, rate: Some(rate), ..self.clone() },
            Tokens { left, until: later(now, TOKEN_LIFETIME) },
        ))
    }

    /// The state after `requests` that were sent without a token; later calls wait until they are earned.
    #[must_use]
    pub fn charge(self, rate: Rate, requests: u32, now: Timestamp) -> Self {
        let each = Duration::from_secs(60) / rate.per_minute.max(1);
        let earned_by = self.tokens_until.map_or(now, |until| until.max(now));
        Self { tokens_until: Some(later(earned_by, each.saturating_mul(requests))), ..self }
    }

    /// The state after a call with `permit` and `outcome`; `None` if it is the same.
    pub fn after(&self, limits: &Limits, permit: &Permit, outcome: CallOutcome, now: Timestamp) -> Option<Self> {
        let mut next = self.clone();
        if let Some(place) = permit.slot.and_then(|slot| next.slots.iter().position(|other| *other == slot)) {
            next.slots.remove(place);
        }
        match outcome {
            CallOutcome::Answer(took) => {
                next.recover(permit);
                next.record_latency(took > limits.slow);
                next.in_flight = if next.is_slow() { limits.in_flight } else { 0 };
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

    /// How much of the work that waits for the partner may be queued at `now`, if more is queued after `pause`: none while it
    /// must not be called, one piece as a probe, and otherwise what it can take until then. New work comes besides.
    pub fn takes(&self, now: Timestamp, pause: Duration) -> u32 {
        if self.limited_until.is_some_and(|until| until > now) {
            return 0;
        }
        if let Some(until) = self.open_until {
            return u32::from(until.max(self.probe_until.unwrap_or(until)) <= now);
        }
        let calls = if self.is_slow() { self.in_flight.max(1) } else { MOST_AT_ONCE };
        let earned = |rate: Rate| u64::from(rate.per_minute).saturating_mul(pause.as_secs()).div_ceil(60);
        let earned = self.rate.map_or(u64::MAX, earned).max(1);
        calls.min(u32::try_from(earned).unwrap_or(u32::MAX))
    }

    /// When the open circuit admits a probe; `None` if the circuit is closed.
    pub fn open_until(&self) -> Option<Timestamp> {
        self.open_until
    }

    /// Whether the calls in flight are limited.
    pub fn is_slow(&self) -> bool {
        self.slow >= STREAK
    }

    /// The probe's answer closes the circuit. The answer to a call that began before the circuit opened does not: the failures
    /// that opened it are newer.
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
        self.failures = self.failures.saturating_add(1).min(MAX_FAILURES);
        let since = *self.failing_since.get_or_insert(now);
        if permit.probe || self.failures >= MAX_FAILURES && now >= later(since, MIN_OUTAGE) {
            let open = FIRST_OPEN.saturating_mul(1 << self.trips.min(16)).min(LONGEST_OPEN);
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
        if self.fast >= STREAK {
            (self.slow, self.fast) = (0, 0);
            self.slots.clear();
        }
    }
}

/// The store of partners' health.
pub trait PartnerHealthStore {
    /// The health of `partner` and its version; a healthy partner at version 0 if nothing was written yet.
    fn read(&self, partner: &PartnerId) -> impl Future<Output = Result<(PartnerHealth, u64), Failure>>;

    /// Writes `state` as the version after `version`, if that is still the newest. Returns whether it was written.
    fn swap(
        &self,
        partner: &PartnerId,
        version: u64,
        state: &PartnerHealth,
    ) -> impl Future<Output = Result<bool, Failure>>;
}

/// Always healthy: for tools, and for functions that call no partner.
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

    /// The state and the permit after an admission at `second`.
    fn admitted(state: &PartnerHealth, second: i64) -> (PartnerHealth, Permit) {
        match state.admit(&LIMITS, at(second), LEASE) {
            Admission::Go => (state.clone(), Permit::default()),
            Admission::GoOnce(state, permit) => (state, permit),
            Admission::Wait { .. } => panic!("{state:?} at {second}"),
        }
    }

    /// The state after one call.
    fn call(state: &PartnerHealth, outcome: CallOutcome, second: i64) -> PartnerHealth {
        let (state, permit) = admitted(state, second);
        state.after(&LIMITS, &permit, outcome, at(second)).unwrap_or(state)
    }

    fn waits(state: &PartnerHealth, second: i64) -> (Timestamp, Closed) {
        match state.admit(&LIMITS, at(second), LEASE) {
            Admission::Wait { until, why } => (until, why),
            Admission::Go | Admission::GoOnce(..) => panic!("{state:?} admits the call"),
        }
    }

    fn open() -> PartnerHealth {
        [-2, 0, 2].into_iter().fold(PartnerHealth::default(), |state, second| call(&state, CallOutcome::Failed, second))
    }

    #[test]
    fn a_healthy_partner_costs_no_write() {
        let healthy = PartnerHealth::default();
        assert_eq!(healthy.admit(&LIMITS, at(0), LEASE), Admission::Go);
        assert_eq!(healthy.after(&LIMITS, &Permit::default(), FAST, at(0)), None);
        assert_eq!(healthy.after(&LIMITS, &Permit::default(), CallOutcome::Nothing, at(0)), None);
    }

    #[test]
    fn b23_three_failures_in_a_row_open_the_circuit_and_an_answer_between_them_starts_the_count_again() {
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
            "there was no answer for four seconds"
        );
        assert_eq!(call(&failed, FAST, 1), PartnerHealth::default());
    }

    #[test]
    fn b23_an_open_circuit_admits_one_probe_at_a_time() {
        let (probing, permit) = admitted(&open(), 7);
        assert!(permit.probe);
        assert_eq!(waits(&probing, 8), (at(37), Closed::Circuit));
        let (_, second) = admitted(&probing, 37);
        assert!(second.probe, "a probe that was killed is followed by another");
        assert_eq!(probing.after(&LIMITS, &permit, FAST, at(8)), Some(PartnerHealth::default()));
        let not_sent = probing.after(&LIMITS, &permit, CallOutcome::Nothing, at(8)).unwrap();
        assert!(admitted(&not_sent, 8).1.probe, "a probe that sent nothing frees its place");
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
    fn calls_that_began_before_the_circuit_opened_neither_close_nor_prolong_it() {
        let open = open();
        for outcome in [FAST, CallOutcome::Failed] {
            assert_eq!(open.after(&LIMITS, &Permit::default(), outcome, at(4)), None, "{outcome:?}");
        }
    }

    #[test]
    fn b23_a_slow_partner_gets_two_calls_at_a_time_until_it_is_fast_again() {
        let slow = (0..3).fold(PartnerHealth::default(), |state, second| call(&state, SLOW, second));
        assert!(slow.is_slow());
        let (one, first) = admitted(&slow, 10);
        let (two, second) = admitted(&one, 11);
        assert_eq!(waits(&two, 12), (at(40), Closed::Slow));
        let freed = two.after(&LIMITS, &first, SLOW, at(30)).unwrap();
        let freed = admitted(&freed, 30).0;
        assert_eq!(waits(&freed, 30).1, Closed::Slow);
        let freed = freed.after(&LIMITS, &second, FAST, at(31)).unwrap();
        assert!(freed.is_slow(), "one fast answer is not enough");
        let recovered = (32..34).fold(freed, |state, second| call(&state, FAST, second));
        assert_eq!(recovered, PartnerHealth::default());
    }

    #[test]
    fn places_of_killed_calls_expire() {
        let slow = (0..3).fold(PartnerHealth::default(), |state, second| call(&state, SLOW, second));
        let full = admitted(&admitted(&slow, 10).0, 10).0;
        assert_eq!(admitted(&full, 40).0.slots.len(), 1);
    }

    #[test]
    fn b24_after_a_429_no_call_goes_until_its_wait_is_over_and_it_counts_as_no_failure() {
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
    fn tokens_are_leased_several_at_a_time_and_never_more_than_are_earned() {
        let rate = Rate { per_minute: 60, burst: 10 };
        let (mut state, mut leased) = (PartnerHealth::default(), 0);
        for second in 0..120 {
            while let Ok((next, tokens)) = state.take_tokens(rate, at(second)) {
                assert!((1..=5).contains(&tokens.left));
                (state, leased) = (next, leased + tokens.left);
                assert!(i64::from(leased) <= second + 10, "{leased} at {second}");
            }
            let next = state.take_tokens(rate, at(second)).unwrap_err();
            assert_eq!(next, at(second + 1));
        }
        assert!(leased >= 125, "{leased}");
    }

    #[test]
    fn later_calls_wait_for_the_tokens_of_requests_that_went_without_one() {
        let rate = Rate { per_minute: 6, burst: 1 };
        let (state, _) = PartnerHealth::default().take_tokens(rate, at(0)).unwrap();
        let state = state.charge(rate, 2, at(1));
        assert_eq!(state.take_tokens(rate, at(29)).unwrap_err(), at(30));
        assert!(state.take_tokens(rate, at(30)).is_ok());
    }

    #[test]
    fn f15_work_that_waits_is_queued_as_the_partner_takes_it() {
        let pause = Duration::from_secs(10);
        assert_eq!(PartnerHealth::default().takes(at(0), pause), 200);
        let open = open();
        assert_eq!((open.takes(at(6), pause), open.takes(at(7), pause)), (0, 1), "none, then a probe");
        let probing = admitted(&open, 7).0;
        assert_eq!(probing.takes(at(8), pause), 0, "one probe at a time");
        let limited = call(&PartnerHealth::default(), CallOutcome::Later(at(60)), 0);
        assert_eq!((limited.takes(at(59), pause), limited.takes(at(60), pause)), (0, 200));
        let slow = (0..3).fold(PartnerHealth::default(), |state, second| call(&state, SLOW, second));
        assert_eq!(slow.takes(at(9), pause), 2);
        let (rated, _) = PartnerHealth::default().take_tokens(Rate { per_minute: 90, burst: 9 }, at(0)).unwrap();
        assert_eq!(rated.takes(at(9), pause), 15);
    }

    #[test]
    fn a_state_written_by_another_release_can_be_read() {
        let read: PartnerHealth = serde_json::from_str(r#"{"failures":1,"mood":"good"}"#).unwrap();
        assert_eq!(read.failures, 1);
    }
}
