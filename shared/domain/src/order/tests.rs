#![allow(clippy::unwrap_used)]

use crate::fulfillment::{MilestoneKind, Opened, PackageStatus};
use crate::order::{
    Allocation, CreditApproved, CreditExpired, CrmState, Deallocated, Expected, LineQuantities, Released,
    RequestStatus, SalesOrderCancelled, ShortPolicy, Status, StockArrived, Template, WithdrawalReason,
};
use crate::order::{AllocationNo, OrderEffect, OrderReview};
use crate::review::{Choice, Review, ReviewKind as _};
use crate::samples::{
    allocation, amendment, apply, approved, assignment, at, begin, cancel, decision, each, failed, fulfillment_id,
    held, hold_released, id, invoiced, line_no, line_quantity, overdue, play, progress, quantity, quote, refused,
    refused_credit, released, routed, routing, site, started, submission, to_release, told,
};
use crate::{EffectFailed, EffectRequest, Order, OrderCommand, OrderEvent, Rejection, Uom, Workflow};

fn status(order: &Order) -> Status {
    order.status()
}

fn kinds(order: &Order) -> Vec<OrderReview> {
    order.reviews().into_iter().map(|review| review.kind).collect()
}

fn quantities(order: &Order, line: u32) -> LineQuantities {
    let line_quantities = order.line_quantities();
    line_quantities.into_iter().find(|quantities| quantities.line == line_no(line)).unwrap()
}

fn report(n: u32, as_of: u64, shipped: &[(u32, u32)], delivered: &[(u32, u32)]) -> OrderCommand {
    OrderCommand::RecordProgress(progress(n, as_of, RequestStatus::Accepted, shipped, delivered))
}

fn rejection(n: u32, as_of: u64) -> OrderCommand {
    OrderCommand::RecordProgress(progress(n, as_of, RequestStatus::Rejected, &[], &[]))
}

fn priced(ship_complete: bool) -> Order {
    let mut submission = submission(&[10]);
    submission.ship_complete = ship_complete;
    let quote = quote(&submission, 1);
    begin::<Order>([OrderCommand::Submit(submission), OrderCommand::RecordQuote(quote)])
}

fn stock(short: u32) -> Allocation {
    allocation("AL-1", &[(1, &[("EAST", 10 - short)], short)])
}

/// The command after `command`, each once: a new one does not compile until it has its place in the table.
fn after(command: &OrderCommand) -> Option<OrderCommand> {
    match command {
        OrderCommand::Submit(_) => Some(OrderCommand::RecordQuote(quote(&submission(&[10]), 1))),
        OrderCommand::RecordQuote(_) => Some(OrderCommand::RecordUnpriceable(Rejection::new("UNKNOWN_SKU", "no"))),
        OrderCommand::RecordUnpriceable(_) => Some(OrderCommand::RecordCreditApproved(approved())),
        OrderCommand::RecordCreditApproved(_) => Some(OrderCommand::RecordCreditRefused(refused_credit())),
        OrderCommand::RecordCreditRefused(_) => {
            Some(OrderCommand::ExpireCredit(CreditExpired { valid_until: at(1_440) }))
        }
        OrderCommand::ExpireCredit(_) => Some(OrderCommand::RecordAllocation(stock(0))),
        OrderCommand::RecordAllocation(_) => {
            Some(OrderCommand::RecordStock(StockArrived { lines: vec![line_quantity(1, 2)] }))
        }
        OrderCommand::RecordStock(_) => {
            Some(OrderCommand::RecordDeallocated(Deallocated { allocation_no: AllocationNo::new(1) }))
        }
        OrderCommand::RecordDeallocated(_) => Some(OrderCommand::RecordRelease(released("SO-1"))),
        OrderCommand::RecordRelease(_) => {
            Some(OrderCommand::RecordSalesOrderCancelled(SalesOrderCancelled { sales_order: Some(id("SO-1")) }))
        }
        OrderCommand::RecordSalesOrderCancelled(_) => {
            Some(OrderCommand::RecordRouting(routing(&[assignment(1, &[line_quantity(1, 10)])])))
        }
        OrderCommand::RecordRouting(_) => Some(report(1, 9, &[(1, 10)], &[(1, 10)])),
        OrderCommand::RecordProgress(_) => Some(OrderCommand::RecordCrmUpdated(told(3, "news"))),
        OrderCommand::RecordCrmUpdated(_) => Some(OrderCommand::RecordInvoice(invoiced("INV-1"))),
        OrderCommand::RecordInvoice(_) => Some(OrderCommand::RaiseOverdue(overdue())),
        OrderCommand::RaiseOverdue(_) => Some(OrderCommand::Cancel(cancel())),
        OrderCommand::Cancel(_) => Some(OrderCommand::Hold(held())),
        OrderCommand::Hold(_) => Some(OrderCommand::ReleaseHold(hold_released())),
        OrderCommand::ReleaseHold(_) => Some(OrderCommand::Amend(amendment(&[8]))),
        OrderCommand::Amend(_) => Some(OrderCommand::Reassign(fulfillment_id(1))),
        OrderCommand::Reassign(_) => {
            let review = Review { kind: OrderReview::Unpriceable, reason: "UNKNOWN_SKU: no".to_owned() };
            Some(OrderCommand::Decide(decision(&[review], OrderReview::Unpriceable, Choice::Retry)))
        }
        OrderCommand::Decide(_) => Some(OrderCommand::Announce(started(OrderEffect::Invoice, 2))),
        OrderCommand::Announce(_) => Some(OrderCommand::RecordEffectFailed(failed(
            OrderEffect::Allocate { allocation_no: AllocationNo::FIRST },
            1,
        ))),
        OrderCommand::RecordEffectFailed(_) => Some(OrderCommand::RecordEffectRejected(refused(
            OrderEffect::Allocate { allocation_no: AllocationNo::FIRST },
            "CLOSED",
        ))),
        OrderCommand::RecordEffectRejected(_) => None,
    }
}

fn name(command: &OrderCommand) -> &'static str {
    match command {
        OrderCommand::Submit(_) => "submit",
        OrderCommand::RecordQuote(_) => "quote",
        OrderCommand::RecordUnpriceable(_) => "unpriceable",
        OrderCommand::RecordCreditApproved(_) => "credit-approved",
        OrderCommand::RecordCreditRefused(_) => "credit-refused",
        OrderCommand::ExpireCredit(_) => "credit-expired",
        OrderCommand::RecordAllocation(_) => "allocation",
        OrderCommand::RecordStock(_) => "stock-arrived",
        OrderCommand::RecordDeallocated(_) => "allocation-released",
        OrderCommand::RecordRelease(_) => "release",
        OrderCommand::RecordSalesOrderCancelled(_) => "sales-order-cancelled",
        OrderCommand::RecordRouting(_) => "routing",
        OrderCommand::RecordProgress(_) => "progress",
        OrderCommand::RecordCrmUpdated(_) => "crm-updated",
        OrderCommand::RecordInvoice(_) => "invoice",
        OrderCommand::RaiseOverdue(_) => "overdue",
        OrderCommand::Cancel(_) => "cancel",
        OrderCommand::Hold(_) => "hold",
        OrderCommand::ReleaseHold(_) => "release-hold",
        OrderCommand::Amend(_) => "amend",
        OrderCommand::Reassign(_) => "reassign",
        OrderCommand::Decide(_) => "decide",
        OrderCommand::Announce(_) => "announce",
        OrderCommand::RecordEffectFailed(_) => "effect-failed",
        OrderCommand::RecordEffectRejected(_) => "refused",
    }
}

fn routed_order() -> Order {
    routed(&[10], &[&[line_quantity(1, 10)]])
}

/// Released with four of ten pieces short, and the rest routed.
fn short() -> Order {
    let words = [
        OrderCommand::RecordCreditApproved(approved()),
        OrderCommand::RecordAllocation(stock(4)),
        OrderCommand::RecordRelease(released("SO-1")),
        OrderCommand::RecordRouting(routing(&[assignment(1, &[line_quantity(1, 6)])])),
    ];
    play(priced(false), words)
}

