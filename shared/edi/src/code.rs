//! Short codes, such as segment ids, qualifiers and units, without an allocation.

use core::fmt;

/// A code of at most 15 printable ASCII characters: a segment id, a qualifier, a unit of measure, a status.
///
/// Codes are compared as bytes, without regard to any code list; what a code means is decided in [`crate::codes`].
///
/// ```
/// use edi::Code;
/// let unit = Code::new("EA").unwrap();
/// assert_eq!(unit, "EA");
/// assert!(Code::new("a code of more than fifteen").is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Code([u8; 16]);

/// The byte that says how many of those before it are the code's; what follows these is 0. A code is one word of the machine
/// where bytes and length in fields of their own would be compared and copied one by one.
const LENGTH: usize = 15;

impl Code {
    /// The code with no character.
    pub const EMPTY: Self = Self([0; 16]);

    /// `None` if the text has more than 15 characters or one that is not printable ASCII.
    pub const fn new(text: &str) -> Option<Self> {
        Self::from_bytes(text.as_bytes())
    }

    /// As [`Code::new`].
    pub const fn from_bytes(text: &[u8]) -> Option<Self> {
        if text.len() > LENGTH {
            return None;
        }
        let mut word = (text.len() as u128) << (8 * LENGTH);
        let mut at = 0;
        while at < text.len() {
            if text[at] < 0x20 || text[at] > 0x7e {
                return None;
            }
            word |= (text[at] as u128) << (8 * at);
            at += 1;
        }
        Some(Self(word.to_le_bytes()))
    }

    /// As much of the text as a code holds, with `?` for what is not printable ASCII: for complaints about ids.
    pub(crate) fn lossy(text: &[u8]) -> Self {
        let mut bytes = [0; 16];
        let text = text.get(..LENGTH).unwrap_or(text);
        for (place, byte) in bytes.iter_mut().zip(text) {
            *place = if (0x20..=0x7e).contains(byte) { *byte } else { b'?' };
        }
        bytes[LENGTH] = text.len() as u8;
        Self(bytes)
    }

    /// The code's bytes.
    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.get(..usize::from(self.0[LENGTH])).unwrap_or_default()
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// Whether there is no character.
    pub const fn is_empty(&self) -> bool {
        self.0[LENGTH] == 0
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl PartialEq<str> for Code {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Code {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

/// A segment id as a number, so that rules compare one word instead of text; 0 for what cannot be an id.
pub(crate) const fn tag_key(tag: &[u8]) -> u32 {
    match tag {
        [a, b, c] => ((*a as u32) << 16) | ((*b as u32) << 8) | (*c as u32),
        [a, b] => ((*a as u32) << 16) | ((*b as u32) << 8),
        _ => 0,
    }
}
