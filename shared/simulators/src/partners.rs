//! The four partners: their systems, faults, ledgers and outboxes, driven by calls and by time.
//!
//! Nothing here reads a clock, draws random numbers of its own or opens a socket. The HTTP server drives it with the wall
//! clock, the simulation with its own.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::crm::Crm;
use crate::erp::Erp;
use crate::exchange::{Handled, Named, Outcome, Reply, Request, Webhook, written};
use crate::fault::{Faults, PartnerFault};
use crate::ledger::{Call, CallFilter, Done, Ledger};
use crate::outbox::{Outbox, OutgoingAttempt, RetryPolicy};
use crate::rest3pl::Rest3pl;
use crate::shipbob::Shipbob;
use crate::sign;
use crate::work::{Pace, WorkScript};

/// The partners in listing order: id, path prefix, role.
pub const PARTNERS: [(&str, &str, &str); 4] = [
    ("acme-crm", "crm", "crm"),
    ("acme-erp", "erp", "erp"),
    ("eastco", "eastco", "warehouse"),
    ("shipwest", "shipwest", "warehouse"),
];

/// How the partners start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Part of every document number and message id, so that no two runs against one deployment have the same one. Empty for
    /// plain numbers.
    pub run: String,
    /// Milliseconds between a warehouse's steps.
    pub pace_ms: u64,
    /// Packages per request; by default one per line, at most three.
    pub packages: Option<usize>,
    /// How messages are retried.
    pub retry_policy: RetryPolicy,
}

impl Default for Settings {
    fn default() -> Self {
        Self { run: String::new(), pace_ms: 500, packages: None, retry_policy: RetryPolicy::default() }
    }
}

/// One partner.
#[derive(Debug)]
pub struct Partner {
    /// Its id, as in the registry.
    pub id: &'static str,
    /// Its path prefix.
    pub prefix: &'static str,
    /// Its role.
    pub role: &'static str,
    /// The bearer token it expects.
    pub token: String,
    /// The secrets it signs with; every message carries a signature of each.
    pub signing: Vec<String>,
    /// Scripted faults.
    pub faults: Faults,
    /// Its calls and effects.
    pub ledger: Ledger,
    /// Its messages to us.
    pub outbox: Outbox,
    /// The system that it plays.
    pub system: System,
}

/// The four kinds of systems.
#[derive(Debug)]
pub enum System {
    /// A CRM.
    Crm(Crm),
    /// An ERP.
    Erp(Erp),
    /// A warehouse with our REST protocol.
    Rest3pl(Rest3pl),
    /// A warehouse with ShipBob's shapes.
    Shipbob(Shipbob),
}

/// The four partners.
#[derive(Debug)]
pub struct SimulatedPartners {
    /// The partners, as [`PARTNERS`] lists them.
    pub all: Vec<Partner>,
}

impl SimulatedPartners {
    /// Four fresh partners.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let pace = Pace { pace_ms: settings.pace_ms, packages: settings.packages, scripts: Vec::new() };
        let run = settings.run.as_str();
        let system = |id: &str| match id {
            "acme-crm" => System::Crm(Crm::new(run)),
            "acme-erp" => System::Erp(Erp::new(run)),
            "eastco" => System::Rest3pl(Rest3pl::new(id, run, pace.clone())),
            _ => System::Shipbob(Shipbob::new(id, run, pace.clone())),
        };
        let all = PARTNERS
            .into_iter()
            .map(|(id, prefix, role)| Partner {
                id,
                prefix,
                role,
                token: sign::local_token(id),
                signing: vec![sign::local_secret(id)],
                faults: Faults::default(),
                ledger: Ledger::default(),
                outbox: Outbox::new(settings.retry_policy),
                system: system(id),
            })
            .collect();
        Self { all }
    }

    /// A partner by its id or prefix.
    #[must_use]
    pub fn partner(&self, name: &str) -> Option<&Partner> {
        self.all.iter().find(|partner| partner.id == name || partner.prefix == name)
    }

    /// A partner by its id or prefix.
    pub fn partner_mut(&mut self, name: &str) -> Option<&mut Partner> {
        self.all.iter_mut().find(|partner| partner.id == name || partner.prefix == name)
    }

    /// Makes everything happen that is due. Returns the delivery attempts to be made now.
    pub fn tick(&mut self, now: Timestamp) -> Vec<(&'static str, OutgoingAttempt)> {
        self.all
            .iter_mut()
            .flat_map(|partner| {
                let id = partner.id;
                partner.tick(now).into_iter().map(move |attempt| (id, attempt))
            })
            .collect()
    }

    /// The next time at which [`SimulatedPartners::tick`] has work.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.all.iter().filter_map(Partner::next_due).min()
    }

    /// How many events and deliveries are still to come.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.all.iter().map(Partner::pending).sum()
    }

    /// Deletes all documents, ledgers, messages and faults; the counters continue.
    pub fn reset(&mut self) {
        for partner in &mut self.all {
            partner.reset();
        }
    }
}

