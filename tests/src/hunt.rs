//! The first seed whose schedule finds a mistake.

use crate::mutants::Mutant;
use crate::play::{Report, play};
use crate::schedule::Schedule;

/// A schedule that found a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caught {
    /// The schedule's seed.
    pub seed: u64,
    /// The run's report, with at least one violation.
    pub report: Report,
}

/// The first of `seeds` whose schedule finds `mutant`; without one, a mistake in the product's source.
pub fn hunt(mutant: Option<Mutant>, seeds: impl IntoIterator<Item = u64>) -> Option<Caught> {
    let caught = |seed| Caught { seed, report: play(&Schedule::draw(seed), mutant) };
    seeds.into_iter().map(caught).find(|caught| !caught.report.violations.is_empty())
}
