//! `return.requested`, and `PUT /returns/{id}/status`.

use domain::OrderId;
use domain::returns::ReturnPicture;
use engine::delivery::Delivery;
use engine::inbound::Unmappable;
use engine::partner::{CallFailure, Secrets};
use engine::returns::NewReturn;
use serde::Serialize;

use super::map::{self, REQUESTED};
use super::wire::Version;
use crate::client::rejection::rejection;
use crate::client::transport::{Method, Transport};
use crate::client::{Answer, PartnerClient};
use crate::crm::{order, returns};
use crate::registry::Partner;
use crate::wire::exact::Exact;
use crate::wire::fields::{self, Report};
use crate::wire::times;

/// Reads a return.
pub(crate) fn read_return(partner: &Partner, delivery: &Delivery) -> Result<NewReturn, Unmappable> {
    let body = fields::json(&delivery.body).map_err(Unmappable::Malformed)?;
    let report = Report::default();
    let root = report.root(&body);
    match map::kind(&root)? {
        Some(REQUESTED) => {}
        Some(other) => return Err(Unmappable::UnknownTopic(fields::topic(other))),
        None => return report.into_result(None).map_err(Unmappable::Malformed),
    }
    let data = root.at("data");
    let order = data.object().and_then(|_| order::external_id(&data.at("order")));
    let order = order.map(|id| OrderId::derive(&partner.id, &id));
    let sent = times::first(&[root.at("timestamp")], &partner.time_zone, delivery.received_at);
    let read = sent.and_then(|sent| returns::read(&data, &partner.id, &partner.maps, order, sent.at));
    report.into_result(read).map_err(Unmappable::Malformed)
}

#[derive(Serialize)]
struct Status<'a> {
    #[serde(rename = "return")]
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<&'a str>,
    status: &'a str,
    version: u64,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rma: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    denied: Option<&'a str>,
    lines: Vec<Line>,
    documents: Vec<Document<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exchange: Option<&'a str>,
}

#[derive(Serialize)]
struct Line {
    line: u32,
    asked: Exact,
    received: Exact,
    accepted: Exact,
    credited: Exact,
    uom: String,
    custody: &'static str,
}

#[derive(Serialize)]
struct Document<'a> {
    number: &'a str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<Exact>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
}

/// Shows a return as of `version`. One that the CRM did not ask for has our own id there.
pub(crate) async fn show<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    picture: &ReturnPicture,
    version: u64,
) -> Result<(), CallFailure> {
    let is_its_own = picture.source == client.partner.id;
    let id = if is_its_own { picture.external_id.as_str() } else { picture.return_id.as_str() };
    let maps = &client.partner.maps;
    let line = |line: &domain::returns::PictureLine| Line {
        line: line.line.0.get(),
        asked: Exact(line.asked.amount()),
        received: Exact(line.received),
        accepted: Exact(line.accepted),
        credited: Exact(line.credited),
        uom: maps.their_unit(&line.uom()).to_owned(),
        custody: line.custody.as_str(),
    };
    let documents = picture.documents.iter().map(|document| Document {
        number: document.number.as_str(),
        kind: if document.is_debit { "debit" } else { "credit" },
        total: document.total.map(|total| Exact(total.amount)),
        currency: document.total.map(|total| total.currency.to_string()),
    });
    let status = Status {
        id: picture.return_id.as_str(),
        order: picture.order.as_ref().map(OrderId::as_str),
        status: picture.status.as_str(),
        version,
        at: client.cx.event_time.to_string(),
        rma: picture.rma.as_ref().map(domain::DocumentNumber::as_str),
        denied: picture.denied.as_deref(),
        lines: picture.lines.iter().map(line).collect(),
        documents: documents.collect(),
        exchange: picture.exchange.as_ref().map(OrderId::as_str),
    };
    let key = format!("return-crm-update/{}/{version}", picture.return_id);
    let put = client.write(Method::Put, client.url(&["returns", id, "status"])?, Some(key), &status)?;
    match client.call(&put).await? {
        Answer::Done(_) => Ok(()),
        // The CRM already shows this version or a newer one.
        Answer::Conflict(reply) => match engine::json::typed::<Version>(&reply.body) {
            Ok(shown) if shown.version >= version => Ok(()),
            Ok(_) | Err(_) => Err(CallFailure::Refused(rejection(&reply))),
        },
        Answer::NotFound(reply) | Answer::Unprocessable(reply) => Err(CallFailure::Refused(rejection(&reply))),
    }
}
