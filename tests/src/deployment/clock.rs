//! The one clock of a deployment, and the skewed view of it that a function's processes have.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use engine::Clock;
use jiff::{SignedDuration, Timestamp};

/// The clock as one process reads it.
#[derive(Debug, Clone)]
pub struct DeploymentClock {
    time: Rc<Cell<Timestamp>>,
    skew: SignedDuration,
}

impl Clock for DeploymentClock {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }
}

impl DeploymentClock {
    pub(super) fn starting_at(start: Timestamp) -> Self {
        Self { time: Rc::new(Cell::new(start)), skew: SignedDuration::ZERO }
    }

    /// The same clock, wrong by `ms` milliseconds.
    pub(super) fn skewed(&self, ms: i64) -> Self {
        Self { skew: SignedDuration::from_millis(ms), ..self.clone() }
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.time.get().checked_add(self.skew).unwrap_or(Timestamp::MAX)
    }

    pub(super) fn advance_to(&self, to: Timestamp) {
        if to > self.time.get() {
            self.time.set(to);
        }
    }

    /// The time after `pause`, by the unskewed clock.
    pub(super) fn after(&self, pause: Duration) -> Timestamp {
        self.time.get().checked_add(pause).unwrap_or(Timestamp::MAX)
    }
}
