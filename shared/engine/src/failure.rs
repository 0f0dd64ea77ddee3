//! How a step ends. The variant decides whether and how its message is retried.

use std::borrow::Cow;
use std::fmt;

use domain::{PartnerId, Rejection};
use jiff::Timestamp;

/// How a step ends that is done with its message. The message is acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a rejected request is answered; a rejected fact is a defect: `recorded`"]
pub enum Outcome {
    /// A change was committed.
    Applied,
    /// The work was done by an earlier delivery.
    AlreadyDone,
    /// There is nothing to do, for this reason.
    Ignored(&'static str),
    /// A command, a request or an effect was rejected, for this reason.
    Rejected(Rejection),
}

impl Outcome {
    /// The end of recording a fact.
    ///
    /// # Errors
    /// It was rejected, which no fact may be: STO-005.
    pub fn recorded(self) -> Result<(), Failure> {
        match self {
            Self::Applied | Self::AlreadyDone | Self::Ignored(_) => Ok(()),
            Self::Rejected(why) => Err(Failure::permanent(Code::StateImpossible, why.to_string())),
        }
    }
}

/// How a step ends that is not done with its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The message waits as a due item, outside its queue, so that the wait does not count as an attempt.
    Deferred {
        /// When to try again.
        until: Timestamp,
        /// The reason for the wait.
        why: Wait,
    },
    /// The message, and no other of its batch, goes back to its queue. The pause grows with each attempt and has
    /// jitter. After a few attempts the message waits as a due item, and is parked if it fails for hours.
    Transient {
        /// Says what went wrong, for alarms and pages.
        code: Code,
        /// The same for people; redacted before it is logged or stored.
        cause: Cow<'static, str>,
    },
    /// A retry would fail again. The message is parked with its cause, then acknowledged.
    Permanent {
        /// Says what went wrong, for alarms and pages.
        code: Code,
        /// The same for people; redacted before it is logged or stored.
        cause: Cow<'static, str>,
    },
}

/// What deferred work waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// The end of a claim: another delivery has claimed the effect and may still be calling the partner.
    Claimed,
    /// The end of a pause: the partner answered 429, our rate limit for it is used up, or its settle time has not
    /// passed.
    Limited(PartnerId),
    /// The creation of the stream of this name. Its first commit ends the wait early.
    ParentUnknown(String),
    /// A time of the step's own choice, such as the next deadline. Names the work, of which only one message waits.
    Time(String),
    /// Stock in the ERP.
    Stock,
    /// The end of a cancellation: a new order has the cancelled order's purchase order number.
    Cancelling,
    /// A newer release: the stream has an event that this one cannot read.
    SchemaAhead,
    /// The partner's circuit is open: it does not answer, and only a probe is sent now and then.
    Circuit(PartnerId),
    /// A place among the calls in flight: the partner answers slowly, so only a few calls are made at a time.
    Slow(PartnerId),
    /// A correction of our configuration: the partner's document is not valid, or no partner has the role.
    Configuration(Option<PartnerId>),
    /// The end of a fault: the step has failed at each of the queue's deliveries, and tries again later and later.
    Failing,
}

impl Wait {
    /// The word that logs and due items use.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Limited(_) => "limited",
            Self::ParentUnknown(_) => "parent_unknown",
            Self::Time(_) => "time",
            Self::Stock => "stock",
            Self::Cancelling => "cancelling",
            Self::SchemaAhead => "schema_ahead",
            Self::Circuit(_) => "circuit",
            Self::Slow(_) => "slow",
            Self::Configuration(_) => "configuration",
            Self::Failing => "failing",
        }
    }

    /// The partner whose answers the work waits for; `None` for other waits.
    pub fn partner(&self) -> Option<&PartnerId> {
        match self {
            Self::Limited(partner) | Self::Circuit(partner) | Self::Slow(partner) => Some(partner),
            Self::Configuration(partner) => partner.as_ref(),
            Self::Claimed
            | Self::ParentUnknown(_)
            | Self::Time(_)
            | Self::Stock
            | Self::Cancelling
            | Self::SchemaAhead
            | Self::Failing => None,
        }
    }

    /// The stream whose creation ends the wait; `None` for other waits.
    pub fn parent(&self) -> Option<&str> {
        match self {
            Self::ParentUnknown(stream) => Some(stream),
            Self::Claimed
            | Self::Limited(_)
            | Self::Circuit(_)
            | Self::Slow(_)
            | Self::Configuration(_)
            | Self::Time(_)
            | Self::Stock
            | Self::Cancelling
            | Self::SchemaAhead
            | Self::Failing => None,
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// A failure's code. Each has a page in `docs/failures/`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $name),+ }

        impl Code {
            /// Every code, in the order of their pages.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code as it is written in logs, dead-letter queues and file names.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

codes! {
    /// The message is not one of our events.
    MessageMalformed = "MSG-001",
    /// The event has a malformed id.
    MessageUnreadable = "MSG-002",
    /// The raw delivery that the event points to has expired or was erased.
    DeliveryMissing = "MSG-003",
    /// The partner's body cannot be mapped to a command.
    DeliveryUnmappable = "MSG-004",
    /// The order, fulfillment or address record that the work needs does not exist.
    ParentMissing = "MSG-005",
    /// A store did not answer in time, throttled, or failed.
    StoreBusy = "STO-001",
    /// A store rejected the call: permission, table, size.
    StoreRefused = "STO-002",
    /// A stream's commits cannot be parsed.
    JournalCorrupt = "STO-003",
    /// Other steps committed first, several times in a row.
    JournalRaced = "STO-004",
    /// Our own data contradict each other or cannot be written: a defect in this release.
    StateImpossible = "STO-005",
    /// A decision's events do not fit into one commit, or one of them does not fit on the bus.
    CommitTooLarge = "STO-006",
    /// The bus rejected entries several times in a row.
    BusRefused = "BUS-001",
    /// A partner did not answer in time; it may have carried out the request.
    PartnerTimeout = "PRT-001",
    /// A partner failed (5xx, connection lost).
    PartnerBusy = "PRT-002",
    /// A partner's answer cannot be parsed.
    PartnerGarbage = "PRT-003",
    /// A partner did not accept our credentials.
    PartnerUnauthorized = "PRT-004",
    /// A partner rejected a call that it has no reason to reject: our request is wrong.
    PartnerRefused = "PRT-005",
    /// The registry has no such partner, or its document is not valid.
    PartnerUnknown = "CFG-001",
    /// A secret is missing or cannot be read.
    SecretMissing = "CFG-002",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Failure {
    /// A failure after which a retry may succeed.
    pub fn transient(code: Code, cause: impl Into<Cow<'static, str>>) -> Self {
        Self::Transient { code, cause: cause.into() }
    }

    /// A failure after which no retry can succeed.
    pub fn permanent(code: Code, cause: impl Into<Cow<'static, str>>) -> Self {
        Self::Permanent { code, cause: cause.into() }
    }
}

impl From<domain::IdError> for Failure {
    fn from(error: domain::IdError) -> Self {
        Self::permanent(Code::MessageUnreadable, error.to_string())
    }
}
