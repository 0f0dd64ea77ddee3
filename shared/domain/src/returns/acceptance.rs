//! Whether the seller credits what came. The policy decides by the reason and by the goods' state, or leaves it to a person. A
//! person's verdict is of a number of goods; goods that come later in the same state need another one.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::ids::LineNo;
use crate::returns::event::{Origin, Outcome, ReturnLine};
use crate::returns::policy::{Disposition, Verdict};
use crate::returns::receipts::{Distribution, State, States};
use crate::returns::{Return, ReturnStage};

/// What persons decided of goods of one line in one state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonsVerdict {
    /// How many are credited.
    pub accepted: Decimal,
    /// How many are not credited.
    pub refused: Decimal,
}

/// Goods that wait for a person's verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Undecided {
    pub(super) line: LineNo,
    pub(super) disposition: Disposition,
    pub(super) untraced: bool,
    /// How many of them wait, of how many.
    pub(super) amount: Decimal,
    pub(super) of: Decimal,
}

impl Return {
    /// How many goods of a line are accepted, whether or not they may be credited.
    pub(super) fn accepted(&self, line: &ReturnLine, distribution: &Distribution) -> Decimal {
        let states = distribution.lines.get(&line.line).into_iter().flatten();
        states.map(|(state, amount)| self.accepted_in(line, *state, *amount)).sum()
    }

    fn accepted_in(&self, line: &ReturnLine, state: State, amount: Decimal) -> Decimal {
        match self.verdict(line, state) {
            Verdict::Accept => amount,
            Verdict::Refuse => Decimal::ZERO,
            Verdict::Person => self.persons_verdict(line.line, state).accepted.min(amount),
        }
    }

    /// The policy's verdict. Goods that no one has looked at are not accepted yet.
    fn verdict(&self, line: &ReturnLine, state: State) -> Verdict {
        if !state.disposition.is_judged() {
            return Verdict::Refuse;
        }
        self.request.policy.verdict(line.reason, state.disposition, !state.untraced)
    }

    fn persons_verdict(&self, line: LineNo, state: State) -> PersonsVerdict {
        self.verdicts.get(&(line, state.disposition, state.untraced)).copied().unwrap_or_default()
    }

    /// The goods that wait for a person's verdict.
    pub(super) fn undecided(&self, distribution: &Distribution) -> Vec<Undecided> {
        let of_line = |line: &ReturnLine, states: &States| -> Vec<Undecided> {
            let waiting = states.iter().filter(|(state, _)| self.verdict(line, **state) == Verdict::Person);
            let waiting = waiting.map(|(state, amount)| {
                let PersonsVerdict { accepted, refused } = self.persons_verdict(line.line, *state);
                let State { disposition, untraced } = *state;
                let (waiting, of) = (*amount - accepted - refused, *amount);
                Undecided { line: line.line, disposition, untraced, amount: waiting, of }
            });
            waiting.filter(|undecided| undecided.amount > Decimal::ZERO).collect()
        };
        let lines = self.lines().iter();
        lines.filter_map(|line| Some(of_line(line, distribution.lines.get(&line.line)?))).flatten().collect()
    }

    /// How many units of a line may be credited: accepted or paid in advance, within what is expected, reserved and authorized.
    pub(super) fn creditable(&self, line: &ReturnLine, distribution: &Distribution) -> Decimal {
        let is_credited = self.request.outcome != Outcome::Repair
            && (self.request.origin != Origin::Undeliverable || self.request.policy.credit_undeliverable);
        let ReturnStage::Authorized(_) = self.stage else { return Decimal::ZERO };
        let Some(reservation) = self.reservation(line.line).filter(|_| is_credited) else { return Decimal::ZERO };
        let accepted = self.accepted(line, distribution);
        let in_advance = match self.advance {
            Some((_, has_lapsed)) if !has_lapsed => line.quantity.amount(),
            Some(_) | None => Decimal::ZERO,
        };
        accepted.max(in_advance).min(self.expected(line).amount()).min(reservation.reserved())
    }

    /// Whether goods came that the warehouse has not judged.
    pub(super) fn awaits_inspection(&self) -> bool {
        self.distribution().lines.values().flatten().any(|(state, _)| !state.disposition.is_judged())
    }
}
