//! What is answered to broken interchanges, code by code and position by position.
//!
//! Sources of the codes: Microsoft's page on X12 acknowledgments of Logic Apps for TA104, TA105 and elements 715 to 723; the
//! UN/EDIFACT service code list for 0083 and 0085. Positions: AK302 counts ST as 1, UCS 0096 counts UNH as 1, UCD 0098 counts
//! the segment's id as 1.
#![allow(clippy::wildcard_enum_match_arm, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::fmt::Write as _;

use edi::edifact::{Contrl, Responder};
use edi::samples::{EDIFACT_DESADV, X12_945};
use edi::x12::{Acknowledger, FunctionalAcknowledgment, Reply};
use edi::{Options, Party, Repeat};

/// Two sets in one group.
fn two() -> String {
    let begin = X12_945.find("ST*945").unwrap();
    let end = X12_945.find("GE*").unwrap();
    let second = X12_945[begin..end].replace("*0001~", "*0002~");
    format!("{}{second}{}", &X12_945[..end], X12_945[end..].replace("GE*1*", "GE*2*"))
}

fn replies(text: &str) -> Vec<Reply> {
    let options = Options { receivers: vec![Party::new("ZZ", "DISTRIBUTOR")], ..Options::default() };
    let mut acknowledger = Acknowledger::default();
    edi::read(text.as_bytes(), &options, &mut |event| acknowledger.note(event));
    acknowledger.into_replies()
}

/// A reply in one line: `TA1 A000; AK9 A 1/1/1; 945 0001 A`, with `W12@12/8(1:7)` for an AK3 and its AK4s.
fn said(reply: &Reply) -> String {
    let mut text = format!("TA1 {}{:03}", reply.ta1.verdict.code(), reply.ta1.code);
    for (_, group) in &reply.groups {
        write!(text, "; AK9 {} {}/{}/{}", group.verdict.code(), group.declared, group.received, group.accepted)
            .unwrap();
        group.codes.iter().for_each(|code| write!(text, " {code}").unwrap());
        for set in &group.sets {
            write!(text, "; {} {} {}", set.id, set.control, set.verdict.code()).unwrap();
            set.codes.iter().for_each(|code| write!(text, " {code}").unwrap());
            for segment in &set.segments {
                write!(text, " {}@{}/{}", segment.id, segment.position, segment.code.unwrap()).unwrap();
                for element in &segment.elements {
                    let component = element.component.map(|part| format!(".{part}")).unwrap_or_default();
                    write!(text, "({}{component}:{})", element.position, element.code).unwrap();
                }
            }
        }
    }
    text
}

/// What is put in the place of what, and what is said to that.
const BROKEN: &[(&str, &str, &str)] = &include!("data/broken_x12.in");

