//! The promises, checked from the partners' ledgers and from the journal: from what happened, not from what we believe.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::due::DueWork;
use domain::order::OrderReview;
use domain::order::Status;
use domain::review::{Choice, Decision};
use domain::{Fulfillment, FulfillmentId, LineNo, Order, OrderEvent, Workflow as _};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::deployment::{CLIENT, Deployment, order_id};
use crate::lists::stale_rows;

/// What a finished run was made of, as far as its checks depend on it.
#[derive(Debug)]
pub struct RunContext<'a> {
    /// Every order that the CRM sent.
    pub orders: &'a [Value],
    /// The CRM's ids of the orders that the customer cancelled.
    pub cancelled: &'a [String],
    /// How often each kind of fault happened.
    pub faults_met: &'a BTreeMap<String, u64>,
}

/// The violated promises, in words.
pub fn violations(deployment: &Deployment) -> Vec<String> {
    let mut violations = deployment.wrong.clone();
    violations.extend(at_most_one(deployment));
    violations.extend(nothing_lost(deployment));
    let mut bought = BTreeSet::new();
    violations.extend(unanswered_reorders(deployment));
    for known in all(deployment) {
        violations.extend(conserved(&known));
        violations.extend(agrees_with_ledgers(deployment, &known));
        let natural = (known.terms.submission.customer.to_string(), known.terms.submission.customer_po.to_string());
        // The number of a cancelled order may have gone to the next one.
        if known.names.moved_to.is_none()
            && let Some((_, po)) = bought.replace(natural)
        {
            violations.push(format!("P2: {po} is two orders"));
        }
    }
    violations.extend(journaled(deployment));
    violations.extend(announced(deployment));
    violations
}

/// The violated promises after the last fault, the redrives, and some days.
pub fn violations_after(deployment: &Deployment, play: &RunContext<'_>) -> Vec<String> {
    let mut violations = violations(deployment);
    violations.extend(stale_rows(deployment));
    violations
        .extend(deployment.parked().iter().map(|m| format!("P1: still parked: {} {} {}", m.function, m.code, m.cause)));
    for known in all(deployment) {
        let external = known.terms.submission.external_id.as_str();
        let is_cancellation = |decision: &Decision<OrderReview>| decision.choice == Choice::Cancel;
        let may_end = play.cancelled.iter().any(|it| it == external) || known.decisions.values().any(is_cancellation);
        let status = known.status();
        if status != Status::Invoiced && !(may_end && status.is_final()) {
            let reviews = known.reviews();
            violations.push(format!("P1: order {external} ended as {}: {reviews:?}", status.as_str()));
        }
        // No warehouse of a schedule packs more than was requested.
        for quantities in known.line_quantities().into_iter().filter(|quantities| !quantities.over.is_zero()) {
            violations.push(format!("P5: order {external} shipped more than was ordered: {quantities:?}"));
        }
        violations.extend(shown(deployment, &known));
        violations.extend(forgotten(deployment, &known));
        violations.extend(moved(deployment, &known));
    }
    let lossy = |name: &String| name.starts_with("partner") || ["stalled", "raced"].iter().all(|it| it != name);
    let harmless = |name: &String| name.starts_with("message") || name.starts_with("order");
    if !play.faults_met.keys().any(|name| lossy(name) && !harmless(name)) {
        violations.extend(unanswered(deployment));
    }
    violations
}

/// Every submitted order.
fn all(deployment: &Deployment) -> impl Iterator<Item = Order> {
    deployment.orders().into_iter().filter_map(|id| deployment.fold(&id))
}

/// P8: sends every message again, days later, and lists what that changed.
pub fn redriven(deployment: &mut Deployment, horizon: Duration) -> Vec<String> {
    let effects = |deployment: &Deployment| -> Vec<usize> {
        deployment.partners.borrow().all.iter().map(|partner| partner.ledger.effects.len()).collect()
    };
    let (journal, made) = (deployment.fingerprint(), effects(deployment));
    for (function, body) in deployment.published.clone() {
        deployment.enqueue(&function, &body);
    }
    deployment.run(horizon);
    let mut violations = Vec::new();
    if deployment.fingerprint() != journal {
        violations.push("P8: sending every message again committed something".to_owned());
    }
    if effects(deployment) != made {
        violations.push(format!(
            "P8: sending every message again did something at partners: {made:?}, {:?}",
            effects(deployment)
        ));
    }
    violations.extend(deployment.parked().iter().map(|m| format!("P8: sent again, parked: {} {}", m.function, m.code)));
    violations
}

