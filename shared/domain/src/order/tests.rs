#![allow(clippy::unwrap_used)]

use crate::fulfillment::{MilestoneKind, PackageStatus};
use crate::order::{Allocation, Knowledge, Ladder, Standing, Status};
use crate::review::ReviewKind;
use crate::samples::{
    allocation, apply, approved, assignment, cancel, each, faltered, id, invoiced, line_no, overdue, play, progress,
    quantity, quote, refused, refused_credit, released, routed, routing, sending, share, share_id, submission,
    to_release, told,
};
use crate::{Effect, Order, OrderCommand, Rejection, Uom, Workflow};

fn status(order: &Order) -> Status {
    order.known().unwrap().status()
}

fn kinds(order: &Order) -> Vec<ReviewKind> {
    order.known().unwrap().reviews().into_iter().map(|review| review.kind).collect()
}

fn ladder(order: &Order, line: u32) -> Ladder {
    let ladders = order.known().unwrap().ladders();
    ladders.into_iter().find(|ladder| ladder.line == line_no(line)).unwrap()
}

fn report(n: u32, as_of: u64, shipped: &[(u32, u32)], delivered: &[(u32, u32)]) -> OrderCommand {
    OrderCommand::RecordProgress(progress(n, as_of, Standing::Accepted, shipped, delivered))
}

fn rejection(n: u32, as_of: u64) -> OrderCommand {
    OrderCommand::RecordProgress(progress(n, as_of, Standing::Rejected, &[], &[]))
}

fn priced(ship_complete: bool) -> Order {
    let mut submission = submission(&[10]);
    submission.ship_complete = ship_complete;
    let quote = quote(&submission, 1);
    play(Order::default(), [OrderCommand::Submit(submission), OrderCommand::RecordQuote(quote)])
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
        OrderCommand::RecordCreditRefused(_) => Some(OrderCommand::RecordAllocation(stock(0))),
        OrderCommand::RecordAllocation(_) => Some(OrderCommand::RecordRelease(released("SO-1"))),
        OrderCommand::RecordRelease(_) => Some(OrderCommand::RecordRouting(routing(&[assignment(1, &[share(1, 10)])]))),
        OrderCommand::RecordRouting(_) => Some(report(1, 9, &[(1, 10)], &[(1, 10)])),
        OrderCommand::RecordProgress(_) => Some(OrderCommand::RecordTold(told(3, "news"))),
        OrderCommand::RecordTold(_) => Some(OrderCommand::RecordInvoice(invoiced("INV-1"))),
        OrderCommand::RecordInvoice(_) => Some(OrderCommand::RaiseOverdue(overdue())),
        OrderCommand::RaiseOverdue(_) => Some(OrderCommand::Cancel(cancel())),
        OrderCommand::Cancel(_) => Some(OrderCommand::Announce(sending(Effect::Invoice, 2))),
        OrderCommand::Announce(_) => Some(OrderCommand::RecordFaltered(faltered(Effect::Allocate, 1))),
        OrderCommand::RecordFaltered(_) => Some(OrderCommand::RecordRefused(refused(Effect::Allocate, "CLOSED"))),
        OrderCommand::RecordRefused(_) => None,
    }
}

fn name(command: &OrderCommand) -> &'static str {
    match command {
        OrderCommand::Submit(_) => "submit",
        OrderCommand::RecordQuote(_) => "quote",
        OrderCommand::RecordUnpriceable(_) => "unpriceable",
        OrderCommand::RecordCreditApproved(_) => "credit-approved",
        OrderCommand::RecordCreditRefused(_) => "credit-refused",
        OrderCommand::RecordAllocation(_) => "allocation",
        OrderCommand::RecordRelease(_) => "release",
        OrderCommand::RecordRouting(_) => "routing",
        OrderCommand::RecordProgress(_) => "progress",
        OrderCommand::RecordTold(_) => "told",
        OrderCommand::RecordInvoice(_) => "invoice",
        OrderCommand::RaiseOverdue(_) => "overdue",
        OrderCommand::Cancel(_) => "cancel",
        OrderCommand::Announce(_) => "announce",
        OrderCommand::RecordFaltered(_) => "faltered",
        OrderCommand::RecordRefused(_) => "refused",
    }
}

