//! fulfillment-request.
