//! Admits calls to partners by their shared health, and records the outcomes, for one instance of a function.
//!
//! Health that was read is used for three seconds, so that a healthy partner costs few reads. A store that does not answer
//! holds up no call.

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

/// How old cached health may be.
const MAX_AGE: SignedDuration = SignedDuration::from_secs(3);
/// How often a state is computed again because another instance wrote first.
const MAX_RACES: usize = 8;
/// How much later than other work a failed probe's work is retried: an order that makes the partner fail must not be the
/// probe every time.
const PROBE_DELAY: Duration = Duration::from_secs(1);

/// One instance's view of all partners' health. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct CallLimiter<H> {
    store: H,
    local: Arc<Mutex<Local>>,
}

#[derive(Debug, Default)]
struct Local {
    health: BTreeMap<PartnerId, CachedHealth>,
    tokens: BTreeMap<PartnerId, Tokens>,
    /// Permits that were obtained before the call, by partner and correlation id, each with its expiry.
    permits: BTreeMap<(PartnerId, String), Vec<(Timestamp, Permit)>>,
}

#[derive(Debug, Clone)]
struct CachedHealth {
    read_at: Timestamp,
    version: u64,
    state: PartnerHealth,
}

impl<H> CallLimiter<H> {
    pub(crate) fn new(store: H) -> Self {
        Self { store, local: Arc::default() }
    }
}

impl<H: PartnerHealthStore> CallLimiter<H> {
    /// Obtains a permit for a later call of the same work.
    pub(crate) async fn reserve(&self, partner: &Partner, cx: &Context, now: Timestamp) -> Result<(), CallFailure> {
        let permit = self.obtain(partner, cx, now).await?;
        let expires_at = now.checked_add(cx.lease).unwrap_or(Timestamp::MAX);
        let mut local = self.local();
        // Drop permits of work that never made its call; they expire in the store, too.
        local.permits.retain(|_, permits| {
            permits.retain(|(expires_at, _)| *expires_at > now);
            !permits.is_empty()
        });
        local.permits.entry(permit_key(partner, cx)).or_default().push((expires_at, permit));
        Ok(())
    }

    /// A permit for a call: the one that its work reserved, or a new one.
    pub(crate) async fn admit(&self, partner: &Partner, cx: &Context, now: Timestamp) -> Result<Permit, CallFailure> {
        if let Some(permit) = self.reserved(partner, cx, now) {
            return Ok(permit);
        }
        self.obtain(partner, cx, now).await
    }

    async fn obtain(&self, partner: &Partner, cx: &Context, now: Timestamp) -> Result<Permit, CallFailure> {
        match self.try_obtain(partner, cx, now).await {
            Ok(obtained) => obtained.map_err(|(until, why)| {
                let why = why.wait(partner.id.clone());
                CallFailure::Closed { until, why, after: None }
            }),
            Err(failure) => {
                tracing::warn!(partner = %partner.id, ?failure, "the health of {} cannot be read; calling", partner.id);
                Ok(Permit::default())
            }
        }
    }

    /// Records the outcome of a call that took so many `requests`. If the call failed and the circuit is open, returns until
    /// when its work has to wait.
    pub(crate) async fn record(
        &self,
        partner: &Partner,
        limits: &Limits,
        permit: &Permit,
        outcome: CallOutcome,
        requests: u32,
        now: Timestamp,
    ) -> Option<(Timestamp, Closed)> {
        // The permit paid for the first request.
        let unpaid = requests.saturating_sub(1);
        let state = match self.try_record(&partner.id, limits, permit, outcome, unpaid, now).await {
            Ok(state) => state,
            Err(failure) => {
                tracing::warn!(partner = %partner.id, ?failure, "the health of {} cannot be written", partner.id);
                return None;
            }
        };
        let until = state.open_until().filter(|until| outcome == CallOutcome::Failed && *until > now)?;
        let until = if permit.probe { until.checked_add(PROBE_DELAY).unwrap_or(Timestamp::MAX) } else { until };
        Some((until, Closed::Circuit))
    }

