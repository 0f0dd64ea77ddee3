//! Reads the texts of rules.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::model::{Condition, ElementSpec, Grammar, Kind, Node, RuleError, SegmentSpec};
use crate::Code;
use crate::code::tag_key;

fn wrong(word: &str, why: &'static str) -> RuleError {
    RuleError { word: word.to_string(), why }
}

/// A structure's node before nodes are put side by side.
struct Tree {
    id: Code,
    mandatory: bool,
    max: u32,
    children: Vec<Tree>,
}

pub(super) fn grammar(
    structure: &str,
    elements: &dyn Fn(&str) -> Option<String>,
    x12: bool,
) -> Result<Grammar, RuleError> {
    let words = words(structure);
    let mut at = 0;
    let trees = level(&words, &mut at, 0)?;
    if let Some(word) = words.get(at) {
        return Err(wrong(word, "closes nothing"));
    }
    let mut grammar = Grammar { nodes: Vec::new(), keys: Vec::new(), specs: Vec::new(), top: (0, 0), x12 };
    let mut known: Vec<(Code, u16)> = Vec::new();
    grammar.top = place(&trees, &mut grammar, &mut known, elements)?;
    Ok(grammar)
}

/// Words, and parentheses as words of their own.
fn words(structure: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for word in structure.split_ascii_whitespace() {
        let mut rest = word;
        while let Some(at) = rest.find(['(', ')']) {
            let (before, after) = rest.split_at(at);
            words.push(before);
            words.push(after.get(..1).unwrap_or_default());
            rest = after.get(1..).unwrap_or_default();
        }
        words.push(rest);
    }
    words.retain(|word| !word.is_empty());
    words
}

fn level(words: &[&str], at: &mut usize, depth: u8) -> Result<Vec<Tree>, RuleError> {
    let mut trees: Vec<Tree> = Vec::new();
    while let Some(word) = words.get(*at) {
        match *word {
            ")" if depth > 0 => return Ok(trees),
            ")" => return Ok(trees),
            "(" => {
                *at += 1;
                if depth > 10 {
                    return Err(wrong(word, "too deep"));
                }
                let children = level(words, at, depth + 1)?;
                if words.get(*at) != Some(&")") {
                    return Err(wrong(word, "is not closed"));
                }
                trees.last_mut().ok_or(wrong(word, "opens no loop"))?.children = children;
            }
            word => trees.push(node(word)?),
        }
        *at += 1;
    }
    Ok(trees)
}

fn node(word: &str) -> Result<Tree, RuleError> {
    let (front, max) = match word.split_once('*') {
        None => (word, 1),
        Some((front, "")) => (front, u32::MAX),
        Some((front, max)) => (front, max.parse().map_err(|_| wrong(word, "is not a number"))?),
    };
    let id = front.trim_end_matches('!');
    match Code::new(id).filter(|_| tag_key(id.as_bytes()) != 0) {
        Some(code) => Ok(Tree { id: code, mandatory: front.ends_with('!'), max, children: Vec::new() }),
        None => Err(wrong(word, "is not a segment's id")),
    }
}

fn place(
    trees: &[Tree],
    grammar: &mut Grammar,
    known: &mut Vec<(Code, u16)>,
    elements: &dyn Fn(&str) -> Option<String>,
) -> Result<(u16, u16), RuleError> {
    let begin = grammar.nodes.len();
    for tree in trees {
        let spec = match known.iter().find(|(id, _)| *id == tree.id) {
            Some((_, spec)) => *spec,
            None => {
                let text = elements(tree.id.as_str()).ok_or(wrong(tree.id.as_str(), "a segment without elements"))?;
                let spec = u16::try_from(grammar.specs.len()).map_err(|_| wrong(&text, "too many segments"))?;
                grammar.specs.push(segment(&text)?);
                known.push((tree.id, spec));
                spec
            }
        };
        grammar.keys.push(tag_key(tree.id.as_str().as_bytes()));
        let Tree { id, mandatory, max, .. } = *tree;
        grammar.nodes.push(Node { id, mandatory, next_mandatory: 0, max, spec, children: (0, 0) });
    }
    let end = grammar.nodes.len();
    for (offset, tree) in trees.iter().enumerate().filter(|(_, tree)| !tree.children.is_empty()) {
        let children = place(&tree.children, grammar, known, elements)?;
        if let Some(node) = grammar.nodes.get_mut(begin + offset) {
            node.children = children;
        }
    }
    let narrow = |at| u16::try_from(at).map_err(|_| wrong("", "too many segments"));
    let (begin, end) = (narrow(begin)?, narrow(end)?);
    let mut next = end;
    for at in (begin..end).rev() {
        if let Some(node) = grammar.nodes.get_mut(usize::from(at)) {
            next = if node.mandatory { at } else { next };
            node.next_mandatory = next;
        }
    }
    Ok((begin, end))
}

