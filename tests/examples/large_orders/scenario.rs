//! An order from its submission to its invoice, with every report of every package as a message of its own.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::future::Future;
use std::num::NonZeroU32;
use std::pin::pin;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use domain::order::{Assignment, Component, Handling, LineQuantity};
use domain::party::Party;
use domain::shipment::MilestoneKind;
use domain::{FulfillmentCommand, FulfillmentId, Order, OrderCommand};
use engine::context::DeliveryWork;
use engine::delivery::{Delivery, Role};
use engine::folds::Folds;
use engine::http::Request;
use engine::recent::Recent;
use engine::snapshot::Snapshot;
use engine::stores::{Deliveries as _, Parties as _};
use engine::{Cause, Commit, Context, Epoch, Failure, Journal as _, Stream};
use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::memory::{MemoryDeliveries, MemoryJournal, MemoryParties, MemoryViews};
use usecases::work::{CrmWork, FulfillmentWork, OrderWork, PackageWork};

use crate::measure::{Counted, Units, forget_peak, memory, processor_micros};
use crate::partners::{Partners, Report};
use crate::samples::{
    assignment, at, fulfillment_id, id, line_no, line_quantity, milestone, order_id, packed, routing, sku, to_release,
};

/// How large an order is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) name: &'static str,
    pub(crate) lines: u32,
    /// The parts of each line's kit; 0 if lines are no kits.
    pub(crate) kit: u32,
    pub(crate) fulfillments: u32,
    /// Over all fulfillments.
    pub(crate) packages: u32,
}

/// Invocations with ten messages about one stream.
const TEN_REPORTS: &str = "ten reports at once";
const TEN_POSTINGS: &str = "ten goods issues at once";

/// The steps that are measured at an order's end.
pub(crate) const STEPS: [&str; 10] = [
    TEN_REPORTS,
    TEN_POSTINGS,
    "warehouse-report-record",
    "goods-issue-post",
    "fulfillment-rollup",
    "fulfillment-watch",
    "crm-update",
    "view-project",
    "order-read",
    "invoice-create",
];

/// The reports of a package after its packing.
const REPORTS: [MilestoneKind; 5] = [
    MilestoneKind::LabelCreated,
    MilestoneKind::PickedUp,
    MilestoneKind::InTransit,
    MilestoneKind::OutForDelivery,
    MilestoneKind::Delivered,
];

/// A function's journal, with what it has kept.
type WarmJournal = Recent<Counted<MemoryJournal>>;

/// The stores of an order.
pub(crate) struct Scenario {
    size: Size,
    /// How many reports arrive together.
    batch: usize,
    units: Units,
    journal: Counted<MemoryJournal>,
    /// Each function's journal, with what it has kept, if the functions stay warm.
    warm: Option<RefCell<BTreeMap<&'static str, WarmJournal>>>,
    views: Counted<MemoryViews>,
    deliveries: MemoryDeliveries,
    parties: MemoryParties,
}

impl Scenario {
    pub(crate) fn new(size: Size, batch: usize, is_warm: bool) -> Self {
        let units = Units::default();
        Self {
            size,
            batch,
            journal: Counted(MemoryJournal::default(), units.clone()),
            views: Counted(MemoryViews::default(), units.clone()),
            warm: is_warm.then(RefCell::default),
            units,
            deliveries: MemoryDeliveries::default(),
            parties: MemoryParties::default(),
        }
    }

    /// The journal of a function, which runs in one process from the first message to the last, or in a new one for each
    /// message.
    fn journal_of(&self, function: &'static str) -> WarmJournal {
        let cold = || Recent::new(self.journal.clone());
        match &self.warm {
            Some(warm) => warm.borrow_mut().entry(function).or_insert_with(cold).clone(),
            None => cold(),
        }
    }

