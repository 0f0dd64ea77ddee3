//! token-authorize.
