//! milestone-record.
