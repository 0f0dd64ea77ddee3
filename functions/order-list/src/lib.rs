//! order-list.