fn stages() -> Vec<(&'static str, Order)> {
    let submitted = begin::<Order>([OrderCommand::Submit(submission(&[10]))]);
    let why = Rejection::new("UNKNOWN_SKU", "no");
    let priced = priced(false);
    let refused = apply(priced.clone(), OrderCommand::RecordCreditRefused(refused_credit()));
    let approved = apply(priced.clone(), OrderCommand::RecordCreditApproved(approved()));
    let asking = apply(
        priced.clone(),
        OrderCommand::Announce(started(OrderEffect::Allocate { allocation_no: AllocationNo::FIRST }, 1)),
    );
    let cleared = apply(approved.clone(), OrderCommand::RecordAllocation(stock(0)));
    let released = apply(cleared.clone(), OrderCommand::RecordRelease(released("SO-1")));
    let unroutable = apply(released.clone(), OrderCommand::RecordRouting(routing(&[])));
    let routed =
        apply(released.clone(), OrderCommand::RecordRouting(routing(&[assignment(1, &[line_quantity(1, 10)])])));
    let delivered = apply(routed.clone(), report(1, 8, &[(1, 10)], &[(1, 10)]));
    vec![
        ("submitted", submitted.clone()),
        ("unpriceable", apply(submitted, OrderCommand::RecordUnpriceable(why))),
        ("priced", priced),
        ("asking", asking),
        ("refused", refused),
        ("approved", approved),
        ("cleared", cleared),
        ("released", released.clone()),
        ("unroutable", unroutable),
        ("routed", routed),
        ("delivered", delivered.clone()),
        ("invoiced", apply(delivered, OrderCommand::RecordInvoice(invoiced("INV-1")))),
        ("cancelling", apply(released.clone(), OrderCommand::Cancel(cancel()))),
        ("held", apply(released, OrderCommand::Hold(held()))),
        ("short", short()),
        ("amending", apply(routed_order(), OrderCommand::Amend(amendment(&[9])))),
        (
            "shipped-part",
            apply(
                crate::samples::routed(&[10], &[&[line_quantity(1, 6)], &[line_quantity(1, 4)]]),
                report(1, 8, &[(1, 6)], &[]),
            ),
        ),
    ]
}

/// The decision table as a page for people.
fn page(table: &str) -> String {
    let mut page = String::from(
        "# What an order answers\n\n\
         For every command, its answer in every stage of an order: the events that are committed, `nothing new` where the order\n\
         knows it already or has no use for it, or a refusal with its code. `cargo test -p domain` compares this page with the\n\
         code and prints the page as it has to be.\n\n\
         Where warehouses have fulfillments of the order, a change request withdraws each of them first (`withdrawal_requested`).\n\
         [ARCHITECTURE.md](../ARCHITECTURE.md) says what follows from each event.\n\n\
         | stage | the order |\n|---|---|\n",
    );
    for (stage, what) in [
        ("absent", "was never submitted"),
        ("submitted", "waits for the ERP's price"),
        ("unpriceable", "was refused a price"),
        ("priced", "has a price; credit and stock are requested"),
        ("asking", "the same, with an announced and unanswered allocation"),
        ("refused", "was refused credit"),
        ("approved", "has credit and waits for stock"),
        ("cleared", "has credit and stock and waits for its sales order"),
        ("released", "has its sales order and waits for its warehouses"),
        ("unroutable", "has no warehouse that may or can ship it"),
        ("routed", "is requested at one warehouse"),
        ("delivered", "arrived, and waits for its invoice"),
        ("invoiced", "is delivered and invoiced"),
        ("cancelling", "was cancelled after its release"),
        ("held", "was put on hold after its release"),
        ("short", "is routed in part, and waits for stock in part"),
        ("amending", "waits for its warehouse to withdraw its fulfillment before it is amended"),
        ("shipped-part", "is at two warehouses, and one of them has shipped"),
    ] {
        page.push_str(&format!("| {stage} | {what} |\n"));
    }
    page.push_str("\n| command | makes | in the stages |\n|---|---|---|\n");
    let mut command = "";
    for line in table.lines() {
        let Some(answer) = line.strip_prefix("  ") else {
            command = line;
            continue;
        };
        let (answer, stages) = answer.split_once(": ").unwrap();
        let answer = match answer.strip_prefix('!') {
            Some(code) => format!("refused: `{code}`"),
            None if answer == "-" => "nothing new".to_owned(),
            None => format!("`{}`", answer.replace('+', "`, `")),
        };
        page.push_str(&format!("| {command} | {answer} | {} |\n", stages.replace(' ', ", ")));
    }
    page
}

#[test]
fn every_command_has_one_answer_in_every_stage() {
    let table = crate::samples::table(stages(), OrderCommand::Submit(submission(&[10])), after, name);
    let page = page(&table);
    let written = include_str!("../../../../docs/order-states.md");
    assert!(written == page, "docs/order-states.md is not what the code does. It has to be:\n{page}");
}

#[test]
fn b02_a_second_document_for_one_effect_is_kept_and_reviewed_in_either_order() {
    let twice: [(Order, [OrderCommand; 2]); 3] = [
        (
            priced(false),
            ["AL-1", "AL-2"]
                .map(|number| OrderCommand::RecordAllocation(allocation(number, &[(1, &[("EAST", 10)], 0)]))),
        ),
        (
            begin::<Order>(to_release(&[10]).into_iter().take(4)),
            ["SO-1", "SO-2"].map(|number| OrderCommand::RecordRelease(released(number))),
        ),
        (
            routed(&[10], &[&[line_quantity(1, 10)]]),
            ["INV-1", "INV-2"].map(|number| OrderCommand::RecordInvoice(invoiced(number))),
        ),
    ];
    for (order, [one, two]) in twice {
        let forth = play(order.clone(), [one.clone(), two.clone()]);
        let back = play(order.clone(), [two.clone(), one.clone()]);
        assert_eq!(kinds(&forth), [OrderReview::DuplicateDocument]);
        assert_eq!(forth.reviews(), back.reviews());
        assert_eq!(forth.decide(two), Ok(vec![]), "once is enough");
        assert!(kinds(&apply(order, one)).is_empty());
    }
}

#[test]
fn an_answer_is_recorded_in_every_stage_also_after_a_cancel() {
    let documents = [
        (OrderEffect::Allocate { allocation_no: AllocationNo::FIRST }, OrderCommand::RecordAllocation(stock(0))),
        (OrderEffect::CreateSalesOrder, OrderCommand::RecordRelease(released("SO-1"))),
        (OrderEffect::Invoice, OrderCommand::RecordInvoice(invoiced("INV-1"))),
    ];
    for (stage, order) in stages() {
        for (effect, answer) in &documents {
            let asked = play(
                order.clone(),
                [OrderCommand::Announce(started(effect.clone(), 1)), OrderCommand::Cancel(cancel())],
            );
            let answered = apply(asked, answer.clone());
            let known = answered;
            assert!(!known.documents.open_effects.contains(effect), "{stage}: {effect:?} stays open");
            let kept = known.document(effect).is_some() || known.documents.duplicates.contains_key(effect);
            assert!(kept, "{stage}: {effect:?} is lost");
        }
    }
}

#[test]
fn b08_the_status_of_a_split_order_follows_from_both_fulfillments() {
    let order = routed(&[10], &[&[line_quantity(1, 6)], &[line_quantity(1, 4)]]);
    assert_eq!(status(&order), Status::Routed);
    let order = apply(order, report(1, 2, &[], &[]));
    assert_eq!(status(&order), Status::Routed, "one yes is not enough");
    let order = apply(order, report(2, 2, &[], &[]));
    assert_eq!(status(&order), Status::Accepted);
    let order = apply(order, report(1, 4, &[(1, 6)], &[(1, 6)]));
    assert_eq!(status(&order), Status::PartiallyShipped);
    let order = apply(order, report(2, 4, &[(1, 4)], &[]));
    assert_eq!(status(&order), Status::Shipped);
    assert!(order.invoice_request().is_none());
    let order = apply(order, report(2, 6, &[(1, 4)], &[(1, 4)]));
    assert_eq!(status(&order), Status::Delivered);
    assert!(order.invoice_request().is_some());
}

