//! What every workflow has in common: how it decides, how it changes, and how it claims an effect before it acts.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ids::{OrderId, PackageId, PartnerId};

/// A stream of events with a state that follows from them.
pub trait Workflow: Default + Clone + fmt::Debug {
    /// What one stream is called.
    type Id: fmt::Display + fmt::Debug + Clone;
    /// What happened.
    type Event: Serialize + DeserializeOwned + Clone + fmt::Debug;
    /// What is asked, answered or reported.
    type Command: Clone + fmt::Debug;

    /// The stream's prefix in the journal, such as `order`.
    const KIND: &'static str;

    /// What follows from `command` now. An empty list means that nothing new is known.
    ///
    /// # Errors
    /// A request that cannot be met, with the reason. A partner's fact is never refused.
    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Rejection>;

    /// The state after `event`.
    fn evolve(self, event: &Self::Event) -> Self;

    /// The effects that are announced and not yet answered.
    fn open_effects(&self) -> &OpenEffects;

    /// The command that announces an effect.
    fn announce(started: EffectStarted) -> Self::Command;

    /// The command that records that a call ended without a usable answer.
    fn effect_failed(failed: EffectFailed) -> Self::Command;

    /// The command that records that the partner refused a call.
    fn effect_rejected(refused: EffectRejected) -> Self::Command;
}

/// Folds `events` over the empty state.
pub fn fold<'a, W: Workflow>(events: impl IntoIterator<Item = &'a W::Event>) -> W
where
    W::Event: 'a,
{
    events.into_iter().fold(W::default(), W::evolve)
}

/// Why a request was not met: an answer to the one who asked, not an error.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct Rejection {
    /// Stable, for machines: `ORDER_UNKNOWN`.
    pub code: String,
    /// For people.
    pub reason: String,
}

impl Rejection {
    /// A rejection with its code and reason.
    pub fn new(code: &str, reason: impl Into<String>) -> Self {
        Self { code: code.to_owned(), reason: reason.into() }
    }

    /// Whether the partner may have, or has, something of ours all the same: nobody can say what became of the call, or what
    /// stands under our name says something else. Whoever gives the work up has to undo it nevertheless.
    pub fn leaves_doubt(&self) -> bool {
        matches!(self.code.as_str(), OUTCOME_UNKNOWN | DUPLICATE_DIFFERS)
    }
}

/// The code of a refusal of our own: the partner can neither repeat a call nor look up what became of it.
pub const OUTCOME_UNKNOWN: &str = "OUTCOME_UNKNOWN";

/// The code of a refusal of our own: the partner has something under our name that says something else than we do.
pub const DUPLICATE_DIFFERS: &str = "DUPLICATE_DIFFERS";

/// Something that a step makes or changes at a partner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Stock is set aside at the ERP.
    Allocate {
        /// Which of the order's allocations: the first, or a later one for what was short or was amended.
        #[serde(default = "first", skip_serializing_if = "is_first")]
        part: u32,
    },
    /// Stock that was set aside is given back.
    Deallocate {
        /// Which of the order's allocations.
        part: u32,
    },
    /// The sales order is created at the ERP, or changed to what the order says now.
    CreateSalesOrder,
    /// The sales order is cancelled at the ERP.
    CancelSalesOrder,
    /// The warehouse is asked to ship.
    RequestFulfillment,
    /// The warehouse is asked to give its fulfillment back unshipped.
    WithdrawFulfillment,
    /// A package's goods issue is posted at the ERP.
    PostGoodsIssue {
        /// Which package left.
        package: PackageId,
    },
    /// The ERP is asked to invoice.
    Invoice,
}

/// An order's first allocation; releases before there were several left the number out.
pub(crate) const FIRST_PART: u32 = 1;

pub(crate) fn first() -> u32 {
    FIRST_PART
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature.
pub(crate) fn is_first(part: &u32) -> bool {
    *part == FIRST_PART
}

/// An effect's claim: it was announced at version `of_version`, and is possibly done until it is answered.
///
/// Another delivery of the same work keeps its hands off until `until`; after that it repeats with the same key, or looks
/// the outcome up, as the partner's submission semantics say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EffectStarted {
    /// What is about to be done.
    #[serde(flatten)]
    pub effect: Effect,
    /// The idempotency key that the partner gets; made from the work, the same at every attempt.
    pub key: String,
    /// The stream's version that the request was made of.
    pub of_version: u64,
    /// Until when whoever announced it may still be at it.
    #[schemars(with = "String")]
    pub until: Timestamp,
    /// 1 for the first; a repeat looks before it leaps where the partner needs it.
    pub attempt: u32,
}