impl Partner {
    /// A call to this partner: checks the token, applies the scripted faults, does the work, records the call.
    pub fn call(&mut self, request: &Request, now: Timestamp) -> Outcome {
        let named = self.system.named(request);
        if request.header("authorization") != Some(format!("Bearer {}", self.token).as_str()) {
            let reply = self.system.unauthorized();
            self.record_call(request, &named, Some(&reply), None, 0, now);
            return Outcome::Answer { reply, after_ms: 0 };
        }
        let verdict = self.faults.call(&named);
        if verdict.latency_ms > 0 {
            self.ledger.count("latency");
        }
        if let Some(fault) = &verdict.fault {
            self.ledger.count(fault.name());
        }
        let faulty =
            verdict.fault.as_ref().map(PartnerFault::name).or_else(|| (verdict.latency_ms > 0).then_some("latency"));
        let after_ms = verdict.latency_ms;
        let (outcome, effects) = match verdict.fault {
            Some(fault) => self.answer_with_fault(request, &named, fault, after_ms, now),
            None => {
                let (reply, effects) = self.work(request, now);
                (Outcome::Answer { reply, after_ms }, effects)
            }
        };
        let reply = match &outcome {
            Outcome::Answer { reply, .. } => Some(reply.clone()),
            Outcome::Silence { .. } => None,
        };
        self.record_call(request, &named, reply.as_ref(), faulty, effects, now);
        outcome
    }

    /// Sends a message of the partner outside of any call.
    pub fn send(&mut self, webhook: Webhook, now: Timestamp) {
        self.outbox.post(webhook, now, &mut self.faults, &mut self.ledger);
    }

    /// Makes everything happen that is due.
    pub fn tick(&mut self, now: Timestamp) -> Vec<OutgoingAttempt> {
        for webhook in self.system.tick(now) {
            self.send(webhook, now);
        }
        self.outbox.due(now, &self.signing, &mut self.faults, &mut self.ledger)
    }

    /// The next time at which [`Partner::tick`] has work.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        let due = [self.system.next_due(), self.outbox.next_due()];
        due.into_iter().flatten().min()
    }

    /// How many events and deliveries are still to come.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.system.planned() + self.outbox.pending()
    }

    /// The ledger's entries that match the filter.
    #[must_use]
    pub fn report(&self, wanted: &CallFilter) -> Value {
        self.ledger.report(self.outbox.messages(), wanted)
    }

    /// The partner's id, role, token and signing secrets.
    #[must_use]
    pub fn described(&self) -> Value {
        json!({
            "id": self.id,
            "prefix": self.prefix,
            "role": self.role,
            "token": self.token,
            "signing": self.signing,
        })
    }

    /// Records an effect that no call had.
    pub fn record_effect(&mut self, effect: crate::exchange::Effect, now: Timestamp) {
        self.ledger.effects.push(Done { at: written(now), effect });
    }

    fn reset(&mut self) {
        self.faults = Faults::default();
        self.ledger = Ledger::default();
        self.outbox = Outbox::new(self.outbox.retry_policy);
        self.system.reset();
    }

    fn answer_with_fault(
        &mut self,
        request: &Request,
        named: &Named,
        fault: PartnerFault,
        after_ms: u64,
        now: Timestamp,
    ) -> (Outcome, usize) {
        let answer = |reply| Outcome::Answer { reply, after_ms };
        match fault {
            PartnerFault::Refuse { status, code, reason } => (answer(Reply::refused(status, &code, &reason)), 0),
            PartnerFault::Limit { retry_after, header } => {
                let mut reply = Reply::refused(429, "RATE_LIMITED", "too many requests");
                if let Some(text) = retry_after {
                    let header = header.unwrap_or_else(|| self.system.retry_header().to_owned());
                    reply = reply.with_header(&header, &text);
                }
                (answer(reply), 0)
            }
            PartnerFault::Fail { status, after_effect } => {
                let effects = if after_effect { self.work(request, now).1 } else { 0 };
                let reason = format!("{} is out of order", named.operation);
                (answer(Reply::refused(status, "UNAVAILABLE", &reason)), effects)
            }
            PartnerFault::TimeoutBefore { hold_ms } => {
                (Outcome::Silence { after_ms: after_ms.saturating_add(hold_ms) }, 0)
            }
            PartnerFault::TimeoutAfter { hold_ms } => {
                let (_, effects) = self.work(request, now);
                (Outcome::Silence { after_ms: after_ms.saturating_add(hold_ms) }, effects)
            }
            PartnerFault::LostReply => {
                let (_, effects) = self.work(request, now);
                (Outcome::Silence { after_ms }, effects)
            }
            PartnerFault::Garbage { body } => {
                let (reply, effects) = self.work(request, now);
                let garbage = Reply { body: body.into_bytes(), ..reply };
                (answer(garbage), effects)
            }
            PartnerFault::Down => (Outcome::Silence { after_ms }, 0),
            PartnerFault::Unauthorized => (answer(self.system.unauthorized()), 0),
            // Faults of messages never apply to a call.
            PartnerFault::Latency { .. }
            | PartnerFault::Duplicate { .. }
            | PartnerFault::Reorder { .. }
            | PartnerFault::Delay { .. }
            | PartnerFault::Drop { .. }
            | PartnerFault::WrongSignature
            | PartnerFault::Tamper
            | PartnerFault::Stale { .. } => {
                let (reply, effects) = self.work(request, now);
                (answer(reply), effects)
            }
        }
    }

    fn work(&mut self, request: &Request, now: Timestamp) -> (Reply, usize) {
        let Handled { reply, effects, webhooks } = self.system.handle(request, now);
        let count = effects.len();
        for effect in effects {
            self.record_effect(effect, now);
        }
        for webhook in webhooks {
            self.send(webhook, now);
        }
        (reply, count)
    }

    fn record_call(
        &mut self,
        request: &Request,
        named: &Named,
        reply: Option<&Reply>,
        fault: Option<&'static str>,
        effects: usize,
        now: Timestamp,
    ) {
        let header = |name: &str| request.header(name).map(str::to_owned);
        self.ledger.calls.push(Call {
            at: written(now),
            operation: named.operation.to_owned(),
            method: request.method.name(),
            path: request.path.clone(),
            reference: named.reference.clone(),
            key: named.key.clone(),
            correlation_id: header("x-correlation-id"),
            traceparent: header("traceparent"),
            status: reply.map(|reply| reply.status),
            fault,
            effects,
        });
    }
}

