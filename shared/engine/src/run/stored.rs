//! How a store keeps what is long: a commit's events, as text or deflated, and a delivery's body. One commit is one item, and
//! an item of DynamoDB has at most 400 KB; a write is billed for each KB.

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

/// The longest events or body that are read back. Only what is deflated comes near it, and no door takes so long a body.
const MAX_INFLATED: u64 = 16 << 20;

/// The longest single event. The bus, and the queues behind it, take 1 MiB with the envelope.
const MAX_EVENT: usize = 880 << 10;

/// A body that is at most this long is stored as it is: with the item's other attributes it costs one write unit.
const SHORT_BODY: usize = 512;

/// A delivery's body as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBody {
    /// The sender's bytes, or the same deflated (RFC 1951).
    pub bytes: Vec<u8>,
    /// Whether they are deflated.
    pub is_deflated: bool,
}

impl StoredBody {
    /// `body` as it is to be stored: deflated where that is shorter.
    pub fn new(body: &[u8]) -> Self {
        let shorter = (body.len() > SHORT_BODY).then(|| deflated(body)).filter(|bytes| bytes.len() < body.len());
        let is_deflated = shorter.is_some();
        Self { bytes: shorter.unwrap_or_else(|| body.to_owned()), is_deflated }
    }

    /// The sender's bytes; `None` if they cannot be inflated.
    pub fn into_body(self) -> Option<Vec<u8>> {
        if !self.is_deflated {
            return Some(self.bytes);
        }
        inflated_bytes(&self.bytes).ok()
    }
}

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
    match StoredEvents::new(events) {
        StoredEvents::Text(text) => text.len(),
        StoredEvents::Deflated(bytes) => bytes.len(),
    }
}

/// Checks that a commit of `events`, which are `text` as a JSON array, can be stored, and each of them published.
///
/// # Errors
/// STO-006: permanent. A decision is one commit and is never split, so nothing of it is written.
pub(crate) fn check_size<E: Serialize>(events: &[E], text: &str) -> Result<(), Failure> {
    let too_large = |what: &str| Err(Failure::permanent(Code::CommitTooLarge, format!("{what}: {} bytes", text.len())));
    if text.len() as u64 > MAX_INFLATED || (text.len() > MAX_STORED && deflated(text.as_bytes()).len() > MAX_STORED) {
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
    String::from_utf8(inflated_bytes(bytes)?).map_err(std::io::Error::other)
}

fn inflated_bytes(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut inflated = Vec::new();
    DeflateDecoder::new(bytes).take(MAX_INFLATED).read_to_end(&mut inflated)?;
    Ok(inflated)
}

pub(crate) fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    // A write to memory does not fail.
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_back_as_it_was_sent() {
        let long = "{\"quantity\":\"1\",\"uom\":\"EA\"},".repeat(100);
        for (body, is_deflated) in [(b"{}".as_slice(), false), (long.as_bytes(), true)] {
            let stored = StoredBody::new(body);
            assert!(stored.bytes.len() <= body.len());
            assert_eq!((stored.is_deflated, stored.into_body().as_deref()), (is_deflated, Some(body)));
        }
        assert_eq!(StoredBody { bytes: b"?".to_vec(), is_deflated: true }.into_body(), None);
    }
}
