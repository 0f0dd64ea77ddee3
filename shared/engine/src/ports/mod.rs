//! What a step may touch, in our words: stores, partners, and what partners send.

pub mod delivery;
pub mod inbound;
pub mod partner;
pub mod partner_health;
pub mod stores;
