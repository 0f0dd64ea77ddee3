//! The answer to every command in every stage, and what holds in all stages.

use super::*;
use crate::order::PredecessorShipped;

/// The command after `command` in the table. The match has to name every command, so none can be left out.
fn after(command: &OrderCommand) -> Option<OrderCommand> {
    match command {
        OrderCommand::Submit(_) => {
            Some(OrderCommand::RecordPredecessorShipped(PredecessorShipped { fulfillment: fulfillment_id(9) }))
        }
        OrderCommand::RecordPredecessorShipped(_) => Some(OrderCommand::RecordQuote(quote(&submission(&[10]), 1))),
        OrderCommand::RecordQuote(_) => Some(OrderCommand::RecordUnpriceable(Rejection::new("UNKNOWN_SKU", "no"))),
        OrderCommand::RecordUnpriceable(_) => Some(OrderCommand::RecordCreditApproved(approved())),
        OrderCommand::RecordCreditApproved(_) => {
            Some(OrderCommand::RecordCreditExpiredOnArrival(CreditApproved { valid_until: Some(at(0)), ..approved() }))
        }
        OrderCommand::RecordCreditExpiredOnArrival(_) => Some(OrderCommand::RecordCreditRefused(refused_credit())),
        OrderCommand::RecordCreditRefused(_) => {
            Some(OrderCommand::ExpireCredit(CreditExpired { valid_until: at(1_440), needs_decision: false }))
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
        OrderCommand::RecordProgress(_) => Some(OrderCommand::RecordCrmUpdated(crm_updated(3, "news"))),
        OrderCommand::RecordCrmUpdated(_) => Some(OrderCommand::RecordInvoice(invoiced("INV-1"))),
        OrderCommand::RecordInvoice(_) => Some(returnables::reserve(1, 1, &[(1, 5)])),
        OrderCommand::ReserveReturn(_) => Some(OrderCommand::RaiseOverdue(overdue())),
        OrderCommand::RaiseOverdue(_) => Some(OrderCommand::RecordDiscard(work_discarded())),
        OrderCommand::RecordDiscard(_) => Some(OrderCommand::Cancel(cancel())),
        OrderCommand::Cancel(_) => Some(OrderCommand::Hold(held())),
        OrderCommand::Hold(_) => Some(OrderCommand::ReleaseHold(hold_released())),
        OrderCommand::ReleaseHold(_) => Some(OrderCommand::Amend(amendment(&[8]))),
        OrderCommand::Amend(_) => {
            Some(OrderCommand::RefuseRequest(Rejection::new("CANNOT_AMEND", "customer cannot be amended")))
        }
        OrderCommand::RefuseRequest(_) => Some(OrderCommand::Reassign(fulfillment_id(1))),
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
        OrderCommand::RecordPredecessorShipped(_) => "predecessor-shipped",
        OrderCommand::RecordQuote(_) => "quote",
        OrderCommand::RecordUnpriceable(_) => "unpriceable",
        OrderCommand::RecordCreditApproved(_) => "credit-approved",
        OrderCommand::RecordCreditExpiredOnArrival(_) => "credit-expired-on-arrival",
        OrderCommand::RecordCreditRefused(_) => "credit-refused",
        OrderCommand::ExpireCredit(_) => "credit-expired",
        OrderCommand::RecordAllocation(_) => "allocation",
        OrderCommand::RecordStock(_) => "stock-arrived",
        OrderCommand::RecordDeallocated(_) => "deallocated",
        OrderCommand::RecordRelease(_) => "release",
        OrderCommand::RecordSalesOrderCancelled(_) => "sales-order-cancelled",
        OrderCommand::RecordRouting(_) => "routing",
        OrderCommand::RecordProgress(_) => "progress",
        OrderCommand::RecordCrmUpdated(_) => "crm-updated",
        OrderCommand::RecordInvoice(_) => "invoice",
        OrderCommand::ReserveReturn(_) => "reserve-return",
        OrderCommand::RaiseOverdue(_) => "overdue",
        OrderCommand::RecordDiscard(_) => "work-discarded",
        OrderCommand::Cancel(_) => "cancel",
        OrderCommand::Hold(_) => "hold",
        OrderCommand::ReleaseHold(_) => "release-hold",
        OrderCommand::Amend(_) => "amend",
        OrderCommand::RefuseRequest(_) => "refuse-request",
        OrderCommand::Reassign(_) => "reassign",
        OrderCommand::Decide(_) => "decide",
        OrderCommand::Announce(_) => "announce",
        OrderCommand::RecordEffectFailed(_) => "effect-failed",
        OrderCommand::RecordEffectRejected(_) => "effect-rejected",
    }
}

fn stages() -> Vec<(&'static str, Order)> {
    let submitted = begin::<Order>([OrderCommand::Submit(submission(&[10]))]);
    let why = Rejection::new("UNKNOWN_SKU", "no");
    let priced = priced(false);
    let refused = apply(priced.clone(), OrderCommand::RecordCreditRefused(refused_credit()));
    let approved = apply(priced.clone(), OrderCommand::RecordCreditApproved(approved()));
    let allocating = apply(
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
        ("asking", allocating),
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
        ("short", short_order()),
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

/// The decision table as a page of the documentation.
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
    let written = include_str!("../../../../../docs/order-states.md");
    assert!(written == page, "docs/order-states.md differs from the code. It should be:\n{page}");
}

#[test]
fn an_answer_is_recorded_in_every_stage_even_after_a_cancellation() {
    let documents = [
        (OrderEffect::Allocate { allocation_no: AllocationNo::FIRST }, OrderCommand::RecordAllocation(stock(0))),
        (OrderEffect::CreateSalesOrder, OrderCommand::RecordRelease(released("SO-1"))),
        (OrderEffect::Invoice, OrderCommand::RecordInvoice(invoiced("INV-1"))),
    ];
    for (stage, order) in stages() {
        for (effect, answer) in &documents {
            let cancelled = play(
                order.clone(),
                [OrderCommand::Announce(started(effect.clone(), 1)), OrderCommand::Cancel(cancel())],
            );
            let order = apply(cancelled, answer.clone());
            assert!(!order.documents.open_effects.contains(effect), "{stage}: {effect:?} stays open");
            let disputed = *effect == OrderEffect::Invoice && order.documents.disputed_invoice.is_some();
            let duplicate = order.documents.duplicates.contains_key(effect);
            let is_stored = order.document(effect).is_some() || duplicate || disputed;
            assert!(is_stored, "{stage}: {effect:?} is not recorded");
        }
    }
}

#[test]
fn a_cancelled_order_has_no_review_that_would_continue_it() {
    for (stage, order) in stages().into_iter().filter(|(stage, _)| !["delivered", "invoiced"].contains(stage)) {
        let cancelled = apply(order, OrderCommand::Cancel(cancel()));
        assert_eq!(kinds(&cancelled), [], "{stage}");
    }
}

#[test]
fn an_order_on_hold_starts_nothing_in_any_stage() {
    for (stage, order) in
        stages().into_iter().filter(|(stage, _)| !["delivered", "invoiced", "cancelling"].contains(stage))
    {
        let order = apply(order, OrderCommand::Hold(held()));
        let started = [
            order.price_query().is_some(),
            order.credit_query().is_some(),
            order.allocation_request().is_some(),
            order.sales_order_request(at(0)).is_some(),
            order.routing_query().is_some(),
            order.assignment(&fulfillment_id(1)).is_some(),
        ];
        assert_eq!(started, [false; 6], "{stage}");
    }
}