/// P6: every commit has a cause that is unique in its stream, an actor, a time of this run and a correlation id.
fn journaled(deployment: &Deployment) -> Vec<String> {
    let mut violations = Vec::new();
    for stream in deployment.journal.streams() {
        let mut causes = BTreeSet::new();
        for (commit, version) in deployment.journal.commits(&stream).iter().zip(1..) {
            let mut wrong = |what: &str| violations.push(format!("P6: {stream} version {}: {what}", commit.version));
            if commit.version != version {
                wrong("there is a gap before it");
            }
            if commit.cause.as_str().is_empty() || commit.actor.is_empty() || commit.correlation.is_empty() {
                wrong("no cause, no actor or no correlation id");
            }
            if !deployment.is_within_run(commit.at) {
                wrong("its time is none of the run's");
            }
            if !causes.insert(commit.cause.clone()) {
                wrong(&format!("the cause {} is there twice", commit.cause));
            }
        }
    }
    violations
}

/// P6: the journal announced every effect that a partner's ledger has.
fn announced(deployment: &Deployment) -> Vec<String> {
    let mut open_effects = BTreeSet::new();
    for stream in deployment.journal.streams() {
        for commit in deployment.journal.commits(&stream) {
            let events: Value = serde_json::from_str(&commit.events).unwrap_or_default();
            for event in events.as_array().into_iter().flatten() {
                if event["type"].as_str().is_some_and(|kind| kind.ends_with(".effect_started")) {
                    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
                    open_effects.insert((stream.clone(), text("effect"), text("package")));
                }
            }
        }
    }
    let mut violations = Vec::new();
    for partner in &deployment.partners.borrow().all {
        for done in &partner.ledger.effects {
            let reference = done.effect.reference.as_str();
            let (stream, effect, package) = match done.effect.kind {
                "allocation" => {
                    let order = reference.split('/').next().unwrap_or_default();
                    (format!("order/{order}"), "allocate", "")
                }
                "sales_order" => (format!("order/{reference}"), "create_sales_order", ""),
                "invoice" => (format!("order/{reference}"), "invoice", ""),
                "fulfillment" => (format!("fulfillment/{reference}"), "request_fulfillment", ""),
                "goods_issue" => {
                    let (fulfillment, package) = reference.rsplit_once('/').unwrap_or((reference, ""));
                    (format!("fulfillment/{fulfillment}"), "post_goods_issue", package)
                }
                _ => continue,
            };
            if !open_effects.contains(&(stream.clone(), effect.to_owned(), package.to_owned())) {
                violations
                    .push(format!("P6: {} did {effect} for {reference}, which {stream} never announced", partner.id));
            }
        }
    }
    violations
}

/// P1: where no call and no partner failed and no reply was lost, every announced effect has its answer. A stalled invocation is
/// no exception: at its timeout it is killed between announcement and answer, and the next delivery finishes the effect.
fn unanswered(deployment: &Deployment) -> Vec<String> {
    let mut violations = Vec::new();
    for id in deployment.orders() {
        let Some(known) = deployment.fold(&id) else { continue };
        violations.extend(
            known
                .documents
                .open_effects
                .effects()
                .map(|effect| format!("P1: {id}: {effect:?} was announced and has no answer")),
        );
        for fulfillment in known.fulfillments.assignments.keys() {
            if let Some(known) = deployment.fold_fulfillment(fulfillment) {
                let open = known.open_effects.effects();
                violations.extend(
                    open.map(|effect| format!("P1: {fulfillment}: {effect:?} was announced and has no answer")),
                );
            }
        }
    }
    violations
}

/// P1: no step of an order or of its fulfillments has work that neither a message nor a due item is there for.
fn forgotten(deployment: &Deployment, order: &Order) -> Vec<String> {
    // That the stream begins is no work that stays, and the order's half of a fulfillment's work is not all of it.
    let is_whole = |work: &DueWork| work.step != "due-wake" && work.about.is_empty();
    let id = order.id().to_string();
    let mut due: Vec<(String, DueWork)> =
        Order::due(Some(order), order.id()).into_iter().filter(is_whole).map(|work| (id.clone(), work)).collect();
    for id in order.fulfillments.assignments.keys() {
        let Some(state) = deployment.fold_fulfillment(id) else { continue };
        let posts = |work: &DueWork| work.step == "goods-issue-post";
        due.extend(Fulfillment::due(Some(&state), id).into_iter().filter(posts).map(|work| (id.to_string(), work)));
    }
    let waits = |(id, work): &(String, DueWork)| {
        deployment.due.all().iter().any(|item| item.function == work.step && item.body.contains(id.as_str()))
    };
    due.iter().filter(|due| !waits(due)).map(|(id, work)| format!("P1: {id}: nothing waits for {work:?}")).collect()
}

