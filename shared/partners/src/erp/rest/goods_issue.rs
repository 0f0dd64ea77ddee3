//! `POST /goods-issues`, `GET /goods-issues`.

use domain::EffectRequest as _;
use domain::fulfillment::{GoodsIssue, GoodsIssued};
use engine::partner::{Attempt, CallFailure, Secrets};
use serde::{Deserialize, Serialize};

use super::document::{self, Document, Numbered};
use crate::client::PartnerClient;
use crate::client::transport::Transport;
use crate::erp::kits;
use crate::rest::{Line, same_lines};

#[derive(Serialize)]
struct NewGoodsIssue<'a> {
    reference: String,
    sales_order: &'a str,
    site: &'a str,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct ExistingGoodsIssue {
    sales_order: String,
    site: String,
    lines: Vec<Line>,
}

/// Posts a package's goods issue, with kits as their components.
pub(crate) async fn post<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    issue: &GoodsIssue,
    attempt: Attempt,
) -> Result<GoodsIssued, CallFailure> {
    let maps = &client.partner.maps;
    let reference = issue.reference();
    let body = NewGoodsIssue {
        reference: reference.clone(),
        sales_order: issue.sales_order.as_str(),
        site: maps.their_site(&issue.site),
        lines: kits::explode(&issue.lines, maps)?.iter().map(|line| Line::from_quantity(line, maps)).collect(),
    };
    let is_same = |existing: &ExistingGoodsIssue| {
        existing.sales_order == body.sales_order
            && existing.site == body.site
            && same_lines(&existing.lines, &body.lines)
    };
    let document = Document { path: "goods-issues", reference: &reference, key: issue.key() };
    let created: Numbered = document::create(client, &document, &body, attempt, is_same).await?;
    Ok(GoodsIssued { package: issue.package.clone(), document: created.number, lines: issue.lines.clone() })
}
