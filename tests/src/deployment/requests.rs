//! What customers, users and operators request of a deployment.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::rc::Rc;

use domain::order::OrderReview;
use domain::order::{Amendment, CancelRequested, Held, HoldReleased};
use domain::review::{Choice, Decision, Review, ReviewKind};
use domain::{Order, OrderCommand, OrderId};
use engine::http::{Request, Response};
use engine::journal::execute;
use engine::stores::Parties;
use engine::{Context, Failure, Journal};
use futures::FutureExt;
use serde_json::{Value, json};
use testkit::memory::{Fault, Faulty, Script};

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

/// An operator's decision.
fn decision<K: ReviewKind>(review: &Review<K>, choice: Choice) -> Decision<K> {
    let (by, note) = ("ops".to_owned(), String::new());
    Decision { review: review.key(), kind: review.kind, choice, document: None, by, note }
}

/// One request to the function behind `POST /v1/reviews/{id}/decision`. A failure is answered by 503.
fn decide(
    journal: impl Journal,
    parties: impl Parties,
    cx: &Context,
    client: &str,
    review: &str,
    decision: &Value,
) -> Response {
    let request = Request {
        headers: BTreeMap::from([("idempotency-key".to_owned(), format!("{client}-{decision}"))]),
        variables: BTreeMap::from([("id".to_owned(), review.to_owned())]),
        body: decision.to_string().into_bytes(),
        client: client.to_owned(),
        scopes: vec!["reviews:decide".to_owned()],
        ..Request::default()
    };
    let answered = review_decide::handle(&review_decide::Ports { journal, parties }, request, cx).now_or_never();
    answered.and_then(Result::ok).unwrap_or_else(|| Response::json(503, &json!({})))
}

impl Deployment {
    /// A client orders by our own API.
    pub fn order_by_api(&mut self, order: &Value) {
        let key = format!("key-{}", order["id"]);
        let answered = self.post_order(order_request(order, Some(&key), &["orders:write"]));
        match answered {
            Some(Ok(response)) if matches!(response.status, 202 | 409) => {}
            // A cancelled order with the same purchase order is still being undone: the answer is 503.
            Some(Err(Failure::Deferred { .. })) => self.untaken.push(order.clone()),
            other => self.wrong.push(format!("an order by the API was not accepted: {other:?}")),
        }
    }

    /// Clients send the orders again that the API could not take.
    pub fn order_again_by_api(&mut self) {
        for order in std::mem::take(&mut self.untaken) {
            self.order_by_api(&order);
        }
    }

    /// The client cancels the order that it calls `external`.
    pub fn cancel_by_api(&mut self, external: &str) {
        let (Ok(source), Ok(id)) = (CLIENT.parse(), external.parse()) else { return };
        let id = OrderId::derive(&source, &id);
        // A client that got no id for its order has none to cancel.
        if self.order_named(&id).is_none() {
            return;
        }
        self.sequence += 1;
        let key = format!("cancel-{}", self.sequence);
        let request = Request {
            variables: [("id".to_owned(), id.to_string()), ("change".to_owned(), "cancel".to_owned())].into(),
            headers: [("idempotency-key".to_owned(), key)].into(),
            body: br#"{"reason": "ordered by mistake"}"#.to_vec(),
            ..order_request(&Value::Null, None, &["orders:write"])
        };
        let (journal, parties, read) = (self.journal.clone(), self.parties.clone(), partners::read_order_body);
        let ports = change_create::Ports { journal, parties, read };
        for _ in 0..2 {
            let cx = self.context("change-create");
            let answer = change_create::handle(&ports, request.clone(), &cx).now_or_never();
            // 409: it is too late, as any cancellation may be.
            if !matches!(&answer, Some(Ok(response)) if matches!(response.status, 202 | 409)) {
                self.wrong.push(format!("a cancel under the second id {external} was not taken: {answer:?}"));
            }
        }
    }

    /// One request to the function behind `POST /v1/orders`.
    pub fn post_order(&self, request: Request) -> Option<Result<Response, Failure>> {
        let read = partners::read_order_body;
        let ports = order_create::Ports { journal: self.journal.clone(), read };
        order_create::handle(&ports, request, &self.context("order-create")).now_or_never()
    }

    /// The customer cancels `order`.
    pub fn cancel(&mut self, order: &OrderId) {
        let request = CancelRequested { reason: "ordered by mistake".to_owned(), asked_at: None };
        self.request(order, "cancel", &OrderCommand::Cancel(request));
    }

    /// A user holds `order`.
    pub fn hold(&mut self, order: &OrderId) {
        self.request(
            order,
            "hold",
            &OrderCommand::Hold(Held { reason: "credit".to_owned(), holder: None, asked_at: None }),
        );
    }

    /// A user releases the hold of `order`.
    pub fn release_hold(&mut self, order: &OrderId) {
        let released = HoldReleased { reason: "paid".to_owned(), holder: None, asked_at: None, overrides: false };
        self.request(order, "release-hold", &OrderCommand::ReleaseHold(released));
    }