#[test]
fn b08_a_refused_fulfillment_opens_its_quantity_again_and_is_reviewed() {
    let order = routed(&[10], &[&[line_quantity(1, 6)], &[line_quantity(1, 4)]]);
    let order = play(order, [report(1, 4, &[(1, 6)], &[(1, 6)]), rejection(2, 3)]);
    assert_eq!(quantities(&order, 1).open, each(4));
    assert_eq!(status(&order), Status::PartiallyShipped);
    assert!(order.invoice_request().is_none());
    let known = &order;
    assert!(
        known.reviews().is_empty() && known.fulfillments.refusals().eq([&fulfillment_id(2)]),
        "another site is weighed first"
    );
    assert!(order.routing_query().is_some());
    let stuck = apply(order, OrderCommand::RecordRouting(routing(&[])));
    assert_eq!(kinds(&stuck), [OrderReview::Unroutable, OrderReview::FulfillmentRejected]);
    assert_eq!(status(&stuck), Status::PartiallyShipped);
}

#[test]
fn b09_what_is_short_waits_and_ship_complete_holds_all_of_it() {
    let words = |ship_complete, short| {
        play(
            priced(ship_complete),
            [OrderCommand::RecordCreditApproved(approved()), OrderCommand::RecordAllocation(stock(short))],
        )
    };
    assert_eq!(
        (status(&words(false, 4)), words(false, 4).sales_order_request(at(0)).is_some()),
        (Status::Priced, true)
    );
    assert_eq!(
        (status(&words(true, 4)), words(true, 4).sales_order_request(at(0)).is_some()),
        (Status::Backordered, false)
    );
    assert_eq!(kinds(&words(true, 4)), [OrderReview::StockShort]);
    assert_eq!(
        (status(&words(false, 10)), words(true, 0).sales_order_request(at(0)).is_some()),
        (Status::Priced, true)
    );
    assert_eq!(quantities(&words(true, 4), 1).backordered, each(4));
}

#[test]
fn an_order_that_waits_for_credit_alone_is_not_called_backordered() {
    let order = apply(priced(false), OrderCommand::RecordAllocation(stock(4)));
    assert_eq!(status(&order), Status::Priced);
}

#[test]
fn b12_over_shipment_across_fulfillments_is_counted_once_and_reviewed() {
    let order = routed(&[10], &[&[line_quantity(1, 6)], &[line_quantity(1, 4)]]);
    let order = play(order, [report(1, 4, &[(1, 8)], &[(1, 8)]), report(2, 4, &[(1, 4)], &[(1, 4)])]);
    let quantities = quantities(&order, 1);
    assert_eq!((quantities.over, quantities.shipped, quantities.in_fulfillment), (each(2), each(12), each(0)));
    assert_eq!(kinds(&order), [OrderReview::OverShipped]);
    assert_eq!(status(&order), Status::Delivered);
}

#[test]
fn b15_two_lines_of_one_product_keep_their_quantities_apart() {
    let mut submission = submission(&[3, 5]);
    submission.lines[1].sku = submission.lines[0].sku.clone();
    let quote = quote(&submission, 1);
    let order = begin::<Order>([OrderCommand::Submit(submission), OrderCommand::RecordQuote(quote)]);
    let lines = order.allocation_request().unwrap().lines;
    assert_eq!(lines.iter().map(|goods| goods.quantity).collect::<Vec<_>>(), [each(3), each(5)]);
    let fulfillments = [line_quantity(1, 3), line_quantity(2, 5)];
    let order = play(
        order,
        [
            OrderCommand::RecordCreditApproved(approved()),
            OrderCommand::RecordAllocation(allocation("AL-1", &[(1, &[("EAST", 3)], 0), (2, &[("EAST", 5)], 0)])),
            OrderCommand::RecordRelease(released("SO-1")),
            OrderCommand::RecordRouting(routing(&[assignment(1, &fulfillments)])),
            report(1, 3, &[(2, 5)], &[]),
        ],
    );
    assert_eq!((quantities(&order, 1).shipped, quantities(&order, 2).shipped), (each(0), each(5)));
}

#[test]
fn b16_cases_are_allocated_as_pieces_and_a_fraction_of_one_needs_a_decision() {
    let mut cases = submission(&[3]);
    cases.lines[0].quantity = quantity(3, "CS");
    let submitted = begin::<Order>([OrderCommand::Submit(cases.clone())]);
    assert_eq!(quantities(&submitted, 1).ordered, quantity(3, "CS"));
    let priced = apply(submitted.clone(), OrderCommand::RecordQuote(quote(&cases, 12)));
    assert_eq!(quantities(&priced, 1).ordered, each(36));
    assert_eq!(priced.allocation_request().unwrap().lines[0].quantity, each(36));
    let mut uneven = quote(&cases, 5);
    uneven.lines[0].denominator = 2.try_into().unwrap();
    let stuck = apply(submitted.clone(), OrderCommand::RecordQuote(uneven));
    assert_eq!((status(&stuck), kinds(&stuck)), (Status::Unpriceable, vec![OrderReview::Unpriceable]));
    let mut pounds = quote(&cases, 12);
    pounds.lines[0].base_uom = "LB".parse::<Uom>().unwrap();
    assert_eq!(quantities(&apply(submitted, OrderCommand::RecordQuote(pounds)), 1).ordered, quantity(36, "LB"));
}

#[test]
fn b20_a_price_in_another_currency_or_a_sum_that_is_none_is_not_taken() {
    let submission = submission(&[3]);
    let submitted = begin::<Order>([OrderCommand::Submit(submission.clone())]);
    let mut euros = quote(&submission, 1);
    euros.tax.currency = id("EUR");
    let mut wrong = quote(&submission, 1);
    wrong.total.amount += rust_decimal::Decimal::ONE;
    let mut silent = quote(&submission, 1);
    silent.lines.clear();
    for (quote, code) in [(euros, "OTHER_CURRENCY"), (wrong, "TOTALS_DISAGREE"), (silent, "LINE_WITHOUT_PRICE")] {
        let order = apply(submitted.clone(), OrderCommand::RecordQuote(quote));
        assert!(order.reviews()[0].reason.starts_with(code));
        assert!(order.allocation_request().is_none());
    }
}

#[test]
fn b27_the_same_order_again_is_nothing_new_and_another_content_is_a_conflict_once() {
    let order = begin::<Order>([OrderCommand::Submit(submission(&[3]))]);
    assert_eq!(order.decide(OrderCommand::Submit(submission(&[3]))), Ok(vec![]));
    let mut other = submission(&[4]);
    other.digest = "second".to_owned();
    let conflicted = apply(order, OrderCommand::Submit(other.clone()));
    assert_eq!(kinds(&conflicted), [OrderReview::ConflictingSubmission]);
    assert_eq!(conflicted.decide(OrderCommand::Submit(other)), Ok(vec![]));
    assert_eq!(quantities(&conflicted, 1).ordered, each(3));
}

fn withdrawn(n: u32, as_of: u64) -> OrderCommand {
    let mut report = progress(n, as_of, RequestStatus::Withdrawn, &[], &[]);
    report.packages.clear();
    OrderCommand::RecordProgress(report)
}

fn kept(n: u32, as_of: u64) -> OrderCommand {
    let mut report = progress(n, as_of, RequestStatus::Accepted, &[], &[]);
    report.withdrawal_refused = Some("TOO_LATE: packing has begun".to_owned());
    OrderCommand::RecordProgress(report)
}

fn decide(order: &Order, kind: OrderReview, choice: Choice) -> Order {
    let decision = decision(&order.reviews(), kind, choice);
    apply(order.clone(), OrderCommand::Decide(decision))
}

fn notices(events: &[OrderEvent]) -> Vec<Template> {
    let template = |event: &OrderEvent| {
        if let OrderEvent::CustomerNotice(notice) = event { Some(notice.template) } else { None }
    };
    events.iter().filter_map(template).collect()
}

