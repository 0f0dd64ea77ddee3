//! `POST /invoices`, `GET /invoices`.

use domain::order::{InvoiceRequest, Invoiced};
use domain::{Currency, DocumentNumber, EffectRequest as _, Money};
use engine::partner::{Attempt, CallFailure, Secrets};
use serde::{Deserialize, Serialize};

use super::document::{self, Document};
use crate::client::PartnerClient;
use crate::client::transport::Transport;
use crate::rest::{Line, same_lines};
use crate::wire::exact::Exact;

#[derive(Serialize)]
struct NewInvoice<'a> {
    reference: &'a str,
    sales_order: &'a str,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct ExistingInvoice {
    sales_order: String,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Created {
    number: DocumentNumber,
    total: Exact,
    currency: Currency,
}

/// Invoices the order. Lines name products as the sales order does: a kit that was ordered is invoiced as one.
pub(crate) async fn create<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    request: &InvoiceRequest,
    attempt: Attempt,
) -> Result<Invoiced, CallFailure> {
    let maps = &client.partner.maps;
    let lines = request.lines.iter().map(|line| Line::from_quantity(line, maps)).collect();
    let body = NewInvoice { reference: request.order.as_str(), sales_order: request.sales_order.as_str(), lines };
    let is_same = |existing: &ExistingInvoice| {
        existing.sales_order == body.sales_order && same_lines(&existing.lines, &body.lines)
    };
    let document = Document { path: "invoices", reference: request.order.as_str(), key: request.key() };
    let created: Created = document::create(client, &document, &body, attempt, is_same).await?;
    Ok(Invoiced { invoice: created.number, total: Money { amount: created.total.0, currency: created.currency } })
}
