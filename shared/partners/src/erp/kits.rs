//! Products that an ERP knows in parts only: taken apart before it is asked, put together again from what it answers. Whole
//! kits count; what is over is no kit.

use std::collections::BTreeMap;

use domain::order::{AllocatedLine, Component, LineQuantity, Source};
use domain::{Quantity, Rejection, SiteCode};
use engine::partner::CallFailure;
use rust_decimal::Decimal;

use crate::registry::Maps;

/// The lines as the ERP knows them: kits as their parts, anything else as it is.
pub(super) fn apart(lines: &[LineQuantity], maps: &Maps) -> Result<Vec<LineQuantity>, CallFailure> {
    let mut all = Vec::with_capacity(lines.len());
    for goods in lines {
        match maps.kit(&goods.sku) {
            None => all.push(goods.clone()),
            Some(components) => {
                for component in components {
                    all.push(part(goods, component)?);
                }
            }
        }
    }
    Ok(all)
}

/// What `goods`, so many kits, needs of one component.
fn part(goods: &LineQuantity, component: &Component) -> Result<LineQuantity, CallFailure> {
    let refuse = |why: &str| {
        let why = format!("line {}: {why}", goods.line);
        CallFailure::Refused(Rejection::new("KIT_NOT_WHOLE", why))
    };
    let kits = goods.quantity.amount();
    if !kits.fract().is_zero() {
        return Err(refuse("a part of a kit cannot be taken apart"));
    }
    let amount = kits.checked_mul(per_kit(component)).ok_or_else(|| refuse("more parts than can be counted"))?;
    let quantity = Quantity::new(amount, goods.quantity.uom()).map_err(|_| refuse("more parts than can be counted"))?;
    Ok(LineQuantity { line: goods.line, sku: component.sku.clone(), quantity })
}

pub(super) fn per_kit(component: &Component) -> Decimal {
    Decimal::from(component.per_kit.get())
}

/// How many whole kits `amount` of a component is enough for.
pub(super) fn whole(amount: Decimal, component: &Component) -> Decimal {
    amount.checked_div(per_kit(component)).unwrap_or_default().floor()
}

/// A kit's line from the lines of its components: a location has as many kits as it has of the component that it has least
/// of, and what no location can put together is short.
pub(super) fn together(
    goods: &LineQuantity,
    parts: &[(&Component, AllocatedLine)],
) -> Result<AllocatedLine, &'static str> {
    let asked = goods.quantity.amount();
    let quantity = |kits: Decimal| Quantity::new(kits, goods.quantity.uom()).map_err(|_| "a number of kits is none");
    let mut set_aside = asked;
    let mut at: BTreeMap<SiteCode, Vec<Decimal>> = BTreeMap::new();
    for (n, (component, line)) in parts.iter().enumerate() {
        let needed = asked * per_kit(component);
        let short = line.short.amount();
        if short > needed {
            return Err("more of a kit's part is short than was asked");
        }
        set_aside = set_aside.min(whole(needed - short, component));
        for source in &line.sources {
            let of = at.entry(source.location.clone()).or_insert_with(|| vec![Decimal::ZERO; parts.len()]);
            if let Some(kits) = of.get_mut(n) {
                *kits += whole(source.quantity.amount(), component);
            }
        }
    }
    let mut sources = Vec::new();
    let mut could = Decimal::ZERO;
    for (location, kits) in at {
        let kits = kits.into_iter().min().unwrap_or_default();
        if !kits.is_zero() {
            could += kits;
            sources.push(Source { location, quantity: quantity(kits)? });
        }
    }
    Ok(AllocatedLine { line: goods.line, sources, short: quantity(asked - set_aside.min(could))?, asked: None })
}
