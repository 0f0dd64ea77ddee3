//! Compiled rules, and what is wrong with a text that cannot be compiled.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::Code;

/// The text of a rule cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleError {
    /// The word that is wrong.
    pub word: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {:?}: {}", self.word, self.why)
    }
}

impl core::error::Error for RuleError {}

/// A set's compiled rules: nodes in one list, a loop's children side by side.
#[derive(Debug)]
pub(crate) struct Grammar {
    pub(super) nodes: Vec<Node>,
    /// The nodes' ids as numbers ([`tag_key`](crate::code::tag_key)), apart from them because each segment is looked for here.
    pub(super) keys: Vec<u32>,
    pub(super) specs: Vec<SegmentSpec>,
    /// Node range of the set's top level.
    pub(super) top: (u16, u16),
    pub(super) x12: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) id: Code,
    pub(super) mandatory: bool,
    /// The first mandatory node from here on in the same level; the level's end where there is none.
    pub(super) next_mandatory: u16,
    pub(super) max: u32,
    pub(super) spec: u16,
    pub(super) children: (u16, u16),
}

/// What a segment's elements may be.
#[derive(Clone, Debug, Default)]
pub(crate) struct SegmentSpec {
    pub(super) elements: Vec<ElementSpec>,
    pub(super) open: bool,
    /// The position of the last mandatory element; 0 if none is.
    pub(super) last_mandatory: usize,
    pub(super) conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
pub(super) struct ElementSpec {
    pub(super) mandatory: bool,
    pub(super) kind: Kind,
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) reference: Option<u16>,
    pub(super) codes: Vec<Code>,
    /// Whether a value of printable ASCII is right if its length is: a text or code of which no list is kept.
    pub(super) only_length: bool,
    pub(super) components: Vec<ElementSpec>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Text,
    Id,
    Integer,
    Decimal,
    Date,
    Time,
    Any,
}

#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) kind: u8,
    pub(super) positions: Vec<u16>,
    /// One bit for each of the positions.
    pub(super) mask: u64,
}

impl ElementSpec {
    /// Whether a value may have this length.
    pub(super) fn takes(&self, length: usize) -> bool {
        (u64::from(self.min)..=u64::from(self.max)).contains(&(length as u64))
    }
}
