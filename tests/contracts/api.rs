//! The API's description, held to the routes, to the problems that the code answers, and to the documents that it writes.

use std::collections::BTreeSet;

use domain::fulfillment::FulfillmentReview;
use domain::intake::DeliveryReview;
use domain::order::OrderReview;
use domain::order::Status;
use domain::returns::ReturnReview;
use domain::review::{Choice, Review, ReviewKind};
use domain::{Fulfillment, Order};
use engine::Stream;
use engine::http::Grant;
use jiff::Timestamp;
use serde_json::{Value, json};
use views::{OpenReview, TimedFold};
use yaml_rust2::{Yaml, YamlLoader};

use crate::repository::{files, read};
use crate::{catalog, story, valid};

fn description() -> Value {
    let documents = YamlLoader::load_from_str(&read("docs/api/openapi.yaml")).expect("the description is YAML");
    to_json(&documents[0])
}

fn to_json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Hash(members) => {
            members.iter().map(|(name, part)| (name.clone().into_string().unwrap_or_default(), to_json(part))).collect()
        }
        Yaml::Array(items) => items.iter().map(to_json).collect(),
        Yaml::String(text) | Yaml::Real(text) => Value::from(text.as_str()),
        Yaml::Integer(number) => Value::from(*number),
        Yaml::Boolean(flag) => Value::from(*flag),
        Yaml::Alias(_) | Yaml::Null | Yaml::BadValue => Value::Null,
    }
}

/// A validator for one of the description's schemas.
fn schema(name: &str) -> jsonschema::Validator {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": format!("#/components/schemas/{name}"),
        "components": description()["components"],
    });
    jsonschema::validator_for(&schema).expect("the description's schemas are JSON Schema")
}

fn texts(list: &Value) -> BTreeSet<String> {
    list.as_array().expect("a list").iter().map(|item| item.as_str().expect("a text").to_owned()).collect()
}

#[test]
fn the_description_has_the_catalogs_routes_and_their_scopes() {
    let description = description();
    let mut described = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let scope = operation["security"][0]["token"][0].as_str().unwrap_or_default();
            described.insert((format!("{} {path}", method.to_uppercase()), scope.to_owned()));
            assert!(operation["responses"].as_object().is_some_and(|r| r.len() > 3), "{method} {path}: refusals");
        }
    }
    let mut routes = catalog::entries("route");
    // Pages for people are no contract.
    routes.retain(|entry| !catalog::text(entry, "route").contains(" /console"));
    let text = |entry: &toml::Table, name: &str| catalog::text(entry, name).to_owned();
    let listed: BTreeSet<_> = routes.iter().map(|entry| (text(entry, "route"), text(entry, "scope"))).collect();
    assert_eq!(described, listed);
}

#[test]
fn every_problem_that_the_code_answers_is_described_and_no_other() {
    let mut answered = BTreeSet::new();
    let sources = ["functions", "shared/engine/src", "shared/cloud/src"].map(files).into_iter().flatten();
    for path in sources.filter(|path| path.ends_with(".rs")) {
        let text = read(&path);
        let text = text.split("#[cfg(test)]").next().unwrap();
        for (at, name) in text.match_indices("Problem::new(").chain(text.match_indices("Self::new(")) {
            let arguments = &text[at + name.len()..];
            let Some((status, rest)) = arguments.split_once(", \"") else { continue };
            if status.len() == 3 && status.bytes().all(|b| b.is_ascii_digit()) {
                answered.insert(rest.split('"').next().unwrap().to_owned());
            }
        }
    }
    let described = texts(&description()["components"]["schemas"]["ProblemCode"]["enum"]);
    assert_eq!(described, answered);
    // Each is explained where it can be answered.
    let text = description()["paths"].to_string() + &description()["components"]["responses"].to_string();
    for code in described {
        assert!(text.contains(&format!("`{code}`")), "no answer's description names {code}");
    }
}

