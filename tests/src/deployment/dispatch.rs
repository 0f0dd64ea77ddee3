//! Queues and functions: which message goes to which invocation, and what its end means for the queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::time::Duration;

use engine::batch::{Record, Step};
use engine::{Context, Failure, Outcome, Work};
use futures::future::join_all;
use jiff::Timestamp;
use testkit::memory::{Faulty, Script};

use super::invocation::{DeliveryFault, Invocation, Message, Running};
use super::{Deployment, LEASE, VISIBILITY};
use crate::mutants::Mutant;

/// A function's timeout: an invocation that stalls for longer is killed.
const TIMEOUT: Duration = Duration::from_secs(3);
/// After so many deliveries a step parks its message.
const ATTEMPTS: u32 = 5;
/// The most instances of one step: the template's default.
const INSTANCES: usize = 10;

impl Deployment {
    /// Puts a message into a function's queue.
    pub fn enqueue(&mut self, function: &str, body: &str) {
        let copies = if self.delivered_twice.contains(function) { 2 * self.copies } else { self.copies };
        for _ in 0..copies {
            self.sequence += 1;
            let (id, body, now) = (self.sequence, body.to_owned(), self.clock.now());
            let mut message = Message { id, body, visible_at: now, deliveries: 0 };
            let queue = self.queues.entry(function.to_owned()).or_default();
            match self.delivery_faults.get(&id) {
                Some(DeliveryFault::Overtakes) => queue.insert(0, message),
                Some(DeliveryFault::Double) => {
                    self.sequence += 1;
                    queue.extend([Message { id: self.sequence, ..message.clone() }, message]);
                }
                Some(DeliveryFault::Late { ms }) => {
                    message.visible_at = self.clock.after(Duration::from_millis(u64::from(*ms)));
                    queue.push(message);
                }
                Some(DeliveryFault::Lost) => {
                    message.visible_at = self.clock.after(VISIBILITY);
                    message.deliveries = 1;
                    queue.push(message);
                }
                Some(DeliveryFault::Discarded) => self.discarded.push(function.to_owned()),
                None => queue.push(message),
            }
        }
    }

    /// Some queue's visible messages. Which queue and how many messages is random.
    pub(super) fn next_batch(&mut self) -> Option<(String, Vec<Message>)> {
        let now = self.clock.now();
        let ready: Vec<String> = self
            .queues
            .iter()
            .filter(|(_, messages)| messages.iter().any(|message| message.visible_at <= now))
            .filter(|(function, _)| self.busy_instances(function, now) < INSTANCES)
            .map(|(function, _)| function.clone())
            .collect();
        let function = ready.get(self.rng.usize(0..ready.len().max(1)))?.clone();
        let most = self.rng.usize(1..=10);
        let messages = self.queues.get_mut(&function)?;
        let mut batch = Vec::new();
        for message in messages.iter_mut().filter(|message| message.visible_at <= now).take(most) {
            message.deliveries += 1;
            self.most_deliveries = self.most_deliveries.max(message.deliveries);
            message.visible_at = now.checked_add(VISIBILITY).unwrap_or(Timestamp::MAX);
            batch.push(message.clone());
        }
        Some((function, batch))
    }

    /// How many instances of a function wait for a partner.
    fn busy_instances(&self, function: &str, now: Timestamp) -> usize {
        self.busy.get(function).map_or(0, |busy| busy.iter().filter(|until| **until > now).count())
    }

    /// Keeps an instance of `function` busy for as long as its calls just took.
    fn wait_for_partner(&mut self, function: &str) {
        let (now, took) = (self.clock.now(), self.call_time.take());
        let busy = self.busy.entry(function.to_owned()).or_default();
        busy.retain(|until| *until > now);
        if took > Duration::ZERO {
            busy.push(now.checked_add(took).unwrap_or(Timestamp::MAX));
        }
    }

