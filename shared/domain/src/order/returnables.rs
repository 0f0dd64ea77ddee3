//! Sub-machine: the units of each line that returns have reserved. The order's stream is the one place that hands them out, so
//! that two returns neither count on the same unit nor round against each other.
//!
//! How much each return has is a function of what the returns asked for and of what left: the return that asked first goes
//! first. Only which units these are depends on history, because a unit that a return has stays with it.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::due::{DueWork, digest};
use crate::ids::{LineNo, ReturnId};
use crate::order::Order;
use crate::order::event::{OrderEvent, OrderLine};
use crate::order::line_quantities::LineQuantities;
use crate::quantity::Quantity;
use crate::rejection::Rejection;
use crate::returnable::{Reservation, ReservationRequest, Units, first};
use crate::workflow::Workflow;

/// The reservations of all returns.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Returnables(#[serde(with = "crate::pairs")] BTreeMap<(LineNo, ReturnId), Reservation>);

impl Returnables {
    /// What a return has reserved of a line.
    pub fn get(&self, line: LineNo, return_id: &ReturnId) -> Option<&Reservation> {
        self.0.get(&(line, return_id.clone()))
    }

    /// The reservations of one return.
    pub fn of_return<'a>(&'a self, return_id: &'a ReturnId) -> impl Iterator<Item = &'a Reservation> {
        self.0.values().filter(move |reservation| reservation.return_id == *return_id)
    }

    /// The returns that asked for anything.
    pub fn returns(&self) -> BTreeSet<&ReturnId> {
        self.0.keys().map(|(_, return_id)| return_id).collect()
    }

    /// How many other returns asked for anything.
    pub fn others_than(&self, return_id: &ReturnId) -> u32 {
        u32::try_from(self.returns().into_iter().filter(|other| *other != return_id).count()).unwrap_or(u32::MAX)
    }

    fn of_line(&self, line: LineNo) -> impl Iterator<Item = &Reservation> {
        self.0.values().filter(move |reservation| reservation.line == line)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn apply(&mut self, reservation: &Reservation) {
        self.0.insert((reservation.line, reservation.return_id.clone()), reservation.clone());
    }

    /// A return's stream records each register of the return.
    pub(super) fn due_work(&self) -> impl Iterator<Item = DueWork> {
        let step = |it: &Reservation| DueWork::new("return-reserve").about("return", &it.return_id).with(&digest(it));
        self.0.values().map(step)
    }

    fn next_number(&self) -> u32 {
        self.0.values().map(|reservation| reservation.number).max().unwrap_or(0).saturating_add(1)
    }
}

impl Order {
    /// Why the order cannot reserve what `request` asks for; `None` if it can, or has.
    pub fn return_refusal(&self, request: &ReservationRequest) -> Option<Rejection> {
        let mut events = self.reserve_return(request.clone()).into_iter();
        events.find_map(|event| if let OrderEvent::RequestRejected(why) = event { Some(why) } else { None })
    }

    /// Sets what a return asks for. What can never ship is refused with the number; what has not shipped yet waits.
    pub(super) fn reserve_return(&self, request: ReservationRequest) -> Vec<OrderEvent> {
        let mut known = self.returnables.of_return(&request.return_id);
        if known.any(|reservation| reservation.round >= request.round) {
            return vec![];
        }
        let lines = self.line_quantities();
        let asked = request.lines.iter().map(|(line, quantity)| {
            let asked = self.asked_of(&request.return_id, &lines, *line, *quantity)?;
            Ok((*line, asked))
        });
        let asked: BTreeMap<LineNo, Quantity> = match asked.collect() {
            Ok(asked) => asked,
            Err(why) => return vec![OrderEvent::RequestRejected(why)],
        };
        let number = self.returnables.next_number();
        let mut after = self.returnables.clone();
        for line in &self.terms.submission.lines {
            let zero = Quantity::zero(self.ordered(line).uom());
            let (number, units) = match after.get(line.line, &request.return_id) {
                Some(known) => (known.number, known.units.clone()),
                None if asked.contains_key(&line.line) => (number, vec![]),
                None => continue,
            };
            let (return_id, round) = (request.return_id.clone(), request.round);
            let asked = asked.get(&line.line).copied().unwrap_or(zero);
            after.apply(&Reservation { return_id, line: line.line, number, round, asked, units, waiting: zero });
        }
        self.settled(&after)
    }

    /// The reservations that change because of what `events` make true of shipments.
    pub(super) fn resettle_returnables(&self, events: &[OrderEvent]) -> Vec<OrderEvent> {
        let after = events.iter().fold(self.clone(), Self::evolve);
        after.settled(&after.returnables)
    }

    /// What of a line may come back: what was shipped, and what will have been at most.
    fn returnable(&self, lines: &[LineQuantities], line: LineNo) -> (Decimal, Decimal) {
        let Some(of_line) = lines.iter().find(|it| it.line == line) else { return (Decimal::ZERO, Decimal::ZERO) };
        let shipped = self.payable(of_line).quantity.amount();
        let waiting = [of_line.open, of_line.in_fulfillment, of_line.backordered].map(Quantity::amount);
        let ever = waiting.into_iter().fold(shipped, |sum, amount| sum + amount);
        (shipped, shipped.max(ever.min(of_line.ordered.amount())))
    }

