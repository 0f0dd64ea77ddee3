//! order-submit.
