//! order-route.