    /// The quantity that a return asks of a line, in the stock-keeping unit, unless so much can never come back.
    fn asked_of(
        &self,
        return_id: &ReturnId,
        lines: &[LineQuantities],
        line: LineNo,
        quantity: Quantity,
    ) -> Result<Quantity, Rejection> {
        let unknown = || Rejection::new("LINE_UNKNOWN", format!("the order has no line {line}"));
        let asked = self.in_stock_keeping_unit(self.terms.line(line).ok_or_else(unknown)?, quantity)?;
        let known = self.returnables.get(line, return_id).map_or(Decimal::ZERO, |known| known.asked.amount());
        let others = self.returnables.of_line(line).filter(|other| other.return_id != *return_id);
        let others: Decimal = others.map(|other| other.asked.amount()).sum();
        let free = (self.returnable(lines, line).1 - others).max(Decimal::ZERO);
        if asked.amount() > free.max(known) {
            let reason = format!("line {line}: {free} {} can be returned, {quantity} were asked for", asked.uom());
            return Err(Rejection::new("MORE_THAN_RETURNABLE", reason));
        }
        Ok(asked)
    }

    /// A quantity of a line, in the ordered or the stock-keeping unit, in the stock-keeping unit.
    pub(crate) fn in_stock_keeping_unit(&self, line: &OrderLine, quantity: Quantity) -> Result<Quantity, Rejection> {
        if quantity.uom() == self.ordered(line).uom() {
            return Ok(quantity);
        }
        let priced = self.stage.price().and_then(|price| price.lines.iter().find(|priced| priced.line == line.line));
        let conversion = priced.and_then(|priced| priced.conversion);
        let converted = conversion.and_then(|conversion| conversion.apply(quantity).ok());
        let unknown = || Rejection::new("UNIT_UNKNOWN", format!("line {}: {quantity} is no quantity of it", line.line));
        converted.ok_or_else(unknown)
    }

    /// The registers that differ from the present ones, after each return of `asked` got what it can have.
    fn settled(&self, asked: &Returnables) -> Vec<OrderEvent> {
        let lines = self.line_quantities();
        let settled = self.terms.submission.lines.iter().flat_map(|line| {
            let mut of_line: Vec<&Reservation> = asked.of_line(line.line).collect();
            if of_line.is_empty() {
                return vec![];
            }
            of_line.sort_by_key(|reservation| reservation.number);
            let (shipped, ever) = self.returnable(&lines, line.line);
            let mut before = Decimal::ZERO;
            let entitled = of_line.into_iter().map(|reservation| {
                let of = |limit: Decimal| (limit - before).max(Decimal::ZERO).min(reservation.asked.amount());
                let (reserved, possible) = (of(shipped), of(ever));
                before += reservation.asked.amount();
                Entitled { reservation: reservation.clone(), reserved, waiting: possible - reserved }
            });
            hand_out(entitled.collect())
        });
        let changed = settled.filter(|it| self.returnables.get(it.line, &it.return_id) != Some(it));
        changed.map(OrderEvent::ReturnReserved).collect()
    }
}

/// How much a return can have of a line.
struct Entitled {
    reservation: Reservation,
    reserved: Decimal,
    waiting: Decimal,
}

/// Gives each return its number of units. It keeps the first of those that it has, and gets the lowest free ones.
fn hand_out(mut entitled: Vec<Entitled>) -> Vec<Reservation> {
    for Entitled { reservation, reserved, waiting } in &mut entitled {
        reservation.units = first(&reservation.units, *reserved);
        reservation.waiting = Quantity::new(*waiting, reservation.asked.uom()).unwrap_or(reservation.asked);
    }
    let mut taken: Vec<Units> = entitled.iter().flat_map(|it| it.reservation.units.clone()).collect();
    for Entitled { reservation, reserved, .. } in &mut entitled {
        let more = first(&free(&taken), *reserved - reservation.reserved());
        taken.extend(&more);
        reservation.units = joined(reservation.units.iter().copied().chain(more));
    }
    entitled.into_iter().map(|it| it.reservation).collect()
}

/// The gaps between `taken` units, and all units after them.
fn free(taken: &[Units]) -> Vec<Units> {
    let mut taken = taken.to_vec();
    taken.sort_by_key(|units| units.from);
    let mut next = Decimal::ZERO;
    let mut gaps = Vec::new();
    for units in taken {
        if units.from > next {
            gaps.push(Units { from: next, to: units.from });
        }
        next = next.max(units.to);
    }
    gaps.push(Units { from: next, to: Decimal::MAX });
    gaps
}

/// The same units, with neighbors as one. They stay in the order in which the return got them: the places of what is already
/// credited never change.
fn joined(units: impl Iterator<Item = Units>) -> Vec<Units> {
    let mut joined: Vec<Units> = Vec::new();
    for next in units {
        match joined.last_mut() {
            Some(last) if last.to == next.from => last.to = next.to,
            Some(_) | None => joined.push(next),
        }
    }
    joined
}
