//! The stores in memory keep the ports' promises.

use testkit::memory::{
    MemoryDeliveries, MemoryDue, MemoryJournal, MemoryParties, MemoryPartnerHealth, MemorySessions, MemoryViews,
};
use testkit::suites;

#[tokio::test]
async fn the_journal_in_memory_keeps_its_promises() {
    let journal = MemoryJournal::default();
    suites::journal(&journal).await;
    suites::journal_race(&journal).await;
}

#[tokio::test]
async fn the_other_stores_in_memory_keep_theirs() {
    suites::deliveries(&MemoryDeliveries::default()).await;
    suites::parties(&MemoryParties::default()).await;
    suites::due(&MemoryDue::default()).await;
    suites::partner_health(&MemoryPartnerHealth::default()).await;
    suites::sessions(&MemorySessions::default()).await;
    suites::views(&MemoryViews::default()).await;
}
