//! The law of wake-ups: no step ever has work without a message for it. Random lives of an order and its fulfillments run on the
//! engine's own commits, the relay's own entries and the templates' own rules. What a step would do is asked of the
//! predicates that its handler uses, apart from the sets of due work that the commits are made from.

use std::collections::{BTreeMap, BTreeSet};

use domain::fulfillment::{FulfillmentRequest, Opened, Watch, Withdrawn};
use domain::order::{AllocatedLine, CreditExpired, CrmUpdated, Source};
use domain::shipment::{PackageSummary, RequestStatus};
use domain::{FulfillmentId, PackageId};
use engine::relay::{Entry, entries, wake_again};
use engine::{Context, Epoch, EventEnvelope, Stream, Work};
use futures::FutureExt as _;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use testkit::memory::MemoryJournal;
use usecases::due::{DueNow, due_now};
use usecases::work::{FulfillmentWork, OrderWork, PackageWork};

use super::*;
use crossdock_tests::wiring::Rules;

/// What happens next in a life.
#[derive(Debug, Clone)]
enum Move {
    /// A request or an answer, at whatever time.
    Order(Box<OrderCommand>),
    /// A report, a decision or an answer about the order's first, second or third fulfillment, at whatever time.
    Fulfillment(u32, Box<FulfillmentCommand>),
    /// A fulfillment's warehouse packs all of it in one package, which arrives.
    Deliver(u32),
    /// A person decides a review of the order or of a fulfillment.
    Decide(usize, usize),
    /// A waiting message's step runs, and its partner answers in one of several ways.
    Run(usize, u8),
    /// A waiting message is lost: discarded, expired, or swallowed between bus and queue.
    Lose(usize),
    /// The next commit is made by a release that does not know one of the steps that it should wake.
    Forget(usize),
    /// A sweep announces all due work again.
    Sweep,
}

fn next_move() -> impl Strategy<Value = Move> {
    // Reports about fulfillments come from their own streams here.
    let command = order_command().prop_filter("a report", |it| !matches!(it, OrderCommand::RecordProgress(_)));
    prop_oneof![
        3 => command.prop_map(|command| Move::Order(Box::new(command))),
        4 => (1..=3u32, fulfillment_command()).prop_map(|(n, command)| Move::Fulfillment(n, Box::new(command))),
        1 => (0..8usize, 0..8usize).prop_map(|(review, option)| Move::Decide(review, option)),
        16 => (0..32usize, 0..8u8).prop_map(|(message, answer)| Move::Run(message, answer)),
    ]
}

/// What happens next in a life where most goes well.
fn good_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        20 => (0..32usize, 4..8u8).prop_map(|(message, answer)| Move::Run(message, answer)),
        2 => (1..=3u32).prop_map(Move::Deliver),
        1 => next_move(),
    ]
}

/// What happens next in a life that loses messages.
fn lossy_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        12 => good_move(),
        1 => (0..32usize).prop_map(Move::Lose),
        1 => (0..8usize).prop_map(Move::Forget),
        1 => Just(Move::Sweep),
    ]
}

fn lives() -> impl Strategy<Value = Vec<Move>> {
    prop_oneof![
        2 => proptest::collection::vec(next_move(), 1..80),
        2 => proptest::collection::vec(good_move(), 40..120),
        1 => proptest::collection::vec(lossy_move(), 40..120),
    ]
}

/// A step's work: its name, and the fulfillment and package that it is about.
type Message = (String, Option<FulfillmentId>, Option<PackageId>);

struct World {
    rules: Rules,
    journal: MemoryJournal,
    order: Stream<Order>,
    fulfillments: BTreeMap<FulfillmentId, Stream<Fulfillment>>,
    /// Messages that no run has used up.
    waiting: BTreeSet<Message>,
    /// Whether messages were lost since the last sweep.
    is_lossy: bool,
    /// Which of the next commit's wake-ups its release does not know.
    forgotten: Option<usize>,
    commits: u32,
}

