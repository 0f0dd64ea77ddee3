//! Undoes gzip on inbound bodies, up to a limit. Some senders compress although nothing asks them to.

use std::borrow::Cow;
use std::io::Read as _;

/// The longest decompressed body, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// `body` decompressed; unchanged if it is not gzip.
///
/// # Errors
/// It begins like gzip and is not, or it decompresses to more than 4 MiB.
pub fn plain(body: &[u8]) -> Result<Cow<'_, [u8]>, &'static str> {
    if !body.starts_with(&[0x1F, 0x8B]) {
        return Ok(Cow::Borrowed(body));
    }
    let mut plain = Vec::new();
    let mut reader = flate2::bufread::GzDecoder::new(body).take(MAX_BYTES + 1);
    reader.read_to_end(&mut plain).map_err(|_| "is not readable gzip")?;
    if plain.len() as u64 > MAX_BYTES {
        return Err("unfolds to more than 4 MiB");
    }
    Ok(Cow::Owned(plain))
}
