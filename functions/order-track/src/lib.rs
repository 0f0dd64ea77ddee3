//! order-track.
