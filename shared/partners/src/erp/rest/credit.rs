//! `POST /credit-checks`.

use domain::Currency;
use domain::order::{CreditApproved, CreditQuery, CreditRefused};
use engine::partner::{CallFailure, CreditAnswer, Secrets};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::document::refused;
use crate::client::rejection::rejection;
use crate::client::transport::{Method, Transport};
use crate::client::{Answer, PartnerClient};
use crate::wire::exact::Exact;

#[derive(Serialize)]
struct CreditCheck<'a> {
    customer: &'a str,
    amount: Exact,
    currency: Currency,
    reference: &'a str,
}

#[derive(Deserialize)]
struct CreditChecked {
    decision: Decision,
    reason: Option<String>,
    valid_until: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Decision {
    Approved,
    Refused,
}

/// Asks whether the customer may buy for the order's total.
pub(crate) async fn credit<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    query: &CreditQuery,
) -> Result<CreditAnswer, CallFailure> {
    let check = CreditCheck {
        customer: query.customer.as_str(),
        amount: Exact(query.amount.amount),
        currency: query.amount.currency,
        reference: query.order.as_str(),
    };
    let post = client.write(Method::Post, client.url(&["credit-checks"])?, None, &check)?;
    match client.call(&post).await? {
        Answer::Done(reply) => {
            let CreditChecked { decision, reason, valid_until } = client.read(&reply)?;
            let reason = reason.map_or_else(|| "the ERP named no reason".to_owned(), |r| engine::redact::text(&r));
            Ok(match decision {
                Decision::Approved => CreditAnswer::Approved(CreditApproved { amount: query.amount, valid_until }),
                Decision::Refused => CreditAnswer::Refused(CreditRefused { reason, unanswerable: false }),
            })
        }
        // The ERP understood the question and cannot take it, such as an amount that is too large: people have to decide.
        Answer::Unprocessable(reply) | Answer::Conflict(reply) => {
            let reason = rejection(&reply).to_string();
            Ok(CreditAnswer::Refused(CreditRefused { reason, unanswerable: true }))
        }
        Answer::NotFound(reply) => Err(refused(&reply)),
    }
}