#[test]
fn b04_a_cancelled_order_undoes_what_was_made_once_every_fulfillment_came_back() {
    let order = routed(&[10], &[&[line_quantity(1, 6)], &[line_quantity(1, 4)]]);
    let asked = order.decide(OrderCommand::Cancel(cancel())).unwrap();
    let backs = asked.iter().filter(|event| matches!(event, OrderEvent::WithdrawalRequested(_))).count();
    assert_eq!(backs, 2, "each fulfillment is asked back: {asked:?}");
    let order = play(order, [OrderCommand::Cancel(cancel()), withdrawn(1, 3)]);
    assert!(order.deallocation().is_none() && order.sales_order_cancellation().is_none(), "one may still ship");
    let order = apply(order, rejection(2, 3));
    assert_eq!(order.sales_order_cancellation().unwrap().sales_order, Some(id("SO-1")));
    assert_eq!(order.deallocation().unwrap().allocation_no, AllocationNo::new(1));
    assert_eq!(status(&order), Status::Cancelling);
    let order = apply(order, OrderCommand::RecordDeallocated(Deallocated { allocation_no: AllocationNo::new(1) }));
    let gone = OrderCommand::RecordSalesOrderCancelled(SalesOrderCancelled { sales_order: Some(id("SO-1")) });
    assert_eq!(notices(&order.decide(gone.clone()).unwrap()), [Template::Cancelled]);
    let order = apply(order, gone);
    assert_eq!((status(&order), kinds(&order)), (Status::Cancelled, vec![]));
    assert_eq!(quantities(&order, 1).cancelled, each(10));
    assert!(order.deallocation().is_none() && order.sales_order_cancellation().is_none());
}

#[test]
fn b04_a_cancel_that_comes_after_picking_is_refused_and_the_order_lives_on() {
    let cancelled = apply(routed_order(), OrderCommand::Cancel(cancel()));
    let told = cancelled.decide(kept(1, 3)).unwrap();
    assert_eq!(notices(&told), [Template::CancelRejected]);
    let order = apply(cancelled, kept(1, 3));
    assert_eq!((status(&order), kinds(&order)), (Status::Accepted, vec![OrderReview::WithdrawalRefused]));
    assert!(order.sales_order_cancellation().is_none() && order.deallocation().is_none());
    let order = apply(order, report(1, 6, &[(1, 10)], &[(1, 10)]));
    assert_eq!(status(&order), Status::Delivered);
    assert!(order.invoice_request().is_some(), "what shipped is paid for");
}

#[test]
fn what_may_have_been_made_is_undone_too_but_not_before_its_maker_is_certainly_done() {
    let cleared = begin::<Order>(to_release(&[10]).into_iter().take(4));
    let order = play(
        cleared,
        [OrderCommand::Announce(started(OrderEffect::CreateSalesOrder, 3)), OrderCommand::Cancel(cancel())],
    );
    let undo = order.sales_order_cancellation().unwrap();
    assert_eq!((undo.sales_order.clone(), undo.sent_until), (None, Some(at(3))));
    let late = apply(order.clone(), OrderCommand::RecordRelease(released("SO-1")));
    assert_eq!(late.sales_order_cancellation().unwrap().sales_order, Some(id("SO-1")), "the late answer names it");
    let none = apply(order, OrderCommand::RecordSalesOrderCancelled(SalesOrderCancelled { sales_order: None }));
    assert!(none.sales_order_cancellation().is_none());
    let later = apply(none, OrderCommand::RecordRelease(released("SO-2")));
    assert!(later.sales_order_cancellation().is_some(), "one that turns up after that is cancelled as well");
    let asking = play(
        priced(false),
        [OrderCommand::Announce(started(OrderEffect::Allocate { allocation_no: AllocationNo::FIRST }, 2))],
    );
    let order = apply(asking, OrderCommand::Cancel(cancel()));
    assert_eq!(order.deallocation().unwrap().sent_until, Some(at(2)));
}

#[test]
fn what_certainly_was_not_made_needs_no_undoing_and_its_order_is_done_with() {
    let failed = |effect: OrderEffect, attempt, not_sent| {
        OrderCommand::RecordEffectFailed(EffectFailed { effect, attempt, code: "PRT-002".to_owned(), not_sent })
    };
    let allocating = || {
        play(
            priced(false),
            [OrderCommand::Announce(started(OrderEffect::Allocate { allocation_no: AllocationNo::FIRST }, 1))],
        )
    };
    let cleared = begin::<Order>(to_release(&[10]).into_iter().take(4));
    let selling = apply(cleared, OrderCommand::Announce(started(OrderEffect::CreateSalesOrder, 1)));
    for (order, effect) in [
        (allocating(), OrderEffect::Allocate { allocation_no: AllocationNo::FIRST }),
        (selling, OrderEffect::CreateSalesOrder),
    ] {
        let going_on = order.decide(failed(effect.clone(), 1, true)).unwrap();
        assert_eq!(going_on.len(), 1, "it is made again: {going_on:?}");
        let cancelled = apply(order, OrderCommand::Cancel(cancel()));
        assert_eq!(status(&cancelled), Status::Cancelling);
        let in_doubt = apply(cancelled.clone(), failed(effect.clone(), 1, false));
        assert_eq!(status(&in_doubt), Status::Cancelling);
        let done = apply(cancelled, failed(effect.clone(), 1, true));
        let undone = done.deallocation().is_none() || effect == OrderEffect::CreateSalesOrder;
        assert!(undone && done.sales_order_cancellation().is_none(), "{effect:?}");
    }
    let told = apply(allocating(), OrderCommand::Cancel(cancel())).decide(failed(
        OrderEffect::Allocate { allocation_no: AllocationNo::FIRST },
        1,
        true,
    ));
    assert!(
        matches!(&told.unwrap()[..], [_, OrderEvent::Deallocated(_), OrderEvent::CustomerNotice(notice)] if notice.template == Template::Cancelled)
    );
}

#[test]
fn b05_a_shipment_that_crosses_a_cancel_wins_and_is_reviewed() {
    let order = routed(&[10], &[&[line_quantity(1, 6)], &[line_quantity(1, 4)]]);
    let cancelled = apply(order.clone(), OrderCommand::Cancel(cancel()));
    assert_eq!((status(&cancelled), kinds(&cancelled)), (Status::Cancelling, vec![]));
    let crossing = report(1, 4, &[(1, 6)], &[]);
    assert_eq!(notices(&cancelled.decide(crossing.clone()).unwrap()), [Template::CancelRejected]);
    let crossed = apply(cancelled, crossing);
    assert_eq!(status(&crossed), Status::PartiallyShipped);
    assert_eq!(kinds(&crossed), [OrderReview::ShippedAfterCancel]);
    assert!(OrderReview::ShippedAfterCancel.options().contains(&Choice::OfferReturn));
    let settled = play(crossed, [rejection(2, 3), report(1, 6, &[(1, 6)], &[(1, 6)])]);
    assert_eq!(status(&settled), Status::Delivered);
    assert_eq!(kinds(&settled), [OrderReview::ShippedAfterCancel]);
    assert_eq!((quantities(&settled, 1).cancelled, quantities(&settled, 1).shipped), (each(4), each(6)));
    let shipped = apply(order, report(1, 4, &[(1, 6)], &[]));
    let rest = shipped.decide(OrderCommand::Cancel(cancel())).unwrap();
    assert!(
        matches!(&rest[..], [OrderEvent::CancelRequested(_), OrderEvent::WithdrawalRequested(back)] if back.fulfillment == fulfillment_id(2))
    );
    let all = apply(shipped, report(2, 4, &[(1, 4)], &[]));
    let late = all.decide(OrderCommand::Cancel(cancel())).unwrap();
    assert!(matches!(&late[..], [OrderEvent::RequestRejected(why), _] if why.code == "ALREADY_SHIPPED"));
    assert_eq!(notices(&late), [Template::CancelRejected]);
}

#[test]
fn b05_of_an_order_that_was_cancelled_in_part_only_the_lines_that_shipped_are_paid_for() {
    let order =
        apply(routed(&[6, 4], &[&[line_quantity(1, 6)], &[line_quantity(2, 4)]]), OrderCommand::Cancel(cancel()));
    let order = play(order, [withdrawn(2, 3), report(1, 6, &[(1, 6)], &[(1, 6)])]);
    assert_eq!(status(&order), Status::Delivered);
    assert_eq!(order.invoice_request().unwrap().lines, [line_quantity(1, 6)]);
}

