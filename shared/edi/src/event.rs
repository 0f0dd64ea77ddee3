//! What a reader tells: interchanges, groups and sets, as they come.

use alloc::string::String;

use crate::Code;
use crate::complaint::{Complaint, Complaints, Position, Problem, Verdict};
use crate::delimiters::Delimiters;
use crate::segment::Segments;

/// The family of standards that an interchange is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standard {
    /// ASC X12: ISA to IEA.
    X12,
    /// UN/EDIFACT: UNB to UNZ.
    Edifact,
}

/// What an interchange is for (ISA15, UNB 0035). Stock is never booked from a test.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Usage {
    /// `P`, or no test indicator in a UNB.
    #[default]
    Production,
    /// `T`, or `1` in a UNB.
    Test,
    /// `I`.
    Information,
}

/// A sender or receiver of an interchange: a qualifier (ISA05, ISA07, 0007) and an id without padding.
#[derive(Clone, PartialEq, Eq, Debug, Default, PartialOrd, Ord, Hash)]
pub struct Party {
    /// Empty where an EDIFACT file gives none.
    pub qualifier: String,
    /// ISA06, ISA08, 0004 or 0010.
    pub id: String,
}

impl Party {
    /// A party by its qualifier and id.
    pub fn new(qualifier: impl Into<String>, id: impl Into<String>) -> Self {
        Self { qualifier: qualifier.into(), id: id.into() }
    }
}

/// What makes an interchange the same as an earlier one (X12.5: ISA05 to ISA08 with ISA13; UNB: sender, receiver, 0020).
///
/// Control numbers wrap, so an interchange that came before is one with an equal key *and* equal content within the time that
/// the partners agreed on: see [`Repeat`].
#[derive(Clone, PartialEq, Eq, Debug, PartialOrd, Ord, Hash)]
pub struct InterchangeKey {
    /// Who sent it.
    pub sender: Party,
    /// Whom it is for.
    pub receiver: Party,
    /// ISA13 or 0020, without leading zeros.
    pub control: String,
}

/// What an interchange is beside the stored one of the same key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Repeat {
    /// There is none.
    New,
    /// The same content: answer as before, process nothing.
    Retransmission,
    /// Other content under the same control number: hold it and alarm (TA105 025).
    Reused,
}

impl Repeat {
    /// Compares digests of the interchange's bytes, by whatever function the caller stores.
    pub fn of(stored: Option<&[u8]>, this: &[u8]) -> Self {
        match stored {
            None => Self::New,
            Some(stored) if stored == this => Self::Retransmission,
            Some(_) => Self::Reused,
        }
    }

    /// The problem to put into the acknowledgment, if any.
    pub const fn problem(self) -> Option<Problem> {
        match self {
            Self::New => None,
            Self::Retransmission => Some(Problem::DuplicateInterchange),
            Self::Reused => Some(Problem::ReusedInterchangeControlNumber),
        }
    }
}

/// An interchange: its header, and at its end what was found in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Interchange {
    /// X12 or EDIFACT.
    pub standard: Standard,
    /// Its place in the file, from 1.
    pub ordinal: u32,
    /// Its first byte in the file.
    pub at: u64,
    /// Its delimiters.
    pub delimiters: Delimiters,
    /// Who sent it.
    pub sender: Party,
    /// Whom it is for.
    pub receiver: Party,
    /// ISA09 (YYMMDD), or the date of UNB S004.
    pub date: String,
    /// ISA10 (HHMM), or the time of UNB S004.
    pub time: String,
    /// ISA12, or syntax identifier and version of UNB S001 as `UNOC:3`.
    pub version: String,
    /// ISA13 or 0020, as it stands.
    pub control: String,
    /// ISA15 or 0035.
    pub usage: Usage,
    /// ISA14 or 0031: whether the sender asks for a TA1 or a CONTRL.
    pub wants_acknowledgment: bool,
    /// What is wrong with the envelope.
    pub complaints: Complaints,
    /// Groups that came (messages, in an EDIFACT interchange without groups).
    pub received: u32,
    /// Whether its trailer came.
    pub complete: bool,
}

impl Interchange {
    /// The key to look for an earlier one by.
    pub fn key(&self) -> InterchangeKey {
        let trimmed = self.control.trim_start_matches('0');
        InterchangeKey {
            sender: self.sender.clone(),
            receiver: self.receiver.clone(),
            control: if trimmed.is_empty() { "0" } else { trimmed }.into(),
        }
    }

