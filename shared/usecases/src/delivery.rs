//! Reads a partner's delivery. One that cannot be read is parked with its cause, and stands on the worklist until it, or a
//! corrected copy, is read, or a person has dealt with it.

use std::time::Duration;

use domain::intake::{self, DeliveryCommand, Mapped, OffendingPlace, Unmappable};
use domain::{DeliveryId, ExternalId, Order, OrderId};
use engine::context::DeliveryWork;
use engine::delivery::Delivery;
use engine::http::Offence;
use engine::inbound;
use engine::stores::Deliveries;
use engine::{Code, Context, Failure, Journal, Outcome, Stream};

/// A first delivery of a message that is read later than this counts as a repeated one: only such a one can have been
/// unreadable before, and costs a look at its stream.
const FIRST_READ_WITHIN: Duration = Duration::from_secs(60);

/// The most places that a review names.
const MAX_PLACES: usize = 10;

/// Fetches the delivery of `work` and maps it with `read`. If it is ignored by design, returns the step's outcome instead.
///
/// # Errors
/// MSG-003 if it has expired or was erased; MSG-004 if it cannot be mapped, after its review was committed; the stores'.
pub async fn read<T>(
    journal: &impl Journal,
    deliveries: &impl Deliveries,
    work: &DeliveryWork,
    cx: &Context,
    read: impl AsyncFnOnce(&Delivery) -> Result<Result<T, inbound::Unmappable>, Failure>,
) -> Result<Result<(Delivery, T), Outcome>, Failure> {
    let missing = || Failure::permanent(Code::DeliveryMissing, "the raw delivery has expired or was erased");
    let delivery = deliveries.fetch(&work.partner, &work.delivery).await?.ok_or_else(missing)?;
    let (subject, offences) = match read(&delivery).await? {
        Ok(meaning) => {
            if cx.now.duration_since(delivery.received_at).unsigned_abs() > FIRST_READ_WITHIN {
                close(journal, cx, &DeliveryId::of_delivery(&delivery.partner, &delivery.id), &delivery, |_| true)
                    .await?;
            }
            return Ok(Ok((delivery, meaning)));
        }
        Err(inbound::Unmappable::Unrelated(why)) => return Ok(Err(Outcome::Ignored(why))),
        Err(inbound::Unmappable::UnknownTopic(topic)) => {
            let detail = format!("UNKNOWN_EVENT: topic {topic}");
            (Subject::Topic, vec![Offence { pointer: String::new(), detail }])
        }
        Err(inbound::Unmappable::Malformed(offences)) => (Subject::Delivery, offences),
        Err(inbound::Unmappable::MalformedOrder { order, offences }) => (Subject::Order(order), offences),
    };
    Err(set_aside(journal, cx, &delivery, subject, Code::DeliveryUnmappable, offences).await?)
}

/// Takes the copies of `order` that could not be read off the worklist. Called after the order's commit: a copy that is set aside at the
/// same instant looks for the order after its own commit, so that one of the two sees the other.
///
/// # Errors
/// The journal's.
pub async fn corrected(
    journal: &impl Journal,
    cx: &Context,
    delivery: &Delivery,
    order: &ExternalId,
) -> Result<(), Failure> {
    let id = DeliveryId::of_order(&delivery.partner, order);
    close(journal, cx, &id, delivery, |_| true).await
}

/// What one review stands for.
enum Subject {
    /// All copies of the sender's order of this id.
    Order(ExternalId),
    /// All messages of a topic that the protocol does not know: a sender may send thousands.
    Topic,
    /// The delivery.
    Delivery,
}

/// Puts a delivery on the worklist that is about something which no message of its sender can be about. Returns the failure by which
/// it is parked.
///
/// # Errors
/// The journal's.
pub async fn refuse(journal: &impl Journal, cx: &Context, delivery: &Delivery, why: &str) -> Result<Failure, Failure> {
    let offences = vec![Offence { pointer: String::new(), detail: why.to_owned() }];
    set_aside(journal, cx, delivery, Subject::Delivery, Code::DeliveryUnmappable, offences).await
}