    /// The order from its submission to the last report.
    pub(crate) fn play(&self) {
        self.release();
        for n in 1..=self.size.fulfillments {
            self.request(&fulfillment_id(n));
        }
        self.project();
        // Submission to request are a handful of commits, whatever follows.
        self.units.half_read.set(0);
        self.units.write.borrow_mut().clear();
        self.units.loads.set(0);
        for report in 0..=REPORTS.len() {
            let packages: Vec<u32> = (1..=self.size.packages).collect();
            for batch in packages.chunks(self.batch) {
                self.reports(batch, report);
            }
        }
    }

    /// What is stored, and what that cost.
    pub(crate) fn counted(&self) -> String {
        let bytes = |stream: &str| self.journal.0.item_bytes(stream).iter().sum::<usize>();
        let largest = |stream: &str| self.journal.0.item_bytes(stream).into_iter().max().unwrap_or_default();
        let streams = self.journal.0.streams();
        let of = |kind: &str| streams.iter().filter(|stream| stream.starts_with(kind)).cloned().collect::<Vec<_>>();
        let (orders, fulfillments) = (of("order/"), of("fulfillment/"));
        let sum = |streams: &[String]| streams.iter().map(|stream| bytes(stream)).sum::<usize>() / 1_024;
        let commits =
            |streams: &[String]| streams.iter().map(|stream| self.journal.0.commits(stream).len()).sum::<usize>();
        let most = streams.iter().map(|stream| largest(stream)).max().unwrap_or_default() / 1_024;
        let written = self.units.write.borrow();
        let per = |units: usize| units as f64 / f64::from(self.size.packages);
        format!(
            "order {} KB in {} commits, fulfillments {} KB in {} commits, largest item {most} KB; per package {:.1} loads, {:.1} read units, {:.1} write units: {}",
            sum(&orders),
            commits(&orders),
            sum(&fulfillments),
            commits(&fulfillments),
            per(self.units.loads.get()),
            per(self.units.half_read.get()) / 2.0,
            per(written.values().sum::<usize>()),
            written.iter().map(|(kind, units)| format!("{kind} {:.1}", per(*units))).collect::<Vec<_>>().join(", "),
        )
    }

    fn release(&self) {
        let per_package = self.size.packages.div_ceil(self.size.fulfillments);
        let amounts = vec![per_package; self.size.lines as usize];
        let mut lines: Vec<LineQuantity> = (1..=self.size.lines).map(|line| line_quantity(line, per_package)).collect();
        let each = self.size.lines.div_ceil(self.size.fulfillments) as usize;
        let assigned = (1..=self.size.fulfillments).map(|n| {
            let lines: Vec<LineQuantity> = lines.drain(..each.min(lines.len())).collect();
            Assignment { handling: self.handling(&lines), ..assignment(n, &lines) }
        });
        let assigned: Vec<Assignment> = assigned.collect();
        let mut stream = wait(Stream::<Order>::load(&self.journal, &order_id(), &cx("order-import"))).unwrap();
        for (n, command) in
            to_release(&amounts).into_iter().chain([OrderCommand::RecordRouting(routing(&assigned))]).enumerate()
        {
            let cause = cx("order-route").cause(&n.to_string());
            drop(wait(stream.commit(&self.journal, &cx("order-route"), &cause, command)).unwrap());
        }
    }

    fn handling(&self, lines: &[LineQuantity]) -> BTreeMap<domain::LineNo, Handling> {
        let parts = |line: &LineQuantity| -> Vec<Component> {
            let part = |n| Component { sku: id(&format!("{}-PART-{n}", line.sku)), per_kit: NonZeroU32::MIN };
            (1..=self.size.kit).map(part).collect()
        };
        let handled = lines.iter().filter(|_| self.size.kit > 0);
        handled.map(|line| (line.line, Handling { kit: parts(line), traced: None })).collect()
    }

