//! stock-allocate.
