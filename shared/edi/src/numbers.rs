//! Which control numbers came, in memory that grows with the gaps between them and not with their number.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;

/// Control numbers that were used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers {
    /// Runs of numbers: the last one by the first one.
    runs: BTreeMap<u64, u64>,
    others: BTreeSet<String>,
}

/// Control numbers that are no numbers are remembered up to this many.
const OTHERS: usize = 10_000;

impl Numbers {
    pub(crate) fn clear(&mut self) {
        self.runs.clear();
        self.others.clear();
    }

    /// Remembers one; returns whether it is new.
    pub(crate) fn insert(&mut self, control: &str) -> bool {
        match control.parse::<u64>() {
            Ok(number) => self.insert_number(number),
            Err(_) => self.others.len() >= OTHERS || self.others.insert(control.into()),
        }
    }

    fn insert_number(&mut self, number: u64) -> bool {
        match self.runs.range_mut(..=number).next_back() {
            Some((_, last)) if *last >= number => false,
            Some((_, last)) if last.checked_add(1) == Some(number) => {
                *last = number;
                true
            }
            _ => {
                self.runs.insert(number, number);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_new_once_in_any_order() {
        let mut numbers = Numbers::default();
        for number in ["5", "6", "7", "1", "2", "9", "8", "0", "A1", "18446744073709551615"] {
            assert!(numbers.insert(number), "{number}");
        }
        for number in ["0001", "5", "7", "9", "8", "A1", "2", "18446744073709551615"] {
            assert!(!numbers.insert(number), "{number}");
        }
        assert!(numbers.insert("3"));
    }
}