    fn request(&self, fulfillment: &FulfillmentId) {
        let party = Party {
            name: "Ada".to_owned(),
            company: None,
            line1: "1 Way".to_owned(),
            line2: None,
            city: "Albany".to_owned(),
            region: Some("NY".to_owned()),
            postal_code: Some("12207".to_owned()),
            country: "US".to_owned(),
            phone: None,
            email: None,
        };
        let reference = domain::party::PartyRef { order: order_id(), n: 1 };
        wait(self.parties.store(&reference, &party)).unwrap();
        let ports = fulfillment_request::Ports {
            journal: self.journal_of("fulfillment-request"),
            parties: self.parties.clone(),
            warehouse: Partners,
        };
        let work = FulfillmentWork { fulfillment: fulfillment.clone() };
        drop(wait(fulfillment_request::handle(&ports, work, &cx("fulfillment-request"))).unwrap());
    }

    /// The fulfillment of a package, and one piece of each of its lines' products, or of one line in turn.
    fn place(&self, package: u32) -> (FulfillmentId, Vec<LineQuantity>) {
        let n = (package - 1) % self.size.fulfillments;
        let each = self.size.lines.div_ceil(self.size.fulfillments);
        let first = n * each + 1;
        let of = first + ((package - 1) / self.size.fulfillments) % each.min(self.size.lines.saturating_sub(first) + 1);
        let product = || LineQuantity { line: line_no(of), sku: id(&sku(of)), quantity: crate::samples::each(1) };
        let part = |n| LineQuantity { sku: id(&format!("{}-PART-{n}", sku(of))), ..product() };
        let lines = if self.size.kit == 0 { vec![product()] } else { (1..=self.size.kit).map(part).collect() };
        (fulfillment_id(n + 1), lines)
    }

    /// The reports of some packages, each a message of its own, and then every step that they wake, once for each stream.
    fn reports(&self, packages: &[u32], report: usize) {
        let (mut fulfillments, mut packages_of) = (BTreeSet::new(), Vec::new());
        let recorded = self.batch_folds();
        for package in packages {
            let (fulfillment, lines) = self.place(*package);
            let name = format!("PKG-{package:05}");
            let when = i64::from(*package) + i64::try_from(report).unwrap() * 2_000;
            let command = match report {
                0 => packed(&name, when, &lines, Some(&format!("1Z999AA1{package:010}"))),
                _ => milestone(&name, when, REPORTS[report - 1]),
            };
            self.record(&fulfillment, command, &recorded);
            packages_of.push((fulfillment.clone(), name));
            fulfillments.insert(fulfillment);
        }
        if report == 2 {
            let posted = self.batch_folds();
            for (fulfillment, package) in &packages_of {
                assert!(self.post(fulfillment, package, &posted), "{package} is to be posted");
            }
        }
        let rolled_up = self.batch_folds();
        fulfillments.iter().for_each(|fulfillment| self.rollup(fulfillment, &rolled_up));
        self.crm();
        self.project();
    }

    /// The folds that the messages of a batch share.
    fn batch_folds(&self) -> Folds {
        if self.batch > 1 { Folds::of_batch() } else { Folds::default() }
    }

    fn record(&self, fulfillment: &FulfillmentId, command: FulfillmentCommand, folds: &Folds) {
        let delivery = Delivery {
            partner: id(if fulfillment.to_string().ends_with(['1', '3', '5', '7', '9']) {
                "eastco"
            } else {
                "shipwest"
            }),
            role: Role::Warehouse,
            id: format!("msg_{:016x}", fastrand::u64(..)),
            topic: "package.report".to_owned(),
            body: Vec::new(),
            received_at: at(0),
            correlation: correlation(),
            traceparent: None,
        };
        wait(self.deliveries.store(&delivery)).unwrap();
        let work = DeliveryWork { partner: delivery.partner.clone(), delivery: delivery.id.clone() };
        let ports = warehouse_report_record::Ports {
            journal: self.journal_of("warehouse-report-record"),
            deliveries: self.deliveries.clone(),
            registry: Report(fulfillment.clone(), vec![command]),
        };
        drop(
            wait(warehouse_report_record::handle(
                &ports,
                work,
                &Context { folds: folds.clone(), ..cx("warehouse-report-record") },
            ))
            .unwrap(),
        );
    }

