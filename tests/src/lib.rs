//! crossdock-tests.
