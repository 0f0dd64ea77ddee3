//! What the tests of this crate have in common.
#![allow(dead_code, clippy::wildcard_enum_match_arm, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use edi::{Complaint, Event, Group, Interchange, Leniencies, Options, Set};

/// All that a reader told of a file.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) interchanges: Vec<Interchange>,
    pub(crate) groups: Vec<Group>,
    pub(crate) sets: Vec<Set>,
    pub(crate) file: Vec<Complaint>,
    pub(crate) ta1s: Vec<edi::Ta1>,
}

impl Told {
    /// Every complaint, wherever it was told.
    pub(crate) fn complaints(&self) -> Vec<Complaint> {
        let mut all = self.file.clone();
        all.extend(self.interchanges.iter().flat_map(|interchange| interchange.complaints.iter().cloned()));
        all.extend(self.groups.iter().flat_map(|group| group.complaints.iter().cloned()));
        all.extend(self.sets.iter().flat_map(|set| set.complaints.iter().cloned()));
        all
    }
}

pub(crate) fn told(file: &[u8], options: &Options) -> Told {
    let mut told = Told::default();
    edi::read(file, options, &mut |event| match event {
        Event::Set(_, _, set) => told.sets.push(set.clone()),
        Event::GroupEnd(_, group) => told.groups.push(group.clone()),
        Event::InterchangeEnd(interchange) => told.interchanges.push(interchange.clone()),
        Event::File(complaint) => told.file.push(complaint.clone()),
        Event::Ta1(_, ta1) => told.ta1s.push(ta1.clone()),
        _ => {}
    });
    told
}

pub(crate) fn strict(file: &[u8]) -> Told {
    told(file, &Options::default())
}

pub(crate) fn lenient(file: &[u8]) -> Told {
    told(file, &Options::lenient(Leniencies::all()))
}
