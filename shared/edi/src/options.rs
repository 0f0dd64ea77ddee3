//! How files are read.

use alloc::vec::Vec;

use crate::Leniencies;
use crate::event::Party;
use crate::rules::Rules;

/// How files are read.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the partner may do wrong; nothing by default.
    pub leniencies: Leniencies,
    /// The structures to hold sets to.
    pub rules: Rules,
    /// Who we are. Interchanges for others are complained of (TA105 009); with none here, any receiver is right.
    pub receivers: Vec<Party>,
    /// No segment may be longer, in bytes.
    pub segment_bound: usize,
    /// No set may be larger, in bytes. Memory is bounded by it, the segment's bound and the chunk together.
    pub set_bound: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            leniencies: Leniencies::NONE,
            rules: Rules::standard(),
            receivers: Vec::new(),
            segment_bound: 64 << 10,
            set_bound: 16 << 20,
        }
    }
}

impl Options {
    /// Strict reading but for these leniencies.
    pub fn lenient(leniencies: Leniencies) -> Self {
        Self { leniencies, ..Self::default() }
    }
}
