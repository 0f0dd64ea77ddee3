//! Deliberate mistakes, for the simulation to find: each is one thing that our code takes care of, left out.
//!
//! A test that never fails proves nothing. The simulation proves its teeth by switching these on, one at a time, in code
//! that was compiled once. They stand here because every other crate sees this one.
//!
//! The switch exists only with the feature `mutants` and only where debug assertions do. The feature alone would not do:
//! `cargo build --workspace` unifies it into every binary, the functions' too. There it is a value that nothing but a test
//! can set; in a release build, whatever its features, [`on`] is the constant `false` and the mistakes are not compiled.

/// What is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// A partner gets a new key with each delivery of a message, not one key for the work.
    KeyFromMessage,
    /// A commit is put without asking whether its version is free.
    UnconditionalPut,
    /// A commit that lost the race for its version counts as written.
    RaceTakenForWritten,
    /// An effect is carried out without a committed intent.
    EffectUnannounced,
    /// A repeat does not look up what the first attempt did.
    RepeatWithoutLookUp,
    /// An effect is carried out although another delivery is at it.
    ClaimIgnored,
    /// The report that arrives last counts, not the newest.
    ReportByArrival,
    /// Reports of progress are added up.
    ReportsAddedUp,
    /// Messages that have to come again are acknowledged with their batch.
    PartialBatchIgnored,
    /// Entries that the bus refused are taken for published.
    RefusedEntriesIgnored,
    /// A commit does not ask whether its cause is in the stream.
    CauseUnchecked,
    /// Deferred work is acknowledged without a due item.
    DeferredForgotten,
    /// A due item is forgotten before its work is queued.
    DueForgottenFirst,
    /// A message that nothing helps is acknowledged and not parked.
    ParkedNowhere,
    /// What the ERP made for an order that is not wanted any more is not recorded.
    LateAnswerDropped,
    /// What is in a void package counts as shipped.
    VoidCounted,
    /// What is missing when a warehouse closes a fulfillment counts as short, whatever is still on its way.
    ClosedBelieved,
    /// No answer counts as a no.
    TimeoutTakenForNo,
}

#[cfg(all(feature = "mutants", debug_assertions))]
mod switch {
    use std::cell::Cell;

    use super::Mutant;

    thread_local! {
        static ON: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Whether this thread's code makes this mistake.
    pub fn on(mutant: Mutant) -> bool {
        ON.get() == Some(mutant)
    }

    /// Switches this thread's mistake on, or off with `None`.
    pub fn set(mutant: Option<Mutant>) {
        ON.set(mutant);
    }
}

#[cfg(not(all(feature = "mutants", debug_assertions)))]
mod switch {
    use super::Mutant;

    /// Whether this thread's code makes this mistake: never, here.
    pub const fn on(_mutant: Mutant) -> bool {
        false
    }
}

pub use switch::on;
#[cfg(all(feature = "mutants", debug_assertions))]
pub use switch::set;