    /// Starts one invocation: the function's own `handle` on every record, settled by the engine.
    pub(super) fn start(&mut self, function: &str, batch: Vec<Message>) {
        let now = self.clock.now();
        let record = |message: Message| Record {
            id: message.id.to_string(),
            receipt: message.id.to_string(),
            body: message.body,
            receive_count: message.deliveries,
            first_received: now,
        };
        let records: Vec<Record> = batch.into_iter().map(record).collect();
        let script = self.script_for(function);
        let work = self.invoke(function, records.clone(), &script);
        let (function, times_out_at) = (function.to_owned(), self.clock.after(TIMEOUT));
        self.running.push(Running { function, records, work, script, resumes_at: now, times_out_at });
        self.resume();
    }

    /// Polls every invocation that does not stall, until it ends or the script stalls or kills it.
    pub(super) fn resume(&mut self) {
        let now = self.clock.now();
        let (ready, waiting) =
            std::mem::take(&mut self.running).into_iter().partition(|it: &Running| it.resumes_at <= now);
        self.running = waiting;
        for mut running in ready {
            let script = running.script.clone();
            script.arm_for(&running.function);
            let (polled, killed, stalled) = loop {
                let woken = Arc::new(Woken::default());
                let waker = Waker::from(Arc::clone(&woken));
                let polled = running.work.as_mut().poll(&mut TaskContext::from_waker(&waker));
                let (killed, stalled) = (script.take_killed(), script.take_stalled());
                // One message of the batch has let another one go on.
                if polled.is_pending() && !killed && stalled.is_none() && woken.0.load(Ordering::Relaxed) {
                    continue;
                }
                break (polled, killed, stalled);
            };
            script.arm(false);
            self.wait_for_partner(&running.function);
            let failed = match (polled, stalled) {
                (Poll::Ready(failed), _) if !killed => Some(failed),
                (Poll::Pending, Some(pause)) if !killed && self.clock.after(pause) < running.times_out_at => {
                    running.resumes_at = self.clock.after(pause);
                    self.running.push(running);
                    continue;
                }
                // Killed, or timed out: the messages become visible again after the visibility timeout.
                (Poll::Ready(_) | Poll::Pending, _) => None,
            };
            self.history.push(format!("{now} {} × {} → {failed:?}", running.function, running.records.len()));
            if let Some(failed) = failed {
                self.settle(&running.function, &running.records, &failed);
            }
        }
    }

    /// Removes acknowledged messages from their queue, and delays those that asked for a pause.
    fn settle(&mut self, function: &str, records: &[Record], failed: &[String]) {
        let dead = self.dead.entry(function.to_owned()).or_default().clone();
        if let Some(messages) = self.queues.get_mut(function) {
            messages.retain(|message| {
                let id = message.id.to_string();
                !records.iter().any(|record| record.id == id) || failed.contains(&id)
            });
            for message in messages.iter_mut() {
                if let Some(pause) = dead.take_delay(&message.id.to_string()) {
                    message.visible_at = self.clock.after(pause);
                }
            }
        }
    }

