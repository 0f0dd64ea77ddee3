//! What the journal says about parked work.

use std::collections::{BTreeMap, BTreeSet};

use domain::due::DueWork;
use domain::fulfillment::Fulfillment;
use domain::order::{Order, WorkDiscarded};
use domain::{IdError, OrderCommand, OrderId, Workflow};
use engine::journal::Stream;
use engine::{Code, Epoch, Failure, Journal};
use jiff::Timestamp;

use crate::dlq::letter::{DeadLetter, Look};
use crate::dlq::ports::{Loss, Streams};

/// The streams of a journal.
pub(crate) struct JournalStreams<J> {
    pub(crate) journal: J,
    pub(crate) epoch: Epoch,
}

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
            Some(("order", id)) => look::<Order>(&self.journal, id).await,
            Some(("fulfillment", id)) => look::<Fulfillment>(&self.journal, id).await,
            Some(_) | None => Ok(Look::default()),
        }
    }

    async fn review(&self, letter: &DeadLetter, key: &str, loss: &Loss<'_>) -> Result<(), Failure> {
        let Loss { who, why, at } = *loss;
        let order = letter.order.as_deref().unwrap_or_default().parse::<OrderId>()?;
        let discarded = WorkDiscarded {
            step: letter.function.clone(),
            stream: letter.stream.clone(),
            code: letter.code.clone(),
            by: who.to_owned(),
            note: engine::redact::text(why),
            lost_at: at,
        };
        let cx = crate::operator::context(who, self.epoch, Timestamp::now());
        let mut stream = usecases::names::load(&self.journal, &order, &cx).await?;
        stream.commit(&self.journal, &cx, &cx.cause(key), OrderCommand::RecordDiscard(discarded)).await?.recorded()
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use domain::order::OrderReview;

    use super::*;
    use crate::dlq::letter::Work;
    use crate::order::tests::journal;

    fn letter(function: &str, stream: &str, body: &str) -> DeadLetter {
        let message = cloud::operator::ReceivedMessage {
            id: "m1".to_owned(),
            receipt: "r1".to_owned(),
            body: body.to_owned(),
            attributes: [("code", "PRT-002"), ("stream", stream)].map(|(n, v)| (n.to_owned(), v.to_owned())).into(),
            sent_at: "2026-03-02T10:00:00Z".parse().unwrap(),
            receive_count: 1,
        };
        DeadLetter::read(&format!("{function}-dlq"), message)
    }

    #[tokio::test]
    async fn the_journal_says_which_work_is_due_done_or_unknown() {
        let (journal, order) = journal();
        let (streams, stream) = (JournalStreams { journal, epoch: Epoch::FIRST }, format!("order/{order}"));
        let look = streams.look(&stream).await.unwrap();
        assert_eq!(look.version, 2);
        for (function, work) in
            [("credit-check", Work::Due), ("order-price", Work::Done), ("deadline-raise", Work::Unknown)]
        {
            assert_eq!(look.work(&letter(function, &stream, "{}")), work, "{function}");
        }
        let delivery = streams.look("delivery/eastco/msg_1").await.unwrap();
        assert_eq!(delivery.work(&letter("order-import", "delivery/eastco/msg_1", "{}")), Work::Unknown);
    }

    #[tokio::test]
    async fn discarding_due_work_leaves_one_review_on_its_order() {
        let (journal, order) = journal();
        let stream = format!("order/{order}");
        let streams = JournalStreams { journal: journal.clone(), epoch: Epoch::FIRST };
        let parked = letter("credit-check", &stream, "{}");
        for _ in 0..2 {
            let loss = Loss { who: "ann", why: "T-17", at: None };
            streams.review(&parked, "plan_1/m1/discard", &loss).await.unwrap();
        }
        let commits = journal.commits(&stream);
        assert_eq!((commits.len(), commits[2].actor.as_str()), (3, "operator/ann"));
        let folded = Stream::<Order>::of(&order, commits, Timestamp::now()).unwrap();
        let reviews = folded.state.unwrap().reviews();
        let review = reviews.iter().find(|review| review.kind == OrderReview::WorkDiscarded).unwrap();
        assert!(review.reason.contains("credit-check") && review.reason.contains("T-17"), "{}", review.reason);
    }
}
