//! Deliberate mistakes, for the simulation and the laws to find.
//!
//! A test that never fails proves nothing. Each mistake leaves out one precaution of ours. A mistake at a port is a decorator
//! around that port ([`Mistaken`]) or a change in this harness: the functions run unchanged, and a schedule has to find it in
//! every test run. A mistake inside a pure rule is a patch of the product's source in `tests/mutants/`: `cargo xtask mutants`
//! applies each patch to a copy of the workspace and runs the same schedules, then the laws, on the copy.

use domain::Rejection;
use domain::fulfillment::{FulfillmentRequest, GoodsIssue, GoodsIssued, Inquiry, Withdrawal};
use domain::order::{
    Allocation, AllocationRequest, CreditQuery, Deallocation, InvoiceRequest, Invoiced, LineQuantity, PriceQuery,
    Released, SalesOrder, SalesOrderCancellation, StockQuery,
};
use domain::party::Party;
use domain::{DocumentNumber, FulfillmentCommand};
use engine::batch::{Parked, Queue};
use engine::journal::{Append, CreateOutcome, Freshness, NewStream};
use engine::partner::{
    Attempt, CallFailure, CreditAnswer, Erp, PriceAnswer, Ready, Recipient, Warehouse, WarehouseAnswer,
    WithdrawalAnswer,
};
use engine::relay::{Bus, Entry, Rejected};
use engine::snapshot::Snapshot;
use engine::stores::{Due, DueItem, DuePage, WaitingPartner};
use engine::{Commit, Context, Failure, Journal};
use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::memory::MemoryJournal;

/// A mistake at a port or in the harness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// Transport: the idempotency key of a call ends with the time of the call.
    KeyFromMessage,
    /// Journal: an append replaces the commit that has its version.
    UnconditionalPut,
    /// Journal: an append that lost its race answers that it was committed.
    RaceTakenForWritten,
    /// Journal: an append that announces an effect is not written, and answers that it was committed.
    EffectUnannounced,
    /// Partner: every attempt is passed on as the first.
    RepeatWithoutLookUp,
    /// Journal: every claim that is read has lapsed when it was committed.
    ClaimIgnored,
    /// Queue: the answer to a batch names no failed messages.
    PartialBatchIgnored,
    /// Bus: the answer to a publication names no refused entries.
    RefusedEntriesIgnored,
    /// Journal: a commit is read under another cause than its own.
    CauseUnchecked,
    /// Journal: a read that may be behind does not look whether it reaches the minimal version.
    MinimumIgnored,
    /// Due table: deferred work is not written.
    DeferredForgotten,
    /// Due table: an item that is read as due is deleted at once.
    DueForgottenFirst,
    /// Dead-letter queue: a parked message is not written.
    ParkedNowhere,
    /// Partner: a call without an answer is taken for a refusal.
    TimeoutTakenForNo,
}

/// Where a mistake is made, and with it how it is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// By a decorator or the harness: in every run of the tests, and by `cargo xtask simulate --mutants`.
    Port(Mutant),
    /// By the patch `tests/mutants/<name>.patch`: by `cargo xtask mutants`.
    Rule,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Mistake {
    /// As `--mutant` takes it; a rule's patch has the same name.
    pub name: &'static str,
    /// What is done wrong, in words.
    pub what: &'static str,
    /// Where.
    pub place: Place,
}

/// Every mistake.
pub const ALL: [Mistake; 21] = [
    port("key-from-message", "a partner gets a new key with each delivery", Mutant::KeyFromMessage),
    port("unconditional-put", "a commit overwrites the one that came first", Mutant::UnconditionalPut),
    port("race-taken-for-written", "a commit that lost its race counts as written", Mutant::RaceTakenForWritten),
    port("effect-unannounced", "an effect without a committed intent", Mutant::EffectUnannounced),
    port("repeat-without-look-up", "a repeat does not ask what the first attempt did", Mutant::RepeatWithoutLookUp),
    port("claim-ignored", "an effect while another delivery holds its claim", Mutant::ClaimIgnored),
    rule("report-by-arrival", "the report that arrives last counts, not the newest"),
    rule("reports-added-up", "reports of progress are added up"),
    port(
        "minimum-ignored",
        "a read that may be behind does not look whether it reaches the minimal version",
        Mutant::MinimumIgnored,
    ),
    port("partial-batch-ignored", "failed messages are acknowledged with their batch", Mutant::PartialBatchIgnored),
    port("refused-entries-ignored", "what the bus refused counts as published", Mutant::RefusedEntriesIgnored),
    port("cause-unchecked", "a commit does not ask whether its cause is there", Mutant::CauseUnchecked),
    port("deferred-forgotten", "deferred work is acknowledged and not stored", Mutant::DeferredForgotten),
    port("due-forgotten-first", "a due item goes before its work is queued", Mutant::DueForgottenFirst),
    port("parked-nowhere", "a hopeless message is acknowledged and not parked", Mutant::ParkedNowhere),
    rule("late-answer-dropped", "an answer for a cancelled order is dropped"),
    rule("taken-over-early", "a purchase order is taken over before its cancellation is carried out"),
    rule("copy-taken-for-new", "a late copy of a cancelled order is a new order"),
    rule("void-counted", "the content of a void package counts as shipped"),
    rule("closed-believed", "what a late report may still bring counts as short"),
    port("timeout-taken-for-no", "no answer counts as a refusal", Mutant::TimeoutTakenForNo),
];

