//! What time it is at AWS, and the oldest rows of lists: for a diagnosis.

use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use engine::Failure;
use engine::stores::ViewRow;
use jiff::Timestamp;

use crate::errors::failure;
use crate::items::text;
use crate::views::{INDEX, ViewsTable, row_of};

impl ViewsTable {
    /// The row of a list with the lowest rank, such as the order that was ordered first; and the time by AWS's clock, to the
    /// second, where the answer has it.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn oldest(&self, list: &str) -> Result<(Option<ViewRow>, Option<Timestamp>), Failure> {
        let date = Date::default();
        let query = self.client.query().table_name(&self.table).index_name(INDEX).limit(1);
        let query = query.key_condition_expression("#l = :l").expression_attribute_names("#l", "status");
        let query = query.expression_attribute_values(":l", text(list)).customize().interceptor(date.clone());
        let answer = query.send().await.map_err(|e| failure("Query of views", &e))?;
        let row = answer.items.unwrap_or_default().into_iter().next().map(row_of).transpose()?;
        Ok((row, date.read()))
    }
}

/// Keeps an answer's `Date`, which the SDK does not hand out.
#[derive(Debug, Clone, Default)]
struct Date(Arc<Mutex<Option<String>>>);

impl Date {
    fn read(&self) -> Option<Timestamp> {
        let text = self.0.lock().ok()?.clone()?;
        jiff::fmt::rfc2822::parse(&text).ok().map(|date| date.timestamp())
    }
}

impl Intercept for Date {
    fn name(&self) -> &'static str {
        "date"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Ok(mut date) = self.0.lock() {
            *date = context.response().headers().get("date").map(str::to_owned);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::canned::Canned;

    #[tokio::test]
    async fn the_oldest_row_of_a_list_comes_with_the_time_at_aws_if_the_answer_has_it() {
        let row = json!({ "pk": { "S": "order/ord_1" }, "sk": { "S": "summary" }, "version": { "N": "1" },
            "fold": { "N": "2" }, "document": { "S": "{}" } });
        let canned = Canned::always(200, json!({ "Items": [row] }));
        let views = ViewsTable::new(canned.aws().dynamodb(), "views".to_owned());
        let (oldest, now) = views.oldest("order/routed").await.unwrap();
        assert_eq!((oldest.unwrap().fold, now), (2, None));
        assert_eq!(canned.calls()[0].1["ScanIndexForward"], json!(null), "the lowest rank first");

        let date = Date(Arc::new(Mutex::new(Some("Mon, 02 Mar 2026 10:00:07 GMT".to_owned()))));
        assert_eq!(date.read(), Some("2026-03-02T10:00:07Z".parse().unwrap()));
    }
}
