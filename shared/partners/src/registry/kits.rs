//! Reads kits: products of ours that a partner knows as components.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use domain::Sku;
use domain::order::Component;

use crate::wire::fields::Place;

/// A larger number is a mistake.
const MAX_PER_KIT: u64 = 10_000;

/// Kits by SKU, each with at least one component. A component that is a kit itself is an offence: its author may expect it to be
/// exploded, or not.
pub(super) fn read(place: &Place<'_>) -> BTreeMap<Sku, Vec<Component>> {
    let members = place.members();
    let mut kits: BTreeMap<Sku, Vec<Component>> = BTreeMap::new();
    for (kit, place) in &members {
        let mut components: Vec<Component> = Vec::new();
        for part in place.some_items("needs at least one part").unwrap_or_default() {
            let Some(component) = component(&part) else { continue };
            if members.iter().any(|(name, _)| *name == component.sku.as_str()) {
                part.at("sku").refuse("is a kit itself; a kit's parts must not be kits");
            }
            if components.iter().any(|other| other.sku == component.sku) {
                part.at("sku").refuse("names a part twice; say how many in per_kit");
            }
            components.push(component);
        }
        kits.extend(place.take(kit.parse()).map(|sku| (sku, components)));
    }
    kits
}

fn component(place: &Place<'_>) -> Option<Component> {
    place.object()?;
    place.only(&["sku", "per_kit"]);
    let sku = place.at("sku").parse();
    let per_kit = place.at("per_kit").whole(1..=MAX_PER_KIT);
    let per_kit = per_kit.and_then(|n| u32::try_from(n).ok()).and_then(NonZeroU32::new);
    Some(Component { sku: sku?, per_kit: per_kit? })
}
