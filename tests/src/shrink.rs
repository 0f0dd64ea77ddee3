//! Shortens a failing schedule: leaves elements out, first half of them at a time, then ever fewer, until every element is
//! needed or the time is up.

use std::time::{Duration, Instant};

use crate::mutants::Mutant;
use crate::play::{Report, play};
use crate::schedule::{Element, Schedule};

/// The shortest failing schedule found within `limit`, and its report.
pub fn shrink(schedule: &Schedule, mutant: Option<Mutant>, limit: Duration) -> (Schedule, Report) {
    let began = Instant::now();
    let mut best = schedule.clone();
    let mut report = play(&best, mutant);
    let mut part = best.elements.len().div_ceil(2);
    while part > 0 {
        let mut from = 0;
        let before = best.elements.len();
        while from < best.elements.len() {
            if began.elapsed() > limit {
                return (best, report);
            }
            let shorter = Schedule { elements: without(&best.elements, from, part), ..best.clone() };
            let outcome = play(&shorter, mutant);
            // A schedule that fails without the mistake, too, says nothing about it, such as a change of an order that was left out.
            let is_right_code_at_fault = || mutant.is_some() && !play(&shorter, None).violations.is_empty();
            if outcome.violations.is_empty() || is_right_code_at_fault() {
                from += part;
            } else {
                (best, report) = (shorter, outcome);
            }
        }
        // Single elements are tried again until a whole round removes none: one may have needed another.
        if part > 1 || best.elements.len() == before {
            part /= 2;
        }
    }
    (best, report)
}

fn without(elements: &[Element], from: usize, count: usize) -> Vec<Element> {
    let left = elements.iter().enumerate().filter(|(place, _)| *place < from || *place >= from + count);
    left.map(|(_, element)| element.clone()).collect()
}

/// A failing schedule in words, with the violations and the command that runs it again.
pub fn describe(schedule: &Schedule, report: &Report, mutant: Option<&str>) -> String {
    let mutant = mutant.map(|name| format!(" --mutant {name}")).unwrap_or_default();
    let mut text =
        format!("seed {}: the shortest schedule found has {} elements\n", schedule.seed, schedule.elements.len());
    for element in &schedule.elements {
        let met = match element {
            Element::CallFault(fault) => report.met.iter().find(|(met, _)| met == fault).map(|(_, call)| *call),
            _ => None,
        };
        let met = met.map(|call| format!(" ({call})")).unwrap_or_default();
        text += &format!("  - {element}{met}\n");
    }
    text += "violations:\n";
    for violation in &report.violations {
        text += &format!("  - {violation}\n");
    }
    text + &format!("run it again: cargo xtask simulate --seed {}{mutant}", schedule.seed)
}
