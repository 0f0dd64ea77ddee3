//! Reads partners' bytes: JSON fields with their pointers, exact numbers, times, gzip, country codes, IP addresses.

pub(crate) mod addresses;
pub(crate) mod countries;
pub(crate) mod exact;
pub(crate) mod fields;
pub(crate) mod gzip;
pub(crate) mod times;
