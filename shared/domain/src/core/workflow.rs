//! How a workflow decides, how its state changes, and how it announces an effect before it acts.
//!
//! A workflow is a stream of events and a state that is folded from them. The state exists from the first event on: before
//! that it is `None`, so that no workflow has a variant for "not there yet". The free functions [`decide`], [`evolve`] and
//! [`fold`] take such an optional state.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::due::DueWork;
use crate::ids::{OrderId, PartnerId};
use crate::rejection::Rejection;
use crate::review::ReviewKind;

/// The state of a stream, folded from its events; it exists from the first event on.
///
/// A long stream's state is kept as a snapshot, so that the state, too, can be written and read.
pub trait Workflow: Clone + fmt::Debug + Sized + Serialize + DeserializeOwned + 'static {
    /// What identifies one stream.
    type Id: fmt::Display + fmt::Debug + Clone;
    /// What happened: stored, published and folded.
    type Event: Serialize + DeserializeOwned + Clone + fmt::Debug;
    /// What is requested, answered or reported.
    type Command: Clone + fmt::Debug;
    /// What it makes or changes at partners.
    type Effect: Ord + Clone + fmt::Debug;
    /// The kinds of decision that it leaves to people.
    type Review: ReviewKind;

    /// The stream's prefix in the journal, such as `order`.
    const KIND: &'static str;
    /// The number of the fold. It grows with each release that folds the same events to another state or writes the state in
    /// another form: snapshots of an earlier fold are not read.
    const FOLD: u32;

    /// The events that a stream begins with.
    ///
    /// # Errors
    /// `command` is about a stream that should exist already.
    fn create(command: Self::Command) -> Result<Vec<Self::Event>, Rejection>;

    /// The state after a stream's first event; `None` if no stream can begin with `event`.
    fn begin(event: &Self::Event) -> Option<Self>;

    /// The events that follow from `command` now. An empty list means that nothing new is known.
    ///
    /// # Errors
    /// A request that cannot be met, with the reason. A partner's fact is never refused.
    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Rejection>;

    /// The state after `event`.
    #[must_use]
    fn evolve(self, event: &Self::Event) -> Self;

    /// Whether the event only says what happened, so that the command decides nothing once the state knows it. A snapshot does
    /// not keep the causes of such commits: there is one for each report.
    fn is_fact(event: &Self::Event) -> bool;

    /// Called after the events of a commit are applied, with the commit's version.
    fn committed(&mut self, _version: u64) {}

    /// The effects that are announced and not yet answered.
    fn open_effects(&self) -> &OpenEffects<Self::Effect>;

    /// When the customer ordered what the stream is about; `None` where a release before this one did not record it.
    fn ordered_at(&self) -> Option<Timestamp>;

    /// The decisions that wait for a person now.
    fn reviews(&self) -> Vec<crate::review::Review<Self::Review>>;

    /// What lists show of the stream beside its reviews, as text to compare: a stream's rows are written again when this or its
    /// reviews change. Empty where lists show its reviews alone.
    fn listed(&self) -> String {
        String::new()
    }

    /// The work that the stream `id` has for steps, now or at a later time without a new event. Work that another stream
    /// wakes before this one exists is due from the beginning.
    fn due(state: Option<&Self>, id: &Self::Id) -> BTreeSet<DueWork>;

    /// The business times that `event` ends; the state has it already.
    fn timers(&self, _event: &Self::Event) -> Vec<Timer> {
        vec![]
    }

    /// The refusal of a request, where the event records one.
    fn refusal(_event: &Self::Event) -> Option<&Rejection> {
        None
    }

    /// The command that announces an effect.
    fn announce(started: EffectStarted<Self::Effect>) -> Self::Command;

    /// The command that records that a call ended without a usable answer.
    fn effect_failed(failed: EffectFailed<Self::Effect>) -> Self::Command;

    /// The command that records that the partner refused a call.
    fn effect_rejected(rejected: EffectRejected<Self::Effect>) -> Self::Command;
}

/// A business time that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timer {
    /// The metric's name; docs/metrics.md has them all.
    pub name: &'static str,
    /// When it began; `None` if that is the stream's first commit.
    pub since: Option<Timestamp>,
}

/// The events that follow from `command`, whether or not the stream exists.
///
/// # Errors
/// [`Workflow::create`]'s and [`Workflow::decide`]'s.
pub fn decide<W: Workflow>(state: Option<&W>, command: W::Command) -> Result<Vec<W::Event>, Rejection> {
    match state {
        Some(state) => state.decide(command),
        None => W::create(command),
    }
}

/// The state after `event`, whether or not the stream existed before it.
pub fn evolve<W: Workflow>(state: Option<W>, event: &W::Event) -> Option<W> {
    match state {
        Some(state) => Some(state.evolve(event)),
        None => W::begin(event),
    }
}

/// The state after all of a stream's `events`.
pub fn fold<'a, W: Workflow>(events: impl IntoIterator<Item = &'a W::Event>) -> Option<W>
where
    W::Event: 'a,
{
    events.into_iter().fold(None, evolve)
}