#[test]
fn every_refusal_of_a_request_or_a_decision_is_described_and_no_other() {
    // An order's answers to change requests, and any stream's answers to decisions.
    let places = [
        ("shared/domain/src/order/changes.rs", &["rejected(\"", "Some((\""][..]),
        ("shared/domain/src/core/review.rs", &["Rejection::new(\""][..]),
    ];
    let mut refused = BTreeSet::new();
    for (path, beginnings) in places {
        let text = read(path);
        for beginning in beginnings {
            let found = text.match_indices(beginning).map(|(at, _)| &text[at + beginning.len()..]);
            refused.extend(found.map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    let description = description();
    assert_eq!(texts(&description["components"]["schemas"]["RefusalCode"]["enum"]), refused);
    let text = description["paths"].to_string();
    for code in refused {
        assert!(text.contains(&format!("`{code}`")), "no answer's description names {code}");
    }
}

/// In YAML, an unquoted comma in `{ description: For people, or not, type: string }` makes a member without a value.
#[test]
fn the_description_means_what_it_says() {
    let mut wrong = Vec::new();
    check(&description(), "", &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(part: &Value, place: &str, wrong: &mut Vec<String>) {
    match part {
        Value::Object(members) => {
            for (name, member) in members {
                check(member, &format!("{place}/{name}"), wrong);
            }
            let Some(required) = members.get("required").and_then(Value::as_array) else { return };
            let is_defined = |name: &&Value| !part["properties"][name.as_str().unwrap_or_default()].is_null();
            let undefined = required.iter().filter(|name| !is_defined(name));
            wrong.extend(undefined.map(|name| format!("{place} requires {name} and does not define it")));
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                check(item, &format!("{place}/{n}"), wrong);
            }
        }
        Value::Null => wrong.push(format!("{place} has no value")),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_countries_are_those_that_an_address_may_have() {
    let description = description();
    let described = texts(&description["components"]["schemas"]["Address"]["properties"]["country"]["enum"]);
    let example = &description["paths"]["/v1/orders"]["post"]["requestBody"]["content"]["application/json"];
    let mut order = example["examples"]["two-lines"]["value"].clone();
    let now: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
    let mut accepted = BTreeSet::new();
    for code in (b'A'..=b'Z').flat_map(|a| (b'A'..=b'Z').map(move |b| String::from_utf8(vec![a, b]).unwrap())) {
        order["ship_to"]["country"] = json!(code);
        let read = partners::read_order_body(&"portal".parse().unwrap(), order.to_string().as_bytes(), now);
        let offences = read.err().unwrap_or_default();
        if offences.iter().all(|offence| offence.pointer != "/ship_to/country") {
            accepted.insert(code);
        }
    }
    assert_eq!(described, accepted);
}

#[test]
fn a_change_describes_the_members_of_an_order() {
    let schemas = &description()["components"]["schemas"];
    let names =
        |schema: &str| schemas[schema]["properties"].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let mut of_order = names("NewOrder");
    of_order.insert("reason".to_owned());
    assert_eq!(names("Amendment"), of_order);
}

#[test]
fn statuses_and_kinds_of_review_are_the_domains() {
    let description = description();
    let schemas = &description["components"]["schemas"];
    let ours: BTreeSet<String> = Status::ALL.into_iter().map(|status| status.as_str().to_owned()).collect();
    assert_eq!(texts(&schemas["Status"]["enum"]), ours);
    let of_orders = OrderReview::ALL.iter().map(|kind| kind.as_str().to_owned());
    let of_fulfillments = FulfillmentReview::ALL.iter().map(|kind| kind.as_str().to_owned());
    let of_deliveries = DeliveryReview::ALL.iter().map(|kind| kind.as_str().to_owned());
    let of_returns = ReturnReview::ALL.iter().map(|kind| kind.as_str().to_owned());
    let kinds: BTreeSet<String> = of_orders.chain(of_fulfillments).chain(of_deliveries).chain(of_returns).collect();
    assert_eq!(texts(&schemas["ReviewKind"]["enum"]), kinds);
    let choices: BTreeSet<String> = Choice::ALL.iter().map(|choice| choice.as_str().to_owned()).collect();
    assert_eq!(texts(&schemas["Choice"]["enum"]), choices);
    let milestones = schemars::schema_for!(domain::shipment::MilestoneKind);
    let milestones = milestones.as_value()["oneOf"].as_array().unwrap().iter();
    let milestones = milestones.map(|kind| kind["const"].as_str().unwrap().to_owned());
    let packages = milestones.chain(["packed".to_owned(), "voided".to_owned()]);
    assert_eq!(texts(&schemas["PackageStatus"]["enum"]), packages.collect());
}

#[test]
fn what_the_api_answers_is_what_it_describes() {
    let now: Timestamp = "2026-11-26T00:00:00Z".parse().unwrap();
    let order = Stream::<Order>::of(&story::ORDER.parse().unwrap(), story::order(), now).unwrap();
    let order = TimedFold::of(order).expect("the story submits an order");
    let fulfillments = (1..).zip(story::fulfillments()).filter_map(|(n, commits)| {
        let id = story::fulfillment_id(n).parse().unwrap();
        TimedFold::of(Stream::<Fulfillment>::of(&id, commits, now).unwrap())
    });
    let fulfillments: Vec<TimedFold<Fulfillment>> = fulfillments.collect();
    assert_eq!(order.state.status(), Status::Invoiced, "the story ends well");
    let detail = serde_json::to_value(views::order::detail(&order, &fulfillments, &Grant::All)).unwrap();
    assert_eq!(detail["fulfillments"][0]["packages"][0]["status"], "delivered");
    valid(&schema("Order"), &detail, "an order");

    let summary = serde_json::to_value(views::order::summary(&order.state, now)).unwrap();
    valid(&schema("OrderPage"), &json!({ "orders": [summary], "next": null }), "a page");

    let entries = views::order::timeline(&story::order(), &story::fulfillments(), now, &Grant::All).unwrap();
    let timeline = json!({ "order": story::ORDER, "version": order.version, "entries": entries });
    valid(&schema("Timeline"), &timeline, "a timeline");

    pages_of_reviews_are_described(story::ORDER, OrderReview::ALL, now);
    pages_of_reviews_are_described(story::ORDER, FulfillmentReview::ALL, now);
    pages_of_reviews_are_described("dlv_0123456789abcdefghjkmnpqrs", DeliveryReview::ALL, now);

    let problem = engine::http::Problem::new(422, "ORDER_INVALID", "The body is not an order");
    let problem = serde_json::to_value(problem.detail("see errors").at("/lines", "is missing")).unwrap();
    valid(&schema("Problem"), &problem, "a problem");
}

fn pages_of_reviews_are_described<K: ReviewKind>(stream: &str, kinds: &[K], now: Timestamp) {
    for kind in kinds.iter().copied() {
        let review = Review { kind, reason: "a person has to look".to_owned() };
        let id = format!("{stream}.{}", review.key());
        let (team, options) = (kind.team().as_str().to_owned(), kind.options().to_vec());
        let kind = kind.as_str().to_owned();
        let open = OpenReview { id, kind, team, reason: review.reason, options, since: now, decide_by: now };
        valid(&schema("ReviewPage"), &json!({ "reviews": [open], "next": null }), "a page of reviews");
    }
}

#[test]
fn the_descriptions_example_is_an_order() {
    let description = description();
    let content = &description["paths"]["/v1/orders"]["post"]["requestBody"]["content"]["application/json"];
    let example = &content["examples"]["two-lines"]["value"];
    valid(&schema("NewOrder"), example, "the example");
    let now: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
    let read = partners::read_order_body(&"portal".parse().unwrap(), example.to_string().as_bytes(), now);
    assert!(read.is_ok(), "{read:?}");
}
