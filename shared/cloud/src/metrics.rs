//! Metrics in log lines: CloudWatch's embedded metric format. The service reads a line's member `_aws`, which names the
//! members that are metrics, so that a metric costs some bytes of a line and no call.

use std::collections::BTreeMap;

use engine::measures::Measure;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The dimension of a partner's metrics.
const PARTNER: &str = "Partner";

/// The members that the field `measures` becomes, in the namespace of the deployment. None if the field cannot be read.
///
/// A line has one value of each dimension, so one partner: a step calls one.
pub(crate) fn members(field: &str, namespace: &str, now: Timestamp) -> Map<String, Value> {
    let measures: Vec<Measure> = serde_json::from_str(field).unwrap_or_default();
    let partner = measures.iter().find_map(|measure| measure.partner.clone());
    let (mut members, mut directives) = (Map::new(), Vec::new());
    for dimension in [None, partner] {
        let is_meant = |measure: &&Measure| measure.partner == dimension;
        let mut metrics: BTreeMap<&str, (Value, Vec<u64>)> = BTreeMap::new();
        for measure in measures.iter().filter(is_meant) {
            metrics.entry(&measure.name).or_insert_with(|| (json!(measure.unit), vec![])).1.push(measure.value);
        }
        if metrics.is_empty() {
            continue;
        }
        let dimensions = if dimension.is_some() { json!([[PARTNER]]) } else { json!([[]]) };
        let named: Vec<Value> = metrics.iter().map(|(name, (unit, _))| json!({"Name": name, "Unit": unit})).collect();
        directives.push(json!({"Namespace": namespace, "Dimensions": dimensions, "Metrics": named}));
        members.extend(metrics.into_iter().map(|(name, (_, values))| (name.to_owned(), json!(values))));
        members.extend(dimension.map(|partner| (PARTNER.to_owned(), json!(partner))));
    }
    if !directives.is_empty() {
        members.insert("_aws".to_owned(), json!({"Timestamp": now.as_millisecond(), "CloudWatchMetrics": directives}));
    }
    members
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use engine::Measures;

    use super::*;

    #[test]
    fn a_deployments_and_a_partners_metrics_are_in_one_line_by_the_published_format() {
        let (began, now) = ("2026-03-02T10:00:00Z".parse().unwrap(), "2026-03-02T10:00:07Z".parse().unwrap());
        let (measures, eastco) = (Measures::of_message(), "eastco".parse().unwrap());
        measures.time("warehouse-acknowledgement", began, now);
        measures.latency("partner-latency", &eastco, Duration::from_millis(12));
        measures.latency("partner-latency", &eastco, Duration::from_millis(340));
        measures.count("partner-limited", &eastco);
        let members = Value::Object(members(&measures.field().unwrap(), "crossdock-test", now));
        let expected = json!({
            "Partner": "eastco",
            "partner-latency": [12, 340],
            "partner-limited": [1],
            "warehouse-acknowledgement": [7],
            "_aws": {"Timestamp": 1_772_445_607_000_u64, "CloudWatchMetrics": [
                {"Namespace": "crossdock-test", "Dimensions": [[]],
                    "Metrics": [{"Name": "warehouse-acknowledgement", "Unit": "Seconds"}]},
                {"Namespace": "crossdock-test", "Dimensions": [["Partner"]],
                    "Metrics": [{"Name": "partner-latency", "Unit": "Milliseconds"}, {"Name": "partner-limited", "Unit": "Count"}]},
            ]},
        });
        assert_eq!(members, expected);
    }

    #[test]
    fn a_field_that_cannot_be_read_is_no_metric() {
        assert_eq!(members("{", "crossdock-test", Timestamp::UNIX_EPOCH), Map::new());
        assert_eq!(members("[]", "crossdock-test", Timestamp::UNIX_EPOCH), Map::new());
    }
}
