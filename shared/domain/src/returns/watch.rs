//! The times at which something has to happen or has to be asked. There is no clock here: the watching step asks for the next
//! time and checks again then.

use jiff::{SignedDuration, Timestamp};

use crate::returns::event::{MissingStep, ReturnLate, ReturnLine};
use crate::returns::review::ReturnReview;
use crate::returns::{Return, ReturnCommand, ReturnStage};
use crate::review::Review;

/// When to look at a return again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReturnWatch {
    /// At this time.
    Until(Timestamp, ReturnTimer),
    /// Never, unless something happens.
    Over,
}

/// What a time is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReturnTimer {
    /// The window passes.
    Expire,
    /// The advance is due.
    LapseAdvance,
    /// This step is late.
    Late(MissingStep),
}

impl ReturnWatch {
    /// What follows at `now`.
    pub fn passed(self, now: Timestamp) -> Option<ReturnCommand> {
        let Self::Until(due, timer) = self else { return None };
        (due <= now).then_some(match timer {
            ReturnTimer::Expire => ReturnCommand::Expire(now),
            ReturnTimer::LapseAdvance => ReturnCommand::LapseAdvance(now),
            ReturnTimer::Late(missing) => ReturnCommand::RaiseLate(ReturnLate { missing, due }),
        })
    }
}

impl Return {
    /// The next time. A step that was raised as late is not raised again while its time stays.
    pub fn watch(&self) -> ReturnWatch {
        let mut times = Vec::new();
        let distribution = self.distribution();
        let is_expected = |line: &ReturnLine| {
            !self.kept.contains_key(&line.line) && distribution.received(line.line) < line.quantity.amount()
        };
        if let ReturnStage::Authorized(authorized) = &self.stage
            && self.lines().iter().any(is_expected)
        {
            times.push((authorized.valid_until, ReturnTimer::Expire));
        }
        if let Some((advance, false)) = &self.advance {
            times.push((advance.due, ReturnTimer::LapseAdvance));
        }
        let late = self.missing().into_iter().filter(|late| !self.late.contains(late));
        times.extend(late.map(|ReturnLate { missing, due }| (due, ReturnTimer::Late(missing))));
        times.into_iter().min().map_or(ReturnWatch::Over, |(due, timer)| ReturnWatch::Until(due, timer))
    }

    /// How often the warehouse has to be asked for an inspection that it does not report by itself, in hours; `None` while
    /// there is nothing to ask.
    pub fn inspection_poll_hours(&self) -> Option<u32> {
        self.request.policy.poll_hours.filter(|_| self.awaits_inspection())
    }

    pub(super) fn late_reviews(&self) -> impl Iterator<Item = Review<ReturnReview>> {
        let late = self.missing().into_iter().filter(|late| self.late.contains(late));
        late.map(|ReturnLate { missing, due }| {
            let what = match missing {
                MissingStep::Shipment => "not all that should come back had been shipped",
                MissingStep::Scan => "the carrier had not scanned the goods",
                MissingStep::Receipt => "no warehouse had received the goods",
                MissingStep::Inspection => "the warehouse had not judged the goods",
                MissingStep::Invoice => "the order was not invoiced, so that the goods could not be credited",
                MissingStep::Credit => "the goods were not credited",
            };
            Review { kind: ReturnReview::Late, reason: format!("{what} by {due}") }
        })
    }

    /// The steps that are missing, with their times.
    fn missing(&self) -> Vec<ReturnLate> {
        let hours = &self.request.policy.deadlines;
        let mut missing = Vec::new();
        let mut expect = |step: MissingStep, from: Timestamp, hours: u32| {
            if let Ok(due) = from.checked_add(SignedDuration::from_hours(hours.into())) {
                missing.push(ReturnLate { missing: step, due });
            }
        };
        if self.stage == ReturnStage::Requested && self.awaits_shipment() {
            expect(MissingStep::Shipment, self.request.requested_at, hours.shipment);
        }
        let newest = self.receipts.values().map(|receipt| receipt.as_of).max();
        match (&self.stage, newest) {
            (ReturnStage::Authorized(authorized), None) if self.closed.is_empty() => {
                if self.scanned.is_none() {
                    expect(MissingStep::Scan, authorized.at, hours.scan);
                }
                expect(MissingStep::Receipt, authorized.at, hours.receipt);
            }
            (ReturnStage::Authorized(authorized), Some(newest)) => {
                if self.awaits_inspection() {
                    expect(MissingStep::Inspection, newest, hours.inspection);
                }
                let distribution = self.distribution();
                let is_creditable = |line| self.creditable(line, &distribution) > rust_decimal::Decimal::ZERO;
                match &self.invoice {
                    None if self.lines().iter().any(is_creditable) => {
                        expect(MissingStep::Invoice, newest.max(authorized.at), hours.invoice);
                    }
                    Some(invoice) if self.is_credit_missing(&distribution) => {
                        expect(MissingStep::Credit, newest.max(authorized.at).max(invoice.at), hours.credit);
                    }
                    Some(_) | None => {}
                }
            }
            (ReturnStage::Authorized(_) | ReturnStage::Requested | ReturnStage::Denied(_), _) => {}
        }
        missing
    }
}
