//! Calls to partners over HTTP: authorized, rate limited, bounded in time, with one meaning for each status.
//!
//! This module decides what a 429, a timeout or a 5xx means, so that it means the same for every partner. What a 2xx, 404, 409
//! or 422 says about the business is for the adapters to read.

pub(crate) mod attempts;
pub(crate) mod auth;
pub(crate) mod csrf;
pub(crate) mod exchange;
pub(crate) mod failures;
pub(crate) mod http;
pub(crate) mod limiter;
pub(crate) mod rejection;
mod retry_after;
mod stats;
pub mod transport;

pub(crate) use attempts::FirstStep;
pub(crate) use exchange::{Answer, HttpRequest, PartnerClient};
