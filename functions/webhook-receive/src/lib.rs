//! webhook-receive.
