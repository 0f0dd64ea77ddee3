//! order-read.
