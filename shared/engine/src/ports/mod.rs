//! The traits through which a step reaches stores and partners, and the types of partners' deliveries.

pub mod delivery;
pub mod inbound;
pub mod partner;
pub mod partner_health;
pub mod returns;
pub mod sessions;
pub mod stores;