    async fn try_obtain(
        &self,
        partner: &Partner,
        cx: &Context,
        now: Timestamp,
    ) -> Result<Result<Permit, (Timestamp, Closed)>, Failure> {
        let mut has_token = partner.limits.rate.is_none();
        for round in 0..MAX_RACES {
            // After a lost race: concurrent work of this instance may have leased tokens meanwhile.
            has_token = has_token || self.spend_token(&partner.id, now);
            let cached = self.health(&partner.id, round == 0, now).await?;
            let (mut next, permit) = match cached.state.admit(&partner.limits, now, cx.lease) {
                Admission::Go => (cached.state.clone(), Permit::default()),
                Admission::GoOnce(next, permit) => (next, permit),
                Admission::Wait { until, why } => return Ok(Err((until, why))),
            };
            let mut leased = None;
            if let Some(rate) = partner.limits.rate.filter(|_| !has_token) {
                let (after, tokens) = match next.take_tokens(rate, now) {
                    Ok(taken) => taken,
                    Err(until) => return Ok(Err((until, Closed::Limited))),
                };
                (next, leased) = (after, Some(tokens));
            }
            if next != cached.state && !self.write(&partner.id, cached.version, next, now).await? {
                continue;
            }
            if let Some(tokens) = leased {
                self.store_tokens(&partner.id, tokens, now);
            }
            return Ok(Ok(permit));
        }
        // Other instances won every race, so they are calling; this call may go, too.
        Ok(Ok(Permit::default()))
    }

    async fn try_record(
        &self,
        partner: &PartnerId,
        limits: &Limits,
        permit: &Permit,
        outcome: CallOutcome,
        unpaid: u32,
        now: Timestamp,
    ) -> Result<PartnerHealth, Failure> {
        let mut state = PartnerHealth::default();
        for round in 0..MAX_RACES {
            // Cached health of any age shows whether the outcome changes anything; a stale version loses the race below.
            let cached = self.local().health.get(partner).cloned().filter(|_| round == 0);
            let cached = match cached {
                Some(cached) => cached,
                None => self.health(partner, false, now).await?,
            };
            let mut next = cached.state.after(limits, permit, outcome, now);
            if let Some(rate) = limits.rate.filter(|_| unpaid > 0) {
                next = Some(next.unwrap_or_else(|| cached.state.clone()).charge(rate, unpaid, now));
            }
            let Some(next) = next else { return Ok(cached.state) };
            let (was, is) = (cached.state.open_until(), next.open_until());
            state = next.clone();
            if self.write(partner, cached.version, next, now).await? {
                match (was, is) {
                    (was, Some(until)) if was != is => {
                        tracing::warn!(%partner, %until, "{partner} does not answer; no call before {until}");
                    }
                    (Some(_), None) => tracing::info!(%partner, "{partner} answers again"),
                    _ => {}
                }
                break;
            }
        }
        Ok(state)
    }

    /// The partner's health: from the cache if `may_be_cached` and it is fresh, otherwise from the store.
    async fn health(&self, partner: &PartnerId, may_be_cached: bool, now: Timestamp) -> Result<CachedHealth, Failure> {
        let is_fresh = |cached: &&CachedHealth| now.duration_since(cached.read_at).abs() < MAX_AGE;
        if may_be_cached && let Some(cached) = self.local().health.get(partner).filter(is_fresh) {
            return Ok(cached.clone());
        }
        let (state, version) = self.store.read(partner).await?;
        let cached = CachedHealth { read_at: now, version, state };
        self.local().health.insert(partner.clone(), cached.clone());
        Ok(cached)
    }

    async fn write(
        &self,
        partner: &PartnerId,
        version: u64,
        state: PartnerHealth,
        now: Timestamp,
    ) -> Result<bool, Failure> {
        let is_written = self.store.swap(partner, version, &state).await?;
        if is_written {
            let cached = CachedHealth { read_at: now, version: version + 1, state };
            self.local().health.insert(partner.clone(), cached);
        }
        Ok(is_written)
    }

    fn reserved(&self, partner: &Partner, cx: &Context, now: Timestamp) -> Option<Permit> {
        let mut local = self.local();
        let permits = local.permits.get_mut(&permit_key(partner, cx))?;
        while let Some((expires_at, permit)) = permits.pop() {
            if expires_at > now {
                return Some(permit);
            }
        }
        None
    }

    /// Spends one of this instance's tokens; `false` if it has none.
    fn spend_token(&self, partner: &PartnerId, now: Timestamp) -> bool {
        match self.local().tokens.get_mut(partner) {
            Some(tokens) if tokens.left > 0 && tokens.until > now => {
                tokens.left -= 1;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Adds `tokens`, less the one for this call, to the instance's unexpired ones.
    fn store_tokens(&self, partner: &PartnerId, tokens: Tokens, now: Timestamp) {
        let mut local = self.local();
        let existing = local.tokens.entry(partner.clone()).or_insert(Tokens { left: 0, ..tokens });
        let left = if existing.until > now { existing.left } else { 0 };
        *existing = Tokens { left: left.saturating_add(tokens.left.saturating_sub(1)), ..tokens };
    }

    /// A poisoned lock is safe to use: no change spans two statements.
    fn local(&self) -> MutexGuard<'_, Local> {
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A permit belongs to one piece of work at one partner.
fn permit_key(partner: &Partner, cx: &Context) -> (PartnerId, String) {
    (partner.id.clone(), cx.correlation.clone())
}
