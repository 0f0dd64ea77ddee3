//! order-accept.
