//! Price, tax, units and credit.

use super::*;

#[test]
fn an_order_that_waits_for_credit_is_not_shown_as_backordered() {
    let order = apply(priced(false), OrderCommand::RecordAllocation(stock(4)));
    assert_eq!(status(&order), Status::Priced);
}

#[test]
fn b16_cases_are_allocated_as_pieces_and_a_fraction_of_a_piece_is_reviewed() {
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
fn b20_a_price_in_another_currency_or_with_a_wrong_total_is_refused() {
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
fn credit_that_expires_before_the_release_is_checked_again() {
    let until = CreditApproved { valid_until: Some(at(60)), ..approved() };
    let order =
        play(priced(false), [OrderCommand::RecordCreditApproved(until), OrderCommand::RecordAllocation(stock(0))]);
    assert!(order.sales_order_request(at(59)).is_some() && order.expired_credit(at(59)).is_none());
    assert!(order.sales_order_request(at(60)).is_none());
    let expired = CreditExpired { valid_until: order.expired_credit(at(60)).unwrap(), needs_decision: false };
    let order = apply(order, OrderCommand::ExpireCredit(expired.clone()));
    assert!(order.credit_query().is_some());
    assert_eq!(order.decide(OrderCommand::ExpireCredit(expired)), Ok(vec![]), "the expiry is recorded once");
    let order = apply(order, OrderCommand::RecordCreditApproved(approved()));
    assert!(order.sales_order_request(at(61)).is_some());
}

#[test]
fn credit_that_expires_again_and_again_is_reviewed_after_five_rounds() {
    let until = CreditApproved { valid_until: Some(at(60)), ..approved() };
    let expired = CreditExpired { valid_until: at(60), needs_decision: false };
    let round = [OrderCommand::RecordCreditApproved(until.clone()), OrderCommand::ExpireCredit(expired.clone())];
    let four = play(priced(false), round.iter().cycle().take(8).cloned());
    assert!(four.credit_query().is_some() && kinds(&four).is_empty());
    let five = play(four, round.clone());
    assert!(five.credit_query().is_none());
    assert_eq!(kinds(&five), [OrderReview::CreditExpired]);
    let again = decide(&five, OrderReview::CreditExpired, Choice::Retry);
    assert!(again.credit_query().is_some() && kinds(&again).is_empty());
    let ten = play(again, round.iter().cycle().take(10).cloned());
    assert_eq!(kinds(&ten), [OrderReview::CreditExpired], "the same review opens again");
    let stock = OrderCommand::RecordAllocation(stock(0));
    let approved = apply(decide(&ten, OrderReview::CreditExpired, Choice::Approve), stock);
    assert!(approved.sales_order_request(at(61)).is_some());
}

#[test]
fn b31_an_approval_counts_as_expired_on_arrival_at_its_last_moment() {
    let order = priced(false);
    let query = order.credit_query().unwrap();
    let until = CreditApproved { valid_until: Some(at(60)), ..approved() };
    let early = apply(order.clone(), query.approved(until.clone(), at(59)));
    assert!(kinds(&early).is_empty() && early.credit_query().is_none());
    let late = apply(order.clone(), query.approved(until.clone(), at(60)));
    assert_eq!((kinds(&late), late.credit_query()), (vec![OrderReview::CreditExpired], None));
    let amended = apply(order, OrderCommand::Amend(amendment(&[8])));
    let late = apply(amended, query.approved(until, at(60)));
    assert!(kinds(&late).is_empty(), "it is not of this price");
}

#[test]
fn refused_credit_is_decided_by_approving_it_or_cancelling_the_order() {
    let refused = play(
        priced(false),
        [OrderCommand::RecordCreditRefused(refused_credit()), OrderCommand::RecordAllocation(stock(0))],
    );
    let approved = decide(&refused, OrderReview::CreditRefused, Choice::Approve);
    assert!(approved.sales_order_request(at(0)).is_some() && kinds(&approved).is_empty());
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
fn a_price_or_tax_that_differs_from_the_promised_one_waits_for_a_decision() {
    for (total, tax) in [("12", None), ("11", Some("2"))] {
        let mut promised = submission(&[10]);
        let number = |text: &str| text.parse().unwrap();
        promised.expected = Some(Expected { total: number(total), tax: tax.map(number) });
        let quoted = quote(&promised, 1);
        let order = begin::<Order>([OrderCommand::Submit(promised), OrderCommand::RecordQuote(quoted)]);
        assert_eq!(kinds(&order), [OrderReview::PriceDisagrees]);
        assert!(order.credit_query().is_none() && order.allocation_request().is_none());
        let approved = decide(&order, OrderReview::PriceDisagrees, Choice::Approve);
        assert!(approved.credit_query().is_some() && approved.allocation_request().is_some());
    }
}

#[test]
fn b21_an_unpriceable_order_is_priced_again_after_a_decision() {
    let why = || Rejection::new("UNKNOWN_SKU", "line 1");
    let order = begin::<Order>([OrderCommand::Submit(submission(&[10]))]);
    let stuck = apply(order, OrderCommand::RecordUnpriceable(why()));
    assert!(stuck.price_query().is_none(), "it is not priced again without a decision");
    let retried = decide(&stuck, OrderReview::Unpriceable, Choice::Retry);
    assert!(retried.price_query().is_some() && kinds(&retried).is_empty());
    let again = apply(retried, OrderCommand::RecordUnpriceable(why()));
    assert_eq!(kinds(&again), [OrderReview::Unpriceable], "a repeated refusal invalidates the earlier decision");
}

#[test]
fn credit_and_stock_may_arrive_in_either_order() {
    let commands = [OrderCommand::RecordCreditApproved(approved()), OrderCommand::RecordAllocation(stock(0))];
    let [credit, stock] = commands;
    let credit_first = play(priced(false), [credit.clone(), stock.clone()]);
    let stock_first = play(priced(false), [stock, credit]);
    assert_eq!(credit_first, stock_first);
    assert!(credit_first.sales_order_request(at(0)).is_some());
}
