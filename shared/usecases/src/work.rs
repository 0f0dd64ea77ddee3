//! The parameters of steps, read from events: an order, a fulfillment, or a package.

use domain::{DeliveryId, FulfillmentId, OrderId, PackageId, ReturnId};
use engine::{Code, EventEnvelope, Failure, Work};
use serde::Deserialize;

/// Work on an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderWork {
    /// From the event's subject: the order, or a fulfillment of it.
    pub order: OrderId,
}

impl Work for OrderWork {
    fn read(envelope: &EventEnvelope<'_>) -> Result<Self, Failure> {
        match envelope.subject.split_once('/') {
            Some(("fulfillment", _)) => {
                let fulfillment: FulfillmentId = envelope.id_of("fulfillment")?;
                Ok(Self { order: fulfillment.order().clone() })
            }
            Some(_) | None => Ok(Self { order: envelope.id_of("order")? }),
        }
    }
}

/// What the CRM is told about, from the event's subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CrmWork {
    /// An order, or a fulfillment of it.
    Order(OrderId),
    /// A delivery that cannot be read.
    Delivery(DeliveryId),
}

impl Work for CrmWork {
    fn read(envelope: &EventEnvelope<'_>) -> Result<Self, Failure> {
        match envelope.subject.split_once('/') {
            Some(("delivery", _)) => Ok(Self::Delivery(envelope.id_of("delivery")?)),
            Some(_) | None => Ok(Self::Order(OrderWork::read(envelope)?.order)),
        }
    }
}

/// Work on a fulfillment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FulfillmentWork {
    /// From the subject of a fulfillment's event, or from the payload of an order's event.
    pub fulfillment: FulfillmentId,
}

impl Work for FulfillmentWork {
    fn read(envelope: &EventEnvelope<'_>) -> Result<Self, Failure> {
        match envelope.subject.split_once('/') {
            Some(("fulfillment", _)) => Ok(Self { fulfillment: envelope.id_of("fulfillment")? }),
            Some(_) | None => envelope.payload(),
        }
    }
}

/// Work on one package of a fulfillment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageWork {
    /// From the event's subject.
    pub fulfillment: FulfillmentId,
    /// From the payload.
    pub package: PackageId,
}

impl Work for PackageWork {
    fn read(envelope: &EventEnvelope<'_>) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Payload {
            package: PackageId,
        }
        let Payload { package } = envelope.payload()?;
        Ok(Self { fulfillment: envelope.id_of("fulfillment")?, package })
    }
}

/// Work on a return.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReturnWork {
    /// From the subject of a return's event, or from the payload of an order's event.
    #[serde(rename = "return")]
    pub return_id: ReturnId,
}

impl Work for ReturnWork {
    fn read(envelope: &EventEnvelope<'_>) -> Result<Self, Failure> {
        match envelope.subject.split_once('/') {
            Some(("return", _)) => Ok(Self { return_id: envelope.id_of("return")? }),
            Some(_) | None => envelope.payload(),
        }
    }
}

/// Work on one parcel of a return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParcelWork {
    /// From the event's subject.
    pub return_id: ReturnId,
    /// From the payload: the number of the parcel.
    pub no: u32,
}

impl Work for ParcelWork {
    fn read(envelope: &EventEnvelope<'_>) -> Result<Self, Failure> {
        // A text: no event has the number of a parcel as one, so that only our own entries wake this work.
        #[derive(Deserialize)]
        struct Payload {
            no: String,
        }
        let Payload { no } = envelope.payload()?;
        let malformed = |_| Failure::permanent(Code::MessageMalformed, "the parcel has no number");
        Ok(Self { return_id: envelope.id_of("return")?, no: no.parse().map_err(malformed)? })
    }
}

/// Work on what a return has credited of one line, or of the shipping charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountWork {
    /// From the event's subject.
    pub return_id: ReturnId,
    /// From the payload: `line 1`, or `shipping`.
    pub account: String,
}

impl Work for AccountWork {
    fn read(envelope: &EventEnvelope<'_>) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Payload {
            account: String,
        }
        let Payload { account } = envelope.payload()?;
        Ok(Self { return_id: envelope.id_of("return")?, account })
    }
}
