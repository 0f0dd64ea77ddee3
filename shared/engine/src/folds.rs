//! The folds that the messages of one batch share. Messages of a batch are often about one stream: the first of them
//! loads it, the others continue from its fold, and they commit one after another instead of against each other.
//!
//! A batch lives shorter than a message stays invisible, and all of its messages were sent before it began. So a fold
//! that was loaded in the batch is as new as any of its messages needs.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use futures::lock::Mutex;

use crate::failure::Failure;

/// The streams that a batch has loaded. The default shares nothing.
#[derive(Clone, Default)]
pub struct Folds(Option<Rc<RefCell<BTreeMap<String, SharedSlot>>>>);

/// Who holds the lock may load the stream, or commit to it.
pub(crate) type SharedSlot = Rc<Mutex<Slot>>;

impl Folds {
    /// Folds for the messages of one batch.
    pub fn of_batch() -> Self {
        Self(Some(Rc::default()))
    }

    /// The slot of a stream, by its name.
    pub(crate) fn slot(&self, stream: &str) -> SharedSlot {
        let Some(slots) = &self.0 else { return Rc::new(Mutex::new(Slot::Alone)) };
        slots.borrow_mut().entry(stream.to_owned()).or_default().clone()
    }
}

impl fmt::Debug for Folds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let streams = self.0.as_ref().map_or(0, |slots| slots.borrow().len());
        write!(f, "Folds({streams} streams)")
    }
}

/// What the batch knows of one stream.
#[derive(Default)]
pub(crate) enum Slot {
    /// Nothing, or that it did not exist.
    #[default]
    Unknown,
    /// No other message shares it, so that nothing is stored in it.
    Alone,
    /// Its newest fold.
    Folded(Box<dyn Any>),
    /// The store failed. The other messages fail alike without a call of their own: one call after another to a store
    /// that does not answer would outlast the function's timeout.
    Failed(Failure),
}

impl Slot {
    /// The fold, of the type in which it was stored.
    ///
    /// # Errors
    /// The failure of the store that another message met.
    pub(crate) fn fold<S: 'static>(&self) -> Result<Option<&S>, Failure> {
        match self {
            Self::Unknown | Self::Alone => Ok(None),
            Self::Folded(fold) => Ok(fold.downcast_ref()),
            Self::Failed(failure) => Err(failure.clone()),
        }
    }

    /// Stores a copy of the newest fold.
    pub(crate) fn store(&mut self, fold: &(impl Any + Clone)) {
        if !matches!(self, Self::Alone) {
            *self = Self::Folded(Box::new(fold.clone()));
        }
    }

    /// Stores that the store failed. A permanent failure is of one commit only.
    pub(crate) fn fail(&mut self, failure: &Failure) {
        match failure {
            Failure::Transient { .. } if matches!(self, Self::Alone) => {}
            Failure::Transient { .. } => *self = Self::Failed(failure.clone()),
            Failure::Deferred { .. } | Failure::Permanent { .. } => {}
        }
    }
}