#[test]
fn a_cancelled_order_asks_for_no_decision_that_would_let_it_go_on() {
    for (stage, order) in stages().into_iter().filter(|(stage, _)| !["delivered", "invoiced"].contains(stage)) {
        let cancelled = apply(order, OrderCommand::Cancel(cancel()));
        assert_eq!(kinds(&cancelled), [], "{stage}");
    }
}

#[test]
fn a_fulfillment_that_its_warehouse_takes_after_giving_it_up_is_asked_back_again() {
    for (desired, why) in [
        (OrderCommand::Hold(held()), WithdrawalReason::TakenLate),
        (OrderCommand::Cancel(cancel()), WithdrawalReason::Cancelled),
    ] {
        let order = play(routed_order(), [desired, withdrawn(1, 3)]);
        let late = order.decide(report(1, 5, &[], &[])).unwrap();
        assert!(
            late.iter().any(|event| matches!(event, OrderEvent::WithdrawalRequested(back) if back.why == why)),
            "{late:?}"
        );
    }
}

#[test]
fn b04_a_fulfillment_that_is_taken_late_is_asked_back_though_its_sales_order_is_cancelled_and_told_of_if_it_ships() {
    let gone = OrderCommand::RecordSalesOrderCancelled(SalesOrderCancelled { sales_order: Some(id("SO-1")) });
    let taken =
        play(routed_order(), [OrderCommand::Cancel(cancel()), withdrawn(1, 3), gone.clone(), report(1, 5, &[], &[])]);
    assert_eq!(Opened::withdrawn(&taken, &fulfillment_id(1)).unwrap().sales_order, id("SO-1"));
    assert_eq!(kinds(&taken), []);
    let ships = report(1, 6, &[(1, 10)], &[]);
    assert_eq!(notices(&taken.decide(ships.clone()).unwrap()), [Template::CancelRejected]);
    assert_eq!(kinds(&apply(taken, ships.clone())), [OrderReview::ShippedAfterCancel]);
    // It came back for another reason before, or was refused, and then the order was cancelled.
    for before in [vec![OrderCommand::Hold(held()), withdrawn(1, 3)], vec![rejection(1, 3)]] {
        let order = play(routed_order(), before);
        let order = play(order, [OrderCommand::Cancel(cancel()), gone.clone(), ships.clone()]);
        assert_eq!(kinds(&order), [OrderReview::ShippedAfterCancel]);
    }
}

#[test]
fn b04_a_cancel_after_an_amendment_that_came_too_late_is_answered_for_itself() {
    let order = play(routed_order(), [OrderCommand::Amend(amendment(&[8])), kept(1, 3)]);
    let order = decide(&order, OrderReview::WithdrawalRefused, Choice::Acknowledge);
    let answer = order.decide(OrderCommand::Cancel(cancel())).unwrap();
    assert_eq!(notices(&answer), [Template::CancelRejected]);
    let order = play(order, [OrderCommand::Cancel(cancel()), report(1, 6, &[(1, 10)], &[])]);
    assert_eq!(kinds(&order), [OrderReview::ShippedAfterCancel]);
}

#[test]
fn b01_what_a_refusal_leaves_in_doubt_is_undone_when_nobody_wants_it_any_more() {
    let allocate = OrderEffect::Allocate { allocation_no: AllocationNo::FIRST };
    let cleared = || begin::<Order>(to_release(&[10]).into_iter().take(4));
    for code in ["OUTCOME_UNKNOWN", "DUPLICATE_DIFFERS"] {
        let asked = |order: Order, effect: &OrderEffect| {
            play(
                order,
                [
                    OrderCommand::Announce(started(effect.clone(), 2)),
                    OrderCommand::RecordEffectRejected(refused(effect.clone(), code)),
                ],
            )
        };
        let kind = Review::<OrderReview>::of_refusal(&allocate, &Rejection::new(code, "")).kind;
        let allocating = asked(priced(false), &allocate);
        assert_eq!((kinds(&allocating), allocating.allocation_request().is_some()), (vec![kind], false), "{code}");
        let again = decide(&allocating, kind, Choice::Retry);
        assert!(again.allocation_request().is_some() && again.open_effects().is_empty(), "as for the first time");
        let amended = apply(allocating.clone(), OrderCommand::Amend(amendment(&[8])));
        assert_eq!(amended.deallocation().unwrap().allocation_no, AllocationNo::new(1));
        let cancelled = apply(allocating, OrderCommand::Cancel(cancel()));
        assert_eq!(
            (status(&cancelled), cancelled.deallocation().unwrap().allocation_no),
            (Status::Cancelling, AllocationNo::FIRST)
        );
        let selling = asked(cleared(), &OrderEffect::CreateSalesOrder);
        assert!(selling.sales_order_request(at(0)).is_none());
        let cancelled = apply(selling, OrderCommand::Cancel(cancel()));
        assert_eq!(status(&cancelled), Status::Cancelling);
        let undo = cancelled.sales_order_cancellation().unwrap();
        assert_eq!(undo.sales_order, None, "it is looked for by our reference");
        let none = OrderCommand::RecordSalesOrderCancelled(SalesOrderCancelled { sales_order: None });
        assert!(apply(cancelled, none).sales_order_cancellation().is_none());
    }
    let refused_for_good = play(
        priced(false),
        [
            OrderCommand::Announce(started(allocate.clone(), 1)),
            OrderCommand::RecordEffectRejected(refused(allocate, "CLOSED")),
            OrderCommand::Cancel(cancel()),
        ],
    );
    assert_eq!(status(&refused_for_good), Status::Cancelled, "nothing was made");
}

#[test]
fn b07_a_refused_change_of_the_sales_order_stands_on_the_worklist() {
    let amended = apply(routed_order(), OrderCommand::Amend(amendment(&[8])));
    let order = play(
        amended,
        [withdrawn(1, 3), OrderCommand::RecordDeallocated(Deallocated { allocation_no: AllocationNo::new(1) })],
    );
    let order =
        apply(order, OrderCommand::RecordEffectRejected(refused(OrderEffect::CreateSalesOrder, "STALE_REVISION")));
    assert_eq!(kinds(&order), [OrderReview::PartnerRefused]);
    assert!(decide(&order, OrderReview::PartnerRefused, Choice::Retry).documents.rejected.is_empty());
}

#[test]
fn what_somebody_undid_at_the_erp_by_hand_is_undone() {
    let order = play(routed_order(), [OrderCommand::Cancel(cancel()), withdrawn(1, 3)]);
    let refusals = [OrderEffect::Deallocate { allocation_no: AllocationNo::FIRST }, OrderEffect::CancelSalesOrder]
        .map(|effect| OrderCommand::RecordEffectRejected(refused(effect, "CLOSED")));
    let [release, cancellation] = refusals;
    let order = apply(order, release);
    let order = decide(&order, OrderReview::PartnerRefused, Choice::ResolvedManually);
    assert!(order.deallocation().is_none());
    let order = apply(order, cancellation);
    let order = decide(&order, OrderReview::PartnerRefused, Choice::ResolvedManually);
    assert_eq!((status(&order), kinds(&order)), (Status::Cancelled, vec![]));
}

#[test]
fn a_decision_that_cannot_be_followed_leaves_its_review_open() {
    let delivered = apply(routed_order(), report(1, 8, &[(1, 10)], &[(1, 10)]));
    let refused = apply(delivered, OrderCommand::RecordEffectRejected(refused(OrderEffect::Invoice, "CLOSED")));
    let cancel = decision(&refused.reviews(), OrderReview::PartnerRefused, Choice::Cancel);
    let answer = refused.decide(OrderCommand::Decide(cancel.clone())).unwrap();
    assert!(
        matches!(&answer[..], [OrderEvent::RequestRejected(why), _] if why.code == "ALREADY_SHIPPED"),
        "{answer:?}"
    );
    let after = apply(refused, OrderCommand::Decide(cancel));
    assert_eq!(kinds(&after), [OrderReview::PartnerRefused]);
    assert!(decide(&after, OrderReview::PartnerRefused, Choice::Retry).invoice_request().is_some());
}

