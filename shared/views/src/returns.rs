//! The read model of returns: their summaries by status, and their reviews.

use domain::returns::{ReturnPicture, ReturnStatus};
use domain::{DocumentNumber, ExternalId, OrderId, PartnerId, Return, ReturnId};
use engine::stores::{ViewRow, sortable};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{FOLD, TimedFold};

/// A return as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Our id.
    pub id: ReturnId,
    /// As people read it.
    pub status: ReturnStatus,
    /// The system that asked, or the warehouse that reported.
    pub source: PartnerId,
    /// The return's id in that system.
    pub external_id: ExternalId,
    /// The order that the goods were shipped for; `None` while it is not known.
    pub order: Option<OrderId>,
    /// The number that the customer writes on the parcel.
    pub rma: Option<DocumentNumber>,
    /// The number of its open reviews.
    pub reviews: usize,
    /// When it was requested, or reported.
    pub requested_at: Timestamp,
    /// When this last changed.
    pub updated_at: Timestamp,
}

/// The rows of a return: its summary, ranked by the time of the request, and its reviews.
pub fn rows(fold: &TimedFold<Return>) -> Vec<ViewRow> {
    let id = fold.state.id();
    let summary = summary(fold);
    let row = ViewRow {
        key: format!("return/{id}"),
        part: "summary".to_owned(),
        version: fold.listed.0,
        fold: FOLD,
        list: format!("return/{}", summary.status.as_str()),
        rank: format!("{}/{id}", sortable(summary.requested_at)),
        document: serde_json::to_string(&summary).unwrap_or_default(),
    };
    std::iter::once(row).chain(fold.review_row(id.as_str())).collect()
}

fn summary(fold: &TimedFold<Return>) -> Summary {
    let ReturnPicture { return_id, source, external_id, order, status, rma, .. } = fold.state.picture();
    Summary {
        id: return_id,
        status,
        source,
        external_id,
        order,
        rma,
        reviews: fold.state.reviews().len(),
        requested_at: fold.state.request.requested_at,
        updated_at: fold.listed.1,
    }
}

/// All that the API shows of one return.
pub fn detail(fold: &TimedFold<Return>) -> Value {
    let picture = fold.state.picture();
    json!({
        "id": picture.return_id,
        "status": picture.status,
        "source": picture.source,
        "external_id": picture.external_id,
        "order": picture.order,
        "rma": picture.rma,
        "denied": picture.denied,
        "requested_at": fold.state.request.requested_at,
        "updated_at": fold.changed,
        "version": fold.version,
        "lines": picture.lines,
        "documents": picture.documents,
        "exchange": picture.exchange,
        "reviews": fold.open_reviews(picture.return_id.as_str()),
    })
}
