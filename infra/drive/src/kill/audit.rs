//! The audit afterwards: every order is invoiced, on the worklist, or parked with its cause; nothing exists twice.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::report::Report;
use super::{partner_faults, quiet};
use crate::demo::{compared, doubled};
use crate::live::{Live, order_id};

/// The sample orders' mail address, which no queue may contain.
const PERSONAL: &str = "someone@example.com";

/// What other tests left before this run.
pub(super) struct Before {
    pub(super) faults: BTreeMap<String, u64>,
    pub(super) due: BTreeSet<String>,
    parked: BTreeSet<String>,
}

impl Before {
    pub(super) async fn look(live: &Live) -> Result<Self> {
        let parked = received(live).await?;
        Ok(Self {
            faults: partner_faults::applied(live, &BTreeMap::new()).await?,
            due: quiet::due(live).await?,
            parked: parked.into_iter().map(|message| message.id).collect(),
        })
    }
}

/// A message in a dead-letter queue.
struct Parked {
    id: String,
    /// The step whose queue it is.
    step: String,
    body: String,
    attributes: Value,
    receipt: Value,
}

impl Parked {
    /// An attribute that its step set; `None` where the queue itself moved the message because its step was killed each time.
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes[name]["StringValue"].as_str()
    }

    fn is_about(&self, order: &Order) -> bool {
        let stream = self.attribute("stream").is_some_and(|stream| stream.contains(&order.id));
        stream || self.body.contains(&order.id)
    }
}

/// An order of this run, by the API.
struct Order {
    external: String,
    id: String,
    status: String,
    /// The kinds of its open reviews.
    reviews: Vec<String>,
}

impl Order {
    fn is_invoiced(&self) -> bool {
        self.status == "invoiced"
    }

    fn is_on_worklist(&self) -> bool {
        !self.is_invoiced() && !self.reviews.is_empty()
    }
}

/// Checks that parked messages have their cause and that unfinished orders are on the worklist or parked; then redrives once, as
/// an engineer would after reading the causes, and waits.
pub(super) async fn parked(
    live: &Live,
    before: &Before,
    orders: &[String],
    report: &mut Report,
    out: &mut dyn Write,
) -> Result<()> {
    let request_status = request_status(live, orders).await?;
    let mut ours = received(live).await?;
    ours.retain(|message| !before.parked.contains(&message.id));
    for message in &ours {
        report.wrong.extend(unexplained(message));
        let code = message.attribute("code").unwrap_or("crashed");
        *report.parked.entry(format!("{code} of {}", message.step)).or_default() += 1;
    }
    for order in request_status {
        let is_accounted_for =
            order.is_invoiced() || order.is_on_worklist() || ours.iter().any(|it| it.is_about(&order));
        if !is_accounted_for {
            report.wrong.push(format!(
                "{} ({}) is {}, on no worklist and in no dead-letter queue",
                order.external, order.id, order.status
            ));
        }
    }
    if ours.is_empty() {
        return Ok(());
    }
    writeln!(out, "  {} messages are parked and redriven once", ours.len())?;
    for message in &ours {
        report.left += usize::from(!redrive(live, message).await?);
    }
    report.wrong.extend(quiet::wait(live, &before.due).await?);
    let known = |id: &String| before.parked.contains(id) || ours.iter().any(|message| message.id == *id);
    for message in received(live).await?.iter().filter(|message| !known(&message.id)) {
        report.left += 1;
        report.wrong.extend(unexplained(message));
    }
    Ok(())
}

/// Compares all ledgers about the invoiced orders, and looks for duplicates of all orders.
pub(super) async fn ledgers(live: &Live, orders: &[String], report: &mut Report, out: &mut dyn Write) -> Result<()> {
    let request_status = request_status(live, orders).await?;
    let invoiced: Vec<String> =
        request_status.iter().filter(|order| order.is_invoiced()).map(|order| order.external.clone()).collect();
    report.invoiced = invoiced.len();
    for order in request_status.iter().filter(|order| order.is_on_worklist()) {
        report.on_worklist += 1;
        // Only a refused credit needs a person here: a failing partner or a killed process must not.
        if order.status != "credit_refused" {
            let Order { external, id, status, reviews } = order;
            report.wrong.push(format!("{external} ({id}) is {status} and on the worklist for {}", reviews.join(", ")));
        }
    }
    let parked = orders.len() - report.invoiced - report.on_worklist;
    if parked > report.left {
        report
            .wrong
            .push(format!("{parked} orders are neither at their end nor on a worklist, {} parked", report.left));
    }
    report.wrong.extend(compared(live, &invoiced, out).await?);
    report.wrong.extend(doubled(live, orders).await?);
    Ok(())
}

