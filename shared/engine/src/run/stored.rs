//! How a store keeps a commit's events: as text, or deflated where they are long. One commit is one item, and an item of
//! DynamoDB has at most 400 KB.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::bufread::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::Serialize;

use crate::failure::{Code, Failure};

/// Longer events are deflated. Shorter ones stay readable in the store, and cost no time.
const DEFLATE_ABOVE: usize = 64 << 10;

/// The most that the events of a commit may take in the store. The rest of an item's 400 KB is for its other attributes.
pub const MAX_STORED: usize = 360 << 10;

/// The longest events that are read back. Only deflated events come near it.
const MAX_EVENTS: u64 = 16 << 20;

/// The longest single event. The bus, and the queues behind it, take 1 MiB with the envelope.
const MAX_EVENT: usize = 880 << 10;

/// A commit's events as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredEvents {
    /// The JSON array itself.
    Text(String),
    /// The JSON array, deflated (RFC 1951).
    Deflated(Vec<u8>),
}

impl StoredEvents {
    /// `events` as they are to be stored.
    pub fn new(events: &str) -> Self {
        if events.len() > DEFLATE_ABOVE {
            Self::Deflated(deflated(events.as_bytes()))
        } else {
            Self::Text(events.to_owned())
        }
    }

    /// The events as a JSON array.
    ///
    /// # Errors
    /// They cannot be inflated, or to more than a commit may have: permanent.
    pub fn into_events(self) -> Result<String, Failure> {
        let unreadable = || Failure::permanent(Code::JournalCorrupt, "a commit's events cannot be inflated");
        match self {
            Self::Text(events) => Ok(events),
            Self::Deflated(bytes) => inflated(&bytes).map_err(|_not_shown| unreadable()),
        }
    }
}

/// How many bytes `events` take in the store.
pub fn stored_bytes(events: &str) -> usize {
    if events.len() > DEFLATE_ABOVE { deflated(events.as_bytes()).len() } else { events.len() }
}

/// Checks that a commit of `events`, which are `text` as a JSON array, can be stored, and each of them published.
///
/// # Errors
/// STO-006: permanent. A decision is one commit and is never split, so nothing of it is written.
pub(crate) fn check_size<E: Serialize>(events: &[E], text: &str) -> Result<(), Failure> {
    let too_large = |what: &str| Err(Failure::permanent(Code::CommitTooLarge, format!("{what}: {} bytes", text.len())));
    if text.len() as u64 > MAX_EVENTS || (text.len() > MAX_STORED && deflated(text.as_bytes()).len() > MAX_STORED) {
        return too_large("the events of one commit do not fit into an item of the journal");
    }
    let is_long = |event: &E| serde_json::to_string(event).map_or(true, |text| text.len() > MAX_EVENT);
    if text.len() > MAX_EVENT && events.iter().any(is_long) {
        return too_large("an event does not fit on the bus");
    }
    Ok(())
}

/// The text that was [`deflated`].
pub(crate) fn inflated(bytes: &[u8]) -> std::io::Result<String> {
    let mut text = String::new();
    DeflateDecoder::new(bytes).take(MAX_EVENTS).read_to_string(&mut text)?;
    Ok(text)
}

pub(crate) fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    // A write to memory does not fail.
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}
