//! What the CRM shows, and overdue orders.

use super::*;

#[test]
fn an_older_crm_update_that_arrives_late_is_replaced_by_another_update() {
    let order = routed(&[10], &[&[line_quantity(1, 10)]]);
    let update = order.crm_update(vec![], 1).unwrap();
    let newest = || OrderCommand::RecordCrmUpdated(crm_updated(7, &update.digest()));
    let order = apply(order, newest());
    assert_eq!(order.crm_update(vec![], 1), None);
    let stale = apply(order, OrderCommand::RecordCrmUpdated(crm_updated(5, "old news")));
    assert!(stale.crm.is_stale() && stale.crm_update(vec![], 1).is_some());
    let updated = apply(stale, newest());
    assert!(matches!(updated.crm, CrmState::Newest(_)));
    assert_eq!((updated.crm_update(vec![], 1), updated.decide(newest())), (None, Ok(vec![])));
}

#[test]
fn an_overdue_order_is_reviewed_until_it_ends() {
    let order = routed(&[10], &[&[line_quantity(1, 10)]]);
    let order = apply(order, OrderCommand::RaiseOverdue(overdue()));
    assert_eq!(kinds(&order), [OrderReview::Overdue]);
    assert_eq!(order.decide(OrderCommand::RaiseOverdue(overdue())), Ok(vec![]));
    let ended = play(order, [report(1, 8, &[(1, 10)], &[(1, 10)]), OrderCommand::RecordInvoice(invoiced("INV-1"))]);
    assert_eq!((status(&ended), kinds(&ended)), (Status::Invoiced, vec![]));
}