/// P4: the CRM shows the journal's status. An order that it did not send has our id there.
fn shown(deployment: &Deployment, order: &Order) -> Option<String> {
    let status = order.status().as_str();
    let own = order.id().to_string();
    let is_its_own = order.terms.submission.source.as_str() != CLIENT;
    let external = if is_its_own { order.terms.submission.external_id.as_str() } else { &own };
    let shown = deployment.state("acme-crm")["statuses"][external]["status"].as_str().map(str::to_owned);
    (shown.as_deref() != Some(status)).then(|| format!("P4: order {external} is {status}, the CRM shows {shown:?}"))
}

/// P5: what left the warehouses is what the journal has as shipped and what the ERP took out of its stock.
fn moved(deployment: &Deployment, order: &Order) -> Vec<String> {
    let mut violations = Vec::new();
    let issued = deployment.state("acme-erp")["goods_issues"].clone();
    for (fulfillment, assignment) in &order.fulfillments.assignments {
        let warehouse = deployment.state(assignment.warehouse.as_str());
        let jobs = warehouse["fulfillments"].as_array().into_iter().flatten();
        let mine = jobs.filter(|job| job["reference"].as_str() == Some(&fulfillment.to_string()));
        let mut left: BTreeMap<LineNo, Decimal> = BTreeMap::new();
        for package in mine.flat_map(|job| job["packages"].as_array().into_iter().flatten()) {
            if !will_not_ship(package) {
                continue;
            }
            let lines = quantities(&package["lines"]);
            let reference = format!("{fulfillment}/{}", package["id"].as_str().unwrap_or_default());
            let postings = issued.as_array().into_iter().flatten();
            for posted in postings.filter(|issue| issue["reference"].as_str() == Some(&reference)) {
                if quantities(&in_kits(&posted["lines"])) != lines {
                    violations.push(format!("P5: {reference} left with {lines:?}, the ERP posted {}", posted["lines"]));
                }
            }
            for (line, quantity) in lines {
                *left.entry(line).or_default() += quantity;
            }
        }
        for (whose, shipped) in [
            ("order", shipped_by_order(order, fulfillment)),
            ("fulfillment", shipped_by_fulfillment(deployment, fulfillment)),
        ] {
            if shipped != left {
                violations
                    .push(format!("P5: of {fulfillment}, {left:?} left the warehouse; the {whose} says {shipped:?}"));
            }
        }
    }
    violations
}

fn will_not_ship(package: &Value) -> bool {
    let outside = ["picked_up", "in_transit", "out_for_delivery", "delivered"];
    let milestones = package["milestones"].as_array().into_iter().flatten();
    milestones.filter_map(Value::as_str).any(|name| outside.contains(&name))
}

/// The kit of `infra/partners`, and the number of each part in one kit.
pub const KIT: (&str, [(&str, u32); 2]) = ("SKU-50-KIT", [("SKU-51", 2), ("SKU-52", 1)]);

/// Lines in parts as lines in kits, where every part is there for the same number of kits; other lines unchanged.
fn in_kits(lines: &Value) -> Value {
    let lines = lines.as_array().cloned().unwrap_or_default();
    let (parts, mut others): (Vec<Value>, Vec<Value>) =
        lines.iter().cloned().partition(|line| KIT.1.iter().any(|(sku, _)| line["sku"] == *sku));
    let kits = |line: &Value| {
        let amount: Decimal = line["quantity"].as_str()?.parse().ok()?;
        let (_, per_kit) = KIT.1.iter().find(|(sku, _)| line["sku"] == *sku)?;
        Some(amount / Decimal::from(*per_kit))
    };
    for line in parts.iter().filter(|line| line["sku"] == KIT.1[0].0) {
        let of_line: Vec<&Value> = parts.iter().filter(|part| part["line"] == line["line"]).collect();
        if of_line.len() != KIT.1.len() || of_line.iter().any(|part| kits(part) != kits(line)) {
            return Value::Array(lines);
        }
        let whole = kits(line).unwrap_or_default().to_string();
        others.push(json!({"line": line["line"], "sku": KIT.0, "quantity": whole}));
    }
    Value::Array(others)
}