impl World {
    fn new(rules: &Rules) -> Self {
        Self {
            rules: rules.clone(),
            journal: MemoryJournal::default(),
            order: Stream::of(&samples::order_id(), vec![], at(0)).unwrap(),
            fulfillments: (1..=3)
                .map(fulfillment_id)
                .map(|id| (id.clone(), Stream::of(&id, vec![], at(0)).unwrap()))
                .collect(),
            waiting: BTreeSet::new(),
            is_lossy: false,
            forgotten: None,
            commits: 0,
        }
    }

    fn context(&self) -> Context {
        Context {
            function: "fulfillment-rollup",
            correlation: "life".to_owned(),
            traceparent: None,
            now: at(0),
            event_time: at(0),
            lease: std::time::Duration::from_secs(5),
            epoch: engine::Epoch::FIRST,
            actor: None,
            folds: Default::default(),
            measures: Default::default(),
            woken_by: None,
        }
    }

    fn order(&mut self, command: OrderCommand) {
        self.commits += 1;
        let cx = self.context();
        let cause = cx.cause(&self.commits.to_string());
        let committed = self.order.commit(&self.journal, &cx, &cause, command);
        // A life also tries what is refused.
        drop(committed.now_or_never().unwrap().unwrap());
        self.relay();
    }

    fn fulfillment(&mut self, id: &FulfillmentId, command: FulfillmentCommand) {
        self.commits += 1;
        let cx = self.context();
        let cause = cx.cause(&self.commits.to_string());
        let stream = self.fulfillments.get_mut(id).unwrap();
        let committed = stream.commit(&self.journal, &cx, &cause, command);
        // A life also tries what is refused.
        drop(committed.now_or_never().unwrap().unwrap());
        self.relay();
    }

    /// Puts every new commit's entries through the rules.
    fn relay(&mut self) {
        for mut commit in self.journal.take_stream() {
            if let Some(forgotten) = self.forgotten.take().filter(|_| !commit.wakes.is_empty()) {
                commit.wakes.remove(forgotten % commit.wakes.len());
                self.is_lossy = true;
            }
            self.receive(entries(&commit, "/crossdock/laws").unwrap());
        }
    }

    /// Announces all due work, as `work-sweep` does.
    fn sweep(&mut self) {
        let fulfillments: Vec<Stream<Fulfillment>> = self.fulfillments.values().cloned().collect();
        for DueNow { stream, wakes } in due_now(&self.order, &fulfillments, Epoch::FIRST) {
            let newest = self.journal.commits(&stream).pop().unwrap();
            self.receive(wake_again(&newest, wakes, "again-1", "/crossdock/laws").unwrap());
        }
        self.is_lossy = false;
    }

