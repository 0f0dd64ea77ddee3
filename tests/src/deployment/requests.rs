//! What customers, users and operators request of a deployment.

use std::collections::BTreeMap;

use domain::order::{Amendment, CancelRequested, Held, HoldReleased};
use domain::review::{Choice, Decision, ReviewKind};
use domain::{Order, OrderCommand, OrderId};
use engine::http::{Request, Response};
use engine::journal::execute;
use engine::{Context, Failure};
use futures::FutureExt;
use serde_json::Value;

use super::Deployment;

/// The client that orders by our own API.
pub const CLIENT: &str = "portal";

/// A request to `POST /v1/orders` by [`CLIENT`], with an idempotency key or without.
pub fn order_request(order: &Value, key: Option<&str>, scopes: &[&str]) -> Request {
    Request {
        method: "POST".to_owned(),
        path: "/v1/orders".to_owned(),
        headers: key.map(|key| ("idempotency-key".to_owned(), key.to_owned())).into_iter().collect::<BTreeMap<_, _>>(),
        body: order.to_string().into_bytes(),
        client: CLIENT.to_owned(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        ..Request::default()
    }
}

impl Deployment {
    /// A client orders by our own API.
    pub fn order_by_api(&mut self, order: &Value) {
        let key = format!("key-{}", order["id"]);
        let answered = self.post_order(order_request(order, Some(&key), &["orders:write"]));
        if !matches!(&answered, Some(Ok(response)) if matches!(response.status, 202 | 409)) {
            self.wrong.push(format!("an order by the API was not accepted: {answered:?}"));
        }
    }

    /// One request to the function behind `POST /v1/orders`.
    pub fn post_order(&self, request: Request) -> Option<Result<Response, Failure>> {
        let read = partners::read_order_body;
        let ports = order_create::Ports { journal: self.journal.clone(), parties: self.parties.clone(), read };
        order_create::handle(&ports, request, &self.context("order-create")).now_or_never()
    }

    /// The customer cancels `order`.
    pub fn cancel(&mut self, order: &OrderId) {
        let request = CancelRequested { reason: "ordered by mistake".to_owned() };
        self.request(order, "cancel", &OrderCommand::Cancel(request));
    }

    /// A user holds `order`.
    pub fn hold(&mut self, order: &OrderId) {
        self.request(order, "hold", &OrderCommand::Hold(Held { reason: "credit".to_owned() }));
    }

    /// A user releases the hold of `order`.
    pub fn release_hold(&mut self, order: &OrderId) {
        let released = HoldReleased { reason: "paid".to_owned() };
        self.request(order, "release-hold", &OrderCommand::ReleaseHold(released));
    }

    /// The customer changes the first line of `order` to `quantity`, in the line's own unit.
    pub fn amend(&mut self, order: &OrderId, quantity: u32) {
        let Order::Known(known) = self.fold(order) else { return };
        let mut lines = known.submission.lines.clone();
        if let Some(first) = lines.first_mut()
            && let Ok(wanted) = domain::Quantity::new(quantity.into(), first.quantity.uom())
        {
            first.quantity = wanted;
        }
        let amendment = Amendment {
            revision: 0,
            reason: "another number".to_owned(),
            ship_to: known.submission.ship_to.clone(),
            destination: known.submission.destination.clone(),
            digest: format!("amended to {quantity}"),
            lines,
        };
        self.request(order, "amend", &OrderCommand::Amend(amendment));
    }

    /// An operator decides the reviews of `order` that are of this kind.
    pub fn decide(&mut self, order: &OrderId, kind: ReviewKind, choice: Choice) {
        let Order::Known(known) = self.fold(order) else { return };
        for review in known.reviews().iter().filter(|review| review.kind == kind) {
            let decision = Decision { review: review.key(), kind, choice, by: "ops".to_owned(), note: String::new() };
            self.request(order, &format!("decide-{}", review.key()), &OrderCommand::Decide(decision));
        }
    }

    /// An operator decides every open review of `order` by the choice with this number, counted round. No one chooses
    /// `ResolvedManually`: in the simulation no one resolves anything elsewhere.
    pub fn decide_all(&mut self, order: &OrderId, choice: usize) {
        let Order::Known(known) = self.fold(order) else { return };
        for review in known.reviews() {
            let options = review.kind.options().iter().filter(|choice| **choice != Choice::ResolvedManually);
            let options: Vec<Choice> = options.copied().collect();
            let Some(chosen) = options.get(choice % options.len().max(1)).copied() else { continue };
            let (key, kind) = (review.key(), review.kind);
            let decision =
                Decision { review: key.clone(), kind, choice: chosen, by: "ops".to_owned(), note: String::new() };
            self.request(order, &format!("decide-{key}"), &OrderCommand::Decide(decision));
        }
    }

    /// Sends a request, and once more under the same key, as a client does that got no answer. An order that was never
    /// submitted has no one who could send a request for it.
    fn request(&mut self, order: &OrderId, key: &str, command: &OrderCommand) {
        self.sequence += 1;
        let key = format!("{key}-{}", self.sequence);
        for _ in 0..2 {
            let cx = Context { correlation: "schedule".to_owned(), ..self.context("change-create") };
            let journal = self.mistaken(self.journal.clone());
            let asked = execute::<Order>(&journal, order, &cx, &key, command.clone());
            if !matches!(asked.now_or_never(), Some(Ok(_))) {
                self.wrong.push(format!("a request for {order} was not committed: {command:?}"));
            }
        }
    }

    /// A hook that cancels `order` outside of any step.
    pub fn canceller(&self, order: &OrderId) -> impl FnMut() + 'static {
        let (journal, order, cx) = (self.journal.clone(), order.clone(), self.context("test-cancel"));
        move || {
            let request = CancelRequested { reason: "ordered by mistake".to_owned() };
            let cancelled = execute::<Order>(&journal, &order, &cx, "cancel", OrderCommand::Cancel(request));
            assert!(matches!(cancelled.now_or_never(), Some(Ok(_))), "the cancel was not committed");
        }
    }
}