fn quantities(lines: &Value) -> BTreeMap<LineNo, Decimal> {
    let mut sums = BTreeMap::new();
    for line in lines.as_array().into_iter().flatten() {
        let quantity = line["quantity"].as_str().and_then(|text| text.parse::<Decimal>().ok());
        let number = serde_json::from_value::<LineNo>(line["line"].clone());
        if let (Ok(number), Some(quantity)) = (number, quantity) {
            *sums.entry(number).or_default() += quantity;
        }
    }
    sums
}

fn shipped_by_order(order: &Order, fulfillment: &FulfillmentId) -> BTreeMap<LineNo, Decimal> {
    let shipped = order.fulfillments.progress.get(fulfillment).into_iter().flat_map(|progress| &progress.shipped);
    shipped.map(|(line, quantity)| (*line, quantity.amount())).collect()
}

fn shipped_by_fulfillment(deployment: &Deployment, fulfillment: &FulfillmentId) -> BTreeMap<LineNo, Decimal> {
    let folded = deployment.fold_fulfillment(fulfillment);
    let progress = folded.as_ref().and_then(|state| state.progress().ok());
    let shipped = progress.into_iter().flat_map(|progress| progress.shipped);
    shipped.map(|(line, quantity)| (line, quantity.amount())).collect()
}

/// Name, street and mail address in an order of the CRM.
pub fn personal_data(order: &Value) -> Vec<String> {
    let fields = ["name", "line1", "email"].iter().filter_map(|field| order["ship_to"][field].as_str());
    fields.map(str::to_owned).collect()
}

/// P9: no name, street, mail address or secret is anywhere but in the stores made for them.
pub fn exposed_personal_data(deployment: &Deployment, orders: &[Value]) -> Vec<String> {
    let mut secret: BTreeSet<String> = BTreeSet::new();
    secret.extend(orders.iter().flat_map(personal_data));
    for partner in &deployment.partners.borrow().all {
        secret.insert(partner.token.clone());
        secret.extend(partner.signing.iter().cloned());
    }
    let mut violations = Vec::new();
    for (place, text) in deployment.written() {
        if let Some(found) = secret.iter().find(|word| text.contains(word.as_str())) {
            violations.push(format!("P9: {place} holds `{found}`"));
        }
    }
    violations
}

/// P2: no partner has two live documents of a kind for one reference.
fn at_most_one(deployment: &Deployment) -> Vec<String> {
    let kinds = [
        ("acme-erp", "allocation"),
        ("acme-erp", "sales_order"),
        ("acme-erp", "goods_issue"),
        ("acme-erp", "invoice"),
        ("eastco", "fulfillment"),
        ("shipwest", "fulfillment"),
    ];
    let mut violations = Vec::new();
    for (partner, kind) in kinds {
        let undone = deployment.made(partner, undoing(kind));
        for (reference, made) in deployment.made(partner, kind) {
            let live = made.saturating_sub(undone.get(&reference).copied().unwrap_or(0));
            if live > 1 {
                violations.push(format!("P2: {partner} has {live} × {kind} for {reference}"));
            }
        }
    }
    violations
}

/// The kind under which a ledger records that a document was undone.
fn undoing(kind: &str) -> &'static str {
    match kind {
        "allocation" => "allocation_deallocated",
        "sales_order" => "sales_order_cancelled",
        "fulfillment" => "fulfillment_cancelled",
        _ => "",
    }
}

/// P1: every acknowledged order ended, or has a review, a parked message or a queued one.
fn nothing_lost(deployment: &Deployment) -> Vec<String> {
    let mut violations = Vec::new();
    let parked = deployment.parked();
    for order in deployment.made("acme-crm", "order").keys() {
        let id = order_id(order);
        match deployment.order_named(&id) {
            None if parked.is_empty() => violations.push(format!("P1: {order} was never submitted")),
            None => {}
            Some(known) => {
                let fulfillment_waits = known.fulfillments.assignments.keys().any(|fulfillment| {
                    deployment
                        .fold_fulfillment(fulfillment)
                        .is_some_and(|fulfillment| !fulfillment.reviews().is_empty())
                });
                let waits =
                    !known.reviews().is_empty() || fulfillment_waits || !parked.is_empty() || deployment.queued() > 0;
                if !known.status().is_final() && !waits {
                    violations.push(format!("P1: {id} is {} without a review", known.status().as_str()));
                }
            }
        }
    }
    violations
}

