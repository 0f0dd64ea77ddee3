//! What drives a deployment beside its queues: the tables' streams, the bus, webhooks, and the schedule.

use std::collections::BTreeMap;

use engine::Failure;
use engine::context::SKEW;
use engine::http::Request;
use futures::executor::block_on;
use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::memory::{Faulty, MemoryQueues};

use super::invocation::run_to_end;
use super::{Deployment, RETRY_AFTER};

impl Deployment {
    /// Whether the streams' readers brought a message into a queue.
    pub(super) fn streams_moved(&mut self) -> bool {
        let before = self.sequence;
        self.relay();
        self.sequence != before
    }

    /// Runs the two relays and the projector on what the tables' streams carry. A stream delivers again what its reader did not
    /// accept.
    pub(super) fn relay(&mut self) {
        let commits = self.journal.take_stream();
        self.journal_stream.extend(commits.iter().cloned());
        self.views_stream.extend(commits);
        self.deliveries_stream.extend(self.deliveries.take_stream());
        let source = || "/crossdock/test".to_owned();
        if !self.journal_stream.is_empty() && self.is_ready("journal-relay") {
            let script = self.script_for("journal-relay");
            let ports =
                journal_relay::Ports { bus: self.mistaken(Faulty::new(self.bus.clone(), &script)), source: source() };
            let relayed = run_to_end(&script, "journal-relay", journal_relay::handle(&ports, &self.journal_stream));
            let unread = relayed.iter().flatten().flat_map(|relayed| &relayed.poison);
            self.wrong.extend(unread.map(|(_, failure)| format!("a commit that no release can read: {failure:?}")));
            if matches!(relayed, Some(Ok(relayed)) if relayed.again_from.is_none()) {
                self.journal_stream.clear();
            } else {
                self.waits.insert("journal-relay", self.clock.after(RETRY_AFTER));
            }
        }
        if !self.views_stream.is_empty() && self.is_ready("view-project") {
            let script = self.script_for("view-project");
            let (journal, views) = (self.warm_journal("view-project"), self.views.clone());
            let ports =
                view_project::Ports { journal: Faulty::new(journal, &script), views: Faulty::new(views, &script) };
            let cx = self.context("view-project");
            match run_to_end(&script, "view-project", view_project::handle(&ports, &self.views_stream, &cx)) {
                Some(failed) if failed.iter().all(|(_, failure)| matches!(failure, Failure::Permanent { .. })) => {
                    let unread =
                        failed.iter().map(|(stream, failure)| format!("{stream} cannot be projected: {failure:?}"));
                    self.wrong.extend(unread);
                    self.views_stream.clear();
                }
                Some(_) | None => drop(self.waits.insert("view-project", self.clock.after(RETRY_AFTER))),
            }
        }
        if !self.deliveries_stream.is_empty() && self.is_ready("delivery-relay") {
            let script = self.script_for("delivery-relay");
            let ports =
                delivery_relay::Ports { bus: self.mistaken(Faulty::new(self.bus.clone(), &script)), source: source() };
            match run_to_end(&script, "delivery-relay", delivery_relay::handle(&ports, &self.deliveries_stream)) {
                Some(Ok(published)) if published.again_from.is_none() => self.deliveries_stream.clear(),
                Some(Ok(_) | Err(_)) | None => {
                    self.waits.insert("delivery-relay", self.clock.after(RETRY_AFTER));
                }
            }
        }
        self.route();
    }

    /// Whether a reader of a stream, or the schedule, is past its pause.
    fn is_ready(&self, function: &str) -> bool {
        self.waits.get(function).is_none_or(|until| *until <= self.clock.now())
    }

    /// Sends published events through the bus's rules into the functions' queues.
    fn route(&mut self) {
        for entry in self.bus.take() {
            let detail: Value = serde_json::from_str(&entry.detail).unwrap_or_default();
            let body = json!({
                "version": "0", "source": "crossdock", "detail-type": entry.kind, "resources": entry.resources, "detail": detail,
            });
            let functions: Vec<String> = self.rules.targets(&body).into_iter().map(str::to_owned).collect();
            for function in functions {
                self.published.push((function.clone(), body.to_string()));
                self.enqueue(&function, &body.to_string());
            }
        }
    }

