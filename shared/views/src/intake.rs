//! The read model of deliveries that cannot be read: their reviews.

use domain::DeliveryId;
use domain::intake::Delivery;
use engine::stores::ViewRow;

use crate::TimedFold;

/// The row of the delivery's review.
pub fn rows(id: &DeliveryId, delivery: &TimedFold<Delivery>) -> Vec<ViewRow> {
    delivery.review_row(id.as_str()).into_iter().collect()
}
