//! The control API, through which tests and demonstrations script the simulators.
//!
//! Synchronous like the partners themselves. Answers are JSON; a refusal is `{"code", "reason"}`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::exchange::{Method, Reply, Request};
use crate::fault::Rule;
use crate::ledger::CallFilter;
use crate::partners::{Partner, SimulatedPartners, System};
use crate::samples;
use crate::work::WorkScript;

/// The control API's own summary, as `GET /control` answers it.
pub const HELP: &str = "\
GET    /control                                  this text
GET    /control/partners                         ids, prefixes, base URLs, tokens and signing secrets
POST   /control/gateway                          {\"url\": \"http://…\"}: where webhooks go; they wait until it is known
GET    /control/idle                             {\"pending\": n}: what is still to happen or to be delivered
POST   /control/reset                            forgets documents, ledgers, messages, faults; numbers go on
GET    /control/ledger                           all ledgers (?reference= ?key= ?operation=, with * for anything)
GET    /control/{partner}/ledger                 one partner's ledger, with the same filters
GET    /control/{partner}/state                  everything the partner has
POST   /control/{partner}/faults                 one rule or a list: {\"name\", \"match\": {operation, reference, nth, times,
                                                 percent, seed}, \"fault\": {\"kind\": …}}
GET    /control/{partner}/faults                 the rules with how often they matched and applied
DELETE /control/{partner}/faults                 clears all, or ?name= those of a name
POST   /control/{partner}/settings               pace_ms, packages, retry_ms, attempts, token, signing; ERP: credit, stock,
                                                 failing_changes (so many changes of a sales order come too late);
                                                 shipwest: settle_ms, rate_per_minute; CRM, ERP: echo (tells our own writes)
POST   /control/{partner}/script                 how certain requests go at a warehouse (the newest script that fits)
POST   /control/{partner}/webhooks/{id}/resend   {\"copies\": n}: the same message again, n times at once
POST   /control/crm/changes                      {\"topic\": \"order.cancelled\", \"data\": {\"id\", \"reason\", …}}; also order.held,
                                                 order.hold_released, order.amended (data is the whole order)
POST   /control/erp/changes                      {\"topic\": \"order.held\", \"data\": {\"reference\", \"reason\"}}; also order.hold_released
POST   /control/crm/orders                       {\"count\", \"seed\"}, {\"order\": {…}} or {\"orders\": […]}; also /crm/control/orders

Call operations: price credit allocation.{create,read,release} stock.read sales_order.{create,read,change,cancel} goods_issue.{create,read}
  invoice.{create,read} fulfillment.{create,read,cancel} status.put; messages: webhook.<type>
Call faults: latency{ms} refuse{status,code,reason} limit{retry_after,header} fail{status,after_effect}
  timeout_before{hold_ms} timeout_after{hold_ms} lost_reply garbage{body} down unauthorized
Message faults: duplicate{copies} reorder{window,flush_ms} delay{ms} drop{redeliver_after_ms} wrong_signature tamper
  stale{seconds}
";

/// The URLs of the server and of our gateway.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    /// Where webhooks go, without a trailing slash.
    pub gateway: Option<String>,
    /// Where the simulators are reached.
    pub url: String,
}

/// Handles a control request; its path is below `/control`.
pub fn handle(partners: &mut SimulatedPartners, endpoints: &mut Endpoints, request: &Request, now: Timestamp) -> Reply {
    let answer = match (request.method, request.segments().as_slice()) {
        (Method::Get, []) => return help(),
        (Method::Get, ["partners"]) => Ok(listed(partners, endpoints)),
        (Method::Post, ["gateway"]) => gateway(endpoints, request),
        (Method::Get, ["idle"]) => Ok(json!({"pending": partners.pending()})),
        (Method::Post, ["reset"]) => {
            partners.reset();
            Ok(json!({}))
        }
        (Method::Get, ["ledger"]) => Ok(ledgers(partners, request)),
        (_, [name, rest @ ..]) => match partners.partner_mut(name) {
            Some(partner) => of_partner(partner, rest, request, now),
            None => Err(not_found("there is no such partner")),
        },
        _ => Err(not_found("see GET /control")),
    };
    match answer {
        Ok(answer) => Reply::json(200, &answer),
        Err(reply) => reply,
    }
}

fn of_partner(partner: &mut Partner, path: &[&str], request: &Request, now: Timestamp) -> Result<Value, Reply> {
    match (request.method, path) {
        (Method::Get, ["ledger"]) => Ok(partner.report(&wanted(request))),
        (Method::Get, ["state"]) => Ok(partner.system.state()),
        (Method::Get, ["faults"]) => Ok(partner.faults.listed()),
        (Method::Post, ["faults"]) => add_faults(partner, request),
        (Method::Delete, ["faults"]) => {
            let name = request.query.get("name").map(String::as_str);
            Ok(json!({"cleared": partner.faults.clear(name)}))
        }
        (Method::Post, ["settings"]) => settings(partner, request),
        (Method::Post, ["script"]) => {
            let script: WorkScript = read(request)?;
            if partner.system.script(script) { Ok(json!({})) } else { Err(invalid("only warehouses follow scripts")) }
        }
        (Method::Post, ["webhooks", id, "resend"]) => {
            let copies = copies(request)?;
            if partner.outbox.resend(id, copies, now) {
                Ok(json!({"copies": copies}))
            } else {
                Err(not_found("there is no such message"))
            }
        }
        (Method::Post, ["changes"]) => change(partner, request, now),
        (Method::Post, ["orders"]) => orders(partner, request, now),
        _ => Err(not_found("see GET /control")),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Gateway {
    url: String,
}

fn gateway(endpoints: &mut Endpoints, request: &Request) -> Result<Value, Reply> {
    let gateway: Gateway = read(request)?;
    if !gateway.url.starts_with("http://") && !gateway.url.starts_with("https://") {
        return Err(invalid("the gateway's URL starts with http:// or https://"));
    }
    let url = gateway.url.trim_end_matches('/').to_owned();
    endpoints.gateway = Some(url.clone());
    Ok(json!({"url": url}))
}

fn listed(partners: &SimulatedPartners, endpoints: &Endpoints) -> Value {
    let listed: Vec<Value> = partners
        .all
        .iter()
        .map(|partner| {
            let mut described = partner.described();
            if let Some(fields) = described.as_object_mut() {
                fields.insert("base_url".to_owned(), json!(format!("{}/{}", endpoints.url, partner.prefix)));
            }
            described
        })
        .collect();
    json!({"gateway": endpoints.gateway, "partners": listed})
}

fn ledgers(partners: &SimulatedPartners, request: &Request) -> Value {
    let wanted = wanted(request);
    partners
        .all
        .iter()
        .map(|partner| (partner.id.to_owned(), partner.report(&wanted)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn wanted(request: &Request) -> CallFilter {
    let filter = |name: &str| request.query.get(name).cloned();
    CallFilter { reference: filter("reference"), key: filter("key"), operation: filter("operation") }
}

fn add_faults(partner: &mut Partner, request: &Request) -> Result<Value, Reply> {
    let body: Value = read(request)?;
    let rules: Vec<Rule> = if body.is_array() {
        serde_json::from_value(body)
    } else {
        serde_json::from_value(body).map(|rule| vec![rule])
    }
    .map_err(|error| invalid(&format!("not a list of rules: {error}")))?;
    let added = rules.len();
    for rule in rules {
        partner.faults.add(rule);
    }
    Ok(json!({"added": added}))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Changes {
    pace_ms: Option<u64>,
    packages: Option<usize>,
    retry_ms: Option<u64>,
    attempts: Option<u32>,
    token: Option<String>,
    signing: Option<Vec<String>>,
    credit: Option<BTreeMap<String, Decimal>>,
    stock: Option<Vec<Stock>>,
    settle_ms: Option<u64>,
    rate_per_minute: Option<usize>,
    failing_changes: Option<u32>,
    echo: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stock {
    sku: String,
    location: String,
    quantity: Decimal,
}

fn settings(partner: &mut Partner, request: &Request) -> Result<Value, Reply> {
    let changes: Changes = read(request)?;
    if let Some(pace) = partner.system.pace_mut() {
        pace.pace_ms = changes.pace_ms.unwrap_or(pace.pace_ms);
        pace.packages = changes.packages.or(pace.packages);
    } else if changes.pace_ms.is_some() || changes.packages.is_some() {
        return Err(invalid("only warehouses have a pace and packages"));
    }
    let retry_policy = &mut partner.outbox.retry_policy;
    retry_policy.first_wait_ms = changes.retry_ms.unwrap_or(retry_policy.first_wait_ms);
    retry_policy.attempts = changes.attempts.unwrap_or(retry_policy.attempts);
    if let Some(token) = changes.token {
        partner.token = token;
    }
    if let Some(signing) = changes.signing {
        partner.signing = signing;
    }
    match &mut partner.system {
        System::Erp(erp) => {
            erp.echo = changes.echo.unwrap_or(erp.echo);
            if let Some(times) = changes.failing_changes {
                erp.fail_changes(times);
            }
            for (customer, limit) in changes.credit.unwrap_or_default() {
                erp.set_limit(&customer, limit);
            }
            for stock in changes.stock.unwrap_or_default() {
                if !erp.set_stock(&stock.sku, &stock.location, stock.quantity) {
                    return Err(invalid("the locations are EAST and WEST"));
                }
            }
        }
        System::Shipbob(warehouse) => {
            warehouse.settle_ms = changes.settle_ms.unwrap_or(warehouse.settle_ms);
            warehouse.rate_per_minute = changes.rate_per_minute.or(warehouse.rate_per_minute);
        }
        System::Crm(crm) => crm.echo = changes.echo.unwrap_or(crm.echo),
        System::Rest3pl(_) => {}
    }
    Ok(json!({}))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Copies {
    copies: u32,
}

fn copies(request: &Request) -> Result<u32, Reply> {
    if request.body.is_empty() {
        return Ok(1);
    }
    read::<Copies>(request).map(|body| body.copies)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Orders {
    count: Option<usize>,
    #[serde(default)]
    seed: u64,
    order: Option<Value>,
    #[serde(default)]
    orders: Vec<Value>,
}

fn orders(partner: &mut Partner, request: &Request, now: Timestamp) -> Result<Value, Reply> {
    let asked: Orders = read(request)?;
    let System::Crm(crm) = &mut partner.system else {
        return Err(invalid("only the CRM makes orders"));
    };
    let mut orders = asked.orders;
    orders.extend(asked.order);
    orders.extend(samples::orders(asked.count.unwrap_or(0), asked.seed, || crm.next_order()));
    let made: Result<Vec<_>, String> = orders.into_iter().map(|order| crm.create(order, now)).collect();
    let made = made.map_err(|reason| invalid(&reason))?;
    let listed: Vec<Value> =
        made.iter().map(|(effect, webhook)| json!({"id": effect.id, "webhook": webhook.id})).collect();
    for (effect, webhook) in made {
        partner.record_effect(effect, now);
        partner.send(webhook, now);
    }
    Ok(json!({"orders": listed}))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    topic: String,
    data: Value,
}

/// Makes the CRM or the ERP send a change of an order.
fn change(partner: &mut Partner, request: &Request, now: Timestamp) -> Result<Value, Reply> {
    let Change { topic, data } = read(request)?;
    let webhook = match &mut partner.system {
        System::Crm(crm) => crm.message(&topic, data, now).map_err(|reason| invalid(&reason))?,
        System::Erp(erp) => {
            let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default();
            erp.message(&topic, text("reference"), text("reason"), now)
        }
        System::Rest3pl(_) | System::Shipbob(_) => return Err(invalid("warehouses do not change orders")),
    };
    let id = webhook.id.clone();
    partner.send(webhook, now);
    Ok(json!({"webhook": id}))
}

fn read<T: DeserializeOwned>(request: &Request) -> Result<T, Reply> {
    serde_json::from_slice(&request.body).map_err(|error| invalid(&error.to_string()))
}

fn help() -> Reply {
    Reply {
        status: 200,
        headers: BTreeMap::from([("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())]),
        body: HELP.as_bytes().to_vec(),
    }
}

fn invalid(reason: &str) -> Reply {
    Reply::refused(400, "INVALID", reason)
}

fn not_found(reason: &str) -> Reply {
    Reply::refused(404, "NOT_FOUND", reason)
}
