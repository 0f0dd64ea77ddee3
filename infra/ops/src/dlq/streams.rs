//! What the journal says about parked work.

use std::collections::{BTreeMap, BTreeSet};

use domain::due::DueWork;
use domain::fulfillment::Fulfillment;
use domain::order::Order;
use domain::{IdError, Workflow};
use engine::journal::Stream;
use engine::{Code, Failure, Journal};
use jiff::Timestamp;

use crate::dlq::letter::Look;
use crate::dlq::ports::Streams;

/// The streams of a journal.
pub(crate) struct JournalStreams<J>(pub(crate) J);

/// The steps that work on what a stream has due. Of all others, such as those that read deliveries or raise deadlines, a
/// stream does not know whether they have work.
const KNOWN: [&str; 15] = [
    "backorder-check",
    "credit-check",
    "crm-update",
    "fulfillment-request",
    "fulfillment-rollup",
    "fulfillment-watch",
    "fulfillment-withdraw",
    "goods-issue-post",
    "invoice-create",
    "order-price",
    "order-route",
    "sales-order-cancel",
    "sales-order-create",
    "stock-allocate",
    "stock-deallocate",
];

impl<J: Journal> Streams for JournalStreams<J> {
    async fn look(&self, stream: &str) -> Result<Look, Failure> {
        match stream.split_once('/') {
            Some(("order", id)) => look::<Order>(&self.0, id).await,
            Some(("fulfillment", id)) => look::<Fulfillment>(&self.0, id).await,
            Some(_) | None => Ok(Look::default()),
        }
    }
}

async fn look<W: Workflow>(journal: &impl Journal, id: &str) -> Result<Look, Failure>
where
    W::Id: std::str::FromStr<Err = IdError>,
{
    let Ok(id) = id.parse::<W::Id>() else { return Ok(Look::default()) };
    let commits = journal.read(&format!("{}/{id}", W::KIND)).await?;
    let stream = match Stream::<W>::of(&id, commits, Timestamp::now()) {
        Ok(stream) => stream,
        // A stream that cannot be read is a cause of parked messages, so the others must not suffer from it.
        Err(Failure::Permanent { code: Code::JournalCorrupt, .. } | Failure::Deferred { .. }) => {
            return Ok(Look::default());
        }
        Err(failure) => return Err(failure),
    };
    let due = W::due(stream.state.as_ref(), &id);
    Ok(Look { version: stream.version, known: KNOWN.map(str::to_owned).into(), due: parts(due) })
}

fn parts(due: BTreeSet<DueWork>) -> BTreeSet<(String, BTreeMap<String, String>)> {
    let part = |DueWork { step, about, digest: _ }: DueWork| {
        (step.to_owned(), about.into_iter().map(|(member, id)| (member.to_owned(), id)).collect())
    };
    due.into_iter().map(part).collect()
}