impl System {
    /// The operation and reference of a request.
    #[must_use]
    pub fn named(&self, request: &Request) -> Named {
        match self {
            Self::Crm(crm) => crm.named(request),
            Self::Erp(erp) => erp.named(request),
            Self::Rest3pl(warehouse) => warehouse.named(request),
            Self::Shipbob(warehouse) => warehouse.named(request),
        }
    }

    /// Handles a request.
    pub fn handle(&mut self, request: &Request, now: Timestamp) -> Handled {
        match self {
            Self::Crm(crm) => crm.handle(request, now),
            Self::Erp(erp) => erp.handle(request, now),
            Self::Rest3pl(warehouse) => warehouse.handle(request, now),
            Self::Shipbob(warehouse) => warehouse.handle(request, now),
        }
    }

    /// The messages about everything that has happened by now.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Webhook> {
        match self {
            Self::Crm(_) | Self::Erp(_) => Vec::new(),
            Self::Rest3pl(warehouse) => warehouse.tick(now),
            Self::Shipbob(warehouse) => warehouse.tick(now),
        }
    }

    /// The time of the next event.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        match self {
            Self::Crm(_) | Self::Erp(_) => None,
            Self::Rest3pl(warehouse) => warehouse.next_due(),
            Self::Shipbob(warehouse) => warehouse.next_due(),
        }
    }

    /// How many events are still to come.
    #[must_use]
    pub fn planned(&self) -> usize {
        match self {
            Self::Crm(_) | Self::Erp(_) => 0,
            Self::Rest3pl(warehouse) => warehouse.planned(),
            Self::Shipbob(warehouse) => warehouse.planned(),
        }
    }

    /// All documents, as JSON.
    #[must_use]
    pub fn state(&self) -> Value {
        match self {
            Self::Crm(crm) => crm.state(),
            Self::Erp(erp) => erp.state(),
            Self::Rest3pl(warehouse) => warehouse.state(),
            Self::Shipbob(warehouse) => warehouse.state(),
        }
    }

    /// A warehouse's pace; `None` for the other systems.
    pub fn pace_mut(&mut self) -> Option<&mut Pace> {
        match self {
            Self::Crm(_) | Self::Erp(_) => None,
            Self::Rest3pl(warehouse) => Some(warehouse.pace_mut()),
            Self::Shipbob(warehouse) => Some(warehouse.pace_mut()),
        }
    }

    /// Adds a script to a warehouse, before its other scripts; `false` for the other systems.
    pub fn script(&mut self, script: WorkScript) -> bool {
        self.pace_mut().map(|pace| pace.scripts.insert(0, script)).is_some()
    }

    fn reset(&mut self) {
        match self {
            Self::Crm(crm) => crm.reset(),
            Self::Erp(erp) => erp.reset(),
            Self::Rest3pl(warehouse) => warehouse.reset(),
            Self::Shipbob(warehouse) => warehouse.reset(),
        }
    }

    fn unauthorized(&self) -> Reply {
        match self {
            Self::Shipbob(_) => Reply::json(401, &json!({"message": "Unauthorized"})),
            Self::Crm(_) | Self::Erp(_) | Self::Rest3pl(_) => {
                Reply::refused(401, "UNAUTHORIZED", "the bearer token is missing or wrong")
            }
        }
    }

    fn retry_header(&self) -> &'static str {
        match self {
            Self::Shipbob(_) => "x-retry-after",
            Self::Crm(_) | Self::Erp(_) | Self::Rest3pl(_) => "retry-after",
        }
    }
}
