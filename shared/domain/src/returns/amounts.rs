//! A net amount with each of its taxes, and what a part of a line's units has of both.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::money::{Currency, Money};
use crate::returnable::Units;
use crate::returns::policy::Fee;

/// A net amount, and its taxes by the ERP's code. Each is rounded by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Amounts {
    /// Before tax.
    pub net: Money,
    /// By the ERP's tax code; in the currency of `net`.
    pub taxes: BTreeMap<String, Money>,
}

impl Amounts {
    /// Nothing.
    pub fn zero(currency: Currency) -> Self {
        Self { net: Money::zero(currency), taxes: BTreeMap::new() }
    }

    /// The sum of both; `None` if the currencies differ or a sum overflows.
    pub fn plus(&self, other: &Self) -> Option<Self> {
        let mut taxes = self.taxes.clone();
        for (code, tax) in &other.taxes {
            let before = taxes.get(code).copied().unwrap_or(Money::zero(tax.currency));
            taxes.insert(code.clone(), before.plus(*tax)?);
        }
        Some(Self { net: self.net.plus(other.net)?, taxes })
    }

    /// The same with the other sign.
    #[must_use]
    pub fn negated(&self) -> Self {
        let taxes = self.taxes.iter().map(|(code, tax)| (code.clone(), tax.negated()));
        Self { net: self.net.negated(), taxes: taxes.collect() }
    }

    /// Net and taxes together; `None` if the currencies differ or the sum overflows.
    pub fn total(&self) -> Option<Money> {
        self.taxes.values().try_fold(self.net, |sum, tax| sum.plus(*tax))
    }

    /// Whether both say the same; a tax of zero is no difference.
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.plus(&other.negated()).is_some_and(|difference| difference.is_zero())
    }

    /// The same without what is below zero.
    pub(super) fn at_least_zero(self) -> Self {
        let raised = |money: Money| if money.sign() == Ordering::Less { Money::zero(money.currency) } else { money };
        let taxes = self.taxes.into_iter().map(|(code, tax)| (code, raised(tax)));
        Self { net: raised(self.net), taxes: taxes.collect() }
    }

    fn is_zero(&self) -> bool {
        self.net.amount.is_zero() && self.taxes.values().all(|tax| tax.amount.is_zero())
    }

    /// What `part` of `whole` units has of each amount.
    fn share(&self, part: Decimal, whole: Decimal) -> Option<Self> {
        let tax = |(code, tax): (&String, &Money)| Some((code.clone(), tax.share(part, whole)?));
        Some(Self { net: self.net.share(part, whole)?, taxes: self.taxes.iter().map(tax).collect::<Option<_>>()? })
    }

    /// What `units` of the `whole` ones that the amounts are for have of them. Units beyond `whole` have nothing.
    pub(super) fn of_units(&self, units: &[Units], whole: Decimal) -> Option<Self> {
        units.iter().try_fold(Self::zero(self.net.currency), |sum, units| {
            let up_to = |unit: Decimal| self.share(unit.min(whole), whole);
            sum.plus(&up_to(units.to)?)?.plus(&up_to(units.from)?.negated())
        })
    }

    /// The rest after the fee. Its tax is reduced in the same proportion.
    pub(super) fn less_fee(&self, fee: Fee) -> Option<Self> {
        match fee {
            Fee::None => Some(self.clone()),
            Fee::Percent(percent) => {
                let fee = self.share(percent.min(100).into(), Decimal::ONE_HUNDRED)?;
                self.plus(&fee.negated())
            }
        }
    }
}