/// A fulfillment of ten pieces of which its warehouse packed none.
fn nothing_packed(n: u32, as_of: u64) -> OrderCommand {
    let mut report = progress(n, as_of, RequestStatus::Accepted, &[], &[]);
    report.packages.clear();
    report.closed_short = true;
    report.unfilled.insert(line_no(1), each(10));
    OrderCommand::RecordProgress(report)
}

#[test]
fn b11_an_order_of_which_no_warehouse_packed_anything_waits_for_stock_or_ends_as_its_document_says() {
    let closed = |policy| {
        let mut assigned = assignment(1, &[line_quantity(1, 10)]);
        assigned.on_short = policy;
        let order = begin::<Order>(to_release(&[10]));
        play(order, [OrderCommand::RecordRouting(routing(&[assigned])), nothing_packed(1, 5)])
    };
    let closed_unfilled = closed(ShortPolicy::Cancel);
    assert_eq!(status(&closed_unfilled), Status::Cancelling, "nobody else will ship it");
    assert!(closed_unfilled.sales_order_cancellation().is_some() && closed_unfilled.deallocation().is_some());
    let waits = closed(ShortPolicy::Backorder);
    assert_eq!((quantities(&waits, 1).backordered, waits.is_cancelled()), (each(10), false));
    // What it was short of was of another content.
    let amended = apply(waits, OrderCommand::Amend(amendment(&[8])));
    let amended = play(
        amended,
        [OrderCommand::RecordQuote({
            let mut again = submission(&[8]);
            again.lines[0].quantity = quantity(8, "EA");
            let mut quote = quote(&again, 1);
            quote.revision = 1;
            quote
        })],
    );
    assert_eq!((quantities(&amended, 1).open, quantities(&amended, 1).backordered), (each(8), each(0)));
}

#[test]
fn b04_a_cancelled_order_whose_warehouse_kept_its_fulfillment_and_packed_nothing_is_undone() {
    let order = play(routed_order(), [OrderCommand::Cancel(cancel()), kept(1, 3)]);
    assert_eq!(status(&order), Status::Accepted);
    let order = apply(order, nothing_packed(1, 5));
    assert_eq!((status(&order), kinds(&order)), (Status::Cancelling, vec![]));
    assert!(order.sales_order_cancellation().is_some() && order.deallocation().is_some());
}

#[test]
fn b03_a_hold_after_the_release_asks_the_fulfillments_back_and_its_end_routes_them_anew() {
    let held_order = apply(routed_order(), OrderCommand::Hold(held()));
    assert_eq!(status(&held_order), Status::OnHold);
    assert!(held_order.assignment(&fulfillment_id(1)).is_none(), "what was not asked for yet is not asked for");
    assert_eq!(held_order.withdrawal(&fulfillment_id(1)).unwrap().1, WithdrawalReason::Held);
    let back = apply(held_order.clone(), withdrawn(1, 3));
    assert!(back.routing_query().is_none(), "nothing is begun while it is held");
    let on = apply(back, OrderCommand::ReleaseHold(hold_released()));
    let query = on.routing_query().unwrap();
    let OrderCommand::RecordRouting(again) = query.decide(&[site("EAST", 1, &[])], at(0)) else { unreachable!() };
    assert_eq!(again.assignments[0].fulfillment, fulfillment_id(2), "a new fulfillment: the old one never comes back");
    let picked = apply(held_order, kept(1, 3));
    assert_eq!(kinds(&picked), [OrderReview::WithdrawalRefused]);
    let once_more = picked.decide(OrderCommand::Hold(held())).unwrap();
    assert!(matches!(&once_more[..], [OrderEvent::RequestRejected(why)] if why.code == "ALREADY_HELD"));
}

#[test]
fn nothing_is_begun_for_an_order_on_hold_in_any_stage() {
    for (stage, order) in
        stages().into_iter().filter(|(stage, _)| !["delivered", "invoiced", "cancelling"].contains(stage))
    {
        let order = apply(order, OrderCommand::Hold(held()));
        let begun = [
            order.price_query().is_some(),
            order.credit_query().is_some(),
            order.allocation_request().is_some(),
            order.sales_order_request(at(0)).is_some(),
            order.routing_query().is_some(),
            order.assignment(&fulfillment_id(1)).is_some(),
        ];
        assert_eq!(begun, [false; 6], "{stage}");
    }
}

#[test]
fn b06_an_address_is_changed_for_all_fulfillments_or_for_none() {
    let order = routed(&[10], &[&[line_quantity(1, 6)], &[line_quantity(1, 4)]]);
    let mut moved = amendment(&[10]);
    moved.ship_to.n = 2;
    let asked = apply(order, OrderCommand::Amend(moved.clone()));
    assert_eq!(asked.fulfillments.withdrawals.len(), 2);
    let half = apply(asked.clone(), withdrawn(1, 3));
    assert_eq!(half.terms.submission.ship_to.n, 1, "not while one may still go to the old address");
    let all = half.decide(withdrawn(2, 3)).unwrap();
    assert_eq!(notices(&all), [Template::Amended]);
    assert_eq!(apply(half.clone(), withdrawn(2, 3)).terms.submission.ship_to.n, 2);
    let none = apply(half, kept(2, 3));
    let known = &none;
    assert_eq!((known.terms.submission.ship_to.n, known.terms.revision), (1, 0));
    assert_eq!(kinds(&none), [OrderReview::WithdrawalRefused]);
    assert_eq!(quantities(&none, 1).open, each(6), "what came back is routed anew, to the one address");
    assert!(none.routing_query().is_some());
    let before = begin::<Order>(to_release(&[10]).into_iter().take(2));
    assert_eq!(apply(before, OrderCommand::Amend(moved)).terms.submission.ship_to.n, 2);
}

#[test]
fn b07_a_quantity_changed_after_the_release_goes_its_way_anew_after_the_old_is_undone() {
    let order = play(routed_order(), [OrderCommand::Amend(amendment(&[8])), withdrawn(1, 3)]);
    assert_eq!((status(&order), order.terms.revision), (Status::Submitted, 1));
    assert_eq!(quantities(&order, 1).ordered, each(8));
    let mut quoted = quote(&submission(&[8]), 1);
    assert_eq!(order.decide(OrderCommand::RecordQuote(quoted.clone())), Ok(vec![]), "it is of the old content");
    quoted.revision = 1;
    let order = play(order, [OrderCommand::RecordQuote(quoted), OrderCommand::RecordCreditApproved(approved())]);
    assert!(order.allocation_request().is_none(), "the old stock goes back on the shelf first");
    assert_eq!(order.deallocation().unwrap().allocation_no, AllocationNo::new(1));
    let order = apply(order, OrderCommand::RecordDeallocated(Deallocated { allocation_no: AllocationNo::new(1) }));
    let request = order.allocation_request().unwrap();
    assert_eq!((request.allocation_no, request.lines[0].quantity), (AllocationNo::new(2), each(8)));
    assert!(request.key() != "allocate" && request.reference().ends_with("/2"));
    let mut anew = allocation("AL-2", &[(1, &[("EAST", 8)], 0)]);
    anew.allocation_no = AllocationNo::new(2);
    let order = apply(order, OrderCommand::RecordAllocation(anew));
    let sales_order = order.sales_order_request(at(0)).unwrap();
    assert_eq!(sales_order.revision, 1, "one sales order, changed");
    let changed = Released { sales_order: id("SO-1"), revision: 1 };
    let order = apply(order, OrderCommand::RecordRelease(changed));
    assert_eq!((status(&order), kinds(&order)), (Status::Released, vec![]));
    assert!(order.routing_query().is_some());
}