fn stages() -> Vec<(&'static str, Order)> {
    let submitted = play(Order::default(), [OrderCommand::Submit(submission(&[10]))]);
    let why = Rejection::new("UNKNOWN_SKU", "no");
    let priced = priced(false);
    let refused = apply(priced.clone(), OrderCommand::RecordCreditRefused(refused_credit()));
    let approved = apply(priced.clone(), OrderCommand::RecordCreditApproved(approved()));
    let asking = apply(priced.clone(), OrderCommand::Announce(sending(Effect::Allocate, 1)));
    let cleared = apply(approved.clone(), OrderCommand::RecordAllocation(stock(0)));
    let released = apply(cleared.clone(), OrderCommand::RecordRelease(released("SO-1")));
    let unroutable = apply(released.clone(), OrderCommand::RecordRouting(routing(&[])));
    let routed = apply(released.clone(), OrderCommand::RecordRouting(routing(&[assignment(1, &[share(1, 10)])])));
    let delivered = apply(routed.clone(), report(1, 8, &[(1, 10)], &[(1, 10)]));
    vec![
        ("absent", Order::default()),
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
        ("cancelling", apply(released, OrderCommand::Cancel(cancel()))),
    ]
}

#[test]
fn every_command_has_one_answer_in_every_stage() {
    let table = crate::samples::table(&stages(), OrderCommand::Submit(submission(&[10])), after, name);
    let expected = "\
submit
  submitted: absent
  -: submitted unpriceable priced asking refused approved cleared released unroutable routed delivered invoiced cancelling
quote
  !ORDER_UNKNOWN: absent
  priced: submitted unpriceable
  -: priced asking refused approved cleared released unroutable routed delivered invoiced cancelling
unpriceable
  !ORDER_UNKNOWN: absent
  unpriceable: submitted
  -: unpriceable priced asking refused approved cleared released unroutable routed delivered invoiced cancelling
credit-approved
  !ORDER_UNKNOWN: absent
  -: submitted unpriceable approved cleared released unroutable routed delivered invoiced cancelling
  credit_approved: priced asking refused
credit-refused
  !ORDER_UNKNOWN: absent
  -: submitted unpriceable refused approved cleared released unroutable routed delivered invoiced cancelling
  credit_refused: priced asking
allocation
  !ORDER_UNKNOWN: absent
  allocated: submitted unpriceable priced asking refused approved
  -: cleared released unroutable routed delivered invoiced cancelling
release
  !ORDER_UNKNOWN: absent
  released: submitted unpriceable priced asking refused approved cleared
  -: released unroutable routed delivered invoiced cancelling
routing
  !ORDER_UNKNOWN: absent
  -: submitted unpriceable priced asking refused approved cleared routed delivered invoiced cancelling
  routed+assigned: released unroutable
progress
  !ORDER_UNKNOWN: absent
  fulfillment_progressed: submitted unpriceable priced asking refused approved cleared released unroutable routed delivered invoiced cancelling
told
  !ORDER_UNKNOWN: absent
  told: submitted unpriceable priced asking refused approved cleared released unroutable routed delivered invoiced cancelling
invoice
  !ORDER_UNKNOWN: absent
  invoiced: submitted unpriceable priced asking refused approved cleared released unroutable routed delivered cancelling
  -: invoiced
overdue
  !ORDER_UNKNOWN: absent
  overdue: submitted unpriceable priced asking refused approved cleared released unroutable routed delivered cancelling
  -: invoiced
cancel
  !ORDER_UNKNOWN: absent
  cancel_requested: submitted unpriceable priced asking refused approved cleared released unroutable routed
  request_rejected: delivered invoiced cancelling
announce
  !ORDER_UNKNOWN: absent
  sending: submitted unpriceable priced asking refused approved cleared released unroutable routed delivered invoiced cancelling
faltered
  !ORDER_UNKNOWN: absent
  -: submitted unpriceable priced refused approved cleared released unroutable routed delivered invoiced cancelling
  faltered: asking
refused
  !ORDER_UNKNOWN: absent
  effect_refused: submitted unpriceable priced asking refused approved cleared released unroutable routed delivered invoiced cancelling
";
    assert_eq!(table, expected, "the table is now\n{table}");
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
            play(Order::default(), to_release(&[10]).into_iter().take(4)),
            ["SO-1", "SO-2"].map(|number| OrderCommand::RecordRelease(released(number))),
        ),
        (
            routed(&[10], &[&[share(1, 10)]]),
            ["INV-1", "INV-2"].map(|number| OrderCommand::RecordInvoice(invoiced(number))),
        ),
    ];
    for (order, [one, two]) in twice {
        let forth = play(order.clone(), [one.clone(), two.clone()]);
        let back = play(order.clone(), [two.clone(), one.clone()]);
        assert_eq!(kinds(&forth), [ReviewKind::MadeTwice]);
        assert_eq!(forth.known().unwrap().reviews(), back.known().unwrap().reviews());
        assert_eq!(forth.decide(two), Ok(vec![]), "once is enough");
        assert!(kinds(&apply(order, one)).is_empty());
    }
}

