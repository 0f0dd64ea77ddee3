//! Reads partners' bytes: JSON fields with their pointers, exact numbers, times, gzip, codes of countries and regions, IP addresses.

pub(crate) mod addresses;
pub(crate) mod countries;
pub(crate) mod exact;
pub(crate) mod fields;
pub(crate) mod gzip;
pub(crate) mod postal_codes;
pub(crate) mod regions;
pub(crate) mod times;
