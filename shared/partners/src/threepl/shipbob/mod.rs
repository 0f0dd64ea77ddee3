//! A warehouse with ShipBob's public API 1.0: `docs/partners/shipbob.md`.
//!
//! There are no idempotency keys. A second order with the same `reference_id` is rejected with 422, and the first can be looked
//! up by it. A message is the shipment itself; its topic is in `x-webhook-topic`. `LabeledCreated`, which the vendor calls
//! "shipped", means that a label is printed; `Completed` means that the shipment left the building.

pub(super) mod client;
pub(super) mod map;
mod wire;
