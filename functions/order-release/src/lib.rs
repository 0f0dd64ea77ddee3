//! order-release.
