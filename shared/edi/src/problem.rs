//! Every problem, with its sentence and its code in each acknowledgment.
//!
//! Sources: for the 997 and the TA1, Microsoft's page on X12 acknowledgments of Logic Apps; for CONTRL, the names of element
//! 0085 of the UN/EDIFACT service code list. The sentences are ours.

#![allow(clippy::wildcard_enum_match_arm, reason = "tables: a problem that is not in one has no code there")]

/// A kind of thing that can be wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each has its sentence in `Problem::sentence`")]
pub enum Problem {
    // Of a file or an interchange.
    EmptyFile,
    NotEdi,
    Truncated,
    ByteOrderMark,
    WhiteSpace,
    WrappedLines,
    LineBreakTerminator,
    NonAsciiTerminator,
    InvalidTerminator,
    InvalidElementSeparator,
    InvalidComponentSeparator,
    UnpaddedIsa,
    InvalidAuthorizationQualifier,
    InvalidAuthorization,
    InvalidSecurityQualifier,
    InvalidSecurity,
    InvalidSenderQualifier,
    InvalidSender,
    InvalidReceiverQualifier,
    InvalidReceiver,
    UnknownReceiver,
    InvalidInterchangeDate,
    InvalidInterchangeTime,
    RepetitionMismatch,
    InvalidStandard,
    InvalidVersion,
    UnsupportedVersion,
    InvalidInterchangeControlNumber,
    InvalidAcknowledgmentRequest,
    InvalidTestIndicator,
    InterchangeControlMismatch,
    GroupCountWrong,
    DuplicateInterchange,
    ReusedInterchangeControlNumber,
    MisplacedSegment,
    StraySegment,
    MixedGroupsAndMessages,
    EmptyInterchange,
    SegmentTooLong,
    // Of a group.
    UnsupportedGroup,
    UnsupportedGroupVersion,
    GroupTrailerMissing,
    GroupControlMismatch,
    SetCountWrong,
    SetCountTooHigh,
    InvalidGroupControlNumber,
    DuplicateGroup,
    InvalidGroupHeader,
    // Of a set or message.
    UnsupportedSet,
    SetTrailerMissing,
    SetControlMismatch,
    SegmentCountWrong,
    InvalidSetId,
    InvalidSetControlNumber,
    SetNotInGroup,
    ConventionMismatch,
    DuplicateSet,
    SetTooLarge,
    // Of trailers at any level.
    ControlNumberPadding,
    CountPadding,
    // Of a segment.
    UnknownSegment,
    UnexpectedSegment,
    MissingSegment,
    LoopTooOften,
    SegmentTooOften,
    SegmentNotInSet,
    WrongSequence,
    // Of an element.
    ElementMissing,
    ConditionalElementMissing,
    TooManyElements,
    TooManyComponents,
    TooShort,
    TooLong,
    InvalidCharacter,
    NotUtf8,
    InvalidCode,
    InvalidDate,
    InvalidTime,
    Excluded,
    // Of a document that is right as EDI, but says what cannot be.
    InvalidNumber,
    TotalsDisagree,
}

