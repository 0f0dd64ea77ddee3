//! The journal is restored to an earlier point in time: partners keep what they did since.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crossdock_tests::deployment::{Deployment, order_id};
use domain::order::Status;
use serde_json::json;
use simulators::System;
use testkit::memory::{Fault, JournalBackup, Script};

use crate::support::{A_DAY, assert_promises_hold, line, order_of, split, status};

/// Every function with an effect at a partner, and the one that creates the order.
const FUNCTIONS: [&str; 6] = [
    "order-import",
    "stock-allocate",
    "sales-order-create",
    "fulfillment-request",
    "goods-issue-post",
    "invoice-create",
];

/// A deployment whose `lookup` warehouse accepts a second order under one reference.
fn deployment() -> Deployment {
    let deployment = Deployment::new(71);
    {
        let mut partners = deployment.partners.borrow_mut();
        let shipwest = partners.partner_mut("shipwest").map(|it| &mut it.system);
        let Some(System::Shipbob(warehouse)) = shipwest else { panic!("shipwest is no such warehouse") };
        warehouse.accepts_duplicates = true;
    }
    deployment
}

/// Expected: the lost time's last word at the CRM is replaced by what the journal says, though the order itself does not move.
#[test]
fn after_a_restore_a_sweep_shows_the_crm_each_open_order_again() {
    let (mut deployment, id) = (Deployment::new(72), order_id("CRM-1"));
    let shown = |deployment: &Deployment| deployment.state("acme-crm")["statuses"]["CRM-1"]["status"].clone();
    deployment.stock("SKU-5-W", [0, 0]);
    deployment.order(order_of(&json!([line(1, "SKU-5-W", "3")])));
    deployment.run(Duration::from_secs(600));
    assert_eq!(shown(&deployment), "backordered");
    let backup = deployment.journal.backup();
    deployment.cancel(&id);
    deployment.run(Duration::from_secs(60));
    assert_eq!(shown(&deployment), "cancelled");
    deployment.restore(&backup);
    assert_eq!(deployment.sweep(true), 1, "{deployment:?}");
    deployment.run(Duration::from_secs(60));
    assert_eq!((status(&deployment, &id), shown(&deployment)), (Status::Backordered, json!("backordered")));
    deployment.wait(Duration::from_secs(3_600));
    assert_eq!(deployment.sweep(true), 1, "the stock is asked for");
    let updates = |deployment: &Deployment| deployment.state("acme-crm")["updates"].as_array().map(Vec::len);
    let before = updates(&deployment);
    deployment.run(Duration::from_secs(60));
    assert_eq!(updates(&deployment), before, "once in an epoch");
}

/// Expected: every effect of the lost time is found at its partner and not done again, the lists and the CRM show the order's
/// end, and the order ends as without the restore.
#[test]
fn what_a_restored_journal_lost_is_not_done_again_wherever_it_was_restored_to() {
    let id = order_id("CRM-1");
    let mut places = 0;
    for function in FUNCTIONS {
        for n in 0.. {
            let mut deployment = deployment();
            let (journal, backup) = (deployment.journal.clone(), Rc::new(RefCell::new(JournalBackup::default())));
            let kept = backup.clone();
            let script = Script::fault_at(n, Fault::Interleave, move || *kept.borrow_mut() = journal.backup());
            deployment.faults = Some((function, script.clone()));
            deployment.order(split());
            deployment.run(A_DAY);
            if !script.has_happened() {
                break;
            }
            assert_eq!(status(&deployment, &id), Status::Invoiced, "{deployment:?}");
            let before = deployment.fingerprint();
            deployment.wait(Duration::from_secs(60));
            deployment.restore(&backup.borrow());
            assert_ne!(deployment.fingerprint(), before, "{function} call {n}: nothing is lost");
            deployment.replay();
            deployment.run(A_DAY);
            assert_eq!(status(&deployment, &id), Status::Invoiced, "{function} call {n}: {deployment:?}");
            assert_eq!(deployment.parked(), vec![], "{function} call {n}");
            assert_promises_hold(&deployment);
            let shown = deployment.state("acme-crm")["statuses"]["CRM-1"].clone();
            let epoch = shown["version"].as_u64().map(|version| version / 1_000_000_000);
            assert_eq!((shown["status"].as_str(), epoch), (Some("invoiced"), Some(2)), "the CRM is told anew");
            places += 1;
        }
    }
    assert!(places > 30, "only {places} places");
}
