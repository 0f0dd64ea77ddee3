//! Undoes gzip on inbound bodies, bounded: some senders compress whatever the agreement says.

use std::borrow::Cow;
use std::io::Read as _;

/// The most that a body may unfold to.
const LIMIT: u64 = 4 << 20;

/// The body as it was before it was compressed, if it was.
///
/// # Errors
/// It begins as gzip does and is none, or unfolds to more than 4 MiB.
pub fn plain(body: &[u8]) -> Result<Cow<'_, [u8]>, &'static str> {
    if !body.starts_with(&[0x1F, 0x8B]) {
        return Ok(Cow::Borrowed(body));
    }
    let mut plain = Vec::new();
    let mut reader = flate2::bufread::GzDecoder::new(body).take(LIMIT + 1);
    reader.read_to_end(&mut plain).map_err(|_| "is not readable gzip")?;
    if plain.len() as u64 > LIMIT {
        return Err("unfolds to more than 4 MiB");
    }
    Ok(Cow::Owned(plain))
}