#[test]
fn an_answer_to_what_an_amendment_gave_up_is_recorded_and_given_back() {
    let asking = play(
        priced(false),
        [OrderCommand::Announce(started(OrderEffect::Allocate { allocation_no: AllocationNo::FIRST }, 2))],
    );
    let amended = apply(asking, OrderCommand::Amend(amendment(&[8])));
    assert_eq!(amended.deallocation().unwrap().sent_until, Some(at(2)));
    let answered = apply(amended, OrderCommand::RecordAllocation(stock(0)));
    let release = answered.deallocation().unwrap();
    assert_eq!((release.allocation_no, release.sent_until), (AllocationNo::FIRST, None));
    assert!(answered.stock.allocations.is_empty());
    let released =
        apply(answered, OrderCommand::RecordDeallocated(Deallocated { allocation_no: AllocationNo::new(1) }));
    assert!(released.deallocation().is_none());
    let twice = apply(released, OrderCommand::RecordAllocation(stock(0)));
    assert_eq!(
        twice.deallocation().unwrap().allocation_no,
        AllocationNo::FIRST,
        "made after it was given back: given back again"
    );
}

#[test]
fn b09_what_was_short_is_set_aside_and_routed_when_it_comes_and_the_rest_is_not_repeated() {
    let order = apply(short(), report(1, 5, &[(1, 6)], &[(1, 6)]));
    assert_eq!((status(&order), quantities(&order, 1).backordered), (Status::PartiallyShipped, each(4)));
    assert!(order.allocation_request().is_none(), "not before there is some");
    assert_eq!(order.stock_query().unwrap().lines, [line_quantity(1, 4)]);
    let order = apply(order, OrderCommand::RecordStock(StockArrived { lines: vec![line_quantity(1, 3)] }));
    let request = order.allocation_request().unwrap();
    assert_eq!((request.allocation_no, &request.lines[..]), (AllocationNo::new(2), &[line_quantity(1, 3)][..]));
    let mut more = allocation("AL-2", &[(1, &[("WEST", 3)], 0)]);
    more.allocation_no = AllocationNo::new(2);
    more.lines[0].asked = Some(each(3));
    let order = apply(order, OrderCommand::RecordAllocation(more));
    assert_eq!((quantities(&order, 1).open, quantities(&order, 1).backordered), (each(3), each(1)));
    let query = order.routing_query().unwrap();
    let sites = [site("EAST", 1, &[]), site("WEST", 9, &[])];
    let OrderCommand::RecordRouting(rest) = query.decide(&sites, at(0)) else { unreachable!() };
    assert_eq!(rest.assignments.len(), 1);
    assert_eq!(
        (rest.assignments[0].site.as_str(), &rest.assignments[0].lines[..]),
        ("WEST", &[line_quantity(1, 3)][..])
    );
    let order = apply(order, OrderCommand::RecordRouting(rest));
    assert_eq!((quantities(&order, 1).in_fulfillment, quantities(&order, 1).shipped), (each(3), each(6)));
}

#[test]
fn b09_ship_complete_waits_for_all_of_it_unless_somebody_lets_it_go_in_parts() {
    let waiting =
        play(priced(true), [OrderCommand::RecordCreditApproved(approved()), OrderCommand::RecordAllocation(stock(4))]);
    assert_eq!(kinds(&waiting), [OrderReview::StockShort]);
    let let_go = decide(&waiting, OrderReview::StockShort, Choice::ShipAvailable);
    assert!(let_go.sales_order_request(at(0)).is_some() && kinds(&let_go).is_empty());
    let come = apply(waiting, OrderCommand::RecordStock(StockArrived { lines: vec![line_quantity(1, 4)] }));
    let mut rest = allocation("AL-2", &[(1, &[("EAST", 4)], 0)]);
    rest.allocation_no = AllocationNo::new(2);
    rest.lines[0].asked = Some(each(4));
    let whole = apply(come, OrderCommand::RecordAllocation(rest));
    assert_eq!((status(&whole), kinds(&whole)), (Status::Priced, vec![]));
    assert!(whole.sales_order_request(at(0)).is_some());
}

#[test]
fn b11_what_a_warehouse_does_not_find_waits_or_is_cancelled_as_its_document_says() {
    let mut done = progress(1, 5, RequestStatus::Accepted, &[(1, 7)], &[(1, 7)]);
    done.unfilled.insert(line_no(1), each(3));
    let closed = |policy| {
        let mut assigned = assignment(1, &[line_quantity(1, 10)]);
        assigned.on_short = policy;
        let order = begin::<Order>(to_release(&[10]));
        play(order, [OrderCommand::RecordRouting(routing(&[assigned])), OrderCommand::RecordProgress(done.clone())])
    };
    let waits = closed(ShortPolicy::Backorder);
    assert_eq!((quantities(&waits, 1).backordered, status(&waits)), (each(3), Status::PartiallyShipped));
    assert_eq!(waits.stock_query().unwrap().lines, [line_quantity(1, 3)]);
    let closed_unfilled = closed(ShortPolicy::Cancel);
    assert_eq!((quantities(&closed_unfilled, 1).cancelled, status(&closed_unfilled)), (each(3), Status::Delivered));
    assert_eq!(closed_unfilled.invoice_request().unwrap().lines, [line_quantity(1, 7)], "only what came is paid for");
    assert!(closed_unfilled.stock_query().is_none());
}

#[test]
fn b12_what_was_shipped_beyond_the_order_is_paid_for_only_once_somebody_approved_it() {
    let order = apply(routed_order(), report(1, 4, &[(1, 12)], &[(1, 12)]));
    assert_eq!(order.invoice_request().unwrap().lines, [line_quantity(1, 10)]);
    let approved = decide(&order, OrderReview::OverShipped, Choice::Approve);
    assert_eq!(approved.invoice_request().unwrap().lines, [line_quantity(1, 12)]);
    assert!(kinds(&approved).is_empty());
}

#[test]
fn credit_that_ran_out_before_the_release_is_asked_for_again() {
    let until = CreditApproved { valid_until: Some(at(60)), ..approved() };
    let order =
        play(priced(false), [OrderCommand::RecordCreditApproved(until), OrderCommand::RecordAllocation(stock(0))]);
    assert!(order.sales_order_request(at(59)).is_some() && order.expired_credit(at(59)).is_none());
    assert!(order.sales_order_request(at(60)).is_none());
    let expired = CreditExpired { valid_until: order.expired_credit(at(60)).unwrap() };
    let order = apply(order, OrderCommand::ExpireCredit(expired.clone()));
    assert!(order.credit_query().is_some());
    assert_eq!(order.decide(OrderCommand::ExpireCredit(expired)), Ok(vec![]), "once");
    let order = apply(order, OrderCommand::RecordCreditApproved(approved()));
    assert!(order.sales_order_request(at(61)).is_some());
}

#[test]
fn credit_that_was_refused_can_be_approved_or_the_order_cancelled() {
    let refused = play(
        priced(false),
        [OrderCommand::RecordCreditRefused(refused_credit()), OrderCommand::RecordAllocation(stock(0))],
    );
    let let_go = decide(&refused, OrderReview::CreditRefused, Choice::Approve);
    assert!(let_go.sales_order_request(at(0)).is_some() && kinds(&let_go).is_empty());
    let cancelled = decide(&refused, OrderReview::CreditRefused, Choice::Cancel);
    assert_eq!(status(&cancelled), Status::Cancelling);
    let mut other = decision(&refused.reviews(), OrderReview::CreditRefused, Choice::Recall);
    let not_offered = refused.decide(OrderCommand::Decide(other.clone())).unwrap();
    assert!(matches!(&not_offered[..], [OrderEvent::RequestRejected(why)] if why.code == "CHOICE_NOT_OFFERED"));
    other.review.push('x');
    let unknown = refused.decide(OrderCommand::Decide(other)).unwrap();
    assert!(matches!(&unknown[..], [OrderEvent::RequestRejected(why)] if why.code == "REVIEW_NOT_OPEN"));
}