    /// Puts entries through the rules, and reads the messages as the steps read them.
    fn receive(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            let detail: Value = serde_json::from_str(&entry.detail).unwrap();
            let body = json!({
                "source": "crossdock", "detail-type": entry.kind, "resources": entry.resources, "detail": detail,
            });
            let text = body.to_string();
            let envelope = EventEnvelope::read(&text).unwrap();
            for step in self.rules.targets(&body) {
                let (fulfillment, package) = match step {
                    "goods-issue-post" => {
                        let work = PackageWork::read(&envelope).unwrap();
                        (Some(work.fulfillment), Some(work.package))
                    }
                    step if step.starts_with("fulfillment-") => {
                        (Some(FulfillmentWork::read(&envelope).unwrap().fulfillment), None)
                    }
                    "due-wake" => continue,
                    _ => {
                        OrderWork::read(&envelope).unwrap();
                        (None, None)
                    }
                };
                self.waiting.insert((step.to_owned(), fulfillment, package));
            }
        }
    }

    /// All work that steps would find now, asked as their handlers ask.
    fn work(&self) -> BTreeSet<Message> {
        let mut found: Vec<(&str, Option<FulfillmentId>, Option<PackageId>)> = Vec::new();
        let Some(order) = &self.order.state else { return BTreeSet::new() };
        let steps = [
            ("order-price", order.price_query().is_some()),
            ("credit-check", order.credit_query().is_some()),
            ("stock-allocate", order.allocation_request().is_some()),
            ("stock-deallocate", order.deallocation().is_some()),
            ("backorder-check", awaits_stock(order)),
            ("sales-order-create", order.sales_order_request(at(0)).is_some()),
            ("sales-order-cancel", order.sales_order_cancellation().is_some()),
            ("order-route", order.routing_query().is_some()),
            ("invoice-create", order.invoice_request().is_some()),
            ("crm-update", order.crm_update(self.packages(), 1).is_some()),
        ];
        found.extend(steps.into_iter().filter(|(_, due)| *due).map(|(step, _)| (step, None, None)));
        for (id, stream) in &self.fulfillments {
            let state = stream.state.as_ref();
            let requested =
                Opened::of(order, id).is_some_and(|opened| FulfillmentRequest::due(state, &opened).is_some());
            // A withdrawal that the order knows to be answered is only carried on by the message that announced it.
            let returning = Some(id).filter(|id| order.fulfillments.is_returning(id));
            let withdrawn = returning.and_then(|id| Opened::withdrawn(order, id)).is_some_and(|opened| {
                decide(state, FulfillmentCommand::CloseNotSent(opened)).is_ok_and(|events| !events.is_empty())
                    || state.is_some_and(|it| it.withdrawal().is_some() || it.shipped_before_withdrawal().is_some())
            });
            let watched = Opened::assigned(order, id).is_some_and(|opened| {
                Watch::of(state, &opened) != Watch::Over || state.is_some_and(Fulfillment::is_closed_unreported)
            });
            let steps = [
                ("fulfillment-request", requested),
                ("fulfillment-withdraw", withdrawn),
                ("fulfillment-watch", watched),
                ("fulfillment-rollup", self.is_unreported(id)),
            ];
            found.extend(steps.into_iter().filter(|(_, due)| *due).map(|(step, _)| (step, Some(id.clone()), None)));
            let issues =
                state.into_iter().flat_map(|state| state.packages.keys().filter_map(|it| state.goods_issue(it)));
            found.extend(issues.map(|issue| ("goods-issue-post", Some(id.clone()), Some(issue.package))));
        }
        found.into_iter().map(|(step, fulfillment, package)| (step.to_owned(), fulfillment, package)).collect()
    }

    /// Whether the order's register of a fulfillment has another content than the fulfillment.
    fn is_unreported(&self, id: &FulfillmentId) -> bool {
        let Some(state) = &self.fulfillments[id].state else { return false };
        let known = self.order.state.as_ref().and_then(|order| order.fulfillments.progress.get(id));
        let now = state.progress().unwrap();
        let nothing = || Progress { has_packages: false, ..progress(1, 0, RequestStatus::Requested, &[], &[]) };
        let known = known.cloned().unwrap_or_else(nothing);
        Progress { fulfillment: id.clone(), as_of: now.as_of, ..known } != Progress { fulfillment: id.clone(), ..now }
    }

    /// The packages that the CRM should show: those of the fulfillments that the order knows.
    fn packages(&self) -> Vec<PackageSummary> {
        let Some(order) = &self.order.state else { return vec![] };
        let known = order.fulfillments.ids().filter_map(|id| self.fulfillments.get(id)?.state.as_ref());
        known.flat_map(Fulfillment::package_summaries).collect()
    }

    /// Work without a message. While a report is under way, the order's half of a step may be out of date: the report will
    /// wake the step. The CRM's update has a half in the order's stream for all of its fulfillments.
    fn lost(&self) -> Vec<Message> {
        let is_reported = |(step, fulfillment, _): &Message| {
            let rollup = |id: &FulfillmentId| ("fulfillment-rollup".to_owned(), Some(id.clone()), None);
            let mut ids =
                self.fulfillments.keys().filter(|id| step == "crm-update" || fulfillment.as_ref() == Some(*id));
            ids.any(|id| self.waiting.contains(&rollup(id)))
        };
        let lost = self.work().into_iter().filter(|work| !self.waiting.contains(work) && !is_reported(work));
        lost.collect()
    }

    fn take(&mut self, next: Move) {
        match next {
            Move::Order(command) => {
                // Only a check reports stock, and its message waits for the rest.
                if matches!(*command, OrderCommand::RecordStock(_)) {
                    self.waiting.insert(("backorder-check".to_owned(), None, None));
                }
                self.order(*command);
            }
            Move::Fulfillment(n, command) => {
                let id = fulfillment_id(n);
                if self.fulfillments[&id].state.is_some() {
                    self.fulfillment(&id, *command);
                }
            }
            Move::Deliver(n) => {
                let id = fulfillment_id(n);
                if let Some(lines) = self.fulfillments[&id].state.as_ref().map(|it| it.opened.lines.clone()) {
                    self.fulfillment(&id, samples::packed("P-1", 1, &lines, None));
                    self.fulfillment(&id, samples::milestone("P-1", 2, MilestoneKind::Delivered));
                }
            }
            Move::Decide(review, option) => self.decide(review, option),
            Move::Run(message, answer) => {
                if let Some(message) = self.waiting.iter().nth(message % self.waiting.len().max(1)).cloned() {
                    self.run(&message, answer);
                }
            }
            Move::Lose(message) => {
                if let Some(message) = self.waiting.iter().nth(message % self.waiting.len().max(1)).cloned() {
                    self.waiting.remove(&message);
                    self.is_lossy = true;
                }
            }
            Move::Forget(step) => self.forgotten = Some(step),
            Move::Sweep => self.sweep(),
        }
    }

    fn decide(&mut self, review: usize, option: usize) {
        let reviews = self.order.state.as_ref().map(Order::reviews).unwrap_or_default();
        if let Some(review) = reviews.get(review) {
            let options = review.kind.options();
            let decision = decision(&reviews, review.kind, options[option % options.len()]);
            return self.order(OrderCommand::Decide(decision));
        }
        let streams: Vec<FulfillmentId> = self.fulfillments.keys().cloned().collect();
        let id = &streams[review % streams.len()];
        let reviews = self.fulfillments[id].state.as_ref().map(Fulfillment::reviews).unwrap_or_default();
        if let Some(review) = reviews.get(review % reviews.len().max(1)) {
            let options = review.kind.options();
            let decision = decision(&reviews, review.kind, options[option % options.len()]);
            self.fulfillment(id, FulfillmentCommand::Decide(decision));
        }
    }

    /// One run of a step over one message: a message is used up once the step finds nothing to do.
    fn run(&mut self, message: &Message, answer: u8) {
        if !self.work().contains(message) {
            self.waiting.remove(message);
            return;
        }
        let (step, fulfillment, package) = message;
        match (fulfillment, package) {
            (None, _) => self.run_on_order(step, answer),
            (Some(id), None) => self.run_on_fulfillment(step, id, answer),
            (Some(id), Some(package)) => {
                let Some(issue) = self.fulfillments[id].state.as_ref().and_then(|it| it.goods_issue(package)) else {
                    return;
                };
                let effect = FulfillmentEffect::PostGoodsIssue { package: package.clone() };
                self.fulfillment(id, FulfillmentCommand::Announce(started(effect.clone(), 1)));
                let document = id_of("GI", answer);
                let issued = GoodsIssued { package: package.clone(), document, lines: issue.lines };
                self.fulfillment(
                    id,
                    match answer {
                        0 => FulfillmentCommand::RecordEffectRejected(refused(effect, "NO")),
                        1 => FulfillmentCommand::RecordEffectFailed(failed(effect, 1)),
                        _ => FulfillmentCommand::RecordGoodsIssued(issued),
                    },
                );
            }
        }
    }

    fn run_on_order(&mut self, step: &str, answer: u8) {
        let order = self.order.state.clone().unwrap();
        let answered = |effect: &OrderEffect, answered: OrderCommand| match answer {
            0 => OrderCommand::RecordEffectRejected(refused(effect.clone(), "NO")),
            1 => OrderCommand::RecordEffectFailed(failed(effect.clone(), 1)),
            _ => answered,
        };
        let (effect, command) = match step {
            "order-price" => {
                let unpriceable = OrderCommand::RecordUnpriceable(Rejection::new("NO", "no"));
                let quote =
                    domain::order::Quote { revision: order.terms.revision, ..quote(&order.terms.submission, 1) };
                (None, if answer == 0 { unpriceable } else { OrderCommand::RecordQuote(quote) })
            }
            "credit-check" => {
                let amount = order.credit_query().unwrap().amount;
                let approved = domain::order::CreditApproved { amount, valid_until: (answer == 2).then(|| at(60)) };
                let refused = OrderCommand::RecordCreditRefused(refused_credit());
                (None, if answer == 0 { refused } else { OrderCommand::RecordCreditApproved(approved) })
            }
            "stock-allocate" => {
                let request = order.allocation_request().unwrap();
                let lines = request.lines.iter().map(|line| {
                    // All of it, a part of it, or nothing.
                    let found = match answer {
                        2 => each(0),
                        3 => line.quantity.at_most(each(3)).unwrap(),
                        _ => line.quantity,
                    };
                    let sources =
                        if found.is_zero() { vec![] } else { vec![Source { location: id("EAST"), quantity: found }] };
                    let short = line.quantity.less(found).unwrap();
                    AllocatedLine { line: line.line, sources, short, asked: Some(line.quantity) }
                });
                let allocation_no = request.allocation_no;
                let allocation =
                    Allocation { allocation_no, number: id(&format!("AL-{allocation_no}")), lines: lines.collect() };
                let effect = OrderEffect::Allocate { allocation_no };
                (Some(effect.clone()), answered(&effect, OrderCommand::RecordAllocation(allocation)))
            }
            "stock-deallocate" => {
                let allocation_no = order.deallocation().unwrap().allocation_no;
                let effect = OrderEffect::Deallocate { allocation_no };
                let command = OrderCommand::RecordDeallocated(Deallocated { allocation_no });
                (Some(effect.clone()), answered(&effect, command))
            }
            // The message waits while only some of it is in stock.
            "backorder-check" if answer < 4 => return,
            "backorder-check" => {
                (None, OrderCommand::RecordStock(StockArrived { lines: order.stock_query().unwrap().lines }))
            }
            "sales-order-create" if answer == 2 => {
                // The credit has expired when the step runs.
                let Some(valid_until) = order.expired_credit(the_end()) else { return };
                (None, OrderCommand::ExpireCredit(CreditExpired { valid_until, needs_decision: false }))
            }
            "sales-order-create" => {
                let released = domain::order::Released { revision: order.terms.revision, ..released("SO-1") };
                let effect = OrderEffect::CreateSalesOrder;
                (Some(effect.clone()), answered(&effect, OrderCommand::RecordRelease(released)))
            }
            "sales-order-cancel" => {
                let effect = OrderEffect::CancelSalesOrder;
                let sales_order = order.documents.sales_order().cloned();
                let command = OrderCommand::RecordSalesOrderCancelled(SalesOrderCancelled { sales_order });
                (Some(effect.clone()), answered(&effect, command))
            }
            "order-route" => {
                let sites = [site("EAST", 1, &["NY"])];
                let sites = if answer == 0 { &sites[..0] } else { &sites[..] };
                (None, order.routing_query().unwrap().decide(sites, at(0)))
            }
            "invoice-create" => (
                Some(OrderEffect::Invoice),
                answered(&OrderEffect::Invoice, OrderCommand::RecordInvoice(invoiced("INV-1"))),
            ),
            "crm-update" => {
                let update = order.crm_update(self.packages(), 1).unwrap();
                let version = self.order.version + self.fulfillments.values().map(|it| it.version).sum::<u64>();
                let (digest, order_digest) = (update.digest(), Some(order.crm_half()));
                (None, OrderCommand::RecordCrmUpdated(CrmUpdated { version, digest, epoch: Some(1), order_digest }))
            }
            other => unreachable!("no step of an order is called {other}"),
        };
        if let Some(effect) = effect {
            self.order(OrderCommand::Announce(started(effect, 1)));
        }
        self.order(command);
    }

    fn run_on_fulfillment(&mut self, step: &str, id: &FulfillmentId, answer: u8) {
        let order = self.order.state.clone().unwrap();
        let state = self.fulfillments[id].state.clone();
        match step {
            "fulfillment-request" => {
                let opened = Opened::of(&order, id).unwrap();
                let effect = FulfillmentEffect::Request;
                self.fulfillment(id, FulfillmentCommand::Open(opened, started(effect.clone(), 1)));
                self.fulfillment(
                    id,
                    match answer {
                        0 => FulfillmentCommand::RecordEffectRejected(refused(effect, "NO")),
                        1 => FulfillmentCommand::RecordEffectFailed(failed(effect, 1)),
                        2 => samples::rejected("no room"),
                        _ => samples::accepted("F-1"),
                    },
                );
            }
            "fulfillment-withdraw" => {
                let opened = Opened::withdrawn(&order, id).unwrap();
                self.fulfillment(id, FulfillmentCommand::CloseNotSent(opened));
                let Some(state) = &self.fulfillments[id].state else { return };
                if let Some(withdrawal) = state.withdrawal() {
                    let effect = FulfillmentEffect::Withdraw;
                    self.fulfillment(id, FulfillmentCommand::Announce(started(effect.clone(), 1)));
                    self.fulfillment(
                        id,
                        match answer {
                            0 => FulfillmentCommand::RecordEffectRejected(refused(effect, "NO")),
                            1 => FulfillmentCommand::RecordEffectFailed(failed(effect, 1)),
                            2 => samples::too_late(),
                            _ => FulfillmentCommand::RecordWithdrawn(Withdrawn { reference: withdrawal.reference }),
                        },
                    );
                } else if let Some(why) = state.shipped_before_withdrawal() {
                    self.fulfillment(id, FulfillmentCommand::RecordWithdrawalRefused(why));
                }
            }
            // Its message waits for the next deadline.
            "fulfillment-watch" => {}
            "fulfillment-rollup" => {
                let report = state.unwrap().progress().unwrap();
                self.order(OrderCommand::RecordProgress(report));
            }
            other => unreachable!("no step of a fulfillment is called {other}"),
        }
    }
}

