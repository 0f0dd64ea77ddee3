//! Looking for the first seed whose schedule finds a mistake.

use crate::mutants::Mutant;
use crate::storm::{Report, Schedule, weather};

/// A schedule that found a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caught {
    /// Its seed.
    pub seed: u64,
    /// How it ended.
    pub report: Report,
}

/// The first of `seeds` whose schedule finds `mutant`; without one, a mistake in the product's source.
pub fn hunt(mutant: Option<Mutant>, seeds: impl IntoIterator<Item = u64>) -> Option<Caught> {
    let play = |seed| Caught { seed, report: weather(&Schedule::draw(seed), mutant) };
    seeds.into_iter().map(play).find(|caught| !caught.report.violations.is_empty())
}