#[test]
fn an_answer_is_recorded_in_every_stage_also_after_a_cancel() {
    let documents = [
        (Effect::Allocate, OrderCommand::RecordAllocation(stock(0))),
        (Effect::CreateSalesOrder, OrderCommand::RecordRelease(released("SO-1"))),
        (Effect::Invoice, OrderCommand::RecordInvoice(invoiced("INV-1"))),
    ];
    for (stage, order) in stages().into_iter().skip(1) {
        for (effect, answer) in &documents {
            let asked = play(
                order.clone(),
                [OrderCommand::Announce(sending(effect.clone(), 1)), OrderCommand::Cancel(cancel())],
            );
            let answered = apply(asked, answer.clone());
            let known = answered.known().unwrap();
            assert!(!known.sendings.contains_key(effect), "{stage}: {effect:?} stays open");
            let kept = known.document(effect).is_some() || known.surplus.contains_key(effect);
            assert!(kept, "{stage}: {effect:?} is lost");
        }
    }
}

#[test]
fn b08_the_status_of_a_split_order_follows_from_both_shares() {
    let order = routed(&[10], &[&[share(1, 6)], &[share(1, 4)]]);
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
fn b08_a_refused_share_opens_its_quantity_again_and_is_reviewed() {
    let order = routed(&[10], &[&[share(1, 6)], &[share(1, 4)]]);
    let order = play(order, [report(1, 4, &[(1, 6)], &[(1, 6)]), rejection(2, 3)]);
    assert_eq!(ladder(&order, 1).open, each(4));
    assert_eq!(status(&order), Status::PartiallyShipped);
    assert_eq!(kinds(&order), [ReviewKind::FulfillmentRejected]);
    assert!(order.invoice_request().is_none());
}

#[test]
fn b09_what_is_short_waits_and_ship_complete_holds_all_of_it() {
    let words = |ship_complete, short| {
        play(
            priced(ship_complete),
            [OrderCommand::RecordCreditApproved(approved()), OrderCommand::RecordAllocation(stock(short))],
        )
    };
    assert_eq!((status(&words(false, 4)), words(false, 4).sales_order().is_some()), (Status::Priced, true));
    assert_eq!((status(&words(true, 4)), words(true, 4).sales_order().is_some()), (Status::Backordered, false));
    assert_eq!(kinds(&words(true, 4)), [ReviewKind::StockShort]);
    assert_eq!((status(&words(false, 10)), words(true, 0).sales_order().is_some()), (Status::Priced, true));
    assert_eq!(ladder(&words(true, 4), 1).backordered, each(4));
}

#[test]
fn an_order_that_waits_for_credit_alone_is_not_called_backordered() {
    let order = apply(priced(false), OrderCommand::RecordAllocation(stock(4)));
    assert_eq!(status(&order), Status::Priced);
}

#[test]
fn b12_over_shipment_across_shares_is_counted_once_and_reviewed() {
    let order = routed(&[10], &[&[share(1, 6)], &[share(1, 4)]]);
    let order = play(order, [report(1, 4, &[(1, 8)], &[(1, 8)]), report(2, 4, &[(1, 4)], &[(1, 4)])]);
    let ladder = ladder(&order, 1);
    assert_eq!((ladder.over, ladder.shipped, ladder.in_fulfillment), (each(2), each(12), each(0)));
    assert_eq!(kinds(&order), [ReviewKind::OverShipped]);
    assert_eq!(status(&order), Status::Delivered);
}

#[test]
fn b15_two_lines_of_one_product_keep_their_quantities_apart() {
    let mut submission = submission(&[3, 5]);
    submission.lines[1].sku = submission.lines[0].sku.clone();
    let quote = quote(&submission, 1);
    let order = play(Order::default(), [OrderCommand::Submit(submission), OrderCommand::RecordQuote(quote)]);
    let lines = order.allocation_request().unwrap().lines;
    assert_eq!(lines.iter().map(|share| share.quantity).collect::<Vec<_>>(), [each(3), each(5)]);
    let shares = [share(1, 3), share(2, 5)];
    let order = play(
        order,
        [
            OrderCommand::RecordCreditApproved(approved()),
            OrderCommand::RecordAllocation(allocation("AL-1", &[(1, &[("EAST", 3)], 0), (2, &[("EAST", 5)], 0)])),
            OrderCommand::RecordRelease(released("SO-1")),
            OrderCommand::RecordRouting(routing(&[assignment(1, &shares)])),
            report(1, 3, &[(2, 5)], &[]),
        ],
    );
    assert_eq!((ladder(&order, 1).shipped, ladder(&order, 2).shipped), (each(0), each(5)));
}

#[test]
fn b16_cases_are_allocated_as_pieces_and_a_fraction_of_one_needs_a_decision() {
    let mut cases = submission(&[3]);
    cases.lines[0].quantity = quantity(3, "CS");
    let submitted = apply(Order::default(), OrderCommand::Submit(cases.clone()));
    assert_eq!(ladder(&submitted, 1).ordered, quantity(3, "CS"));
    let priced = apply(submitted.clone(), OrderCommand::RecordQuote(quote(&cases, 12)));
    assert_eq!(ladder(&priced, 1).ordered, each(36));
    assert_eq!(priced.allocation_request().unwrap().lines[0].quantity, each(36));
    let mut uneven = quote(&cases, 5);
    uneven.lines[0].denominator = 2.try_into().unwrap();
    let stuck = apply(submitted.clone(), OrderCommand::RecordQuote(uneven));
    assert_eq!((status(&stuck), kinds(&stuck)), (Status::Unpriceable, vec![ReviewKind::Unpriceable]));
    let mut pounds = quote(&cases, 12);
    pounds.lines[0].base_uom = "LB".parse::<Uom>().unwrap();
    assert_eq!(ladder(&apply(submitted, OrderCommand::RecordQuote(pounds)), 1).ordered, quantity(36, "LB"));
}

#[test]
fn b20_a_price_in_another_currency_or_a_sum_that_is_none_is_not_taken() {
    let submission = submission(&[3]);
    let submitted = apply(Order::default(), OrderCommand::Submit(submission.clone()));
    let mut euros = quote(&submission, 1);
    euros.tax.currency = id("EUR");
    let mut wrong = quote(&submission, 1);
    wrong.total.amount += rust_decimal::Decimal::ONE;
    let mut silent = quote(&submission, 1);
    silent.lines.clear();
    for (quote, code) in [(euros, "OTHER_CURRENCY"), (wrong, "TOTALS_DISAGREE"), (silent, "LINE_WITHOUT_PRICE")] {
        let order = apply(submitted.clone(), OrderCommand::RecordQuote(quote));
        assert!(order.known().unwrap().reviews()[0].reason.starts_with(code));
        assert!(order.allocation_request().is_none());
    }
}

#[test]
fn b27_the_same_order_again_is_nothing_new_and_another_content_is_a_conflict_once() {
    let order = apply(Order::default(), OrderCommand::Submit(submission(&[3])));
    assert_eq!(order.decide(OrderCommand::Submit(submission(&[3]))), Ok(vec![]));
    let mut other = submission(&[4]);
    other.digest = "second".to_owned();
    let conflicted = apply(order, OrderCommand::Submit(other.clone()));
    assert_eq!(kinds(&conflicted), [ReviewKind::ConflictingSubmission]);
    assert_eq!(conflicted.decide(OrderCommand::Submit(other)), Ok(vec![]));
    assert_eq!(ladder(&conflicted, 1).ordered, each(3));
}

#[test]
fn b05_a_shipment_that_crosses_a_cancel_wins_and_is_reviewed() {
    let order = routed(&[10], &[&[share(1, 6)], &[share(1, 4)]]);
    let cancelled = apply(order.clone(), OrderCommand::Cancel(cancel()));
    assert_eq!((status(&cancelled), kinds(&cancelled)), (Status::Cancelling, vec![ReviewKind::CancelIncomplete]));
    let crossed = apply(cancelled, report(1, 4, &[(1, 6)], &[]));
    assert_eq!(status(&crossed), Status::PartiallyShipped);
    assert_eq!(kinds(&crossed), [ReviewKind::ShippedAfterCancel, ReviewKind::CancelIncomplete]);
    let settled = play(crossed, [rejection(2, 3), report(1, 6, &[(1, 6)], &[(1, 6)])]);
    assert_eq!(status(&settled), Status::Delivered);
    assert_eq!(kinds(&settled), [ReviewKind::ShippedAfterCancel]);
    assert_eq!((ladder(&settled, 1).cancelled, ladder(&settled, 1).shipped), (each(4), each(6)));
    let shipped = apply(order, report(1, 4, &[(1, 6)], &[]));
    let late = shipped.decide(OrderCommand::Cancel(cancel())).unwrap();
    assert!(matches!(&late[..], [crate::OrderEvent::RequestRejected(why)] if why.code == "ALREADY_SHIPPED"));
}

#[test]
fn a_cancelled_order_asks_for_no_other_decision_than_its_cancelling() {
    for (stage, order) in stages().into_iter().skip(1).filter(|(stage, _)| !["delivered", "invoiced"].contains(stage)) {
        let cancelled = apply(order, OrderCommand::Cancel(cancel()));
        let others: Vec<ReviewKind> =
            kinds(&cancelled).into_iter().filter(|kind| *kind != ReviewKind::CancelIncomplete).collect();
        assert!(others.is_empty(), "{stage}: {others:?}");
        let done = status(&cancelled) == Status::Cancelled;
        assert_eq!(done, kinds(&cancelled).is_empty(), "{stage}: cancelled is done, cancelling stands on the worklist");
    }
}

#[test]
fn c05_an_order_is_delivered_only_when_no_package_is_on_its_way() {
    let mut report = progress(1, 4, Standing::Accepted, &[(1, 10)], &[(1, 10)]);
    let mut second = report.packages[0].clone();
    second.package = id("P-9");
    second.status = PackageStatus::At(MilestoneKind::InTransit);
    report.packages.push(second);
    let order = apply(routed(&[10], &[&[share(1, 10)]]), OrderCommand::RecordProgress(report));
    assert_eq!(status(&order), Status::Shipped);
    assert!(order.invoice_request().is_none());
}

#[test]
fn what_no_ladder_can_show_is_reviewed_and_hides_nothing() {
    let order = routed(&[10], &[&[share(1, 10)]]);
    let good = || progress(1, 4, Standing::Accepted, &[(1, 10)], &[]);
    let mut unit = good();
    unit.shipped.insert(line_no(1), quantity(10, "CS"));
    let mut line = good();
    line.shipped.insert(line_no(9), each(1));
    let mut stranger = good();
    stranger.fulfillment = share_id(7);
    let mut absurd = good();
    absurd.fulfillment = share_id(7);
    absurd.shipped.insert(line_no(1), quantity(1_000_000_000, "EA"));
    for report in [unit, line, stranger, absurd] {
        let order = apply(order.clone(), OrderCommand::RecordProgress(report));
        assert!(kinds(&order).contains(&ReviewKind::ContentMismatch));
        assert_eq!(order.known().unwrap().ladders().len(), 1);
    }
}

#[test]
fn a_report_between_two_that_say_the_same_does_not_stand_when_it_comes_last() {
    let order = routed(&[10], &[&[share(1, 10)]]);
    let reports = [report(1, 5, &[], &[]), report(1, 6, &[(1, 10)], &[]), report(1, 8, &[], &[])];
    for reports in crate::samples::permutations(&reports) {
        assert_eq!(ladder(&play(order.clone(), reports), 1).shipped, each(0));
    }
}

#[test]
fn an_older_telling_that_lands_late_makes_the_order_be_told_again() {
    let order = routed(&[10], &[&[share(1, 10)]]);
    let telling = order.telling().unwrap();
    let newest = || OrderCommand::RecordTold(told(7, &telling.digest()));
    let order = apply(order, newest());
    assert_eq!(order.telling(), None);
    let overtaken = apply(order, OrderCommand::RecordTold(told(5, "old news")));
    assert!(overtaken.was_overtaken() && overtaken.telling().is_some());
    let told = apply(overtaken, newest());
    assert!(matches!(told.known().unwrap().told, Knowledge::Newest(_)));
    assert_eq!((told.telling(), told.decide(newest())), (None, Ok(vec![])));
}

#[test]
fn an_overdue_order_stands_on_the_worklist_until_it_ends() {
    let order = routed(&[10], &[&[share(1, 10)]]);
    let order = apply(order, OrderCommand::RaiseOverdue(overdue()));
    assert_eq!(kinds(&order), [ReviewKind::Overdue]);
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
    assert!(forth.sales_order().is_some());
}

#[test]
fn a_refused_effect_is_not_asked_for_again_by_itself_and_is_reviewed() {
    let order = apply(priced(false), OrderCommand::RecordRefused(refused(Effect::Allocate, "CLOSED")));
    assert!(order.allocation_request().is_none());
    assert_eq!(kinds(&order), [ReviewKind::PartnerRefused]);
    let order = apply(order, OrderCommand::Announce(sending(Effect::Allocate, 2)));
    assert!(order.allocation_request().is_some());
    assert!(kinds(&apply(order, OrderCommand::RecordAllocation(stock(0)))).is_empty());
}
