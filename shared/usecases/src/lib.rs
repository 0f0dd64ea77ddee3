//! Use cases that two doors share: an order is submitted by webhook or by API, changed by the CRM, the ERP or a client, and a review
//! is decided by API. The steps behind the doors parse the request and answer the sender; what happens in between is here.

pub mod change;
pub mod submission;
pub mod work;
