//! A delivery that was acknowledged and cannot be read: it stays on the worklist until it is read after all, a corrected copy
//! arrives, or a person has dealt with it.
//!
//! A delivery that can be read has no stream. Copies of one order that cannot be read share the stream of the order's name, so
//! that one review stands for all of them and the order closes it. What the body says is not here, only where it is wrong.

mod event;
mod review;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use event::*;
pub use review::DeliveryReview;

use crate::due::{DueWork, digest};
use crate::ids::{DeliveryId, ExternalId, OrderId, PartnerId};
use crate::rejection::Rejection;
use crate::review::{Decision, Decisions, Review, allowed, open};
use crate::workflow::{EffectFailed, EffectRejected, EffectStarted, OpenEffects, Workflow};

/// The state of a delivery that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The newest report of what is wrong with it.
    pub unmappable: Unmappable,
    /// Whether it, or a corrected copy, was read since.
    pub is_mapped: bool,
    /// What the CRM was told, as its digest.
    pub crm_shows: Option<String>,
    /// The decisions that people took.
    pub decisions: Decisions<DeliveryReview>,
    /// The digests of all reports: a copy with the same mistakes says nothing new.
    known: BTreeSet<String>,
    effects: OpenEffects<NoEffect>,
}

/// Nothing is made or changed at a partner for a delivery.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum NoEffect {}

/// What may be reported or decided about a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryCommand {
    /// It cannot be read.
    RecordUnmappable(Unmappable),
    /// It, or a corrected copy, was read.
    RecordMapped(Mapped),
    /// The CRM shows that its order was not taken.
    RecordCrmUpdated(RefusalShown),
    /// A person decided the review.
    Decide(Decision<DeliveryReview>),
}

/// What the CRM is told of an order that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRefusal {
    /// The CRM.
    pub source: PartnerId,
    /// The order's id there.
    pub external_id: ExternalId,
    /// The id that the order will have here.
    pub order: OrderId,
    /// What is wrong, and where.
    pub places: Vec<OffendingPlace>,
}

impl OrderRefusal {
    /// A digest of what is wrong.
    pub fn digest(&self) -> String {
        digest(&self.places)
    }
}

impl Delivery {
    /// The refusal that the CRM has to be told of.
    pub fn refusal(&self) -> Option<OrderRefusal> {
        let Unmappable { partner, order, places, .. } = &self.unmappable;
        let external_id = order.clone().filter(|_| !self.is_mapped)?;
        let order = OrderId::derive(partner, &external_id);
        let refusal = OrderRefusal { source: partner.clone(), external_id, order, places: places.clone() };
        (self.crm_shows != Some(refusal.digest())).then_some(refusal)
    }
}

impl Workflow for Delivery {
    type Id = DeliveryId;
    type Event = DeliveryEvent;
    type Command = DeliveryCommand;
    type Effect = NoEffect;
    type Review = DeliveryReview;

    const KIND: &'static str = "delivery";
    const FOLD: u32 = 1;

    fn create(command: DeliveryCommand) -> Result<Vec<DeliveryEvent>, Rejection> {
        match command {
            DeliveryCommand::RecordUnmappable(unmappable) => Ok(vec![DeliveryEvent::Unmappable(unmappable)]),
            DeliveryCommand::RecordMapped(_) | DeliveryCommand::RecordCrmUpdated(_) | DeliveryCommand::Decide(_) => {
                Err(Rejection::new("DELIVERY_UNKNOWN", "no such delivery was unreadable"))
            }
        }
    }

    fn begin(event: &DeliveryEvent) -> Option<Self> {
        let DeliveryEvent::Unmappable(unmappable) = event else { return None };
        Some(Self {
            unmappable: unmappable.clone(),
            is_mapped: false,
            crm_shows: None,
            decisions: Decisions::new(),
            known: BTreeSet::from([unmappable.digest()]),
            effects: OpenEffects::default(),
        })
    }

    fn decide(&self, command: DeliveryCommand) -> Result<Vec<DeliveryEvent>, Rejection> {
        let event = match command {
            DeliveryCommand::RecordUnmappable(unmappable) => {
                (!self.known.contains(&unmappable.digest())).then_some(DeliveryEvent::Unmappable(unmappable))
            }
            DeliveryCommand::RecordMapped(mapped) => (!self.is_mapped).then_some(DeliveryEvent::Mapped(mapped)),
            DeliveryCommand::RecordCrmUpdated(shown) => {
                (self.crm_shows.as_ref() != Some(&shown.digest)).then_some(DeliveryEvent::CrmUpdated(shown))
            }
            DeliveryCommand::Decide(decision) => {
                allowed(&self.reviews(), &decision)?;
                Some(DeliveryEvent::ReviewDecided(decision))
            }
        };
        Ok(event.into_iter().collect())
    }

    fn evolve(mut self, event: &DeliveryEvent) -> Self {
        match event {
            DeliveryEvent::Unmappable(unmappable) => {
                self.known.insert(unmappable.digest());
                self.unmappable = unmappable.clone();
                self.is_mapped = false;
            }
            DeliveryEvent::Mapped(_) => self.is_mapped = true,
            DeliveryEvent::CrmUpdated(shown) => self.crm_shows = Some(shown.digest.clone()),
            DeliveryEvent::ReviewDecided(decision) => {
                self.decisions.insert(decision.review.clone(), decision.clone());
            }
        }
        self
    }

    fn is_fact(event: &DeliveryEvent) -> bool {
        matches!(event, DeliveryEvent::CrmUpdated(_))
    }

    fn open_effects(&self) -> &OpenEffects<NoEffect> {
        &self.effects
    }

    fn ordered_at(&self) -> Option<Timestamp> {
        None
    }

    fn reviews(&self) -> Vec<Review<DeliveryReview>> {
        let reason = self.unmappable.to_string();
        let review = (!self.is_mapped).then_some(Review { kind: DeliveryReview::Unmappable, reason });
        open(review.into_iter().collect(), &self.decisions)
    }

    fn due(state: Option<&Self>, _id: &DeliveryId) -> BTreeSet<DueWork> {
        let refusal = state.and_then(Self::refusal);
        refusal.map(|refusal| DueWork::new("crm-update").with(&refusal.digest())).into_iter().collect()
    }

    fn announce(started: EffectStarted<NoEffect>) -> DeliveryCommand {
        match started.effect {}
    }

    fn effect_failed(failed: EffectFailed<NoEffect>) -> DeliveryCommand {
        match failed.effect {}
    }

    fn effect_rejected(rejected: EffectRejected<NoEffect>) -> DeliveryCommand {
        match rejected.effect {}
    }
}