pub(super) fn segment(text: &str) -> Result<SegmentSpec, RuleError> {
    let (elements, conditions) = text.split_once('|').unwrap_or((text, ""));
    let mut spec = SegmentSpec::default();
    for word in elements.split_ascii_whitespace() {
        match word {
            ".." => spec.open = true,
            word => spec.elements.push(element(word)?),
        }
    }
    spec.last_mandatory = spec.elements.iter().rposition(|element| element.mandatory).map_or(0, |index| index + 1);
    for word in conditions.split_ascii_whitespace() {
        spec.conditions.push(condition(word)?);
    }
    Ok(spec)
}

fn condition(word: &str) -> Result<Condition, RuleError> {
    let (kind, rest) = word.split_at_checked(1).ok_or(wrong(word, "is not a condition"))?;
    let kind = match kind {
        "P" | "R" | "E" | "C" | "L" => kind.as_bytes()[0],
        _ => return Err(wrong(word, "is not a condition")),
    };
    let pairs = rest.as_bytes().chunks(2).map(|pair| core::str::from_utf8(pair).unwrap_or_default());
    let positions: Result<Vec<u16>, _> = pairs.map(str::parse).collect();
    match positions {
        Ok(positions) if positions.len() > 1 && positions.iter().all(|position| *position < 64) => {
            let mask = positions.iter().fold(0, |mask, position| mask | 1 << u32::from(*position));
            Ok(Condition { kind, positions, mask })
        }
        _ => Err(wrong(word, "has not two positions of two digits, 63 at most")),
    }
}

fn element(word: &str) -> Result<ElementSpec, RuleError> {
    let (mandatory, rest) = match word.strip_prefix('m') {
        Some(rest) => (true, rest),
        None => (false, word),
    };
    if let Some(inside) = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        let components = inside.split('/').map(element).collect::<Result<Vec<_>, _>>()?;
        let (kind, codes) = (Kind::Any, Vec::new());
        return Ok(ElementSpec {
            mandatory,
            kind,
            min: 0,
            max: u32::MAX,
            reference: None,
            codes,
            only_length: false,
            components,
        });
    }
    let (reference, rest) = match rest.split_once(':') {
        Some((number, rest)) => (Some(number.parse().map_err(|_| wrong(word, "has no element number"))?), rest),
        None => (None, rest),
    };
    let (rest, codes) = rest.split_once('=').unwrap_or((rest, ""));
    let codes: Option<Vec<Code>> = codes.split(',').filter(|code| !code.is_empty()).map(Code::new).collect();
    let codes = codes.ok_or(wrong(word, "has a code that is too long"))?;
    let digits = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
    let (kind, lengths) = rest.split_at(digits);
    let kind = match kind {
        "AN" => Kind::Text,
        "ID" => Kind::Id,
        "N" => Kind::Integer,
        "R" => Kind::Decimal,
        "DT" => Kind::Date,
        "TM" => Kind::Time,
        "ANY" => Kind::Any,
        _ => return Err(wrong(word, "has no known type")),
    };
    let (min, max) = match lengths.split_once('-') {
        None if lengths.is_empty() => (0, u32::MAX),
        None => (number(word, lengths)?, number(word, lengths)?),
        Some((min, max)) => (number(word, min)?, number(word, max)?),
    };
    let only_length = matches!(kind, Kind::Text | Kind::Id) && codes.is_empty();
    Ok(ElementSpec { mandatory, kind, min, max, reference, codes, only_length, components: Vec::new() })
}

fn number(word: &str, text: &str) -> Result<u32, RuleError> {
    text.parse().map_err(|_| wrong(word, "has a length that is no number"))
}
