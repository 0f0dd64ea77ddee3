//! What partners' codes mean to us. Only the codes that the product acts on are here, in our own words; a partner's document
//! adds or changes some ([`Overrides`]). What is in neither is for a person to look at.

use alloc::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::Code;
use crate::documents::ShippedLine;

/// A partner's own meanings, which go before the general ones.
pub type Overrides<M> = BTreeMap<Code, M>;

/// The outcome of a line of a warehouse's order, by its status (W1201, element 368).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineOutcome {
    /// As it was ordered.
    Shipped,
    /// More than was ordered.
    OverShipped,
    /// Another item, in part or in whole.
    Substituted,
    /// Less; the rest will not come.
    ShortClosed,
    /// Less; the rest is still to come.
    ShortOpen,
    /// Less; whether the rest comes is not said.
    Short,
    /// One of several shipments of the line.
    Partial,
    /// Nothing yet; it is to come.
    Backordered,
    /// Nothing, and nothing is to come.
    NotShipped,
    /// The line is cancelled.
    Cancelled,
    /// Shipped, but damaged or otherwise not right.
    Exception,
    /// On hold or not available for now.
    Held,
    /// The code says nothing that can be acted on: a person decides.
    Review,
}

/// Element 368. Source: the code's names in the ecomtoday 4010 page and in x12-types; the mapping is ours.
pub fn line_outcome(code: Code, overrides: &Overrides<LineOutcome>) -> LineOutcome {
    if let Some(outcome) = overrides.get(&code) {
        return *outcome;
    }
    match code.as_str() {
        "CC" | "CL" | "SH" | "RC" => LineOutcome::Shipped,
        "CM" | "SA" => LineOutcome::OverShipped,
        "CS" | "IS" => LineOutcome::Substituted,
        "CP" => LineOutcome::ShortClosed,
        "BP" | "PR" => LineOutcome::ShortOpen,
        "SC" | "SK" => LineOutcome::Short,
        "SS" => LineOutcome::Partial,
        "BO" | "BK" | "BM" => LineOutcome::Backordered,
        "OR" | "DS" => LineOutcome::NotShipped,
        "CU" | "IC" | "CK" | "DE" => LineOutcome::Cancelled,
        "SD" => LineOutcome::Exception,
        "PH" | "UN" => LineOutcome::Held,
        _ => LineOutcome::Review,
    }
}

/// A line whose code says other than its quantities: alarm, and let a person decide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Contradiction {
    /// What the code says.
    pub by_code: LineOutcome,
    /// What the quantities say.
    pub by_quantities: LineOutcome,
}

/// The outcome by code and by quantities (W1202 ordered, W1203 shipped, W1204 the difference), which must agree.
///
/// Where a quantity is absent, the code alone decides.
pub fn judge(line: &ShippedLine, overrides: &Overrides<LineOutcome>) -> Result<LineOutcome, Contradiction> {
    let by_code = line_outcome(line.status, overrides);
    let ordered = line.ordered.or_else(|| line.shipped?.checked_add(line.difference?));
    let shipped = line.shipped.or_else(|| line.ordered?.checked_sub(line.difference?));
    let (Some(ordered), Some(shipped)) = (ordered, shipped) else { return Ok(by_code) };
    let by_quantities = if shipped > ordered {
        LineOutcome::OverShipped
    } else if shipped == ordered {
        LineOutcome::Shipped
    } else if shipped > Decimal::ZERO {
        LineOutcome::Short
    } else {
        LineOutcome::NotShipped
    };
    let agrees = match by_code {
        LineOutcome::Shipped => by_quantities == LineOutcome::Shipped,
        LineOutcome::OverShipped => by_quantities == LineOutcome::OverShipped,
        LineOutcome::ShortClosed | LineOutcome::ShortOpen | LineOutcome::Short | LineOutcome::Partial => {
            by_quantities == LineOutcome::Short
        }
        LineOutcome::Backordered | LineOutcome::NotShipped | LineOutcome::Cancelled | LineOutcome::Held => {
            by_quantities == LineOutcome::NotShipped
        }
        // How many of a substitute or of damaged goods came, the code does not say.
        LineOutcome::Substituted | LineOutcome::Exception | LineOutcome::Review => true,
    };
    if agrees { Ok(by_code) } else { Err(Contradiction { by_code, by_quantities }) }
}

/// What an adjustment's reason does to stock (W1901, element 181).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AdjustmentEffect {
    /// More or fewer units: the signed quantity is added to what is on hand.
    OnHand,
    /// Put on hold: the same units, not available. Nothing is added to what is on hand.
    OnHold,
    /// Off hold again. Nothing is added to what is on hand.
    OffHold,
    /// Another condition of the same units. Nothing is added to what is on hand.
    Condition,
    /// Not known: held for a person.
    Review,
}