const fn port(name: &'static str, what: &'static str, mutant: Mutant) -> Mistake {
    Mistake { name, what, place: Place::Port(mutant) }
}

const fn rule(name: &'static str, what: &'static str) -> Mistake {
    Mistake { name, what, place: Place::Rule }
}

/// The mistakes at ports, each with its row.
pub fn at_ports() -> impl Iterator<Item = (Mistake, Mutant)> {
    ALL.into_iter().filter_map(|mistake| match mistake.place {
        Place::Port(mutant) => Some((mistake, mutant)),
        Place::Rule => None,
    })
}

/// The mistake at a port of this name.
pub fn named(name: &str) -> Option<Mutant> {
    at_ports().find(|(mistake, _)| mistake.name == name).map(|(_, mutant)| mutant)
}

/// A port that makes one mistake, or none.
#[derive(Debug, Clone)]
pub struct Mistaken<P> {
    inner: P,
    mutant: Option<Mutant>,
}

impl<P> Mistaken<P> {
    /// Decorates `inner`.
    pub fn new(inner: P, mutant: Option<Mutant>) -> Self {
        Self { inner, mutant }
    }

    fn makes(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    fn attempt(&self, attempt: Attempt) -> Attempt {
        if self.makes(Mutant::RepeatWithoutLookUp) { Attempt::First } else { attempt }
    }

    fn answer<T>(&self, answer: Result<T, CallFailure>) -> Result<T, CallFailure> {
        match answer {
            Err(CallFailure::Unknown { cause, .. }) if self.makes(Mutant::TimeoutTakenForNo) => {
                Err(CallFailure::Refused(Rejection::new("NO_ANSWER", cause)))
            }
            other => other,
        }
    }
}

impl Mistaken<MemoryJournal> {
    fn as_read(&self, mut commits: Vec<Commit>) -> Vec<Commit> {
        for commit in &mut commits {
            if self.makes(Mutant::CauseUnchecked) {
                commit.cause = engine::Cause::stored(format!("{}/of another", commit.cause));
            }
            if self.makes(Mutant::ClaimIgnored) {
                lapse(commit);
            }
        }
        commits
    }
}

impl Journal for Mistaken<MemoryJournal> {
    async fn read(&self, stream: &str) -> Result<Vec<Commit>, Failure> {
        Ok(self.as_read(self.inner.read(stream).await?))
    }

    async fn read_newest(
        &self,
        stream: &str,
        after: u64,
        limit: u32,
        freshness: Freshness,
    ) -> Result<Vec<Commit>, Failure> {
        let freshness = match freshness {
            Freshness::AtLeast(_) if self.makes(Mutant::MinimumIgnored) => Freshness::AtLeast(0),
            asked => asked,
        };
        Ok(self.as_read(self.inner.read_newest(stream, after, limit, freshness).await?))
    }

    async fn snapshot(&self, stream: &str) -> Result<Option<Snapshot>, Failure> {
        self.inner.snapshot(stream).await
    }

    async fn store_snapshot(&self, snapshot: &Snapshot) -> Result<(), Failure> {
        self.inner.store_snapshot(snapshot).await
    }

    async fn append(&self, commit: &Commit) -> Result<Append, Failure> {
        if self.makes(Mutant::UnconditionalPut) {
            self.inner.overwrite(commit);
            return Ok(Append::Committed);
        }
        if self.makes(Mutant::EffectUnannounced) {
            if commit.cause.as_str().contains("#started-") {
                return Ok(Append::Committed);
            }
            // The caller counts the announcement; the journal has no gap for it.
            let next = self.inner.commits(&commit.stream).len() as u64 + 1;
            return self.inner.append(&Commit { version: commit.version.min(next), ..commit.clone() }).await;
        }
        match self.inner.append(commit).await? {
            Append::Raced if self.makes(Mutant::RaceTakenForWritten) => Ok(Append::Committed),
            answer => Ok(answer),
        }
    }

    async fn append_all(&self, commits: &[Commit]) -> Result<Append, Failure> {
        self.inner.append_all(commits).await
    }

