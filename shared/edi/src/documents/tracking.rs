//! 214: where a carrier has a shipment.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use jiff::civil::{Date, Time};
use rust_decimal::Decimal;

use super::common::{Mark, Participant, Reference};
use super::x12::{
    X12Document, assigned, code, date, decimal, marks, missing, participant, reference, required_code, text, time,
    write_marks, write_participants, write_references,
};
use crate::complaint::Complaint;
use crate::write::{Body, WriteError};
use crate::{Code, Set};

/// A carrier's report on a shipment.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct TrackingReport {
    /// B1001, element 127: the carrier's reference, such as the PRO number.
    pub carrier_reference: Option<String>,
    /// B1002, element 145: the shipper's id of the shipment.
    pub shipment_id: Option<String>,
    /// B1003, element 140.
    pub scac: Code,
    /// L11 of the header.
    pub references: Vec<Reference>,
    /// MAN of the header.
    pub marks: Vec<Mark>,
    /// N1 loops of the header.
    pub parties: Vec<Participant>,
    /// LX loops.
    pub shipments: Vec<TrackingShipment>,
}

/// A part of the shipment with its events.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct TrackingShipment {
    /// LX01.
    pub number: u32,
    /// AT7 loops.
    pub events: Vec<TrackingEvent>,
    /// L11.
    pub references: Vec<Reference>,
    /// MAN: the packages that it is about.
    pub marks: Vec<Mark>,
    /// AT803, with AT801 and AT802: weight, its qualifier and unit.
    pub weight: Option<(Code, Code, Decimal)>,
    /// AT804: how many packages.
    pub packages: Option<Decimal>,
}

/// What happened, or is to happen, when and where (AT7, MS1, MS2).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TrackingEvent {
    /// AT701, element 1650: see [`crate::codes::tracking_status`]. It excludes `appointment`.
    pub status: Option<Code>,
    /// AT702, element 1651: why.
    pub reason: Option<Code>,
    /// AT703, element 1652: an appointment's status. The date and time are then those of the appointment.
    pub appointment: Option<Code>,
    /// AT704, element 1651: why the appointment is so.
    pub appointment_reason: Option<Code>,
    /// AT705.
    pub date: Option<Date>,
    /// AT706.
    pub time: Option<Time>,
    /// AT707, element 623; local time where there is none.
    pub zone: Option<Code>,
    /// MS101.
    pub city: Option<String>,
    /// MS102.
    pub region: Option<String>,
    /// MS103.
    pub country: Option<Code>,
    /// MS202: the vehicle or container.
    pub equipment: Option<String>,
    /// MS201: the SCAC of its owner.
    pub equipment_owner: Option<Code>,
}

impl X12Document for TrackingReport {
    const SET: &'static str = "214";
    const GROUP: &'static str = "QM";

    fn read_x12(set: &Set) -> Result<Self, Box<Complaint>> {
        let mut report = Self::default();
        let (mut headed, mut inner) = (false, false);
        for segment in set.segments.iter() {
            match segment.tag() {
                b"B10" => {
                    headed = true;
                    report.carrier_reference = text(&segment, 1);
                    report.shipment_id = text(&segment, 2);
                    report.scac = required_code(&segment, 3)?;
                }
                b"LX" => {
                    inner = false;
                    let number = assigned(&segment)?;
                    report.shipments.push(TrackingShipment { number, ..TrackingShipment::default() });
                }
                // Loops of cartons and orders repeat events for parts; the document has the shipment's.
                b"CD3" | b"PRF" | b"SPO" | b"EFI" => inner = true,
                _ if inner => {}
                tag => match report.shipments.last_mut() {
                    Some(shipment) => shipment.take(tag, &segment)?,
                    None if tag == b"L11" && report.parties.is_empty() => {
                        report.references.push(reference(&segment)?);
                    }
                    None if tag == b"MAN" => marks(&mut report.marks, &segment)?,
                    None => {
                        participant(&mut report.parties, &segment)?;
                    }
                },
            }
        }
        if headed { Ok(report) } else { Err(missing(set, "B10")) }
    }

    fn write_x12(&self, body: &mut Body) -> Result<(), WriteError> {
        let draft = body.segment("B10").optional(self.carrier_reference.as_ref());
        draft.optional(self.shipment_id.as_ref()).code(self.scac).end();
        write_references(body, "L11", &self.references);
        write_marks(body, &self.marks);
        if self.parties.iter().any(|party| !party.contacts.is_empty()) {
            return Err(WriteError::Unsupported("contacts of parties in a 214"));
        }
        write_participants(body, &self.parties)?;
        for shipment in &self.shipments {
            body.segment("LX").number(shipment.number).end();
            shipment.events.iter().for_each(|event| event.write(body));
            write_references(body, "L11", &shipment.references);
            write_marks(body, &shipment.marks);
            let (qualifier, unit, weight) = shipment.weight.unzip3();
            let draft = body.segment("AT8").optional_code(qualifier).optional_code(unit).decimal(weight);
            draft.decimal(shipment.packages).end_unless_empty();
        }
        Ok(())
    }
}

trait Unzip3<A, B, C> {
    fn unzip3(self) -> (Option<A>, Option<B>, Option<C>);
}

impl<A, B, C> Unzip3<A, B, C> for Option<(A, B, C)> {
    fn unzip3(self) -> (Option<A>, Option<B>, Option<C>) {
        match self {
            Some((a, b, c)) => (Some(a), Some(b), Some(c)),
            None => (None, None, None),
        }
    }
}

impl TrackingShipment {
    fn take(&mut self, tag: &[u8], segment: &crate::Segment<'_>) -> Result<(), Box<Complaint>> {
        match tag {
            b"AT7" => self.events.push(TrackingEvent {
                status: code(segment, 1)?,
                reason: code(segment, 2)?,
                appointment: code(segment, 3)?,
                appointment_reason: code(segment, 4)?,
                date: date(segment, 5)?,
                time: time(segment, 6)?,
                zone: code(segment, 7)?,
                ..TrackingEvent::default()
            }),
            b"MS1" => {
                if let Some(event) = self.events.last_mut() {
                    event.city = text(segment, 1);
                    event.region = text(segment, 2);
                    event.country = code(segment, 3)?;
                }
            }
            b"MS2" => {
                if let Some(event) = self.events.last_mut() {
                    event.equipment_owner = code(segment, 1)?;
                    event.equipment = text(segment, 2);
                }
            }
            b"L11" => self.references.push(reference(segment)?),
            b"MAN" => marks(&mut self.marks, segment)?,
            b"AT8" => {
                self.weight = match (code(segment, 1)?, code(segment, 2)?, decimal(segment, 3)?) {
                    (Some(qualifier), Some(unit), Some(weight)) => Some((qualifier, unit, weight)),
                    _ => None,
                };
                self.packages = decimal(segment, 4)?;
            }
            _ => {}
        }
        Ok(())
    }
}

impl TrackingEvent {
    fn write(&self, body: &mut Body) {
        body.segment("AT7")
            .optional_code(self.status)
            .optional_code(self.reason)
            .optional_code(self.appointment)
            .optional_code(self.appointment_reason)
            .date(self.date)
            .time(self.time)
            .optional_code(self.zone)
            .end();
        let draft = body.segment("MS1").optional(self.city.as_ref()).optional(self.region.as_ref());
        draft.optional_code(self.country).end_unless_empty();
        let draft = body.segment("MS2").optional_code(self.equipment_owner).optional(self.equipment.as_ref());
        draft.end_unless_empty();
    }
}