/// P1: a submission under a new id that came after the order's cancellation is a new order, or a conflict of the old one.
fn unanswered_reorders(deployment: &Deployment) -> Vec<String> {
    let mut violations = Vec::new();
    for known in all(deployment) {
        let mut is_cancelled = false;
        let stream = format!("order/{}", known.id());
        for commit in deployment.journal.commits(&stream) {
            let events: Vec<OrderEvent> = serde_json::from_str(&commit.events).unwrap_or_default();
            let conflicts = events.iter().any(|event| matches!(event, OrderEvent::SubmissionConflicted(_)));
            for event in events {
                is_cancelled |= matches!(event, OrderEvent::CancelRequested(_));
                if let OrderEvent::AliasAdded(added) = event
                    && is_cancelled
                    && !conflicts
                {
                    let external = added.external_id;
                    violations.push(format!("P1: {external} is an alias of the cancelled {stream} without a review"));
                }
            }
        }
    }
    violations
}

/// P5: every line adds up.
fn conserved(order: &Order) -> Vec<String> {
    let mut violations = Vec::new();
    for l in order.line_quantities() {
        let has = l.ordered.amount() + l.over.amount();
        let parts = [l.open, l.in_fulfillment, l.backordered, l.cancelled, l.shipped];
        let sum = parts.iter().map(|part| part.amount()).sum();
        if has != sum || l.delivered.amount() > l.shipped.amount() {
            violations.push(format!("P5: {} line {} does not add up: {l:?}", order.id(), l.line));
        }
    }
    violations
}

/// P2: the journal and the partners' ledgers have the same documents.
fn agrees_with_ledgers(deployment: &Deployment, order: &Order) -> Vec<String> {
    let mut violations = Vec::new();
    let id = order.id().to_string();
    let made = |partner: &str, kind: &str, reference: &str| -> usize {
        let of = |made: &(String, usize)| made.0 == reference || made.0.starts_with(&format!("{reference}/"));
        deployment.made(partner, kind).into_iter().filter(of).map(|(_, count)| count).sum()
    };
    // Created and not undone.
    let has = |partner: &str, kind: &str, reference: &str| {
        made(partner, kind, reference).saturating_sub(made(partner, undoing(kind), reference))
    };
    let mut compare = |what: &str, journal: usize, ledger: usize, open: bool| {
        // An announced effect without an answer is possibly done, so both numbers are right.
        if journal != ledger && !open {
            violations.push(format!("{id}: {what}: the journal has {journal}, the partner {ledger}"));
        }
    };
    let open = |effect: &domain::OrderEffect| order.documents.open_effects.contains(effect);
    let allocating =
        order.documents.open_effects.effects().any(|effect| {
            matches!(effect, domain::OrderEffect::Allocate { .. } | domain::OrderEffect::Deallocate { .. })
        });
    compare("allocation", order.stock.allocations.len(), has("acme-erp", "allocation", &id), allocating);
    let sold = usize::from(order.documents.sales_order().is_some());
    compare("sales order", sold, has("acme-erp", "sales_order", &id), open(&domain::OrderEffect::CreateSalesOrder));
    let invoiced = usize::from(order.stage.invoice().is_some());
    compare("invoice", invoiced, has("acme-erp", "invoice", &id), open(&domain::OrderEffect::Invoice));
    for (fulfillment_id, assignment) in &order.fulfillments.assignments {
        let Some(fulfillment) = deployment.fold_fulfillment(fulfillment_id) else { continue };
        let accepted = fulfillment.references().count();
        let asked = has(assignment.warehouse.as_str(), "fulfillment", &fulfillment_id.to_string());
        let open = fulfillment.open_effects.contains(&domain::FulfillmentEffect::Request);
        compare("fulfillment", accepted, asked, open);
        for package in fulfillment.packages.keys() {
            let effect = domain::FulfillmentEffect::PostGoodsIssue { package: package.clone() };
            let posted = usize::from(fulfillment.goods_issues.contains_key(package));
            let issued = has("acme-erp", "goods_issue", &format!("{fulfillment_id}/{package}"));
            compare("goods issue", posted, issued, fulfillment.open_effects.contains(&effect));
        }
    }
    violations
}

/// The number of orders in each status.
pub fn statuses(deployment: &Deployment) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for id in deployment.orders() {
        if let Some(known) = deployment.fold(&id) {
            *counts.entry(known.status().as_str()).or_default() += 1;
        }
    }
    counts
}
