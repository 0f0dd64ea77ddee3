//! The simulation's teeth: deliberate mistakes in our code (`domain::mutants`), each of which some storm has to find.

use domain::mutants::{self, Mutant};

use crate::storm::{Report, Schedule, weather};

/// One mistake: its name, and what it leaves out.
#[derive(Debug, Clone, Copy)]
pub struct Mistake {
    /// As `--mutant` takes it.
    pub name: &'static str,
    /// What is done wrong, in words.
    pub what: &'static str,
    /// The switch.
    pub mutant: Mutant,
}

/// A storm that found a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caught {
    /// Its seed.
    pub seed: u64,
    /// How it ended.
    pub report: Report,
}

/// Every mistake.
pub const ALL: [Mistake; 18] = [
    mistake("key-from-message", "a partner gets a new key with each delivery", Mutant::KeyFromMessage),
    mistake("unconditional-put", "a commit overwrites the one that came first", Mutant::UnconditionalPut),
    mistake("race-taken-for-written", "a commit that lost its race counts as written", Mutant::RaceTakenForWritten),
    mistake("effect-unannounced", "an effect without a committed intent", Mutant::EffectUnannounced),
    mistake("repeat-without-look-up", "a repeat does not ask what the first attempt did", Mutant::RepeatWithoutLookUp),
    mistake("claim-ignored", "an effect while another delivery is at it", Mutant::ClaimIgnored),
    mistake("report-by-arrival", "the report that arrives last counts, not the newest", Mutant::ReportByArrival),
    mistake("reports-added-up", "reports of progress are added up", Mutant::ReportsAddedUp),
    mistake("partial-batch-ignored", "failed messages are acknowledged with their batch", Mutant::PartialBatchIgnored),
    mistake("refused-entries-ignored", "what the bus refused counts as published", Mutant::RefusedEntriesIgnored),
    mistake("cause-unchecked", "a commit does not ask whether its cause is there", Mutant::CauseUnchecked),
    mistake("deferred-forgotten", "deferred work is acknowledged and not kept", Mutant::DeferredForgotten),
    mistake("due-forgotten-first", "a due item goes before its work is queued", Mutant::DueForgottenFirst),
    mistake("parked-nowhere", "a hopeless message is acknowledged and not parked", Mutant::ParkedNowhere),
    mistake("late-answer-dropped", "an answer for an order no longer wanted is dropped", Mutant::LateAnswerDropped),
    mistake("void-counted", "what is in a void package counts as shipped", Mutant::VoidCounted),
    mistake("closed-believed", "what a late message may tell of counts as short", Mutant::ClosedBelieved),
    mistake("timeout-taken-for-no", "no answer counts as a no", Mutant::TimeoutTakenForNo),
];

const fn mistake(name: &'static str, what: &'static str, mutant: Mutant) -> Mistake {
    Mistake { name, what, mutant }
}

/// The mistake of this name.
pub fn named(name: &str) -> Option<Mistake> {
    ALL.into_iter().find(|mistake| mistake.name == name)
}

/// Plays `work` with `mistake` made in this thread's code; without one, as it is.
pub fn with<T>(mistake: Option<Mistake>, work: impl FnOnce() -> T) -> T {
    mutants::set(mistake.map(|mistake| mistake.mutant));
    let done = work();
    mutants::set(None);
    done
}

/// The first of `seeds` whose storm finds `mistake`.
pub fn hunt(mistake: Mistake, seeds: impl IntoIterator<Item = u64>) -> Option<Caught> {
    let storm = |seed| Caught { seed, report: with(Some(mistake), || weather(&Schedule::draw(seed))) };
    seeds.into_iter().map(storm).find(|caught| !caught.report.violations.is_empty())
}