    /// Delivers the partners' webhooks to the intake.
    pub(super) fn receive_webhooks(&mut self) {
        let now = self.clock.now();
        let attempts = self.partners.borrow_mut().tick(now);
        for (partner, attempt) in attempts {
            let request = Request {
                method: "POST".to_owned(),
                path: format!("/v1/webhooks/{partner}"),
                variables: BTreeMap::from([("partner".to_owned(), partner.to_owned())]),
                headers: attempt.headers.clone(),
                body: attempt.body.clone(),
                ..Request::default()
            };
            let status = self.webhook(request);
            let mut partners = self.partners.borrow_mut();
            if let Some(partner) = partners.partner_mut(partner) {
                let answer = status.ok_or_else(|| "connection closed".to_owned());
                partner.outbox.answered(attempt.message, attempt.attempt, answer, now);
            }
        }
    }

    /// One request to the intake; `None` where the process was killed over it.
    pub fn webhook(&mut self, request: Request) -> Option<u16> {
        let script = self.script_for("webhook-receive");
        let ports = webhook_receive::Ports {
            deliveries: Faulty::new(self.deliveries.clone(), &script),
            registry: self.adapters.clone(),
        };
        let cx = self.context("webhook-receive");
        let answer = run_to_end(&script, "webhook-receive", webhook_receive::handle(&ports, request, &cx));
        Some(answer?.map_or(503, |response| response.status))
    }

    /// Runs `work-sweep` to the end of its sweep: the daily one, or one that announces all due work again. Returns how often it
    /// announced a stream.
    pub fn sweep(&mut self, again: bool) -> usize {
        let queue = MemoryQueues::default();
        let ports = work_sweep::Ports {
            journal: self.journal.clone(),
            views: self.views.clone(),
            bus: self.bus.clone(),
            queues: queue.clone(),
            source: "/crossdock/test".to_owned(),
        };
        let cx = self.context("work-sweep");
        let mut announced = 0;
        let mut messages: Vec<String> = again.then(|| "\"again\"".to_owned()).into_iter().collect();
        loop {
            match block_on(work_sweep::handle(&ports, &messages, &cx)) {
                Ok(streams) => announced += streams,
                Err(failure) => self.wrong.push(format!("the sweep failed: {failure:?}")),
            }
            messages = queue.take().into_iter().map(|(_, body)| body).collect();
            if messages.is_empty() {
                self.route();
                return announced;
            }
        }
    }

    /// Runs the schedule's function whenever something is due, once a second at most; in production it runs every ten seconds. A
    /// step whose clock is behind defers its work to the same time again, and has to get it back at a later one.
    pub(super) fn fire(&mut self) {
        let now = self.clock.now();
        self.queue_fired();
        if !self.is_ready("due-fire") || self.fires_next().is_none_or(|due| due > now) {
            return;
        }
        let script = self.script_for("due-fire");
        let (due, queues) = (self.due.clone(), self.fired.clone());
        let ports = due_fire::Ports {
            due: self.mistaken(Faulty::new(due, &script)),
            queues: Faulty::new(queues, &script),
            partner_health: self.partner_health.clone(),
            views: self.views.clone(),
            clock: self.clock_of("due-fire"),
        };
        // When it was killed or refused, or its clock is wrong, it runs again after the pause.
        let cx = self.context("due-fire");
        let fired = run_to_end(&script, "due-fire", due_fire::handle(&ports, due_fire::LAST_TICK, &cx));
        let pause = if matches!(fired, Some(Ok(0))) { due_fire::PAUSE } else { RETRY_AFTER };
        self.waits.insert("due-fire", self.clock.after(pause));
        self.queue_fired();
    }

    /// When a sweep by the unskewed clock finds something.
    pub(super) fn fires_next(&self) -> Option<Timestamp> {
        self.due.next().and_then(|due| due.checked_add(SKEW).ok())
    }

    /// Moves what `due-fire` and `due-wake` sent into the queues.
    fn queue_fired(&mut self) {
        for (function, body) in self.fired.take() {
            self.enqueue(&function, &body);
        }
    }
}
