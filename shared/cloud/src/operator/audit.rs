//! The audit table: what operators did, who, why and when. A record is written once and never changed. The lease, by
//! which one operator at a time works on a queue, is the only item that is replaced.

use aws_sdk_dynamodb::Client;
use engine::stores::sortable;
use engine::{Code, Failure};
use jiff::Timestamp;

use crate::errors::{condition_failed, failure};
use crate::items::{Item, Reader, item, text};

/// The table of operators' audit records.
#[derive(Debug, Clone)]
pub struct AuditTable {
    client: Client,
    table: String,
}

/// The right of one operator to work on a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The queue.
    pub queue: String,
    /// Who has it.
    pub holder: String,
    /// Until when, unless it is renewed or given up before.
    pub until: Timestamp,
}

const PUT: &str = "PutItem in the audit table";

impl AuditTable {
    pub(crate) fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Writes the record `entry` of `subject`. Returns whether it was written; it is not if there is one of that name.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn record(&self, subject: &str, entry: &str, document: &str) -> Result<bool, Failure> {
        let record =
            item([("subject", Some(text(subject))), ("entry", Some(text(entry))), ("document", Some(text(document)))]);
        let put = self.client.put_item().table_name(&self.table).set_item(Some(record));
        let put = put.condition_expression("attribute_not_exists(#s)").expression_attribute_names("#s", "subject");
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error) if condition_failed(&error).is_some() => Ok(false),
            Err(error) => Err(failure(PUT, &error)),
        }
    }

    /// The records of `subject`, each with its name, in the order of their names.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn records(&self, subject: &str) -> Result<Vec<(String, String)>, Failure> {
        let (mut records, mut next): (Vec<(String, String)>, Option<Item>) = (Vec::new(), None);
        loop {
            let query = self.client.query().table_name(&self.table).consistent_read(true);
            let query = query.key_condition_expression("#s = :s").expression_attribute_names("#s", "subject");
            let query = query.expression_attribute_values(":s", text(subject)).set_exclusive_start_key(next);
            let page = query.send().await.map_err(|e| failure("Query of the audit table", &e))?;
            for item in page.items.unwrap_or_default() {
                let mut item = Reader::new(item, "audit record");
                records.push((item.text("entry")?, item.text("document")?));
            }
            match page.last_evaluated_key {
                Some(key) if !key.is_empty() => next = Some(key),
                Some(_) | None => return Ok(records),
            }
        }
    }

    /// Takes or renews `lease`, unless another holder has the queue at `now`. Returns the other's lease.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn lease(&self, lease: &Lease, now: Timestamp) -> Result<Option<Lease>, Failure> {
        let taken = item([
            ("subject", Some(text(subject_of(&lease.queue)))),
            ("entry", Some(text(LEASE))),
            ("holder", Some(text(&lease.holder))),
            ("until", Some(text(sortable(lease.until)))),
        ]);
        let put = self.client.put_item().table_name(&self.table).set_item(Some(taken));
        let put = put
            .condition_expression("attribute_not_exists(#s) OR #h = :h OR #u < :n")
            .expression_attribute_names("#s", "subject")
            .expression_attribute_names("#h", "holder")
            .expression_attribute_names("#u", "until")
            .expression_attribute_values(":h", text(&lease.holder))
            .expression_attribute_values(":n", text(sortable(now)))
            .return_values_on_condition_check_failure(
                aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld,
            );
        match put.send().await {
            Ok(_) => Ok(None),
            Err(error) => match condition_failed(&error) {
                Some(existing) => {
                    let existing = existing.cloned().ok_or_else(|| {
                        Failure::transient(Code::StoreBusy, "the lease was taken, and the store did not say by whom")
                    })?;
                    let mut existing = Reader::new(existing, "lease");
                    let (holder, until) = (existing.text("holder")?, existing.time("until")?);
                    Ok(Some(Lease { queue: lease.queue.clone(), holder, until }))
                }
                None => Err(failure(PUT, &error)),
            },
        }
    }

    /// Gives a lease up, if its holder still has it.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn give_up(&self, lease: &Lease, now: Timestamp) -> Result<(), Failure> {
        // A lease that ended: nothing has to be deleted, and the right to delete audit records is given to no one.
        let ended = Lease { until: Timestamp::UNIX_EPOCH, ..lease.clone() };
        self.lease(&ended, now).await.map(|_other| ())
    }
}

const LEASE: &str = "lease";

fn subject_of(queue: &str) -> String {
    format!("lease/{queue}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::canned::{Canned, error};

    fn table(canned: &Canned) -> AuditTable {
        AuditTable::new(canned.aws().dynamodb(), "audit".to_owned())
    }

    fn lease() -> Lease {
        Lease { queue: "q-dlq".to_owned(), holder: "ann".to_owned(), until: "2026-03-02T10:01:00Z".parse().unwrap() }
    }

    #[tokio::test]
    async fn a_record_is_written_once() {
        let canned = Canned::always(400, error("ConditionalCheckFailedException"));
        assert_eq!(table(&canned).record("work/a", "plan/1", "{}").await, Ok(false));
        let refused = Canned::always(400, error("AccessDeniedException"));
        assert!(table(&refused).record("work/a", "plan/1", "{}").await.is_err());
        assert_eq!(table(&Canned::always(200, json!({}))).record("work/a", "plan/1", "{}").await, Ok(true));
    }

    #[tokio::test]
    async fn a_lease_of_another_operator_is_returned() {
        let mut refused = error("ConditionalCheckFailedException");
        refused["Item"] = json!({ "subject": { "S": "lease/q-dlq" }, "entry": { "S": "lease" }, "holder": { "S": "bob" },
            "until": { "S": "2026-03-02T10:00:30.000Z" } });
        let now = "2026-03-02T10:00:00Z".parse().unwrap();
        let canned = Canned::always(400, refused);
        let other = table(&canned).lease(&lease(), now).await.unwrap().unwrap();
        assert_eq!((other.holder.as_str(), other.until.to_string()), ("bob", "2026-03-02T10:00:30Z".to_owned()));
        assert_eq!(table(&Canned::always(200, json!({}))).lease(&lease(), now).await, Ok(None));
    }
}
