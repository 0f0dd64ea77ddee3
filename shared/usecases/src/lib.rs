//! Use cases that several functions share: an order is submitted by webhook or API, changed by the CRM, the ERP or an
//! API client, and reviews are decided by API. The functions parse the request and answer the sender; what happens in
//! between is here.

pub mod change;
pub mod delivery;
pub mod due;
pub mod names;
pub mod returns;
pub mod submission;
pub mod tokens;
pub mod work;
