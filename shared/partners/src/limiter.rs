//! Asks partners' gates before a call and tells them after it, on behalf of one instance.
//!
//! What a gate said is believed for a moment, so that a partner that is well costs next to nothing. A store that does not
//! answer holds nothing up: the call goes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::PartnerId;
use engine::partner::CallFailure;
use engine::partner_health::{
    Admission, CallOutcome, Closed, Limits, PartnerHealth, PartnerHealthStore, Permit, Tokens,
};
use engine::{Context, Failure};
use jiff::{SignedDuration, Timestamp};

use crate::registry::Partner;

/// How long a gate is believed without another look.
const AGE: SignedDuration = SignedDuration::from_secs(3);
/// How often a state is worked out anew because another instance was first.
const RACES: usize = 8;
/// How much later than the others the message comes back that failed as the probe: one that the partner fails over must not
/// be the probe each time.
const BEHIND: Duration = Duration::from_secs(1);

/// One instance's view of all gates. A handle: a clone fulfillments it.
#[derive(Debug, Clone)]
pub(crate) struct CallLimiter<G> {
    partner_health: G,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Debug, Default)]
struct Memory {
    known: BTreeMap<PartnerId, CachedHealth>,
    tokens: BTreeMap<PartnerId, Tokens>,
    /// Passes that were obtained before the call, by whose they are, and until when they are worth something.
    passes: BTreeMap<(PartnerId, String), Vec<(Timestamp, Permit)>>,
}

#[derive(Debug, Clone)]
struct CachedHealth {
    read_at: Timestamp,
    version: u64,
    state: PartnerHealth,
}

impl<G> CallLimiter<G> {
    pub(crate) fn new(partner_health: G) -> Self {
        Self { partner_health, memory: Arc::default() }
    }
}

impl<G: PartnerHealthStore> CallLimiter<G> {
    /// Obtains a pass for a call that comes later, on behalf of the same work.
    pub(crate) async fn reserve(&self, partner: &Partner, cx: &Context, now: Timestamp) -> Result<(), CallFailure> {
        let permit = self.obtain(partner, cx, now).await?;
        let until = now.checked_add(cx.lease).unwrap_or(Timestamp::MAX);
        let mut memory = self.memory();
        // Of work that came to nothing in between; its passes lapse at the gate, too.
        memory.passes.retain(|_, passes| {
            passes.retain(|(until, _)| *until > now);
            !passes.is_empty()
        });
        memory.passes.entry(whose(partner, cx)).or_default().push((until, permit));
        Ok(())
    }

    /// A pass for a call: one that was obtained before, or a new one.
    pub(crate) async fn admit(&self, partner: &Partner, cx: &Context, now: Timestamp) -> Result<Permit, CallFailure> {
        if let Some(permit) = self.reserved(partner, cx, now) {
            return Ok(permit);
        }
        self.obtain(partner, cx, now).await
    }

    async fn obtain(&self, partner: &Partner, cx: &Context, now: Timestamp) -> Result<Permit, CallFailure> {
        match self.enter(partner, cx, now).await {
            Ok(entered) => entered.map_err(|(until, why)| {
                let why = why.wait(partner.id.clone());
                CallFailure::Closed { until, why, after: None }
            }),
            Err(failure) => {
                tracing::warn!(partner = %partner.id, ?failure, "the gate of {} did not answer; calling", partner.id);
                Ok(Permit::default())
            }
        }
    }

    /// Tells the gate what came of a call of so many `requests`. Returns until when its work has to wait, where it failed and
    /// the circuit is open.
    pub(crate) async fn tell(
        &self,
        partner: &Partner,
        limits: &Limits,
        permit: &Permit,
        outcome: CallOutcome,
        requests: u32,
        now: Timestamp,
    ) -> Option<(Timestamp, Closed)> {
        // The first request had its token.
        let unpaid = requests.saturating_sub(1);
        let known = match self.record(&partner.id, limits, permit, outcome, unpaid, now).await {
            Ok(state) => state,
            Err(failure) => {
                tracing::warn!(partner = %partner.id, ?failure, "the gate of {} could not be told", partner.id);
                return None;
            }
        };
        let until = known.open_until().filter(|until| outcome == CallOutcome::Failed && *until > now)?;
        let until = if permit.probe { until.checked_add(BEHIND).unwrap_or(Timestamp::MAX) } else { until };
        Some((until, Closed::Circuit))
    }

