//! shipment-post.
