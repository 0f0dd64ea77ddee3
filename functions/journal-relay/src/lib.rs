//! journal-relay.
