//! How long reviews have been open, as metrics: once a minute, from the worklist's first page.

use engine::stores::{ViewRow, Views};
use engine::{Context, Failure, Measures};
use jiff::Timestamp;
use views::{OPEN_REVIEWS, OpenReview};

/// Streams that are read. The list begins with those whose reviews are due first, so that the first one is always among them.
const PAGE: u32 = 25;

/// Logs the line with the metrics; none while no review is open.
///
/// # Errors
/// Failures of the store.
pub(crate) async fn report(views: &impl Views, cx: &Context) -> Result<(), Failure> {
    let page = views.list(OPEN_REVIEWS, PAGE, None).await?;
    let Some(times) = Times::of(&page.rows) else { return Ok(()) };
    let measures = Measures::of_message();
    times.measure(&measures, cx.now);
    let measures = measures.field();
    let measures = measures.as_deref();
    let Times { opened, decide_by } = times;
    tracing::info!(%opened, %decide_by, measures, outcome = "reviews_open", "reviews are open, the oldest since {opened}");
    Ok(())
}

/// The earliest times of the reviews on a page of the worklist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Times {
    opened: Timestamp,
    decide_by: Timestamp,
}

impl Times {
    /// `None` if there is no review that can be read; a newer release may have written others.
    fn of(rows: &[ViewRow]) -> Option<Self> {
        let reviews = |row: &ViewRow| serde_json::from_str::<Vec<OpenReview>>(&row.document).unwrap_or_default();
        let times = rows.iter().flat_map(reviews).map(|review| (review.since, review.decide_by));
        times
            .map(|(opened, decide_by)| Self { opened, decide_by })
            .reduce(|a, b| Self { opened: a.opened.min(b.opened), decide_by: a.decide_by.min(b.decide_by) })
    }

    fn measure(self, measures: &Measures, now: Timestamp) {
        measures.time("oldest-review", self.opened, now);
        // Zero before its time: the alarm ends with a value, and not with silence.
        measures.time("review-overdue", self.decide_by, now.max(self.decide_by));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn row(reviews: Value) -> ViewRow {
        ViewRow {
            key: "order/ord_1".to_owned(),
            part: "reviews".to_owned(),
            version: 1,
            fold: 1,
            list: OPEN_REVIEWS.to_owned(),
            rank: "1".to_owned(),
            document: reviews.to_string(),
        }
    }

    fn review(since: &str, decide_by: &str) -> Value {
        json!({ "id": "ord_1.overdue", "kind": "overdue", "reason": "late", "options": [],
            "since": format!("2026-03-02T{since}:00Z"), "decide_by": format!("2026-03-02T{decide_by}:00Z") })
    }

    #[test]
    fn the_oldest_review_and_the_most_overdue_one_are_measured_wherever_they_are_on_the_page() {
        let newer = json!([{ "kind": "of a newer release" }]);
        let rows = [row(json!([review("10:00", "11:00"), review("09:00", "18:00")])), row(newer), row(json!([]))];
        let measured = |now: &str| {
            let measures = Measures::of_message();
            let now = format!("2026-03-02T{now}:00Z").parse().unwrap_or(Timestamp::UNIX_EPOCH);
            if let Some(times) = Times::of(&rows) {
                times.measure(&measures, now);
            }
            let field: Value = serde_json::from_str(&measures.field().unwrap_or_default()).unwrap_or_default();
            ["oldest-review", "review-overdue"].map(|name| {
                let all = field.as_array().into_iter().flatten();
                all.filter(|one| one["name"] == name).filter_map(|one| one["value"].as_u64()).collect::<Vec<u64>>()
            })
        };
        assert_eq!(measured("10:30"), [vec![5_400], vec![0]]);
        assert_eq!(measured("12:00"), [vec![10_800], vec![3_600]]);
        assert_eq!(Times::of(&[row(json!([]))]), None);
    }
}
