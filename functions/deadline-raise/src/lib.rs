//! deadline-raise.