impl Problem {
    /// What is wrong, as an EDI desk would be told.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::EmptyFile => "the file is empty",
            Self::NotEdi => "the file begins with neither ISA, UNA nor UNB",
            Self::Truncated => "the file ends before the interchange's trailer",
            Self::ByteOrderMark => "a byte order mark stands before the first segment",
            Self::WhiteSpace => "white space stands between segments",
            Self::WrappedLines => "line breaks stand within segments",
            Self::LineBreakTerminator => "the segment terminator is a line break",
            Self::NonAsciiTerminator => "the segment terminator is not an ASCII character",
            Self::InvalidTerminator => "the segment terminator cannot be one",
            Self::InvalidElementSeparator => "the element separator cannot be one",
            Self::InvalidComponentSeparator => "the component separator cannot be one",
            Self::UnpaddedIsa => "the ISA's elements do not have their fixed lengths",
            Self::InvalidAuthorizationQualifier => "ISA01 is not an authorization qualifier",
            Self::InvalidAuthorization => "ISA02 does not fit ISA01",
            Self::InvalidSecurityQualifier => "ISA03 is not a security qualifier",
            Self::InvalidSecurity => "ISA04 does not fit ISA03",
            Self::InvalidSenderQualifier => "the sender's qualifier is invalid",
            Self::InvalidSender => "the sender's id is invalid",
            Self::InvalidReceiverQualifier => "the receiver's qualifier is invalid",
            Self::InvalidReceiver => "the receiver's id is invalid",
            Self::UnknownReceiver => "the receiver is not one of ours",
            Self::InvalidInterchangeDate => "the interchange's date is invalid",
            Self::InvalidInterchangeTime => "the interchange's time is invalid",
            Self::RepetitionMismatch => "ISA11 does not fit the version in ISA12",
            Self::InvalidStandard => "the standard's id is invalid",
            Self::InvalidVersion => "the interchange's version is invalid",
            Self::UnsupportedVersion => "the interchange's version is not supported",
            Self::InvalidInterchangeControlNumber => "the interchange's control number is invalid",
            Self::InvalidAcknowledgmentRequest => "the request for an acknowledgment is neither 0 nor 1",
            Self::InvalidTestIndicator => "the test indicator is invalid",
            Self::InterchangeControlMismatch => "the control numbers in the interchange's header and trailer differ",
            Self::GroupCountWrong => "the trailer's count is not what the interchange has",
            Self::DuplicateInterchange => "the interchange came before, with the same content",
            Self::ReusedInterchangeControlNumber => "the interchange's control number came before, with other content",
            Self::MisplacedSegment => "an envelope's segment is out of place",
            Self::StraySegment => "a segment stands outside of any set",
            Self::MixedGroupsAndMessages => "groups and messages are mixed in one interchange",
            Self::EmptyInterchange => "the interchange has nothing in it",
            Self::SegmentTooLong => "a segment is longer than the reader's bound; the rest of the file is not read",
            Self::UnsupportedGroup => "the group's code is not supported",
            Self::UnsupportedGroupVersion => "the group's version is not supported",
            Self::GroupTrailerMissing => "the group has no trailer",
            Self::GroupControlMismatch => "the control numbers in the group's header and trailer differ",
            Self::SetCountWrong => "the group's trailer counts other than the sets that came",
            Self::SetCountTooHigh => "the group's trailer counts more sets than came",
            Self::InvalidGroupControlNumber => "the group's control number is invalid",
            Self::DuplicateGroup => "the group's control number came before in the interchange",
            Self::InvalidGroupHeader => "the group's header is invalid",
            Self::UnsupportedSet => "the set is not supported",
            Self::SetTrailerMissing => "the set has no trailer",
            Self::SetControlMismatch => "the control numbers in the set's header and trailer differ",
            Self::SegmentCountWrong => "the set's trailer counts other than the segments that came",
            Self::InvalidSetId => "the set's id is missing or invalid",
            Self::InvalidSetControlNumber => "the set's control number is missing or invalid",
            Self::SetNotInGroup => "the set does not belong into a group of this code",
            Self::ConventionMismatch => "the set's version differs from the group's",
            Self::DuplicateSet => "the set's control number came before in the group",
            Self::SetTooLarge => "the set is larger than the reader's bound; the rest of it is left out",
            Self::ControlNumberPadding => "the trailer's control number has other leading zeros than the header's",
            Self::CountPadding => "the count has leading zeros",
            Self::UnknownSegment => "the segment's id is unknown",
            Self::UnexpectedSegment => "the segment is not expected here",
            Self::MissingSegment => "a mandatory segment is missing",
            Self::LoopTooOften => "the loop occurs too often",
            Self::SegmentTooOften => "the segment occurs too often",
            Self::SegmentNotInSet => "the segment does not belong into this set",
            Self::WrongSequence => "the segment is out of sequence",
            Self::ElementMissing => "a mandatory element is missing",
            Self::ConditionalElementMissing => "an element is missing that another one requires",
            Self::TooManyElements => "the segment has too many elements",
            Self::TooManyComponents => "the element has too many components",
            Self::TooShort => "the element is too short",
            Self::TooLong => "the element is too long",
            Self::InvalidCharacter => "the element has an invalid character",
            Self::NotUtf8 => "the element's text is not UTF-8",
            Self::InvalidCode => "the element's code is invalid",
            Self::InvalidDate => "the date is invalid",
            Self::InvalidTime => "the time is invalid",
            Self::Excluded => "the element must not stand beside another one",
            Self::InvalidNumber => "the number cannot be read",
            Self::TotalsDisagree => "the lines do not add up to the document's total",
        }
    }

    /// The code of element 720 (AK304, IK304).
    pub const fn ak3(self) -> Option<u8> {
        Some(match self {
            Self::UnknownSegment => 1,
            Self::UnexpectedSegment => 2,
            Self::MissingSegment => 3,
            Self::LoopTooOften => 4,
            Self::SegmentTooOften => 5,
            Self::SegmentNotInSet => 6,
            Self::WrongSequence => 7,
            _ if self.ak4().is_some() => 8,
            _ => return None,
        })
    }

    /// The code of element 723 (AK403, IK403).
    pub const fn ak4(self) -> Option<u8> {
        Some(match self {
            Self::ElementMissing => 1,
            Self::ConditionalElementMissing => 2,
            Self::TooManyElements | Self::TooManyComponents => 3,
            Self::TooShort => 4,
            Self::TooLong => 5,
            Self::InvalidCharacter | Self::NotUtf8 | Self::InvalidNumber | Self::WrappedLines => 6,
            Self::InvalidCode => 7,
            Self::InvalidDate => 8,
            Self::InvalidTime => 9,
            Self::Excluded => 10,
            _ => return None,
        })
    }

    /// The code of element 718 (AK502 to AK506, IK502 to IK506).
    pub const fn ak5(self) -> Option<u8> {
        Some(match self {
            Self::UnsupportedSet => 1,
            Self::SetTrailerMissing => 2,
            Self::SetControlMismatch | Self::ControlNumberPadding => 3,
            Self::SegmentCountWrong | Self::CountPadding => 4,
            Self::InvalidSetId => 6,
            Self::InvalidSetControlNumber => 7,
            Self::SetNotInGroup => 18,
            Self::ConventionMismatch => 19,
            Self::DuplicateSet => 23,
            _ if self.ak3().is_some() => 5,
            _ => return None,
        })
    }

    /// The code of element 716 (AK905 to AK909).
    pub const fn ak9(self) -> Option<u8> {
        Some(match self {
            // A set in a foreign group that the partner may send is noted on the group.
            Self::UnsupportedGroup | Self::SetNotInGroup => 1,
            Self::UnsupportedGroupVersion => 2,
            Self::GroupTrailerMissing => 3,
            Self::GroupControlMismatch | Self::ControlNumberPadding => 4,
            Self::SetCountWrong | Self::SetCountTooHigh | Self::CountPadding => 5,
            Self::InvalidGroupControlNumber => 6,
            Self::DuplicateGroup => 19,
            _ => return None,
        })
    }

    /// The code of TA105 and the one of TA104 that goes with it, `E` or `R`.
    pub const fn ta1(self) -> Option<(u8, char)> {
        Some(match self {
            Self::InterchangeControlMismatch => (1, 'E'),
            Self::UnsupportedVersion => (3, 'E'),
            Self::InvalidTerminator | Self::LineBreakTerminator | Self::NonAsciiTerminator => (4, 'R'),
            Self::InvalidSenderQualifier => (5, 'R'),
            Self::InvalidSender => (6, 'E'),
            Self::InvalidReceiverQualifier => (7, 'R'),
            Self::InvalidReceiver => (8, 'E'),
            Self::UnknownReceiver => (9, 'E'),
            Self::InvalidAuthorizationQualifier => (10, 'R'),
            Self::InvalidAuthorization => (11, 'R'),
            Self::InvalidSecurityQualifier => (12, 'R'),
            Self::InvalidSecurity => (13, 'R'),
            Self::InvalidInterchangeDate => (14, 'R'),
            Self::InvalidInterchangeTime => (15, 'R'),
            Self::InvalidStandard | Self::RepetitionMismatch => (16, 'R'),
            Self::InvalidVersion => (17, 'R'),
            Self::InvalidInterchangeControlNumber => (18, 'R'),
            Self::InvalidAcknowledgmentRequest => (19, 'E'),
            Self::InvalidTestIndicator => (20, 'E'),
            Self::GroupCountWrong => (21, 'E'),
            Self::UnpaddedIsa | Self::WhiteSpace | Self::WrappedLines | Self::ByteOrderMark => (22, 'R'),
            Self::MisplacedSegment | Self::SegmentTooLong | Self::ControlNumberPadding | Self::CountPadding => {
                (22, 'R')
            }
            Self::Truncated => (23, 'R'),
            Self::StraySegment | Self::InvalidGroupHeader | Self::EmptyInterchange => (24, 'R'),
            Self::DuplicateInterchange | Self::ReusedInterchangeControlNumber => (25, 'R'),
            Self::InvalidElementSeparator => (26, 'R'),
            Self::InvalidComponentSeparator => (27, 'R'),
            _ => return None,
        })
    }

    /// The code of element 0085 (UCI, UCM, UCS and UCD of a CONTRL).
    pub const fn contrl(self) -> u8 {
        match self {
            Self::UnsupportedVersion => 2,
            Self::UnsupportedSet | Self::UnsupportedGroup | Self::UnsupportedGroupVersion => 17,
            Self::UnknownReceiver => 7,
            Self::InvalidCode | Self::InvalidDate | Self::InvalidTime | Self::InvalidVersion => 12,
            Self::InvalidInterchangeDate | Self::InvalidInterchangeTime | Self::InvalidTestIndicator => 12,
            Self::ElementMissing | Self::ConditionalElementMissing | Self::MissingSegment => 13,
            Self::SetTrailerMissing | Self::GroupTrailerMissing | Self::Truncated => 13,
            Self::InvalidSender | Self::InvalidReceiver => 13,
            Self::InvalidInterchangeControlNumber | Self::InvalidSetControlNumber | Self::InvalidSetId => 13,
            Self::InvalidGroupControlNumber | Self::InvalidGroupHeader => 13,
            Self::UnknownSegment | Self::UnexpectedSegment | Self::SegmentNotInSet | Self::WrongSequence => 15,
            Self::Excluded => 15,
            Self::TooManyElements | Self::TooManyComponents => 16,
            Self::InvalidTerminator | Self::InvalidElementSeparator | Self::InvalidComponentSeparator => 20,
            Self::InvalidCharacter | Self::NotUtf8 | Self::WhiteSpace | Self::WrappedLines => 21,
            Self::DuplicateInterchange | Self::ReusedInterchangeControlNumber => 26,
            Self::DuplicateGroup | Self::DuplicateSet => 26,
            Self::InterchangeControlMismatch | Self::GroupControlMismatch | Self::SetControlMismatch => 28,
            Self::ControlNumberPadding | Self::ConventionMismatch => 28,
            Self::GroupCountWrong | Self::SetCountWrong | Self::SetCountTooHigh | Self::SegmentCountWrong => 29,
            Self::MixedGroupsAndMessages => 30,
            Self::EmptyInterchange => 32,
            Self::MisplacedSegment | Self::StraySegment => 33,
            Self::SegmentTooOften => 35,
            Self::LoopTooOften => 36,
            Self::InvalidNumber => 37,
            Self::TooLong => 39,
            Self::TooShort => 40,
            _ => 18,
        }
    }
}
