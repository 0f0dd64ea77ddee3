//! What the ERP's stock is told: everything that came, in its state. The difference between what came and what is posted is the
//! next movement, so that goods that change their state move once, and no movement is made for the same goods twice.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::ids::{OrderId, PartnerId, ReturnId, Sku};
use crate::quantity::Uom;
use crate::returns::effect::ReturnEffect;
use crate::returns::policy::Disposition;
use crate::returns::{Posting, Return};
use crate::workflow::EffectRequest;

/// Goods in one place and state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StockKey {
    /// The 3PL that has them.
    pub warehouse: PartnerId,
    /// The product.
    pub sku: Sku,
    /// Their unit.
    pub uom: Uom,
    /// Their state.
    pub disposition: Disposition,
}

/// How the quantity of goods in one place and state changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockChange {
    /// Where, and in which state.
    pub of: StockKey,
    /// Below zero where there are fewer.
    pub by: Decimal,
}

/// Posts what was received, or its changed state, at the ERP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    /// Our id, in the document's reference.
    pub return_id: ReturnId,
    /// The order that the goods were shipped for; `None` where it is not known.
    pub order: Option<OrderId>,
    /// Numbers the return's movements, from 1.
    pub n: u32,
    /// At least one.
    pub changes: Vec<StockChange>,
}

impl EffectRequest for Movement {
    type Effect = ReturnEffect;

    fn effect(&self) -> ReturnEffect {
        ReturnEffect::MoveStock { n: self.n }
    }

    fn key(&self) -> String {
        format!("move-stock/{}/{}", self.return_id, self.n)
    }
}

impl Return {
    /// The stock movement that is not posted, also one that the ERP refused. One that is announced stays as it was announced.
    pub(super) fn movement(&self) -> Option<Movement> {
        let announced = self.postings.values().find_map(|posting| match posting {
            Posting::Movement(movement) => Some(movement.clone()),
            Posting::Adjustment(_) => None,
        });
        announced.or_else(|| {
            let came = self.goods_in_custody();
            let keys: BTreeSet<&StockKey> = came.keys().chain(self.stock.keys()).collect();
            let of = |stock: &BTreeMap<StockKey, Decimal>, key: &StockKey| stock.get(key).copied().unwrap_or_default();
            let changes =
                keys.into_iter().map(|key| StockChange { of: key.clone(), by: of(&came, key) - of(&self.stock, key) });
            let changes: Vec<StockChange> = changes.filter(|change| !change.by.is_zero()).collect();
            let n = self.movements.keys().max().copied().unwrap_or(0).saturating_add(1);
            let order = self.request.content.as_ref().map(|content| content.order.clone());
            (!changes.is_empty()).then(|| Movement { return_id: self.id().clone(), order, n, changes })
        })
    }

    /// The stock movement that is due.
    pub fn stock_movement(&self) -> Option<Movement> {
        self.movement().filter(|movement| !self.rejected_effects.contains_key(&movement.effect()))
    }

    /// Everything that came, whether or not it counts for a line.
    fn goods_in_custody(&self) -> BTreeMap<StockKey, Decimal> {
        let mut came = BTreeMap::new();
        for receipt in self.receipts.values() {
            for goods in &receipt.goods {
                let of = StockKey {
                    warehouse: receipt.warehouse.clone(),
                    sku: receipt.sku.clone(),
                    uom: goods.quantity.uom(),
                    disposition: goods.disposition,
                };
                let amount = goods.quantity.amount();
                *came.entry(of).or_default() += if receipt.reverses { -amount } else { amount };
            }
        }
        came.retain(|_, amount: &mut Decimal| *amount > Decimal::ZERO);
        came
    }
}
