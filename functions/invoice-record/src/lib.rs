//! invoice-record.