/// A missing attribute of a parked message, or personal data in it.
fn unexplained(message: &Parked) -> Option<String> {
    let step = &message.step;
    if message.body.contains(PERSONAL) || message.attributes.to_string().contains(PERSONAL) {
        return Some(format!("{step} parked personal data"));
    }
    // Its step was killed six times; such a message has no attributes, as the failure pages say.
    message.attribute("code")?;
    let missing = ["cause", "function", "correlation_id", "stream", "attempts", "first_received"]
        .into_iter()
        .filter(|name| message.attribute(name).is_none_or(str::is_empty))
        .collect::<Vec<_>>();
    (!missing.is_empty()).then(|| format!("{step} parked a message without {}", missing.join(", ")))
}

async fn request_status(live: &Live, externals: &[String]) -> Result<Vec<Order>> {
    let mut orders = Vec::new();
    for external in externals {
        let id = order_id("acme-crm", external)?.to_string();
        let detail = live.api(Some("reader"), &format!("/v1/orders/{id}")).await?.body;
        let reviews = detail["open_reviews"].as_array().into_iter().flatten();
        orders.push(Order {
            external: external.clone(),
            id,
            status: detail["status"].as_str().unwrap_or("unknown").to_owned(),
            reviews: reviews.map(|review| review["kind"].as_str().unwrap_or("?").to_owned()).collect(),
        });
    }
    Ok(orders)
}

/// All messages in the dead-letter queues. They stay there, invisible for a while so that none is read twice.
async fn received(live: &Live) -> Result<Vec<Parked>> {
    let mut parked: BTreeMap<String, Parked> = BTreeMap::new();
    for (step, url) in live.dead_letter_queues()? {
        loop {
            let asked = json!({
                "QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 30, "MessageAttributeNames": ["All"],
            });
            let told = live.aws("AmazonSQS.ReceiveMessage", &asked).await?;
            let messages = told["Messages"].as_array().cloned().unwrap_or_default();
            if messages.is_empty() {
                break;
            }
            for message in messages {
                let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
                let attributes = message["MessageAttributes"].clone();
                let receipt = message["ReceiptHandle"].clone();
                let step = step.to_owned();
                parked.insert(
                    text("MessageId"),
                    Parked { id: text("MessageId"), step, body: text("Body"), attributes, receipt },
                );
            }
        }
    }
    Ok(parked.into_values().collect())
}

/// Sends a message back to its step's queue, then deletes it from the dead-letter queue; killed in between, the message exists
/// twice, which changes nothing. Returns whether the step has a queue: what a stream's reader parks is a key, not an event.
async fn redrive(live: &Live, message: &Parked) -> Result<bool> {
    let Some(queue) = live.queues()?.remove(message.step.as_str()) else { return Ok(false) };
    let sent = json!({"QueueUrl": queue, "MessageBody": message.body});
    live.aws("AmazonSQS.SendMessage", &sent).await?;
    let dlq = live.dead_letter_queues()?.remove(message.step.as_str()).context("a dead-letter queue is gone")?;
    let done = json!({"QueueUrl": dlq, "ReceiptHandle": message.receipt});
    live.aws("AmazonSQS.DeleteMessage", &done).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parked(attributes: Value) -> Parked {
        let body = r#"{"detail": {"order": "ord_1"}}"#.to_owned();
        Parked { id: "1".to_owned(), step: "order-price".to_owned(), body, attributes, receipt: Value::Null }
    }

    fn explained() -> Value {
        let told = |text: &str| json!({"DataType": "String", "StringValue": text});
        json!({
            "code": told("PRT-002"), "cause": told("acme-erp does not answer"), "function": told("order-price"),
            "correlation_id": told("c-1"), "stream": told("order/ord_1"), "attempts": told("5"),
            "first_received": told("2026-11-25T15:00:00Z"),
        })
    }

    #[test]
    fn a_parked_message_without_a_required_attribute_is_wrong() {
        assert_eq!(unexplained(&parked(explained())), None);
        for name in ["cause", "function", "correlation_id", "stream", "attempts", "first_received"] {
            let mut told = explained();
            told[name]["StringValue"] = json!("");
            assert!(unexplained(&parked(told)).is_some_and(|wrong| wrong.contains(name)), "{name}");
        }
    }

    #[test]
    fn a_message_that_its_queue_moved_has_no_attributes_and_belongs_to_its_order() {
        let message = parked(Value::Null);
        assert_eq!(unexplained(&message), None);
        let order = |id: &str| Order {
            external: "CRM-1".to_owned(),
            id: id.to_owned(),
            status: "submitted".to_owned(),
            reviews: Vec::new(),
        };
        assert!(message.is_about(&order("ord_1")));
        assert!(!message.is_about(&order("ord_2")));
    }

    #[test]
    fn personal_data_in_a_parked_message_is_wrong() {
        let mut told = explained();
        told["cause"]["StringValue"] = json!(format!("no such person: {PERSONAL}"));
        assert!(unexplained(&parked(told)).is_some());
    }
}
