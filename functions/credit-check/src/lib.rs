//! credit-check.
