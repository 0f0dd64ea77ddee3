//! Offences in a document, with paths as a person writes them: `warehouse.sites[0].cut_off`.

use std::fmt;

/// All offences of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offences(pub Vec<Offence>);

/// One mistake in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offence {
    /// A path such as `warehouse.sites[0].cut_off`; empty for the whole document.
    pub place: String,
    /// Follows the path in a sentence, such as "must be a list".
    pub problem: String,
}

impl From<Vec<engine::http::Offence>> for Offences {
    fn from(offences: Vec<engine::http::Offence>) -> Self {
        let own = |offence: engine::http::Offence| Offence { place: dotted(&offence.pointer), problem: offence.detail };
        Self(offences.into_iter().map(own).collect())
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() { f.write_str(&self.problem) } else { write!(f, "{}: {}", self.place, self.problem) }
    }
}

impl fmt::Display for Offences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, offence) in self.0.iter().enumerate() {
            let gap = if i == 0 { "" } else { "; " };
            write!(f, "{gap}{offence}")?;
        }
        Ok(())
    }
}

/// `/warehouse/sites/0/cut_off` as `warehouse.sites[0].cut_off`. Names with other characters than TOML's bare keys are quoted.
fn dotted(pointer: &str) -> String {
    let mut place = String::new();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        let bare = !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        if part.bytes().all(|b| b.is_ascii_digit()) && !part.is_empty() {
            place.push_str(&format!("[{part}]"));
            continue;
        }
        if !place.is_empty() {
            place.push('.');
        }
        place.push_str(&if bare { part } else { format!("{part:?}") });
    }
    place
}
