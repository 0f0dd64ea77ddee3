//! What is wrong with a file, exactly where, and by which code a partner is told.

use alloc::string::String;
use core::fmt;

use crate::{Code, Leniency};

pub use crate::problem::Problem;

/// The place of a complaint. Ordinals count from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// The first byte of what is meant, counted from the beginning of the file, from 0.
    pub byte: u64,
    /// The interchange in the file.
    pub interchange: Option<u32>,
    /// The group in the interchange.
    pub group: Option<u32>,
    /// The set or message in the group (in the interchange, where an EDIFACT file has no groups).
    pub set: Option<u32>,
    /// The segment in the set, ST or UNH being 1 (AK302, UCS 0096). For a missing segment, the place where it should have been.
    pub segment: Option<u32>,
    /// The segment's id; for a missing segment, the id that should have come.
    pub segment_id: Option<Code>,
    /// The element in the segment, from 1, the id not counted (AK401).
    pub element: Option<u16>,
    /// The component in the element, from 1.
    pub component: Option<u16>,
    /// The data element number of the standard's dictionary (AK402), where the rules know it.
    pub reference: Option<u16>,
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Complaint {
    /// What is wrong.
    pub problem: Problem,
    /// Where.
    pub position: Position,
    /// What was found: the bad value (at most 99 characters, AK404), or a count.
    pub found: Option<String>,
    /// What should have been there, where it can be said.
    pub expected: Option<String>,
    /// The leniency that tolerates it; `None` if it makes the document rejected.
    pub tolerated: Option<Leniency>,
}

impl Complaint {
    pub(crate) fn new(problem: Problem, position: Position) -> Self {
        Self { problem, position, found: None, expected: None, tolerated: None }
    }

    /// Whether it makes the set, group or interchange rejected.
    pub fn rejects(&self) -> bool {
        self.tolerated.is_none()
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}", self.byte)?;
        if let (Some(segment), Some(id)) = (self.segment, self.segment_id) {
            write!(f, ", segment {segment} {id}")?;
        } else if let Some(id) = self.segment_id {
            write!(f, ", {id}")?;
        }
        if let Some(element) = self.element {
            write!(f, ", element {element}")?;
        }
        if let Some(component) = self.component {
            write!(f, ", component {component}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.problem.sentence())?;
        match (&self.found, &self.expected) {
            (Some(found), Some(expected)) => write!(f, " (found {found:?}, expected {expected})")?,
            (Some(found), None) => write!(f, " (found {found:?})")?,
            (None, Some(expected)) => write!(f, " (expected {expected})")?,
            (None, None) => {}
        }
        if let Some(leniency) = self.tolerated {
            write!(f, "; tolerated by {leniency}")?;
        }
        Ok(())
    }
}

impl core::error::Error for Complaint {}

/// Complaints up to a bound; those beyond it are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complaints {
    list: alloc::vec::Vec<Complaint>,
    dropped: u32,
    dropped_rejects: bool,
}

impl Complaints {
    /// No list is longer, so that a broken file cannot fill the memory.
    pub const BOUND: usize = 200;

    pub(crate) fn push(&mut self, complaint: Complaint) {
        if self.list.len() < Self::BOUND {
            self.list.push(complaint);
        } else {
            self.dropped = self.dropped.saturating_add(1);
            self.dropped_rejects |= complaint.rejects();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.dropped = 0;
        self.dropped_rejects = false;
    }

    /// Whether one of these problems is already in the list.
    pub fn has(&self, problem: Problem) -> bool {
        self.list.iter().any(|complaint| complaint.problem == problem)
    }

    /// Complaints that were not listed because there were too many.
    pub fn dropped(&self) -> u32 {
        self.dropped
    }

    /// Whether one of them rejects what it is about.
    pub fn reject(&self) -> bool {
        self.dropped_rejects || self.list.iter().any(Complaint::rejects)
    }
}

impl core::ops::Deref for Complaints {
    type Target = [Complaint];

    fn deref(&self) -> &[Complaint] {
        &self.list
    }
}

/// What is told to the partner about a set, a group or an interchange (elements 717, 715).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// `A`: nothing is wrong.
    Accepted,
    /// `E`: only deviations that a leniency tolerates.
    AcceptedWithErrors,
    /// `P`: of a group only: at least one set was accepted and one was not.
    Partial,
    /// `R`.
    Rejected,
}

impl Verdict {
    /// The verdict on what has these complaints.
    pub fn of(complaints: &Complaints) -> Self {
        if complaints.reject() {
            Self::Rejected
        } else if complaints.is_empty() {
            Self::Accepted
        } else {
            Self::AcceptedWithErrors
        }
    }

    /// The code of element 715 or 717.
    pub const fn code(self) -> char {
        match self {
            Self::Accepted => 'A',
            Self::AcceptedWithErrors => 'E',
            Self::Partial => 'P',
            Self::Rejected => 'R',
        }
    }

    /// The verdict of a code; M, W and X are rejections for reasons of security.
    pub fn from_code(code: &str) -> Option<Self> {
        Some(match code {
            "A" => Self::Accepted,
            "E" => Self::AcceptedWithErrors,
            "P" => Self::Partial,
            "R" | "M" | "W" | "X" => Self::Rejected,
            _ => return None,
        })
    }

    /// Whether what it is about is to be processed.
    pub const fn accepts(self) -> bool {
        matches!(self, Self::Accepted | Self::AcceptedWithErrors)
    }
}
