//! The shortest schedule that still fails: elements are left out, in halves, then in ever smaller parts, until nothing more
//! can go or the time is up.

use std::time::{Duration, Instant};

use crate::mutants::Mutant;
use crate::storm::{Element, Report, Schedule, weather};

/// Makes a failing schedule shorter. Returns what was found within `limit`, and how it ends.
pub fn shrink(schedule: &Schedule, mutant: Option<Mutant>, limit: Duration) -> (Schedule, Report) {
    let began = Instant::now();
    let mut best = schedule.clone();
    let mut report = weather(&best, mutant);
    let mut part = best.elements.len().div_ceil(2);
    while part > 0 {
        let mut from = 0;
        let before = best.elements.len();
        while from < best.elements.len() {
            if began.elapsed() > limit {
                return (best, report);
            }
            let shorter = Schedule { elements: without(&best.elements, from, part), ..best.clone() };
            let outcome = weather(&shorter, mutant);
            if outcome.violations.is_empty() {
                from += part;
            } else {
                (best, report) = (shorter, outcome);
            }
        }
        // With single elements, again until a whole round changes nothing: one may have held another.
        if part > 1 || best.elements.len() == before {
            part /= 2;
        }
    }
    (best, report)
}

fn without(elements: &[Element], from: usize, count: usize) -> Vec<Element> {
    let kept = elements.iter().enumerate().filter(|(place, _)| *place < from || *place >= from + count);
    kept.map(|(_, element)| element.clone()).collect()
}

/// A failing schedule in words, with what is broken and the command that plays it again.
pub fn told(schedule: &Schedule, report: &Report, mutant: Option<&str>) -> String {
    let mutant = mutant.map(|name| format!(" --mutant {name}")).unwrap_or_default();
    let mut text =
        format!("seed {}: the shortest schedule found has {} elements\n", schedule.seed, schedule.elements.len());
    for element in &schedule.elements {
        let met = match element {
            Element::Strike(strike) => report.met.iter().find(|(met, _)| met == strike).map(|(_, call)| *call),
            _ => None,
        };
        let met = met.map(|call| format!(" ({call})")).unwrap_or_default();
        text += &format!("  - {element}{met}\n");
    }
    text += "broken:\n";
    for violation in &report.violations {
        text += &format!("  - {violation}\n");
    }
    text + &format!("again: cargo xtask simulate --seed {}{mutant}", schedule.seed)
}