    fn rollup(&self, fulfillment: &FulfillmentId, folds: &Folds) {
        let ports = fulfillment_rollup::Ports { journal: self.journal_of("fulfillment-rollup") };
        let work = FulfillmentWork { fulfillment: fulfillment.clone() };
        drop(
            wait(fulfillment_rollup::handle(
                &ports,
                work,
                &Context { folds: folds.clone(), ..cx("fulfillment-rollup") },
            ))
            .unwrap(),
        );
    }

    /// Returns whether the message is done.
    fn post(&self, fulfillment: &FulfillmentId, package: &str, folds: &Folds) -> bool {
        let ports = goods_issue_post::Ports { journal: self.journal_of("goods-issue-post"), erp: Partners };
        let work = PackageWork { fulfillment: fulfillment.clone(), package: id(package) };
        let cx = Context { folds: folds.clone(), ..cx("goods-issue-post") };
        match wait(goods_issue_post::handle(&ports, work, &cx)) {
            Ok(_) => true,
            Err(Failure::Deferred { .. }) => false,
            Err(other) => panic!("{other:?}"),
        }
    }

    fn crm(&self) {
        let ports = crm_update::Ports { journal: self.journal_of("crm-update"), crm: Partners };
        drop(wait(crm_update::handle(&ports, CrmWork::Order(order_id()), &cx("crm-update"))).unwrap());
    }

    fn project(&self) {
        let commits = self.journal.0.take_stream();
        let ports = view_project::Ports { journal: self.journal_of("view-project"), views: self.views.clone() };
        let failed = wait(view_project::handle(&ports, &commits, &cx("view-project")));
        assert!(failed.is_empty(), "{failed:?}");
    }

    /// Runs a step once and says what it took.
    pub(crate) fn measured(&self, step: &str) -> String {
        let alone = Folds::default();
        let (fulfillment, lines) = self.place(1);
        let last = milestone("PKG-00001", 100_000, MilestoneKind::Delivered);
        let name = |n: u32| format!("PKG-NEW-{n}");
        let late = |n: u32, milestone_kind| milestone(&name(n), 90_000 + i64::from(n), milestone_kind);
        let ten = Folds::of_batch();
        match step {
            "goods-issue-post" | TEN_REPORTS | TEN_POSTINGS => {
                for n in 0..10 {
                    self.record(&fulfillment, packed(&name(n), 90_000, &lines, None), &alone);
                    self.record(&fulfillment, late(n, MilestoneKind::PickedUp), &alone);
                }
            }
            "warehouse-report-record" => {}
            _ => self.record(&fulfillment, last.clone(), &alone),
        }
        let run = || match step {
            "warehouse-report-record" => self.record(&fulfillment, last, &alone),
            "goods-issue-post" => assert!(self.post(&fulfillment, &name(0), &alone), "it is to be posted"),
            TEN_REPORTS => (0..10).for_each(|n| self.record(&fulfillment, late(n, MilestoneKind::InTransit), &ten)),
            TEN_POSTINGS => {
                (0..10).for_each(|n| assert!(self.post(&fulfillment, &name(n), &ten), "it is to be posted"));
            }
            "fulfillment-rollup" => self.rollup(&fulfillment, &alone),
            "fulfillment-watch" => self.watch(&fulfillment),
            "crm-update" => self.crm(),
            "view-project" => self.project(),
            "order-read" => self.read(),
            "invoice-create" => self.invoice(),
            other => panic!("no step {other}"),
        };
        forget_peak();
        let (before, start) = (memory().0, processor_micros());
        run();
        let (micros, peak) = (processor_micros() - start, memory().1);
        format!("{micros} {}", peak.saturating_sub(before))
    }

