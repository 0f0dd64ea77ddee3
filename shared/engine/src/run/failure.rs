//! How a step ends. The variant is the retry policy.

use std::borrow::Cow;
use std::fmt;

use domain::PartnerId;
use jiff::Timestamp;

/// A step that is done with its message, one way or another. All of these are acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Something changed, and is committed.
    Applied,
    /// It had been done before.
    AlreadyDone,
    /// There is nothing to be done.
    Ignored(&'static str),
    /// A request was refused; the refusal is committed.
    Rejected(String),
}

/// A step that is not done with its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Not an attempt: it waits outside the queue, as a due item, and burns no receive count.
    Deferred {
        /// When to try again.
        until: Timestamp,
        /// What it waits for.
        why: Wait,
    },
    /// That message alone goes back to its queue, with a growing, jittered pause.
    Transient {
        /// What went wrong.
        code: Code,
        /// In words, redacted.
        cause: Cow<'static, str>,
    },
    /// No repetition helps: it is parked with its cause, then acknowledged.
    Permanent {
        /// What went wrong.
        code: Code,
        /// In words, redacted.
        cause: Cow<'static, str>,
    },
}

/// What deferred work waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// Another delivery of the same work announced the effect and may be at it.
    Claimed,
    /// The partner said "later" (429 or an announced pause).
    Limited(PartnerId),
    /// It is about something that has not arrived here yet: the stream of that name. It is woken as soon as that begins.
    ParentUnknown(String),
    /// Its time has not come.
    Time,
    /// There is no stock yet.
    Stock,
    /// The stream holds an event that this release cannot read.
    SchemaAhead,
    /// The partner is not ready to answer.
    NotYet(PartnerId),
    /// The partner does not answer; now and then one call tries it.
    Circuit(PartnerId),
    /// The partner answers slowly, and enough calls are in flight.
    Slow(PartnerId),
}

impl Wait {
    /// For logs and due items.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Limited(_) => "limited",
            Self::ParentUnknown(_) => "parent_unknown",
            Self::Time => "time",
            Self::Stock => "stock",
            Self::SchemaAhead => "schema_ahead",
            Self::NotYet(_) => "not_yet",
            Self::Circuit(_) => "circuit",
            Self::Slow(_) => "slow",
        }
    }

    /// The partner whose turn it is, where it is one's.
    pub fn partner(&self) -> Option<&PartnerId> {
        match self {
            Self::Limited(partner) | Self::NotYet(partner) | Self::Circuit(partner) | Self::Slow(partner) => {
                Some(partner)
            }
            Self::Claimed | Self::ParentUnknown(_) | Self::Time | Self::Stock | Self::SchemaAhead => None,
        }
    }

    /// The stream whose beginning ends the wait, where one does.
    pub fn parent(&self) -> Option<&str> {
        match self {
            Self::ParentUnknown(stream) => Some(stream),
            Self::Claimed
            | Self::Limited(_)
            | Self::NotYet(_)
            | Self::Circuit(_)
            | Self::Slow(_)
            | Self::Time
            | Self::Stock
            | Self::SchemaAhead => None,
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// A failure's code. Each has a page in `docs/failures/`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $name),+ }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code as it is written in logs, dead-letter queues and file names.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

codes! {
    /// The message is not an event of ours.
    MessageMalformed = "MSG-001",
    /// The event names an id that cannot be one.
    MessageUnreadable = "MSG-002",
    /// The raw delivery that the event points to is gone.
    DeliveryMissing = "MSG-003",
    /// The partner's body cannot be mapped to a command.
    DeliveryUnmappable = "MSG-004",
    /// What the event is about never arrived.
    ParentMissing = "MSG-005",
    /// A store did not answer in time, or throttled.
    StoreBusy = "STO-001",
    /// A store refused the call: permission, table, size.
    StoreRefused = "STO-002",
    /// A stream's commits cannot be read.
    JournalCorrupt = "STO-003",
    /// Other commits came first, several times in a row.
    JournalRaced = "STO-004",
    /// A stream's state does not allow what the step has in hand: a fault of ours.
    StateImpossible = "STO-005",
    /// The bus refused some entries.
    BusRefused = "BUS-001",
    /// A partner did not answer in time; what was asked may have been done.
    PartnerTimeout = "PRT-001",
    /// A partner answered with a fault of its own (5xx, connection lost).
    PartnerBusy = "PRT-002",
    /// A partner's answer cannot be read.
    PartnerGarbage = "PRT-003",
    /// A partner did not accept our credentials.
    PartnerUnauthorized = "PRT-004",
    /// A partner refused a question that has no refusal: our request is wrong.
    PartnerRefused = "PRT-005",
    /// The registry has no such partner, or its document is not valid.
    PartnerUnknown = "CFG-001",
    /// A secret is missing or not readable.
    SecretMissing = "CFG-002",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Failure {
    /// A failure that a repetition may cure.
    pub fn transient(code: Code, cause: impl Into<Cow<'static, str>>) -> Self {
        Self::Transient { code, cause: cause.into() }
    }

    /// A failure that no repetition cures.
    pub fn permanent(code: Code, cause: impl Into<Cow<'static, str>>) -> Self {
        Self::Permanent { code, cause: cause.into() }
    }
}

impl From<domain::IdError> for Failure {
    fn from(error: domain::IdError) -> Self {
        Self::permanent(Code::MessageUnreadable, error.to_string())
    }
}
