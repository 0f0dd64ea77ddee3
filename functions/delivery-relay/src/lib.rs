//! delivery-relay.
