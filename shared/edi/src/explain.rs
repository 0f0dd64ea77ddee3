//! Prints a file readably, with every complaint at its place.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::complaint::Complaint;
use crate::event::{Event, Group, Interchange, Set, Standard, Usage};
use crate::options::Options;
use crate::segment::Segment;

/// What a file is found to be, for a last line and an exit code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Interchanges.
    pub interchanges: u32,
    /// Sets and messages.
    pub sets: u32,
    /// Complaints that reject something.
    pub complaints: u32,
    /// Complaints that a leniency tolerates.
    pub tolerated: u32,
}

/// Tells a file line by line: envelopes, segments with their place and byte, and under each the complaints about it.
///
/// The lines have the file's data in them, and so personal data: they are for a screen, not for a log.
pub fn explain(file: &[u8], options: &Options, line: &mut dyn FnMut(&str)) -> Summary {
    let mut summary = Summary::default();
    let mut print = Print { summary: &mut summary, line };
    crate::read(file, options, &mut |event| print.event(event));
    summary
}

/// As [`explain`], for a stream of any length.
#[cfg(feature = "std")]
pub fn explain_from(
    file: impl std::io::Read,
    options: &Options,
    line: &mut dyn FnMut(&str),
) -> std::io::Result<Summary> {
    let mut summary = Summary::default();
    let mut print = Print { summary: &mut summary, line };
    crate::read_from(file, options, &mut |event| print.event(event))?;
    Ok(summary)
}

struct Print<'a> {
    summary: &'a mut Summary,
    line: &'a mut dyn FnMut(&str),
}

impl Print<'_> {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Interchange(interchange) => {
                self.summary.interchanges += 1;
                (self.line)(&of_interchange(interchange));
            }
            Event::Group(_, group) => (self.line)(&of_group(group)),
            Event::Set(_, group, set) => self.set(set, if group.is_some() { "    " } else { "  " }),
            Event::Ta1(_, ta1) => {
                let verdict = ta1.verdict.code();
                (self.line)(&format!("  TA1 about interchange {}: {verdict}, code {:03}", ta1.control, ta1.code));
            }
            Event::GroupEnd(_, group) => {
                self.complaints(&group.complaints, "  ", group.complaints.dropped());
                let verdict = group.verdict().code();
                let (accepted, received) = (group.accepted, group.received);
                (self.line)(&format!("  end of group {}: {accepted} of {received} accepted, {verdict}", group.control));
            }
            Event::InterchangeEnd(interchange) => {
                self.complaints(&interchange.complaints, "", interchange.complaints.dropped());
                let verdict = interchange.verdict().code();
                let end = if interchange.complete { "end" } else { "broken end" };
                (self.line)(&format!("{end} of interchange {}: {verdict}", interchange.control));
            }
            Event::File(complaint) => self.complaint(complaint, ""),
        }
    }

    fn set(&mut self, set: &Set, indent: &str) {
        self.summary.sets += 1;
        let verdict = set.verdict().code();
        let (id, control, at) = (set.id, &set.control, set.at);
        (self.line)(&format!("{indent}{id} {control} (byte {at}, {}): {verdict}", set.version));
        let mut told: Vec<bool> = alloc::vec![false; set.complaints.len()];
        for segment in set.segments.iter() {
            (self.line)(&of_segment(&segment, indent));
            for (complaint, told) in set.complaints.iter().zip(&mut told) {
                if !*told && complaint.position.segment == Some(segment.ordinal()) {
                    *told = true;
                    self.complaint(complaint, &format!("{indent}      "));
                }
            }
        }
        // What is missing at the end has no segment to stand under.
        for (complaint, _) in set.complaints.iter().zip(told).filter(|(_, told)| !told) {
            self.complaint(complaint, &format!("{indent}  "));
        }
        self.dropped(set.complaints.dropped(), indent);
    }

    fn complaints(&mut self, complaints: &[Complaint], indent: &str, dropped: u32) {
        for complaint in complaints {
            self.complaint(complaint, indent);
        }
        self.dropped(dropped, indent);
    }

    fn complaint(&mut self, complaint: &Complaint, indent: &str) {
        let mark = if complaint.rejects() { "!!" } else { "~~" };
        let count = if complaint.rejects() { &mut self.summary.complaints } else { &mut self.summary.tolerated };
        *count += 1;
        let codes = codes(complaint);
        (self.line)(&format!("{indent}{mark} {complaint}{codes}"));
    }

    fn dropped(&mut self, dropped: u32, indent: &str) {
        if dropped > 0 {
            (self.line)(&format!("{indent}!! and {dropped} complaints more"));
        }
    }
}

fn of_interchange(interchange: &Interchange) -> String {
    let standard = match interchange.standard {
        Standard::X12 => "X12",
        Standard::Edifact => "EDIFACT",
    };
    let usage = match interchange.usage {
        Usage::Production => "production",
        Usage::Test => "test",
        Usage::Information => "information",
    };
    let Interchange { control, at, version, sender, receiver, date, time, .. } = interchange;
    let parties = format!("from {} {} to {} {}", sender.qualifier, sender.id, receiver.qualifier, receiver.id);
    clean(&format!("{standard} interchange {control} (byte {at}, {version}) {parties}, {date} {time}, {usage}"))
}

fn of_group(group: &Group) -> String {
    let Group { code, control, at, version, sender, receiver, .. } = group;
    clean(&format!("  group {code} {control} (byte {at}, {version}) from {sender} to {receiver}"))
}

fn of_segment(segment: &Segment<'_>, indent: &str) -> String {
    let mut line = format!("{indent}  {:>4} @{:<8} {:<4}", segment.ordinal(), segment.at(), segment.id().to_string());
    for (at, element) in segment.elements().enumerate().filter(|(_, element)| !element.is_empty()) {
        line.push_str(&format!(" {:02}={}", at + 1, element.text()));
    }
    clean(&line)
}

/// Control characters would move a terminal's cursor.
fn clean(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

/// The codes under which the partner is told.
fn codes(complaint: &Complaint) -> String {
    let problem = complaint.problem;
    let codes = match (problem.ak4(), problem.ak3(), problem.ak5(), problem.ak9(), problem.ta1()) {
        (Some(code), ..) => format!("AK403 {code}"),
        (_, Some(code), ..) => format!("AK304 {code}"),
        (_, _, Some(code), ..) if complaint.position.set.is_some() => format!("AK502 {code}"),
        (_, _, _, Some(code), _) if complaint.position.group.is_some() => format!("AK905 {code}"),
        (.., Some((code, _))) => format!("TA105 {code:03}"),
        _ => return String::new(),
    };
    format!(" [{codes}]")
}
