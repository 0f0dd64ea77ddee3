//! Deviations that a partner may be allowed, each by its name.

use core::fmt;
use core::str::FromStr;

use crate::complaint::Problem;

/// A deviation from the standard that real files have. Each is off unless the partner's document turns it on.
///
/// Reading goes on either way, so that one pass finds every complaint. With the leniency on, the complaint is marked as
/// tolerated and the document is accepted with errors noted; with it off, the document is rejected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Leniency {
    /// A UTF-8 byte order mark before the first segment.
    ByteOrderMark,
    /// Indented segments, white space after a terminator, blank lines. One line break after every terminator is no
    /// deviation: it is taken as a part of the terminator.
    WhiteSpace,
    /// Line breaks within segments, from a system that wraps at a fixed column. They are taken out of the data.
    WrappedLines,
    /// CR, LF or CR LF as the segment terminator.
    LineBreakTerminator,
    /// A segment terminator outside ASCII, such as U+2026 or U+00D6, in UTF-8 or in one byte.
    NonAsciiTerminator,
    /// ISA elements shorter or longer than their fixed lengths.
    UnpaddedIsa,
    /// ISA11 that does not fit ISA12: `U` from version 00402 on, a separator before it, a blank in either.
    RepetitionMismatch,
    /// A trailer's control number that equals the header's but for leading zeros (IEA02, GE02, SE02).
    UnpaddedControlNumber,
    /// Counts with leading zeros (SE01, GE01, IEA01).
    PaddedCount,
    /// GE01 higher than the number of sets that came.
    GroupCountTooHigh,
    /// A set in a group of another code, such as a 945 in `IN`.
    ForeignGroupCode,
    /// Text that is not UTF-8. It is read as ISO 8859-1.
    Latin1Text,
    /// Segments that the set's rules do not know, or not in this place. They are skipped.
    ExtraSegments,
    /// Elements longer than their maximum.
    OverlongElements,
}

impl Leniency {
    /// Every leniency.
    pub const ALL: [Self; 14] = [
        Self::ByteOrderMark,
        Self::WhiteSpace,
        Self::WrappedLines,
        Self::LineBreakTerminator,
        Self::NonAsciiTerminator,
        Self::UnpaddedIsa,
        Self::RepetitionMismatch,
        Self::UnpaddedControlNumber,
        Self::PaddedCount,
        Self::GroupCountTooHigh,
        Self::ForeignGroupCode,
        Self::Latin1Text,
        Self::ExtraSegments,
        Self::OverlongElements,
    ];

    /// Its name in a partner's document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ByteOrderMark => "byte_order_mark",
            Self::WhiteSpace => "white_space",
            Self::WrappedLines => "wrapped_lines",
            Self::LineBreakTerminator => "line_break_terminator",
            Self::NonAsciiTerminator => "non_ascii_terminator",
            Self::UnpaddedIsa => "unpadded_isa",
            Self::RepetitionMismatch => "repetition_mismatch",
            Self::UnpaddedControlNumber => "unpadded_control_number",
            Self::PaddedCount => "padded_count",
            Self::GroupCountTooHigh => "group_count_too_high",
            Self::ForeignGroupCode => "foreign_group_code",
            Self::Latin1Text => "latin1_text",
            Self::ExtraSegments => "extra_segments",
            Self::OverlongElements => "overlong_elements",
        }
    }

    /// Whether this leniency tolerates a problem.
    pub(crate) const fn covers(self, problem: Problem) -> bool {
        match self {
            Self::ByteOrderMark => matches!(problem, Problem::ByteOrderMark),
            Self::WhiteSpace => matches!(problem, Problem::WhiteSpace),
            Self::WrappedLines => matches!(problem, Problem::WrappedLines),
            Self::LineBreakTerminator => matches!(problem, Problem::LineBreakTerminator),
            Self::NonAsciiTerminator => matches!(problem, Problem::NonAsciiTerminator),
            Self::UnpaddedIsa => matches!(problem, Problem::UnpaddedIsa),
            Self::RepetitionMismatch => matches!(problem, Problem::RepetitionMismatch),
            Self::UnpaddedControlNumber => matches!(problem, Problem::ControlNumberPadding),
            Self::PaddedCount => matches!(problem, Problem::CountPadding),
            Self::GroupCountTooHigh => matches!(problem, Problem::SetCountTooHigh),
            Self::ForeignGroupCode => matches!(problem, Problem::SetNotInGroup),
            Self::Latin1Text => matches!(problem, Problem::NotUtf8),
            Self::ExtraSegments => {
                matches!(problem, Problem::UnknownSegment | Problem::UnexpectedSegment | Problem::SegmentNotInSet)
            }
            Self::OverlongElements => matches!(problem, Problem::TooLong),
        }
    }
}

impl fmt::Display for Leniency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name of no leniency.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownLeniency;

impl fmt::Display for UnknownLeniency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the name of a leniency")
    }
}

impl core::error::Error for UnknownLeniency {}

impl FromStr for Leniency {
    type Err = UnknownLeniency;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|leniency| leniency.name() == name).ok_or(UnknownLeniency)
    }
}

/// The leniencies that are on for a partner.
///
/// ```
/// use edi::{Leniencies, Leniency};
/// let lenient: Leniencies = [Leniency::WhiteSpace, Leniency::ByteOrderMark].into_iter().collect();
/// assert!(lenient.contains(Leniency::WhiteSpace));
/// assert!(!Leniencies::NONE.contains(Leniency::WhiteSpace));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Leniencies(u32);

impl Leniencies {
    /// Strict reading.
    pub const NONE: Self = Self(0);

    /// Every leniency: for looking at a file, not for a partner.
    pub fn all() -> Self {
        Leniency::ALL.into_iter().collect()
    }

    /// Whether one is on.
    pub const fn contains(self, leniency: Leniency) -> bool {
        self.0 & (1 << leniency as u32) != 0
    }

    /// These and one more.
    #[must_use]
    pub const fn with(self, leniency: Leniency) -> Self {
        Self(self.0 | (1 << leniency as u32))
    }
}

impl FromIterator<Leniency> for Leniencies {
    fn from_iter<I: IntoIterator<Item = Leniency>>(leniencies: I) -> Self {
        leniencies.into_iter().fold(Self::NONE, Self::with)
    }
}