/// An effect is about to happen: it was announced at version `of_version`, and is possibly done until it is answered.
///
/// Another delivery of the same work waits until `until`; after that it repeats with the same key, or looks the outcome up,
/// as the partner's submission semantics say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EffectStarted<E> {
    /// What is about to be done.
    #[serde(flatten)]
    pub effect: E,
    /// The idempotency key that the partner gets; made from the work, the same at every attempt.
    pub key: String,
    /// The stream's version from which the request was made.
    pub of_version: u64,
    /// The latest time at which the announcing delivery may still be at work.
    #[schemars(with = "String")]
    pub until: Timestamp,
    /// 1 for the first. A repeat looks the outcome up first where the partner needs that.
    pub attempt: u32,
}

/// A call that ended without a usable answer; the effect is possibly done, unless `not_sent` says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EffectFailed<E> {
    /// What was tried.
    #[serde(flatten)]
    pub effect: E,
    /// The attempt. A late failure of an earlier attempt does not release its successor's claim.
    pub attempt: u32,
    /// The failure's code, such as `PRT-001`.
    pub code: String,
    /// Whether this attempt certainly did nothing: it never left, or the partner answered "later".
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_sent: bool,
}

impl<E> EffectFailed<E> {
    /// Whether nothing was done for certain: this attempt did nothing, and there was none before it.
    pub fn did_nothing(&self) -> bool {
        self.not_sent && self.attempt == 1
    }
}

/// A call that the partner refused; nothing was done, unless the reason [leaves doubt](Rejection::leaves_doubt).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EffectRejected<E> {
    /// What was refused.
    #[serde(flatten)]
    pub effect: E,
    /// The partner's reason.
    pub rejection: Rejection,
}

/// A request that makes or changes something at a partner. It builds its own key, so that none can be sent without one.
pub trait EffectRequest {
    /// The workflow's effects.
    type Effect;

    /// The effect that the request has.
    fn effect(&self) -> Self::Effect;

    /// The idempotency key: made from the work, never from a message.
    fn key(&self) -> String;

    /// The time before which it must not be sent, because an effect that it undoes may still be under way.
    fn not_before(&self) -> Option<Timestamp> {
        None
    }

    /// The warehouse that it goes to; `None` for the ERP.
    fn warehouse(&self) -> Option<&PartnerId> {
        None
    }
}

/// The announced and unanswered effects of one stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(serialize = "E: Serialize", deserialize = "E: Deserialize<'de> + Ord"))]
pub struct OpenEffects<E>(#[serde(with = "crate::pairs")] BTreeMap<E, Claim<E>>);

/// How an open effect is claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Claim<E> {
    /// The announcing delivery may be at work until [`EffectStarted::until`].
    Held(EffectStarted<E>),
    /// The last attempt ended without a usable answer: any delivery may try again at once.
    Failed(EffectStarted<E>),
}

impl<E> Claim<E> {
    /// The announcement.
    pub fn started(&self) -> &EffectStarted<E> {
        match self {
            Self::Held(started) | Self::Failed(started) => started,
        }
    }
}

impl<E> Default for OpenEffects<E> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<E: Ord + Clone> OpenEffects<E> {
    /// The claim of `effect`, while it is open.
    pub fn get(&self, effect: &E) -> Option<&Claim<E>> {
        self.0.get(effect)
    }

    /// Whether `effect` is open.
    pub fn contains(&self, effect: &E) -> bool {
        self.0.contains_key(effect)
    }

    /// Whether no effect is open.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many effects are open.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The open effects, in their order.
    pub fn effects(&self) -> impl Iterator<Item = &E> {
        self.0.keys()
    }

    /// The open effects and their claims, in the effects' order.
    pub fn iter(&self) -> impl Iterator<Item = (&E, &Claim<E>)> {
        self.0.iter()
    }

    /// Whether this very attempt holds the claim.
    pub fn is_held_by(&self, failed: &EffectFailed<E>) -> bool {
        match self.get(&failed.effect) {
            Some(Claim::Held(started)) => started.attempt == failed.attempt,
            Some(Claim::Failed(_)) | None => false,
        }
    }

    /// Opens a claim, or renews one.
    pub(crate) fn start(&mut self, started: &EffectStarted<E>) {
        self.0.insert(started.effect.clone(), Claim::Held(started.clone()));
    }

    /// Closes the claim of an effect that is answered.
    pub(crate) fn close(&mut self, effect: &E) {
        self.0.remove(effect);
    }

    /// Releases the claim of an attempt that failed; closes it where nothing was done for certain.
    pub(crate) fn fail(&mut self, failed: &EffectFailed<E>) {
        if !self.is_held_by(failed) {
            return;
        }
        if failed.did_nothing() {
            self.close(&failed.effect);
        } else if let Some(claim) = self.0.get_mut(&failed.effect) {
            *claim = Claim::Failed(claim.started().clone());
        }
    }

    /// Closes the claim of a refused effect. A refusal that leaves doubt only releases it, so that an undo step finds it.
    pub(crate) fn reject(&mut self, rejected: &EffectRejected<E>) {
        match self.0.remove(&rejected.effect) {
            Some(claim) if rejected.rejection.leaves_doubt() => {
                self.0.insert(rejected.effect.clone(), Claim::Failed(claim.started().clone()));
            }
            Some(_) | None => {}
        }
    }
}

/// `effect/order[/part]`, the idempotency key of an effect.
pub(crate) fn key(effect: &str, order: &OrderId, part: &str) -> String {
    if part.is_empty() { format!("{effect}/{order}") } else { format!("{effect}/{order}/{part}") }
}