#[test]
fn a_price_or_tax_that_was_not_promised_waits_for_somebody_before_anything_is_made() {
    for (total, tax) in [("12", None), ("11", Some("2"))] {
        let mut promised = submission(&[10]);
        let number = |text: &str| text.parse().unwrap();
        promised.expected = Some(Expected { total: number(total), tax: tax.map(number) });
        let quoted = quote(&promised, 1);
        let order = begin::<Order>([OrderCommand::Submit(promised), OrderCommand::RecordQuote(quoted)]);
        assert_eq!(kinds(&order), [OrderReview::PriceDisagrees]);
        assert!(order.credit_query().is_none() && order.allocation_request().is_none());
        let let_go = decide(&order, OrderReview::PriceDisagrees, Choice::Approve);
        assert!(let_go.credit_query().is_some() && let_go.allocation_request().is_some());
    }
}

#[test]
fn b21_an_order_that_could_not_be_priced_is_priced_again_once_somebody_says_so() {
    let why = || Rejection::new("UNKNOWN_SKU", "line 1");
    let order = begin::<Order>([OrderCommand::Submit(submission(&[10]))]);
    let stuck = apply(order, OrderCommand::RecordUnpriceable(why()));
    assert!(stuck.price_query().is_none(), "not by itself, again and again");
    let retried = decide(&stuck, OrderReview::Unpriceable, Choice::Retry);
    assert!(retried.price_query().is_some() && kinds(&retried).is_empty());
    let again = apply(retried, OrderCommand::RecordUnpriceable(why()));
    assert_eq!(kinds(&again), [OrderReview::Unpriceable], "the old decision says nothing of the new refusal");
}

#[test]
fn b22_an_order_that_nobody_could_ship_is_weighed_again_once_somebody_says_so() {
    let order = play(routed_order(), [rejection(1, 3), OrderCommand::RecordRouting(routing(&[]))]);
    assert_eq!(status(&order), Status::Unroutable);
    let again = decide(&order, OrderReview::FulfillmentRejected, Choice::RouteAgain);
    assert!(again.fulfillments.refusals().next().is_none() && again.routing_query().is_some());
    let stuck = apply(again, OrderCommand::RecordRouting(routing(&[])));
    assert_eq!(kinds(&stuck), [OrderReview::Unroutable]);
}

#[test]
fn a_fulfillment_without_an_answer_is_asked_back_and_given_to_another_site() {
    let asked = apply(routed_order(), OrderCommand::Reassign(fulfillment_id(1)));
    assert_eq!(asked.withdrawal(&fulfillment_id(1)).unwrap().1, WithdrawalReason::NoResponse);
    assert!(asked.routing_query().is_none(), "not before it is certain that nobody ships it");
    let back = apply(asked.clone(), withdrawn(1, 3));
    let sites = [site("EAST", 1, &[]), site("WEST", 9, &[])];
    let OrderCommand::RecordRouting(other) = back.routing_query().unwrap().decide(&sites, at(0)) else {
        unreachable!()
    };
    assert_eq!(other.assignments[0].site.as_str(), "WEST");
    assert_eq!(asked.decide(OrderCommand::Reassign(fulfillment_id(1))), Ok(vec![]), "once");
    let answered = apply(routed_order(), report(1, 3, &[], &[]));
    assert_eq!(answered.decide(OrderCommand::Reassign(fulfillment_id(1))), Ok(vec![]));
}

#[test]
fn a_routing_that_another_one_overtook_assigns_nothing_twice() {
    let order = begin::<Order>(to_release(&[10]));
    let plan = || OrderCommand::RecordRouting(routing(&[assignment(1, &[line_quantity(1, 10)])]));
    let order = apply(order, plan());
    assert_eq!(order.decide(plan()), Ok(vec![]));
}

#[test]
fn c05_an_order_is_delivered_only_when_no_package_is_on_its_way() {
    let mut report = progress(1, 4, RequestStatus::Accepted, &[(1, 10)], &[(1, 10)]);
    let mut second = report.packages[0].clone();
    second.package = id("P-9");
    second.status = PackageStatus::At(MilestoneKind::InTransit);
    report.packages.push(second);
    let order = apply(routed(&[10], &[&[line_quantity(1, 10)]]), OrderCommand::RecordProgress(report));
    assert_eq!(status(&order), Status::Shipped);
    assert!(order.invoice_request().is_none());
}

#[test]
fn what_no_line_quantity_can_show_is_reviewed_and_hides_nothing() {
    let order = routed(&[10], &[&[line_quantity(1, 10)]]);
    let good = || progress(1, 4, RequestStatus::Accepted, &[(1, 10)], &[]);
    let mut unit = good();
    unit.shipped.insert(line_no(1), quantity(10, "CS"));
    let mut line = good();
    line.shipped.insert(line_no(9), each(1));
    let mut stranger = good();
    stranger.fulfillment = fulfillment_id(7);
    let mut absurd = good();
    absurd.fulfillment = fulfillment_id(7);
    absurd.shipped.insert(line_no(1), quantity(1_000_000_000, "EA"));
    for report in [unit, line, stranger, absurd] {
        let order = apply(order.clone(), OrderCommand::RecordProgress(report));
        assert!(kinds(&order).contains(&OrderReview::ContentMismatch));
        assert_eq!(order.line_quantities().len(), 1);
    }
}

#[test]
fn a_report_between_two_that_say_the_same_does_not_stand_when_it_comes_last() {
    let order = routed(&[10], &[&[line_quantity(1, 10)]]);
    let reports = [report(1, 5, &[], &[]), report(1, 6, &[(1, 10)], &[]), report(1, 8, &[], &[])];
    for reports in crate::samples::permutations(&reports) {
        assert_eq!(quantities(&play(order.clone(), reports), 1).shipped, each(0));
    }
}

#[test]
fn an_older_crm_update_that_lands_late_makes_the_order_be_told_again() {
    let order = routed(&[10], &[&[line_quantity(1, 10)]]);
    let update = order.crm_update().unwrap();
    let newest = || OrderCommand::RecordCrmUpdated(told(7, &update.digest()));
    let order = apply(order, newest());
    assert_eq!(order.crm_update(), None);
    let overtaken = apply(order, OrderCommand::RecordCrmUpdated(told(5, "old news")));
    assert!(overtaken.crm.is_stale() && overtaken.crm_update().is_some());
    let told = apply(overtaken, newest());
    assert!(matches!(told.crm, CrmState::Newest(_)));
    assert_eq!((told.crm_update(), told.decide(newest())), (None, Ok(vec![])));
}

#[test]
fn an_overdue_order_stands_on_the_worklist_until_it_ends() {
    let order = routed(&[10], &[&[line_quantity(1, 10)]]);
    let order = apply(order, OrderCommand::RaiseOverdue(overdue()));
    assert_eq!(kinds(&order), [OrderReview::Overdue]);
    assert_eq!(order.decide(OrderCommand::RaiseOverdue(overdue())), Ok(vec![]));
    let ended = play(order, [report(1, 8, &[(1, 10)], &[(1, 10)]), OrderCommand::RecordInvoice(invoiced("INV-1"))]);
    assert_eq!((status(&ended), kinds(&ended)), (Status::Invoiced, vec![]));
}

#[test]
fn credit_and_stock_in_either_order_release_the_same_order() {
    let words = [OrderCommand::RecordCreditApproved(approved()), OrderCommand::RecordAllocation(stock(0))];
    let [one, two] = words.clone();
    let forth = play(priced(false), [one.clone(), two.clone()]);
    let back = play(priced(false), [two, one]);
    assert_eq!(forth, back);
    assert!(forth.sales_order_request(at(0)).is_some());
}

#[test]
fn a_refused_effect_is_not_asked_for_again_by_itself_and_is_reviewed() {
    let order = apply(
        priced(false),
        OrderCommand::RecordEffectRejected(refused(
            OrderEffect::Allocate { allocation_no: AllocationNo::FIRST },
            "CLOSED",
        )),
    );
    assert!(order.allocation_request().is_none());
    assert_eq!(kinds(&order), [OrderReview::PartnerRefused]);
    let order =
        apply(order, OrderCommand::Announce(started(OrderEffect::Allocate { allocation_no: AllocationNo::FIRST }, 2)));
    assert!(order.allocation_request().is_some());
    assert!(kinds(&apply(order, OrderCommand::RecordAllocation(stock(0)))).is_empty());
}