    /// The customer changes the first line of `order` to `quantity`, in the line's own unit.
    pub fn amend(&mut self, order: &OrderId, quantity: u32) {
        let Some(known) = self.fold(order) else { return };
        let mut lines = known.terms.submission.lines.clone();
        if let Some(first) = lines.first_mut()
            && let Ok(wanted) = domain::Quantity::new(quantity.into(), first.quantity.uom())
        {
            first.quantity = wanted;
        }
        let amendment = Amendment {
            revision: 0,
            reason: "another number".to_owned(),
            ship_to: known.terms.submission.ship_to.clone(),
            destination: known.terms.submission.destination.clone(),
            digest: format!("amended to {quantity}"),
            lines,
            service_level: None,
            ship_complete: None,
            asked_by: None,
            asked_at: None,
        };
        self.request(order, "amend", &OrderCommand::Amend(amendment));
    }

    /// An operator decides the reviews of `order` that are of this kind.
    pub fn decide(&mut self, order: &OrderId, kind: OrderReview, choice: Choice) {
        let Some(known) = self.fold(order) else { return };
        for review in known.reviews().iter().filter(|review| review.kind == kind) {
            let decision = decision(review, choice);
            self.request(order, &format!("decide-{}", review.key()), &OrderCommand::Decide(decision));
        }
    }

    /// An operator decides every open review of `order` by the choice with this number, counted round. No one chooses
    /// `ResolvedManually`: in the simulation no one resolves anything elsewhere.
    pub fn decide_all(&mut self, order: &OrderId, choice: usize) {
        let Some(known) = self.fold(order) else { return };
        for review in known.reviews() {
            let options = review.kind.options().iter().filter(|choice| **choice != Choice::ResolvedManually);
            let options: Vec<Choice> = options.copied().collect();
            let Some(chosen) = options.get(choice % options.len().max(1)).copied() else { continue };
            let decision = decision(&review, chosen);
            self.request(order, &format!("decide-{}", review.key()), &OrderCommand::Decide(decision));
        }
    }

    /// Two operators decide each open review of `order` and of its fulfillments at once, each by its choice of `ways`, counted
    /// round. Only the first may be told that the decision is recorded.
    pub fn decide_together(&mut self, order: &OrderId, ways: [usize; 2]) {
        let Some(known) = self.fold(order) else { return };
        let of_order =
            known.reviews().into_iter().map(|review| (format!("{order}.{}", review.key()), review.kind.options()));
        let mut open: Vec<(String, &[Choice])> = of_order.collect();
        for fulfillment in known.fulfillments.assignments.keys() {
            let reviews = self.fold_fulfillment(fulfillment).map(|known| known.reviews()).unwrap_or_default();
            let named =
                |review: Review<_>| (format!("{fulfillment}.{}", review.key()), ReviewKind::options(review.kind));
            open.extend(reviews.into_iter().map(named));
        }
        for (review, options) in open {
            let options: Vec<Choice> = options.iter().copied().filter(|it| *it != Choice::ResolvedManually).collect();
            let Some(count) = NonZeroUsize::new(options.len()) else { continue };
            let [ann, bo] = ways.map(|way| json!({ "choice": options[way % count] }));
            let answers = self.decide_at_once(&review, &ann, &bo);
            if !matches!(answers, [202, 409] | [409, 409]) {
                self.wrong.push(format!("two people decided {review} at once: {ann} {bo}, answered {answers:?}"));
            }
        }
    }

    /// The answers to two decisions of one review. The first is committed while the second is being decided.
    pub fn decide_at_once(&mut self, review: &str, first: &Value, second: &Value) -> [u16; 2] {
        self.sequence += 1;
        let status = Rc::new(Cell::new(0));
        let hook = {
            let (journal, parties, n) = (self.journal.clone(), self.parties.clone(), self.sequence);
            let cx = self.context("review-decide");
            let (status, review, first) = (Rc::clone(&status), review.to_owned(), first.clone());
            move || {
                status.set(decide(journal.clone(), parties.clone(), &cx, &format!("ann-{n}"), &review, &first).status)
            }
        };
        // The first call is the stream's reading, the second one its append.
        let script = Script::fault_at(1, Fault::Interleave, hook);
        script.arm(true);
        let journal = Faulty::new(self.journal.clone(), &script);
        let client = format!("bo-{}", self.sequence);
        let loser = decide(journal, self.parties.clone(), &self.context("review-decide"), &client, review, second);
        [status.get(), loser.status]
    }

    /// `client` posts a decision of a review; its key is the client and the decision.
    pub fn decide_by_api(&self, client: &str, review: &str, decision: &Value) -> Response {
        decide(self.journal.clone(), self.parties.clone(), &self.context("review-decide"), client, review, decision)
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
            let request = CancelRequested { reason: "ordered by mistake".to_owned(), asked_at: None };
            let cancelled = execute::<Order>(&journal, &order, &cx, "cancel", OrderCommand::Cancel(request));
            assert!(matches!(cancelled.now_or_never(), Some(Ok(_))), "the cancel was not committed");
        }
    }
}