/// Element 181. Sources: the stedi 7010 and zenbridge 4010 pages; the list is not complete, and what is not in it is for
/// review. 08 and 88 (quality inspection) are of later releases.
pub fn adjustment(code: Code, overrides: &Overrides<AdjustmentEffect>) -> AdjustmentEffect {
    if let Some(effect) = overrides.get(&code) {
        return *effect;
    }
    match code.as_str() {
        "05" | "08" => AdjustmentEffect::OnHold,
        "55" | "88" => AdjustmentEffect::OffHold,
        "AC" => AdjustmentEffect::Condition,
        "03" | "04" | "06" | "07" | "51" | "52" | "53" | "54" | "56" | "AA" | "AB" | "AD" | "AE" | "AF" | "AG"
        | "AH" | "AI" | "AK" | "AL" | "AN" | "AP" | "AR" | "AS" | "AT" | "AU" | "AV" | "AW" | "AX" | "AY" | "BA"
        | "BM" | "BR" | "BS" | "CD" | "CO" => AdjustmentEffect::OnHand,
        _ => AdjustmentEffect::Review,
    }
}

/// What is wrong with received units (W1303, element 412).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReceivingCondition {
    /// 01.
    Damaged,
    /// 02.
    Short,
    /// 03.
    Over,
    /// 04.
    Quality,
    /// 05.
    WrongProduct,
    /// 06: a container that is not the usual one.
    Container,
    /// Not known: held for a person.
    Review,
}

/// Element 412. Source: the tediware 8010 page.
pub fn receiving_condition(code: Code, overrides: &Overrides<ReceivingCondition>) -> ReceivingCondition {
    if let Some(condition) = overrides.get(&code) {
        return *condition;
    }
    match code.as_str() {
        "01" => ReceivingCondition::Damaged,
        "02" => ReceivingCondition::Short,
        "03" => ReceivingCondition::Over,
        "04" => ReceivingCondition::Quality,
        "05" => ReceivingCondition::WrongProduct,
        "06" => ReceivingCondition::Container,
        _ => ReceivingCondition::Review,
    }
}

/// Where a shipment is, by a carrier's status (AT701, element 1650).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrackingStatus {
    /// The carrier knows of it.
    Accepted,
    /// At the place of pick-up.
    AtPickup,
    /// On its way.
    InTransit,
    /// At the receiver's, or about to be.
    OutForDelivery,
    /// Only the expected time changed: no status.
    EtaUpdate,
    /// Delivered.
    Delivered,
    /// A part is delivered.
    PartlyDelivered,
    /// The carrier has left the receiver: delivered, unless `Delivered` came or comes.
    Departed,
    /// Delivery was tried, or refused.
    DeliveryFailed,
    /// Something is not as it should be.
    Exception,
    /// On its way back to the sender.
    Returned,
    /// The shipment is cancelled.
    Cancelled,
    /// Not known: held for a person.
    Review,
}

/// Element 1650. Sources: the stedi 4030 page and the USTRANSCOM list; the mapping is ours.
///
/// A late event moves nothing backwards: that is the receiver's care.
pub fn tracking_status(code: Code, overrides: &Overrides<TrackingStatus>) -> TrackingStatus {
    if let Some(status) = overrides.get(&code) {
        return *status;
    }
    match code.as_str() {
        "XB" | "OO" => TrackingStatus::Accepted,
        "X3" | "X8" | "L1" | "AM" | "CP" | "AW" => TrackingStatus::AtPickup,
        "AF" | "P1" | "X4" | "X6" | "R1" | "J1" | "BA" | "AN" | "AR" | "RL" | "I1" | "BC" | "BR" => {
            TrackingStatus::InTransit
        }
        "X1" | "X5" | "S1" | "AJ" | "AV" => TrackingStatus::OutForDelivery,
        "AG" | "X2" | "B6" | "C1" => TrackingStatus::EtaUpdate,
        "D1" | "CB" => TrackingStatus::Delivered,
        "PA" => TrackingStatus::PartlyDelivered,
        "CD" => TrackingStatus::Departed,
        "AH" | "AP" | "A7" => TrackingStatus::DeliveryFailed,
        "SD" | "A9" | "K1" | "PR" | "AI" | "BO" => TrackingStatus::Exception,
        "A3" => TrackingStatus::Returned,
        "CA" => TrackingStatus::Cancelled,
        _ => TrackingStatus::Review,
    }
}

/// What a quantity of a stock report counts (QTY01 of an 846, element 673; 6063 of an INVRPT).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StockKind {
    /// All units that are there.
    OnHand,
    /// Units that can be sold.
    Available,
    /// Units that are promised to orders.
    Allocated,
    /// Units that are not to be shipped.
    OnHold,
    /// Units that are damaged.
    Damaged,
    /// Units on their way.
    InTransit,
    /// A figure that is not needed.
    Ignored,
}

/// The codes of a partner's stock reports. No page gives meanings that hold for all (33, 17, QA, 02 and more are in use), so
/// there are none by default: every code comes from the partner's guide, and one that is missing is for review.
pub type StockCodes = Overrides<StockKind>;

/// What a quantity counts; `None` where the partner's document does not say.
pub fn stock_kind(code: Code, codes: &StockCodes) -> Option<StockKind> {
    codes.get(&code).copied()
}