fn id_of(prefix: &str, answer: u8) -> domain::DocumentNumber {
    id(&format!("{prefix}-{answer}"))
}

/// Whether stock is short that has not arrived: the check goes on.
fn awaits_stock(order: &Order) -> bool {
    let short = order.stock_query().map(|query| query.lines).unwrap_or_default();
    short.iter().any(|line| !order.stock.arrived.contains(line))
}

/// The first work of a life that no message is there for, with the number of moves until then.
fn lost_in(rules: &Rules, life: &[Move]) -> Option<(usize, Vec<Message>)> {
    let mut world = World::new(rules);
    world.order(OrderCommand::Submit(submission(&[10, 5])));
    for (n, next) in life.iter().enumerate() {
        let lost = if world.is_lossy { vec![] } else { world.lost() };
        if !lost.is_empty() {
            return Some((n, lost));
        }
        world.take(next.clone());
    }
    if world.is_lossy {
        world.sweep();
    }
    Some((life.len(), world.lost())).filter(|(_, lost)| !lost.is_empty())
}

/// `n` random lives, always the same ones.
fn some_lives(n: usize) -> impl Iterator<Item = Vec<Move>> {
    let mut runner = TestRunner::deterministic();
    (0..n).map(move |_| lives().new_tree(&mut runner).unwrap().current())
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn b50_whatever_happens_no_step_has_work_that_nothing_woke_it_for(life in lives()) {
        prop_assert_eq!(lost_in(&RULES, &life), None);
    }
}

static RULES: std::sync::LazyLock<Rules> = std::sync::LazyLock::new(Rules::read);

#[test]
#[ignore = "takes minutes: the law for sixty thousand lives"]
fn b50_no_step_of_sixty_thousand_lives_has_work_that_nothing_woke_it_for() {
    for (n, life) in some_lives(60_000).enumerate() {
        let lost = lost_in(&RULES, &life);
        assert!(lost.is_none(), "life {n}, after {lost:?}: {life:#?}");
    }
}

#[test]
fn b50_a_rule_that_is_taken_out_is_found() {
    let of_an_order = |step: &&String| {
        let folder = |workflow| format!("{}/../functions/{workflow}/{step}", env!("CARGO_MANIFEST_DIR"));
        ["order", "fulfillment", "crm"].iter().any(|workflow| std::path::Path::new(&folder(workflow)).is_dir())
    };
    for step in RULES.woken().iter().filter(of_an_order) {
        let rules = RULES.without(step);
        let found = some_lives(600).find_map(|life| lost_in(&rules, &life));
        assert!(found.is_some(), "{step} is not missed");
        let (_, lost) = found.unwrap();
        assert!(lost.iter().all(|(missed, ..)| missed == step), "{step}: {lost:?}");
    }
}