    async fn create(&self, new_stream: &NewStream) -> Result<CreateOutcome, Failure> {
        self.inner.create(new_stream).await
    }
}

/// Ends every claim of a commit at the moment in which it was committed.
fn lapse(commit: &mut Commit) {
    let mut events: Value = serde_json::from_str(&commit.events).unwrap_or_default();
    for event in events.as_array_mut().into_iter().flatten() {
        if event["type"].as_str().is_some_and(|kind| kind.ends_with(".effect_started")) {
            event["until"] = json!(commit.at);
        }
    }
    commit.events = events.to_string();
}

impl<P: Bus> Bus for Mistaken<P> {
    async fn publish(&self, entries: &[Entry]) -> Result<Vec<Rejected>, Failure> {
        let refused = self.inner.publish(entries).await?;
        Ok(if self.makes(Mutant::RefusedEntriesIgnored) { vec![] } else { refused })
    }
}

impl<P: Due> Due for Mistaken<P> {
    async fn defer(&self, item: &DueItem) -> Result<(), Failure> {
        if self.makes(Mutant::DeferredForgotten) { Ok(()) } else { self.inner.defer(item).await }
    }
    async fn ready(
        &self,
        partition: &str,
        now: Timestamp,
        limit: u32,
        after: Option<&str>,
    ) -> Result<DuePage, Failure> {
        let page = self.inner.ready(partition, now, limit, after).await?;
        if self.makes(Mutant::DueForgottenFirst) {
            for item in &page.items {
                self.inner.done(item).await?;
            }
        }
        Ok(page)
    }
    async fn waiting(&self, parent: &str, limit: u32) -> Result<Vec<DueItem>, Failure> {
        self.inner.waiting(parent, limit).await
    }
    async fn done(&self, item: &DueItem) -> Result<(), Failure> {
        self.inner.done(item).await
    }
    async fn all_done(&self, items: &[DueItem]) -> Result<(), Failure> {
        self.inner.all_done(items).await
    }
    async fn partners(&self) -> Result<Vec<WaitingPartner>, Failure> {
        self.inner.partners().await
    }
    async fn forget(&self, partner: &WaitingPartner) -> Result<(), Failure> {
        self.inner.forget(partner).await
    }
}

impl<P: Queue> Queue for Mistaken<P> {
    async fn delay(&self, receipt: &str, pause: std::time::Duration) -> Result<(), Failure> {
        self.inner.delay(receipt, pause).await
    }
    async fn park(&self, parked: &Parked) -> Result<(), Failure> {
        if self.makes(Mutant::ParkedNowhere) { Ok(()) } else { self.inner.park(parked).await }
    }
}

impl<P: Ready> Ready for Mistaken<P> {
    async fn ready(&self, cx: &Context, to: Recipient<'_>) -> Result<(), Failure> {
        self.inner.ready(cx, to).await
    }
}

impl<P: Erp> Erp for Mistaken<P> {
    async fn price(&self, cx: &Context, query: &PriceQuery) -> Result<PriceAnswer, CallFailure> {
        self.inner.price(cx, query).await
    }
    async fn credit(&self, cx: &Context, query: &CreditQuery) -> Result<CreditAnswer, CallFailure> {
        self.inner.credit(cx, query).await
    }
    async fn allocate(
        &self,
        cx: &Context,
        request: &AllocationRequest,
        attempt: Attempt,
    ) -> Result<Allocation, CallFailure> {
        self.answer(self.inner.allocate(cx, request, self.attempt(attempt)).await)
    }
    async fn stock(&self, cx: &Context, query: &StockQuery) -> Result<Vec<LineQuantity>, CallFailure> {
        self.inner.stock(cx, query).await
    }
    async fn deallocate(&self, cx: &Context, request: &Deallocation, attempt: Attempt) -> Result<(), CallFailure> {
        self.answer(self.inner.deallocate(cx, request, self.attempt(attempt)).await)
    }
    async fn create_sales_order(
        &self,
        cx: &Context,
        order: &SalesOrder,
        attempt: Attempt,
    ) -> Result<Released, CallFailure> {
        self.answer(self.inner.create_sales_order(cx, order, self.attempt(attempt)).await)
    }
    async fn cancel_sales_order(
        &self,
        cx: &Context,
        request: &SalesOrderCancellation,
        attempt: Attempt,
    ) -> Result<Option<DocumentNumber>, CallFailure> {
        self.answer(self.inner.cancel_sales_order(cx, request, self.attempt(attempt)).await)
    }
    async fn post_goods_issue(
        &self,
        cx: &Context,
        issue: &GoodsIssue,
        attempt: Attempt,
    ) -> Result<GoodsIssued, CallFailure> {
        self.answer(self.inner.post_goods_issue(cx, issue, self.attempt(attempt)).await)
    }
    async fn invoice(&self, cx: &Context, request: &InvoiceRequest, attempt: Attempt) -> Result<Invoiced, CallFailure> {
        self.answer(self.inner.invoice(cx, request, self.attempt(attempt)).await)
    }
}

impl<P: Warehouse> Warehouse for Mistaken<P> {
    async fn request(
        &self,
        cx: &Context,
        request: &FulfillmentRequest,
        party: &Party,
        attempt: Attempt,
    ) -> Result<WarehouseAnswer, CallFailure> {
        self.answer(self.inner.request(cx, request, party, self.attempt(attempt)).await)
    }
    async fn withdraw(
        &self,
        cx: &Context,
        withdrawal: &Withdrawal,
        attempt: Attempt,
    ) -> Result<WithdrawalAnswer, CallFailure> {
        self.answer(self.inner.withdraw(cx, withdrawal, self.attempt(attempt)).await)
    }
    async fn inquire(&self, cx: &Context, inquiry: &Inquiry) -> Result<Vec<FulfillmentCommand>, CallFailure> {
        self.inner.inquire(cx, inquiry).await
    }
}
