//! Structure rules as data: which segments a set has, in which order and how often, and which elements a segment has.
//!
//! A structure is a text such as `W06! N1!*10(N2 N3*2) LX*(MAN* W12!*)`: `!` is mandatory, `*10` at most ten, `*` any
//! number, parentheses a loop that its first segment opens. The header and trailer (ST and SE, UNH and UNT) are not listed.
//!
//! A segment is a text such as `m368:ID2 330:R1-15 (355:ID2/1018:R1-15) .. | P0203 R0405`: one word an element, `m` for
//! mandatory, the standard's element number before the colon, the type and its lengths, `=` and codes where only these are
//! allowed, components in parentheses; `..` allows anything that follows. After the bar come the conditions: `P` all or none,
//! `R` at least one, `E` at most one, `C` the first requires the others, `L` the first requires one of the others.
//!
//! Types: `AN` text, `ID` code, `N` integer, `R` decimal, `DT` date, `TM` time, `ANY` is not looked at.

mod check;
mod compile;
mod edifact;
mod model;
mod x12_segments;
mod x12_sets;

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

pub use model::RuleError;

pub(crate) use model::Grammar;

pub(crate) use check::{Checker, Context, is_date, is_time};

use crate::Code;

/// The rules of all sets and messages: ours, and what a partner's document adds or replaces.
///
/// ```
/// use edi::Rules;
/// // A partner whose 945 must have a date, and who uses a segment of their own.
/// let rules = Rules::standard()
///     .with_segment("ZZ9", "004010", "mAN1-10")?
///     .with_set("945", "004010", "W06! N1!*10(N2 N3*2 N4) N9* G62!*5 LX*(MAN* W12!*(ZZ9 N9*)) W03!")?;
/// # Ok::<(), edi::RuleError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Rules {
    sets: Vec<Entry>,
    segments: Vec<Entry>,
    versions: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
struct Entry {
    id: Code,
    version: String,
    text: String,
}

impl Rules {
    /// The rules that this crate brings.
    pub fn standard() -> Self {
        Self::default()
    }

    /// Adds or replaces a set's structure for a version (`004010`, `D:01B`).
    pub fn with_set(mut self, id: &str, version: &str, structure: &str) -> Result<Self, RuleError> {
        let entry = entry(id, version, structure)?;
        self.sets.insert(0, entry);
        self.grammar(id, version).map(|_| self)
    }

    /// Adds or replaces a segment's elements for a version. Add segments before the sets that use them are replaced.
    pub fn with_segment(mut self, id: &str, version: &str, elements: &str) -> Result<Self, RuleError> {
        compile::segment(elements)?;
        let entry = entry(id, version, elements)?;
        self.segments.insert(0, entry);
        Ok(self)
    }

    /// Reads a version by the rules of another one, such as `004030` by those of `004010`.
    #[must_use]
    pub fn with_version(mut self, version: &str, like: &str) -> Self {
        self.versions.push((version.to_string(), like.to_string()));
        self
    }

    /// The version whose rules apply: X12 by its first six characters (GS08), EDIFACT by version and release (`D:96A`).
    fn version<'a>(&'a self, version: &'a str) -> &'a str {
        let own = match version.get(..6) {
            Some(release) if release.starts_with('0') => release,
            _ => version,
        };
        self.versions.iter().find(|(from, _)| from == own).map_or(own, |(_, to)| to)
    }

    /// Whether there are rules for a version at all.
    pub fn knows_version(&self, version: &str) -> bool {
        let version = self.version(version);
        matches!(version, "004010" | "005010") || self.sets.iter().any(|entry| entry.version == version)
    }

    /// Whether there are rules for a set in any version.
    pub fn knows_set(&self, id: &str) -> bool {
        self.sets.iter().any(|entry| entry.id == id)
            || x12_sets::structure(id, "004010").is_some()
            || edifact::structure(id, "D:01B").is_some()
    }

    /// The compiled rules of a set; `None` where there are none.
    pub(crate) fn grammar(&self, id: &str, version: &str) -> Result<Option<Arc<Grammar>>, RuleError> {
        let version = self.version(version);
        let own = |entries: &'_ [Entry], id: &str| -> Option<String> {
            entries.iter().find(|entry| entry.id == id && entry.version == version).map(|entry| entry.text.clone())
        };
        let structure = own(&self.sets, id)
            .or_else(|| x12_sets::structure(id, version).map(ToString::to_string))
            .or_else(|| edifact::structure(id, version).map(ToString::to_string));
        let Some(structure) = structure else { return Ok(None) };
        let x12 = version.starts_with('0');
        let segment = |tag: &str| -> Option<String> {
            own(&self.segments, tag).or_else(|| {
                let text = if x12 { x12_segments::elements(tag, version) } else { edifact::elements(tag) };
                text.map(ToString::to_string)
            })
        };
        compile::grammar(&structure, &segment, x12).map(|grammar| Some(Arc::new(grammar)))
    }
}

fn entry(id: &str, version: &str, text: &str) -> Result<Entry, RuleError> {
    let wrong = |why| RuleError { word: id.to_string(), why };
    let id = Code::new(id).ok_or(wrong("not an id"))?;
    Ok(Entry { id, version: version.to_string(), text: text.to_string() })
}

/// The function group code that a set belongs in (GS01, element 479). Sources: the sets' published grammars; for PR and PO,
/// the implementation guides of the 855 and 850.
pub(crate) fn group_code(set: &str) -> Option<&'static str> {
    Some(match set {
        "180" => "AN",
        "214" => "QM",
        "846" => "IB",
        "850" => "PO",
        "855" => "PR",
        "856" => "SH",
        "940" => "OW",
        "943" => "AR",
        "944" => "RE",
        "945" => "SW",
        "947" => "AW",
        "997" | "999" => "FA",
        _ => return None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SETS: [&str; 13] =
        ["180", "214", "846", "850", "855", "856", "940", "943", "944", "945", "947", "997", "999"];

    #[test]
    fn every_set_of_ours_compiles_and_every_segment_in_it_has_elements() {
        for set in SETS {
            for version in ["004010", "005010"] {
                let grammar = Rules::standard().grammar(set, version).unwrap().unwrap();
                assert!(grammar.nodes.len() > 3, "{set}");
                assert!(group_code(set).is_some());
            }
        }
        for message in ["DESADV", "RECADV", "INVRPT", "INSDES", "CONTRL"] {
            for version in ["D:96A", "D:01B"] {
                assert!(Rules::standard().grammar(message, version).unwrap().is_some(), "{message} {version}");
            }
        }
    }

    #[test]
    fn a_rule_that_cannot_be_read_is_refused_with_its_word() {
        let wrong = Rules::standard().with_segment("ZZ1", "004010", "mXX1-3").unwrap_err();
        assert_eq!(wrong.word, "mXX1-3");
        assert!(Rules::standard().with_set("945", "004010", "W06! N1(").is_err());
        assert!(Rules::standard().with_set("945", "004010", "W06! QQQ9").is_err());
        assert!(Rules::standard().with_set("945", "004010", ")").is_err());
    }
}