    fn watch(&self, fulfillment: &FulfillmentId) {
        let ports = fulfillment_watch::Ports {
            journal: self.journal_of("fulfillment-watch"),
            warehouse: Partners,
            registry: Partners,
        };
        let work = FulfillmentWork { fulfillment: fulfillment.clone() };
        // A watch that goes on is deferred.
        drop(wait(fulfillment_watch::handle(&ports, work, &cx("fulfillment-watch"))));
    }

    fn read(&self) {
        let ports = order_read::Ports { journal: self.journal_of("order-read") };
        let request = Request {
            method: "GET".to_owned(),
            path: format!("/v1/orders/{}", order_id()),
            variables: BTreeMap::from([("id".to_owned(), order_id().to_string())]),
            scopes: vec!["orders:read:all".to_owned()],
            ..Request::default()
        };
        let response = wait(order_read::handle(&ports, request, &cx("order-read"))).unwrap();
        assert_eq!(response.status, 200);
    }

    fn invoice(&self) {
        let ports = invoice_create::Ports { journal: self.journal_of("invoice-create"), erp: Partners };
        drop(wait(invoice_create::handle(&ports, OrderWork { order: order_id() }, &cx("invoice-create"))).unwrap());
    }

    /// All commits and snapshots, for another process.
    pub(crate) fn stored(&self) -> String {
        let mut text = String::new();
        for commit in self.journal.0.streams().iter().flat_map(|stream| self.journal.0.commits(stream)) {
            let line = json!([
                commit.stream,
                commit.version,
                commit.cause.as_str(),
                commit.correlation,
                commit.actor,
                commit.at.to_string(),
                commit.epoch,
                commit.events,
                commit.opened_reviews,
                commit.listed
            ]);
            writeln!(text, "{line}").unwrap();
        }
        for stream in self.journal.0.streams() {
            if let Some(it) = wait(self.journal.0.snapshot(&stream)).unwrap() {
                let line = json!([it.stream, it.version, it.fold, it.epoch, it.digest, it.state]);
                writeln!(text, "{line}").unwrap();
            }
        }
        text
    }

    /// The stores with the commits of [`Scenario::stored`].
    pub(crate) fn restored(size: Size, stored: &str) -> Self {
        let scenario = Self::new(size, 1, false);
        for line in stored.lines() {
            let commit: Vec<Value> = serde_json::from_str(line).unwrap();
            let text = |n: usize| commit[n].as_str().unwrap().to_owned();
            if commit.len() == 6 {
                let state = serde_json::from_value(commit[5].clone()).unwrap();
                let (version, fold) = (commit[1].as_u64().unwrap(), commit[2].as_u64().unwrap());
                let fold = u32::try_from(fold).unwrap();
                let snapshot = Snapshot { stream: text(0), version, fold, epoch: text(3), digest: text(4), state };
                wait(scenario.journal.0.store_snapshot(&snapshot)).unwrap();
                continue;
            }
            scenario.journal.0.overwrite(&Commit {
                stream: text(0),
                version: commit[1].as_u64().unwrap(),
                cause: Cause::stored(text(2)),
                correlation: text(3),
                caused_by: None,
                actor: text(4),
                at: text(5).parse().unwrap(),
                traceparent: None,
                epoch: text(6),
                events: text(7),
                opened_reviews: serde_json::from_value(commit[8].clone()).unwrap(),
                listed: commit[9].as_bool().unwrap(),
                wakes: vec![],
            });
        }
        drop(scenario.journal.0.take_stream());
        scenario
    }
}

fn correlation() -> String {
    format!("01939f1e-7c00-7000-8000-{:012x}", fastrand::u64(..) >> 16)
}

fn cx(function: &'static str) -> Context {
    Context {
        function,
        correlation: correlation(),
        traceparent: None,
        now: Timestamp::from_second(1_767_621_600).unwrap(),
        event_time: at(0),
        lease: Duration::from_secs(15),
        epoch: Epoch::FIRST,
        actor: None,
        folds: Folds::default(),
        measures: Default::default(),
    }
}

/// No call of the stores in memory waits.
fn wait<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a store in memory waits"),
    }
}