#[test]
fn each_broken_x12_interchange_is_answered_by_its_codes_and_positions() {
    assert!(BROKEN.len() >= 40, "{}", BROKEN.len());
    let mut wrong = Vec::new();
    for (from, to, expected) in BROKEN {
        let file = two();
        assert!(from.is_empty() || file.contains(from), "{from:?} is not in the file");
        let file = if from.is_empty() { file } else { file.replacen(from, to, 1) };
        let said: Vec<String> = replies(&file).iter().map(said).collect();
        let said = said.join(" | ");
        if said != *expected {
            wrong.push(format!("({from:?}, {to:?}, {said:?}),"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn contrl(text: &str) -> Vec<Contrl> {
    let options = Options { receivers: vec![Party::new("ZZ", "DISTRIBUTOR")], ..Options::default() };
    let mut responder = Responder::default();
    edi::read(text.as_bytes(), &options, &mut |event| responder.note(event));
    responder.into_replies()
}

/// A CONTRL in one line: `UCI 7; UCM 1 4 29 UNT.2; UCS 5 13; UCD 12(2.1)`.
fn controlled(contrl: &Contrl) -> String {
    let verdict = |verdict: edi::Verdict| if verdict.accepts() { '7' } else { '4' };
    let mut text = format!("UCI {}", verdict(contrl.verdict));
    let place = |code: Option<u8>, id: Option<edi::Code>, element: Option<u16>| {
        let code = code.map(|code| format!(" {code}")).unwrap_or_default();
        let id = id.map(|id| format!(" {id}")).unwrap_or_default();
        let element = element.map(|element| format!(".{element}")).unwrap_or_default();
        format!("{code}{id}{element}")
    };
    text += &place(contrl.code, contrl.segment_id, contrl.element);
    for message in &contrl.messages {
        write!(text, "; UCM {} {}", message.control, verdict(message.verdict)).unwrap();
        text += &place(message.code, message.segment_id, message.element);
        for segment in &message.segments {
            write!(text, "; UCS {}", segment.position).unwrap();
            segment.code.iter().for_each(|code| write!(text, " {code}").unwrap());
            for element in &segment.elements {
                let component = element.component.map(|part| format!(".{part}")).unwrap_or_default();
                write!(text, " UCD {}({}{component})", element.code, element.position).unwrap();
            }
        }
    }
    text
}

const BROKEN_EDIFACT: &[(&str, &str, &str)] = &include!("data/broken_edifact.in");

#[test]
fn each_broken_edifact_interchange_is_answered_by_its_codes_and_positions() {
    assert!(BROKEN_EDIFACT.len() >= 20, "{}", BROKEN_EDIFACT.len());
    let mut wrong = Vec::new();
    for (from, to, expected) in BROKEN_EDIFACT {
        assert!(from.is_empty() || EDIFACT_DESADV.contains(from), "{from:?} is not in the file");
        let file = if from.is_empty() { EDIFACT_DESADV.into() } else { EDIFACT_DESADV.replacen(from, to, 1) };
        let said: Vec<String> = contrl(&file).iter().map(controlled).collect();
        let said = said.join(" | ");
        if said != *expected {
            wrong.push(format!("({from:?}, {to:?}, {said:?}),"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_acknowledgment_is_never_acknowledged() {
    let reply = replies(&two()).remove(0);
    let (parties, acknowledgment) = &reply.groups[0];
    let file = written(&reply, parties, acknowledgment, false);
    let back = replies(&file.replace("*ZZ*WAREHOUSE1     *", "*ZZ*DISTRIBUTOR    *"));
    assert!(back[0].groups.is_empty() && !back[0].ta1_due);
    // Nor is a TA1.
    let mut writer = edi::x12::Writer::new(&header(&reply)).unwrap();
    writer.ta1(&reply.ta1).unwrap();
    let file = String::from_utf8(writer.finish().unwrap()).unwrap();
    assert!(file.contains("TA1*000000007*261127*0930*A*000~IEA*0*000000043~"), "{file}");
    let told = common::strict(file.as_bytes());
    assert_eq!((told.ta1s.clone(), told.complaints().len()), (vec![reply.ta1.clone()], 0));
    let file = file.replace("*0*T*", "*1*T*").replace("*ZZ*WAREHOUSE1     *", "*ZZ*DISTRIBUTOR    *");
    let back = replies(&file);
    assert!(!back[0].ta1_due && back[0].groups.is_empty());
}

fn header(reply: &Reply) -> edi::x12::InterchangeHeader {
    edi::x12::InterchangeHeader {
        sender: reply.from.clone(),
        receiver: reply.to.clone(),
        date: "261127".into(),
        time: "0945".into(),
        version: "00401".into(),
        control: 43,
        wants_acknowledgment: false,
        usage: edi::Usage::Test,
        delimiters: edi::Delimiters::X12,
        line_breaks: false,
    }
}

fn written(
    reply: &Reply,
    parties: &edi::x12::GroupParties,
    acknowledgment: &FunctionalAcknowledgment,
    implementation: bool,
) -> String {
    let mut writer = edi::x12::Writer::new(&header(reply)).unwrap();
    writer
        .group(&edi::x12::GroupHeader {
            code: "FA".into(),
            sender: parties.sender.clone(),
            receiver: parties.receiver.clone(),
            date: "20261127".into(),
            time: "0945".into(),
            control: 12,
            version: "004010".into(),
        })
        .unwrap();
    let set = if implementation { "999" } else { "997" };
    writer.set(set, "0001", |body| acknowledgment.write(body, implementation)).unwrap();
    String::from_utf8(writer.finish().unwrap()).unwrap()
}

#[test]
fn every_997_and_999_is_read_as_it_was_written() {
    for (from, to, _) in BROKEN {
        let file = if from.is_empty() { two() } else { two().replacen(from, to, 1) };
        for reply in replies(&file).into_iter().filter(|reply| !reply.to.id.is_empty() && !reply.from.id.is_empty()) {
            for (parties, acknowledgment) in &reply.groups {
                // What is not a control number cannot be written into AK102 or AK202.
                let plain = |text: &str| text.len() > 3 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
                if !acknowledgment.sets.iter().all(|set| plain(&set.control) && set.id.len() == 3)
                    || acknowledgment.group_control.parse::<u32>().is_err()
                {
                    continue;
                }
                for implementation in [false, true] {
                    let file = written(&reply, parties, acknowledgment, implementation);
                    let told = common::strict(file.as_bytes());
                    assert_eq!(told.complaints(), []);
                    assert_eq!(FunctionalAcknowledgment::read(&told.sets[0]).as_ref(), Ok(acknowledgment));
                }
            }
        }
    }
}

#[test]
fn every_contrl_is_read_as_it_was_written() {
    for (from, to, _) in BROKEN_EDIFACT {
        let file = if from.is_empty() { EDIFACT_DESADV.into() } else { EDIFACT_DESADV.replacen(from, to, 1) };
        for reply in contrl(&file) {
            if reply.control.is_empty() || reply.sender.id.is_empty() {
                continue;
            }
            let mut writer = edi::edifact::Writer::new(&edi::edifact::InterchangeHeader {
                sender: Party::new("ZZ", "DISTRIBUTOR"),
                receiver: Party::new("ZZ", "WAREHOUSE1"),
                date: "261127".into(),
                time: "0945".into(),
                control: "ANSWER1".into(),
                usage: edi::Usage::Production,
                wants_acknowledgment: false,
                delimiters: edi::Delimiters::EDIFACT,
                line_breaks: false,
            })
            .unwrap();
            let header = edi::edifact::MessageHeader {
                control: "1".into(),
                kind: "CONTRL".into(),
                version: "D:3".into(),
                association: None,
            };
            if writer.message(&header, |body| reply.write(body)).is_err() {
                panic!("{reply:?}");
            }
            let Ok(file) = writer.finish() else {
                // A message without a reference or type cannot be named in a UCM.
                assert!(reply.messages.iter().any(|m| m.control.is_empty() || m.message_type.matches(':').count() < 3));
                continue;
            };
            let told = common::strict(&file);
            assert_eq!(told.complaints(), []);
            assert_eq!(Contrl::read(&told.sets[0]), Ok(reply));
        }
    }
}

#[test]
fn a_repeated_interchange_is_told_from_a_reused_control_number() {
    for (repeat, verdict, code) in [
        (Repeat::of(None, b"digest"), 'A', 0),
        (Repeat::of(Some(b"digest"), b"digest"), 'R', 25),
        (Repeat::of(Some(b"another"), b"digest"), 'R', 25),
    ] {
        let mut acknowledger = Acknowledger::default();
        edi::read(X12_945.as_bytes(), &Options::default(), &mut |event| {
            if matches!(event, edi::Event::InterchangeEnd(_)) {
                acknowledger.repeated(repeat);
            }
            acknowledger.note(event);
        });
        let reply = acknowledger.into_replies().remove(0);
        assert_eq!((reply.ta1.verdict.code(), reply.ta1.code), (verdict, code));
        // What came before is not processed again, so nothing of it is acknowledged again.
        assert_eq!(reply.groups.is_empty(), verdict == 'R');
    }
    let key = |text: &str| common::strict(text.as_bytes()).interchanges[0].key();
    assert_eq!(key(X12_945), key(&X12_945.replace("East", "West")));
    assert_ne!(key(X12_945), key(&X12_945.replace("000000007", "000000008")));
}

#[test]
fn the_same_control_numbers_give_the_same_bytes() {
    let reply = replies(&two()).remove(0);
    let (parties, acknowledgment) = &reply.groups[0];
    let file = written(&reply, parties, acknowledgment, false);
    assert_eq!(file, written(&reply, parties, acknowledgment, false));
}