/// A request that makes or changes something at a partner. It builds its own key, so that none can be sent without one.
pub trait EffectRequest {
    /// What it does.
    fn effect(&self) -> Effect;
    /// The idempotency key: from the work, never from a message.
    fn key(&self) -> String;
    /// Until when it has to wait, because an effect that it undoes may still be under way.
    fn not_before(&self) -> Option<Timestamp> {
        None
    }
    /// The warehouse that it goes to; `None` for the ERP.
    fn warehouse(&self) -> Option<&PartnerId> {
        None
    }
}

/// The open claims of one stream.
pub type OpenEffects = BTreeMap<Effect, Claim>;

/// How an open claim stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Somebody may be at it until the sending's `until`.
    Held(EffectStarted),
    /// The last attempt ended without a usable answer: anyone may try again at once.
    Failed(EffectStarted),
}

impl Claim {
    /// The announcement, whoever holds it.
    pub fn started(&self) -> &EffectStarted {
        match self {
            Self::Held(started) | Self::Failed(started) => started,
        }
    }
}

/// A call that ended without a usable answer; the effect is possibly done, unless it says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EffectFailed {
    /// What was tried.
    #[serde(flatten)]
    pub effect: Effect,
    /// Which attempt: one that was overtaken cannot let go of its successor's claim.
    pub attempt: u32,
    /// The failure's code, such as `PRT-001`.
    pub code: String,
    /// Whether this attempt certainly did nothing: it never left, or the partner said "later".
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_sent: bool,
}

impl EffectFailed {
    /// Whether nothing was done for certain: the attempt did nothing, and none before it may have.
    pub fn did_nothing(&self) -> bool {
        self.not_sent && self.attempt == 1
    }
}

/// A call that the partner refused for a reason of its own; nothing was done, unless the reason
/// [leaves doubt](Rejection::leaves_doubt).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EffectRejected {
    /// What was refused.
    #[serde(flatten)]
    pub effect: Effect,
    /// Why.
    pub rejection: Rejection,
}

/// Opens a claim, or renews one.
pub(crate) fn claim(open_effects: &mut OpenEffects, started: &EffectStarted) {
    open_effects.insert(started.effect.clone(), Claim::Held(started.clone()));
}

/// Whether the claim of this very attempt is held.
pub(crate) fn is_held(open_effects: &OpenEffects, failed: &EffectFailed) -> bool {
    match open_effects.get(&failed.effect) {
        Some(Claim::Held(started)) => started.attempt == failed.attempt,
        Some(Claim::Failed(_)) | None => false,
    }
}

/// Lets go of a claim without closing it, unless there is nothing to doubt.
pub(crate) fn let_go(open_effects: &mut OpenEffects, failed: &EffectFailed) {
    if !is_held(open_effects, failed) {
        return;
    }
    if failed.did_nothing() {
        open_effects.remove(&failed.effect);
    } else if let Some(claim) = open_effects.get_mut(&failed.effect) {
        *claim = Claim::Failed(claim.started().clone());
    }
}

/// A refusal closes its claim; one that leaves doubt only lets go of it, so that whoever undoes the effect finds it.
pub(crate) fn close_refused(open_effects: &mut OpenEffects, refused: &EffectRejected) {
    match open_effects.remove(&refused.effect) {
        Some(claim) if refused.rejection.leaves_doubt() => {
            open_effects.insert(refused.effect.clone(), Claim::Failed(claim.started().clone()));
        }
        Some(_) | None => {}
    }
}

/// `effect/order[/part]`, the idempotency key of an effect.
pub(crate) fn key(effect: &str, order: &OrderId, part: &str) -> String {
    if part.is_empty() { format!("{effect}/{order}") } else { format!("{effect}/{order}/{part}") }
}
