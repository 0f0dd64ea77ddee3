//! partners.