    async fn enter(
        &self,
        partner: &Partner,
        cx: &Context,
        now: Timestamp,
    ) -> Result<Result<Permit, (Timestamp, Closed)>, Failure> {
        let mut is_paid = partner.limits.rate.is_none();
        for round in 0..RACES {
            // What was quicker may have brought tokens for this one, too.
            is_paid = is_paid || self.pays(&partner.id, now);
            let known = self.known(&partner.id, round == 0, now).await?;
            let (mut next, permit) = match known.state.admit(&partner.limits, now, cx.lease) {
                Admission::Go => (known.state.clone(), Permit::default()),
                Admission::GoOnce(next, permit) => (next, permit),
                Admission::Wait { until, why } => return Ok(Err((until, why))),
            };
            let mut taken = None;
            if let Some(rate) = partner.limits.rate.filter(|_| !is_paid) {
                let (after, tokens) = match next.take_tokens(rate, now) {
                    Ok(taken) => taken,
                    Err(until) => return Ok(Err((until, Closed::Limited))),
                };
                (next, taken) = (after, Some(tokens));
            }
            if next != known.state && !self.write(&partner.id, known.version, next, now).await? {
                continue;
            }
            if let Some(tokens) = taken {
                self.keep(&partner.id, tokens, now);
            }
            return Ok(Ok(permit));
        }
        // Others are faster each time: they are calling, so that this one may.
        Ok(Ok(Permit::default()))
    }

    async fn record(
        &self,
        partner: &PartnerId,
        limits: &Limits,
        permit: &Permit,
        outcome: CallOutcome,
        unpaid: u32,
        now: Timestamp,
    ) -> Result<PartnerHealth, Failure> {
        let mut state = PartnerHealth::default();
        for round in 0..RACES {
            // What was known when the call began is good enough to see that there is nothing new.
            let remembered = self.memory().known.get(partner).cloned().filter(|_| round == 0);
            let known = match remembered {
                Some(known) => known,
                None => self.known(partner, false, now).await?,
            };
            let mut next = known.state.after(limits, permit, outcome, now);
            if let Some(rate) = limits.rate.filter(|_| unpaid > 0) {
                next = Some(next.unwrap_or_else(|| known.state.clone()).charge(rate, unpaid, now));
            }
            let Some(next) = next else { return Ok(known.state) };
            let (was, is) = (known.state.open_until(), next.open_until());
            state = next.clone();
            if self.write(partner, known.version, next, now).await? {
                match (was, is) {
                    (was, Some(until)) if was != is => {
                        tracing::warn!(%partner, %until, "{partner} does not answer; nobody asks it before {until}");
                    }
                    (Some(_), None) => tracing::info!(%partner, "{partner} answers again"),
                    _ => {}
                }
                break;
            }
        }
        Ok(state)
    }

    /// The gate as it is known here, or as it is.
    async fn known(&self, partner: &PartnerId, may_be_old: bool, now: Timestamp) -> Result<CachedHealth, Failure> {
        let fresh = |known: &&CachedHealth| now.duration_since(known.read_at).abs() < AGE;
        if may_be_old && let Some(known) = self.memory().known.get(partner).filter(fresh) {
            return Ok(known.clone());
        }
        let (state, version) = self.partner_health.read(partner).await?;
        let known = CachedHealth { read_at: now, version, state };
        self.memory().known.insert(partner.clone(), known.clone());
        Ok(known)
    }

    async fn write(
        &self,
        partner: &PartnerId,
        version: u64,
        state: PartnerHealth,
        now: Timestamp,
    ) -> Result<bool, Failure> {
        let written = self.partner_health.swap(partner, version, &state).await?;
        if written {
            let known = CachedHealth { read_at: now, version: version + 1, state };
            self.memory().known.insert(partner.clone(), known);
        }
        Ok(written)
    }

    fn reserved(&self, partner: &Partner, cx: &Context, now: Timestamp) -> Option<Permit> {
        let mut memory = self.memory();
        let passes = memory.passes.get_mut(&whose(partner, cx))?;
        while let Some((until, permit)) = passes.pop() {
            if until > now {
                return Some(permit);
            }
        }
        None
    }

    /// Spends a token that the instance has.
    fn pays(&self, partner: &PartnerId, now: Timestamp) -> bool {
        match self.memory().tokens.get_mut(partner) {
            Some(tokens) if tokens.left > 0 && tokens.until > now => {
                tokens.left -= 1;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Keeps what is left of `tokens` after this call's, beside what there is.
    fn keep(&self, partner: &PartnerId, tokens: Tokens, now: Timestamp) {
        let mut memory = self.memory();
        let existing = memory.tokens.entry(partner.clone()).or_insert(Tokens { left: 0, ..tokens });
        let left = if existing.until > now { existing.left } else { 0 };
        *existing = Tokens { left: left.saturating_add(tokens.left.saturating_sub(1)), ..tokens };
    }

    /// A panic elsewhere leaves nothing half done in here.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose a pass is: one piece of work's, towards one partner.
fn whose(partner: &Partner, cx: &Context) -> (PartnerId, String) {
    (partner.id.clone(), cx.correlation.clone())
}