    /// Invokes a function on memory stores and simulated partners, with this run's faults and mistake.
    fn invoke(&mut self, function: &str, records: Vec<Record>, script: &Script) -> Invocation {
        let journal = Faulty::new(self.warm_journal(function), script);
        let deliveries = Faulty::new(self.deliveries.clone(), script);
        let parties = Faulty::new(self.parties.clone(), script);
        let registry = Faulty::new(self.adapters.clone(), script);
        let partner = self.mistaken(registry.clone());
        let invoked = Invoked { deployment: self, records, script };
        match function {
            "order-import" => {
                let ports = order_import::Ports { journal, deliveries, registry };
                invoked.run("order-import", ports, order_import::handle)
            }
            "order-price" => {
                let ports = order_price::Ports { journal, erp: partner };
                invoked.run("order-price", ports, order_price::handle)
            }
            "credit-check" => {
                let ports = credit_check::Ports { journal, erp: partner };
                invoked.run("credit-check", ports, credit_check::handle)
            }
            "stock-allocate" => {
                let ports = stock_allocate::Ports { journal, erp: partner };
                invoked.run("stock-allocate", ports, stock_allocate::handle)
            }
            "sales-order-create" => {
                let ports = sales_order_create::Ports { journal, erp: partner };
                invoked.run("sales-order-create", ports, sales_order_create::handle)
            }
            "order-route" => {
                let ports = order_route::Ports { journal, registry };
                invoked.run("order-route", ports, order_route::handle)
            }
            "fulfillment-request" => {
                let ports = fulfillment_request::Ports { journal, parties, warehouse: partner };
                invoked.run("fulfillment-request", ports, fulfillment_request::handle)
            }
            "warehouse-report-record" => {
                let ports = warehouse_report_record::Ports { journal, deliveries, registry };
                invoked.run("warehouse-report-record", ports, warehouse_report_record::handle)
            }
            "goods-issue-post" => {
                let ports = goods_issue_post::Ports { journal, erp: partner };
                invoked.run("goods-issue-post", ports, goods_issue_post::handle)
            }
            "fulfillment-rollup" => {
                let ports = fulfillment_rollup::Ports { journal };
                invoked.run("fulfillment-rollup", ports, fulfillment_rollup::handle)
            }
            "crm-update" => {
                let ports = crm_update::Ports { journal, crm: registry };
                invoked.run("crm-update", ports, crm_update::handle)
            }
            "invoice-create" => {
                let ports = invoice_create::Ports { journal, erp: partner };
                invoked.run("invoice-create", ports, invoice_create::handle)
            }
            "deadline-raise" => {
                let ports = deadline_raise::Ports { journal };
                invoked.run("deadline-raise", ports, deadline_raise::handle)
            }
            "fulfillment-withdraw" => {
                let ports = fulfillment_withdraw::Ports { journal, warehouse: partner };
                invoked.run("fulfillment-withdraw", ports, fulfillment_withdraw::handle)
            }
            "stock-deallocate" => {
                let ports = stock_deallocate::Ports { journal, erp: partner };
                invoked.run("stock-deallocate", ports, stock_deallocate::handle)
            }
            "sales-order-cancel" => {
                let ports = sales_order_cancel::Ports { journal, erp: partner };
                invoked.run("sales-order-cancel", ports, sales_order_cancel::handle)
            }
            "backorder-check" => {
                let ports = backorder_check::Ports { journal, erp: partner };
                invoked.run("backorder-check", ports, backorder_check::handle)
            }
            "fulfillment-watch" => {
                let ports = fulfillment_watch::Ports { journal, warehouse: partner, registry };
                invoked.run("fulfillment-watch", ports, fulfillment_watch::handle)
            }
            "change-import" => {
                let ports = change_import::Ports { journal, deliveries, parties, registry };
                invoked.run("change-import", ports, change_import::handle)
            }
            "due-wake" => {
                let due = Faulty::new(invoked.deployment.due.clone(), script);
                let queues = Faulty::new(invoked.deployment.fired.clone(), script);
                invoked.run("due-wake", due_wake::Ports { due, queues }, due_wake::handle)
            }
            "announcement-withdraw" => {
                let ports = announcement_withdraw::Ports { journal, warehouse: registry };
                invoked.run("announcement-withdraw", ports, announcement_withdraw::handle)
            }
            "return-announce" => {
                let ports = return_announce::Ports { journal, warehouse: registry };
                invoked.run("return-announce", ports, return_announce::handle)
            }
            "return-authorize" => {
                let ports = return_authorize::Ports { journal, erp: registry };
                invoked.run("return-authorize", ports, return_authorize::handle)
            }
            "return-credit" => {
                let ports = return_credit::Ports { journal, erp: registry };
                invoked.run("return-credit", ports, return_credit::handle)
            }
            "return-crm-update" => {
                let ports = return_crm_update::Ports { journal, crm: registry };
                invoked.run("return-crm-update", ports, return_crm_update::handle)
            }
            "return-debit" => {
                let ports = return_debit::Ports { journal, erp: registry };
                invoked.run("return-debit", ports, return_debit::handle)
            }
            "return-import" => {
                let ports = return_import::Ports { journal, deliveries, registry };
                invoked.run("return-import", ports, return_import::handle)
            }
            "return-inspection-poll" => {
                let ports = return_inspection_poll::Ports { journal, warehouse: registry };
                invoked.run("return-inspection-poll", ports, return_inspection_poll::handle)
            }
            "return-invoice-record" => {
                let ports = return_invoice_record::Ports { journal, erp: registry };
                invoked.run("return-invoice-record", ports, return_invoice_record::handle)
            }
            "return-report-record" => {
                let ports = return_report_record::Ports { journal, deliveries, registry };
                invoked.run("return-report-record", ports, return_report_record::handle)
            }
            "return-reserve" => {
                let ports = return_reserve::Ports { journal };
                invoked.run("return-reserve", ports, return_reserve::handle)
            }
            "return-route" => {
                let ports = return_route::Ports { journal };
                invoked.run("return-route", ports, return_route::handle)
            }
            "return-stock-move" => {
                let ports = return_stock_move::Ports { journal, erp: registry };
                invoked.run("return-stock-move", ports, return_stock_move::handle)
            }
            "return-watch" => {
                let ports = return_watch::Ports { journal };
                invoked.run("return-watch", ports, return_watch::handle)
            }
            other => unreachable!("no function is called {other}"),
        }
    }
}

