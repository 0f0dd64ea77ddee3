//! Kits: products that the ERP stocks as components only. Requests are exploded into components, and answers are assembled
//! into kits again. Only whole kits count; left-over components are not part of any kit.

use std::collections::BTreeMap;

use domain::order::{AllocatedLine, Component, LineQuantity, Source};
use domain::{Quantity, Rejection, SiteCode};
use engine::partner::CallFailure;
use rust_decimal::Decimal;

use crate::registry::Maps;

/// The lines as the ERP knows them: each kit as its components, under the kit's line number.
pub(super) fn explode(lines: &[LineQuantity], maps: &Maps) -> Result<Vec<LineQuantity>, CallFailure> {
    let mut exploded = Vec::with_capacity(lines.len());
    for line in lines {
        match maps.kit(&line.sku) {
            None => exploded.push(line.clone()),
            Some(components) => {
                for component in components {
                    exploded.push(needed(line, component)?);
                }
            }
        }
    }
    Ok(exploded)
}

/// How much of `component` the kits of `line` need.
fn needed(line: &LineQuantity, component: &Component) -> Result<LineQuantity, CallFailure> {
    let refuse = |why: &str| {
        let why = format!("line {}: {why}", line.line);
        CallFailure::Refused(Rejection::new("KIT_NOT_WHOLE", why))
    };
    let kits = line.quantity.amount();
    if !kits.fract().is_zero() {
        return Err(refuse("a fraction of a kit cannot be exploded into components"));
    }
    let too_many = || refuse("the number of components is out of range");
    let amount = kits.checked_mul(per_kit(component)).ok_or_else(too_many)?;
    let quantity = Quantity::new(amount, line.quantity.uom()).map_err(|_| too_many())?;
    Ok(LineQuantity { line: line.line, sku: component.sku.clone(), quantity })
}

pub(super) fn per_kit(component: &Component) -> Decimal {
    Decimal::from(component.per_kit.get())
}

/// How many whole kits `amount` of a component is enough for.
pub(super) fn whole_kits(amount: Decimal, component: &Component) -> Decimal {
    amount.checked_div(per_kit(component)).unwrap_or_default().floor()
}

/// A kit's allocated line, from those of its components. A location has as many kits as its scarcest component allows; what
/// no location can assemble is short.
pub(super) fn assemble(
    line: &LineQuantity,
    components: &[(&Component, AllocatedLine)],
) -> Result<AllocatedLine, &'static str> {
    let requested = line.quantity.amount();
    let quantity =
        |kits: Decimal| Quantity::new(kits, line.quantity.uom()).map_err(|_| "a number of kits is out of range");
    let mut allocated = requested;
    let mut kits_at: BTreeMap<SiteCode, Vec<Decimal>> = BTreeMap::new();
    for (n, (component, answer)) in components.iter().enumerate() {
        let needed = requested * per_kit(component);
        let short = answer.short.amount();
        if short > needed {
            return Err("more of a kit's component is short than was requested");
        }
        allocated = allocated.min(whole_kits(needed - short, component));
        for source in &answer.sources {
            let by_component =
                kits_at.entry(source.location.clone()).or_insert_with(|| vec![Decimal::ZERO; components.len()]);
            if let Some(kits) = by_component.get_mut(n) {
                *kits += whole_kits(source.quantity.amount(), component);
            }
        }
    }
    let mut sources = Vec::new();
    let mut assembled = Decimal::ZERO;
    for (location, by_component) in kits_at {
        let kits = by_component.into_iter().min().unwrap_or_default();
        if !kits.is_zero() {
            assembled += kits;
            sources.push(Source { location, quantity: quantity(kits)? });
        }
    }
    let short = quantity(requested - allocated.min(assembled))?;
    Ok(AllocatedLine { line: line.line, sources, short, asked: None })
}
