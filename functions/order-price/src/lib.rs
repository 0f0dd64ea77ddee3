//! order-price.
