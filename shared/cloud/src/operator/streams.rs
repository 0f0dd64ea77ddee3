//! Which streams have commits of a time. No serving path may read a whole table; an operator who makes derived data again
//! has to.

use std::collections::BTreeSet;

use engine::Failure;
use jiff::Timestamp;

use crate::errors::failure;
use crate::items::{Item, Reader, number};
use crate::journal::JournalTable;

impl JournalTable {
    /// The names of the streams that have a commit at `from` or later and before `to`. Reads the whole table, page by page;
    /// `progress` is told how many commits were read.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn streams(
        &self,
        from: Timestamp,
        to: Timestamp,
        mut progress: impl FnMut(u64),
    ) -> Result<BTreeSet<String>, Failure> {
        let (mut streams, mut read, mut next) = (BTreeSet::new(), 0, None::<Item>);
        loop {
            let scan = self.client.scan().table_name(&self.table).consistent_read(true).set_exclusive_start_key(next);
            let scan = scan.projection_expression("#s, #a").expression_attribute_names("#s", "stream");
            // The items of natural keys are in the table, too.
            let scan = scan.filter_expression("#v > :v").expression_attribute_names("#v", "version");
            let scan = scan.expression_attribute_values(":v", number(0));
            let scan = scan.expression_attribute_names("#a", "at");
            let page = scan.send().await.map_err(|e| failure("Scan of the journal", &e))?;
            read += u64::try_from(page.scanned_count).unwrap_or(0);
            for item in page.items.unwrap_or_default() {
                let mut item = Reader::commit(item);
                // Texts of times do not sort like times: some have fractions of a second.
                if (from..to).contains(&item.time("at")?) {
                    streams.insert(item.text("stream")?);
                }
            }
            progress(read);
            match page.last_evaluated_key {
                Some(key) if !key.is_empty() => next = Some(key),
                Some(_) | None => return Ok(streams),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::canned::Canned;

    #[tokio::test]
    async fn streams_of_a_time_are_read_from_every_page() {
        let commit = |stream: &str, at: &str| json!({ "stream": { "S": stream }, "at": { "S": at } });
        let canned = Canned::new(move |earlier, _| {
            Some((
                200,
                match earlier {
                    0 => json!({ "Items": [commit("order/a", "2026-03-02T10:00:00Z")], "ScannedCount": 2,
                    "LastEvaluatedKey": { "stream": { "S": "order/a" } } }),
                    _ => {
                        json!({ "Items": [commit("order/b", "2026-03-02T10:00:00.5Z"), commit("order/c", "2026-03-02T11:00:00Z")],
                    "ScannedCount": 2 })
                    }
                },
            ))
        });
        let journal = JournalTable::new(canned.aws().dynamodb(), "journal".to_owned(), None, None);
        let mut told = 0;
        let at = |hour: &str| format!("2026-03-02T{hour}:00:00Z").parse().unwrap();
        let streams = journal.streams(at("10"), at("11"), |read| told = read).await.unwrap();
        assert_eq!(
            (streams.into_iter().collect::<Vec<_>>(), told),
            (vec!["order/a".to_owned(), "order/b".to_owned()], 4)
        );
        assert_eq!(canned.calls().len(), 2);
    }
}
