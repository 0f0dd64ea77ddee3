//! Undoes gzip on inbound bodies, up to a limit. Some senders compress although nothing asks them to.

use std::borrow::Cow;
use std::io::Read as _;

/// The longest decompressed body, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// `body` decompressed, all members of it (RFC 1952 allows several); unchanged if it is not gzip.
///
/// # Errors
/// It begins like gzip and is not, other bytes follow its last member, or it decompresses to more than 4 MiB.
pub fn plain(body: &[u8]) -> Result<Cow<'_, [u8]>, &'static str> {
    if !body.starts_with(&[0x1F, 0x8B]) {
        return Ok(Cow::Borrowed(body));
    }
    let mut plain = Vec::new();
    let mut reader = flate2::bufread::MultiGzDecoder::new(body).take(MAX_BYTES + 1);
    reader.read_to_end(&mut plain).map_err(|_| "is not readable gzip, or has other bytes after it")?;
    if plain.len() as u64 > MAX_BYTES {
        return Err("unfolds to more than 4 MiB");
    }
    Ok(Cow::Owned(plain))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write as _;

    use super::*;

    fn zipped(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a18_all_members_are_read_and_trailing_bytes_are_refused() {
        let two = [zipped(b"{\"a\":"), zipped(b"1}")].concat();
        assert_eq!(plain(&two).unwrap().as_ref(), b"{\"a\":1}");
        for rest in [&b"x"[..], b"\0\0", b"{}", &zipped(b"x")[..12]] {
            assert!(plain(&[&two, rest].concat()).is_err(), "{rest:?}");
        }
    }
}
