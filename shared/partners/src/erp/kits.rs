//! Products that an ERP knows in parts only: taken apart before it is asked, put together again from what it answers. Whole
//! kits count; what is over is no kit.

use std::collections::BTreeMap;

use domain::order::{AllocatedLine, Component, Share, Source};
use domain::{Quantity, Rejection, SiteCode};
use engine::partner::CallFailure;
use rust_decimal::Decimal;

use crate::registry::Maps;

/// The shares as the ERP knows them: kits as their parts, anything else as it is.
pub(super) fn apart(shares: &[Share], maps: &Maps) -> Result<Vec<Share>, CallFailure> {
    let mut all = Vec::with_capacity(shares.len());
    for share in shares {
        match maps.kit(&share.sku) {
            None => all.push(share.clone()),
            Some(components) => {
                for component in components {
                    all.push(part(share, component)?);
                }
            }
        }
    }
    Ok(all)
}

/// What `share`, so many kits, needs of one component.
fn part(share: &Share, component: &Component) -> Result<Share, CallFailure> {
    let refuse = |why: &str| {
        let why = format!("line {}: {why}", share.line);
        CallFailure::Refused(Rejection::new("KIT_NOT_WHOLE", why))
    };
    let kits = share.quantity.amount();
    if !kits.fract().is_zero() {
        return Err(refuse("a part of a kit cannot be taken apart"));
    }
    let amount = kits.checked_mul(per_kit(component)).ok_or_else(|| refuse("more parts than can be counted"))?;
    let quantity = Quantity::new(amount, share.quantity.uom()).map_err(|_| refuse("more parts than can be counted"))?;
    Ok(Share { line: share.line, sku: component.sku.clone(), quantity })
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
pub(super) fn together(share: &Share, parts: &[(&Component, AllocatedLine)]) -> Result<AllocatedLine, &'static str> {
    let asked = share.quantity.amount();
    let quantity = |kits: Decimal| Quantity::new(kits, share.quantity.uom()).map_err(|_| "a number of kits is none");
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
    Ok(AllocatedLine { line: share.line, sources, short: quantity(asked - set_aside.min(could))?, asked: None })
}