    /// What a TA1 says of it. An interchange that is rejected has nothing to process, whatever its sets are.
    pub fn verdict(&self) -> Verdict {
        let codes = |complaint: &Complaint| match self.standard {
            Standard::X12 => complaint.problem.ta1().map_or('R', |(_, action)| action),
            // CONTRL has no words for "accepted, errors noted".
            Standard::Edifact => 'R',
        };
        if self.complaints.iter().any(|complaint| complaint.rejects() && codes(complaint) == 'R') {
            Verdict::Rejected
        } else if self.complaints.is_empty() {
            Verdict::Accepted
        } else {
            Verdict::AcceptedWithErrors
        }
    }

    pub(crate) fn place(&self) -> Position {
        Position { byte: self.at, interchange: Some(self.ordinal), ..Position::default() }
    }
}

/// A functional group: its header, and at its end what was found in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its place in the interchange, from 1.
    pub ordinal: u32,
    /// Its first byte in the file.
    pub at: u64,
    /// GS01, such as `SW`; UNG 0038.
    pub code: String,
    /// GS02.
    pub sender: String,
    /// GS03.
    pub receiver: String,
    /// GS04, CCYYMMDD.
    pub date: String,
    /// GS05, HHMM or longer.
    pub time: String,
    /// GS06, UNG 0048.
    pub control: String,
    /// GS08, such as `004010`.
    pub version: String,
    /// What is wrong with the group itself.
    pub complaints: Complaints,
    /// GE01 as it was sent.
    pub declared: Option<u32>,
    /// Sets that came.
    pub received: u32,
    /// Sets that are accepted.
    pub accepted: u32,
    /// Sets that are accepted with errors noted.
    pub accepted_with_errors: u32,
}

impl Group {
    /// What AK901 says: rejected for a code of the group itself or if no set is accepted, partial if some are.
    pub fn verdict(&self) -> Verdict {
        if self.complaints.reject() || self.accepted == 0 {
            Verdict::Rejected
        } else if self.accepted < self.received {
            Verdict::Partial
        } else if self.accepted_with_errors > 0 || !self.complaints.is_empty() {
            Verdict::AcceptedWithErrors
        } else {
            Verdict::Accepted
        }
    }
}

/// A transaction set or message with its segments, ST or UNH and the trailer included.
#[derive(Clone, Debug)]
pub struct Set {
    /// Its place in its group, from 1.
    pub ordinal: u32,
    /// Its first byte in the file.
    pub at: u64,
    /// ST01 or 0065, such as `945` or `DESADV`.
    pub id: Code,
    /// ST02 or 0062.
    pub control: String,
    /// GS08, or version and release of UNH S009 as `D:01B`.
    pub version: String,
    /// All that UNH S009 says, `DESADV:D:01B:UN:EAN011`; empty in X12.
    pub message_type: String,
    /// Its segments.
    pub segments: Segments,
    /// What is wrong with it.
    pub complaints: Complaints,
    /// Whether its trailer came.
    pub complete: bool,
}

impl Set {
    /// What AK501 or UCM says of it.
    pub fn verdict(&self) -> Verdict {
        Verdict::of(&self.complaints)
    }
}

/// A TA1: a partner's word on an interchange of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ta1 {
    /// TA101: ISA13 of the interchange that it is about.
    pub control: String,
    /// TA102: its ISA09.
    pub date: String,
    /// TA103: its ISA10.
    pub time: String,
    /// TA104.
    pub verdict: Verdict,
    /// TA105: 0 for no error.
    pub code: u8,
}

/// What a reader reports. Sets are borrowed: map or clone a set to keep it longer.
///
/// The trailer comes last, so an interchange or group may turn out to be rejected after its sets were reported: commit
/// processed sets at [`Event::InterchangeEnd`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An interchange's header.
    Interchange(&'a Interchange),
    /// A group's header.
    Group(&'a Interchange, &'a Group),
    /// A set or message, complete or broken off. The group is absent in EDIFACT interchanges without groups.
    Set(&'a Interchange, Option<&'a Group>, &'a Set),
    /// A TA1.
    Ta1(&'a Interchange, &'a Ta1),
    /// A group's trailer, or the end of a group that has none.
    GroupEnd(&'a Interchange, &'a Group),
    /// An interchange's trailer, or the end of one that has none.
    InterchangeEnd(&'a Interchange),
    /// Something wrong with the file outside of any interchange.
    File(&'a Complaint),
}