/// Whether an invocation can go on at once.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What every function is invoked with.
struct Invoked<'a> {
    deployment: &'a mut Deployment,
    records: Vec<Record>,
    script: &'a Script,
}

impl Invoked<'_> {
    fn run<W: Work, P: 'static>(
        self,
        function: &'static str,
        ports: P,
        handle: impl AsyncFn(&P, W, &Context) -> Result<Outcome, Failure> + 'static,
    ) -> Invocation {
        let Self { deployment, records, script } = self;
        let step = Step { function, attempts: ATTEMPTS, lease: LEASE, epoch: deployment.epoch };
        let dead = deployment.dead.entry(function.to_owned()).or_default().clone();
        let queue = deployment.mistaken(Faulty::new(dead, script));
        let due = deployment.mistaken(Faulty::new(deployment.due.clone(), script));
        let forgets = deployment.mutant == Some(Mutant::PartialBatchIgnored);
        let ignores_claims = deployment.mutant == Some(Mutant::ClaimIgnored);
        let clock = deployment.clock_of(function);
        let outcomes = deployment.outcomes.clone();
        Box::pin(async move {
            let (ports, handle, outcomes) = (&ports, &handle, &outcomes);
            let one = |work: W, cx: Context| async move {
                let ended = handle(ports, work, &cx).await;
                *outcomes.borrow_mut().entry((function, named(&ended))).or_default() += 1;
                ended
            };
            let run = async |records: &[Record]| {
                engine::batch::run(&step, records, || clock.now(), || 500, &queue, &due, &one).await
            };
            // A fold that the batch shares has the claim as it is, so that only a message of its own reads it wrongly.
            let failed = if ignores_claims {
                join_all(records.iter().map(std::slice::from_ref).map(run)).await.concat()
            } else {
                run(&records).await
            };
            if forgets { vec![] } else { failed }
        })
    }
}

/// How a step ended, in a word.
fn named(ended: &Result<Outcome, Failure>) -> &'static str {
    match ended {
        Ok(Outcome::Applied) => "applied",
        Ok(Outcome::AlreadyDone) => "already done",
        Ok(Outcome::Ignored(_)) => "ignored",
        Ok(Outcome::Rejected(_)) => "rejected",
        Err(Failure::Deferred { .. }) => "deferred",
        Err(Failure::Transient { .. } | Failure::Permanent { .. }) => "failed",
    }
}