/// Waits for the stream `parent`, as [`Context::wait_for_parent`] does, and puts the delivery on the worklist once the wait is over.
///
/// # Errors
/// The journal's.
pub async fn wait_for_parent(
    journal: &impl Journal,
    cx: &Context,
    delivery: &Delivery,
    parent: String,
    max_wait: Duration,
) -> Result<Failure, Failure> {
    match cx.wait_for_parent(parent, max_wait) {
        Failure::Permanent { code, cause } => {
            let offences = vec![Offence { pointer: String::new(), detail: cause.into_owned() }];
            set_aside(journal, cx, delivery, Subject::Delivery, code, offences).await
        }
        waits @ (Failure::Deferred { .. } | Failure::Transient { .. }) => Ok(waits),
    }
}

/// Puts a delivery on the worklist. Returns the failure by which it is parked.
async fn set_aside(
    journal: &impl Journal,
    cx: &Context,
    delivery: &Delivery,
    subject: Subject,
    code: Code,
    offences: Vec<Offence>,
) -> Result<Failure, Failure> {
    let text =
        |o: &Offence| if o.pointer.is_empty() { o.detail.clone() } else { format!("{}: {}", o.pointer, o.detail) };
    let texts: Vec<String> = offences.iter().map(text).collect();
    let failure = Failure::permanent(code, texts.join("; "));
    let (id, order) = match subject {
        Subject::Order(order) => (DeliveryId::of_order(&delivery.partner, &order), Some(order)),
        Subject::Topic => (DeliveryId::of_topic(&delivery.partner, &delivery.topic), None),
        Subject::Delivery => (DeliveryId::of_delivery(&delivery.partner, &delivery.id), None),
    };
    // Whether a corrected copy was imported since this one came.
    let is_corrected = async || {
        let Some(order) = &order else { return Ok(false) };
        let began = Stream::<Order>::load(journal, &OrderId::derive(&delivery.partner, order), cx).await?.began;
        Ok::<_, Failure>(began.is_some_and(|began| began >= delivery.received_at))
    };
    if !is_corrected().await? {
        let place = |Offence { pointer, detail }| OffendingPlace { pointer, detail: engine::redact::text(&detail) };
        let unmappable = Unmappable {
            partner: delivery.partner.clone(),
            delivery: delivery.id.clone(),
            topic: delivery.topic.clone(),
            code: code.as_str().to_owned(),
            order: order.clone(),
            places: offences.into_iter().take(MAX_PLACES).map(place).collect(),
        };
        // The same mistakes have the same cause; after a change of the partner's document they may be others.
        let cause = cx.cause(&format!("{}/{}", delivery.key(), domain::due::digest(&texts)));
        let mut stream = Stream::<intake::Delivery>::load(journal, &id, cx).await?;
        stream.commit(journal, cx, &cause, DeliveryCommand::RecordUnmappable(unmappable)).await?.recorded()?;
    }
    // The corrected copy may have been imported between the look and the commit: it found nothing to close.
    if is_corrected().await? {
        close(journal, cx, &id, delivery, |open| open.unmappable.delivery == delivery.id).await?;
    }
    Ok(failure)
}

/// Closes the review of the stream `id`, if one is open that `applies`, because of the delivery `read`.
async fn close(
    journal: &impl Journal,
    cx: &Context,
    id: &DeliveryId,
    read: &Delivery,
    applies: impl FnOnce(&intake::Delivery) -> bool,
) -> Result<(), Failure> {
    let mut stream = Stream::<intake::Delivery>::load(journal, id, cx).await?;
    if !stream.state.as_ref().is_some_and(|state| !state.is_mapped && applies(state)) {
        return Ok(());
    }
    let cause = cx.cause(&format!("{}/mapped/{}", read.key(), stream.version));
    let mapped = Mapped { delivery: read.id.clone() };
    stream.commit(journal, cx, &cause, DeliveryCommand::RecordMapped(mapped)).await?.recorded()
}
