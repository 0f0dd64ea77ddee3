//! Partners' webhooks: proves who sent one, and has the sender's role read it.

use engine::delivery::Delivery;
use engine::http::Request;
use engine::inbound::{
    ChangeReader, NewOrder, OrderChange, OrderReader, ReportReader, Reported, Senders, Unmappable, Unverified, Verified,
};
use engine::partner::{Documents, Secrets};
use engine::{Clock, Code, Failure};
use jiff::Timestamp;
use secrecy::SecretString;

use crate::client::auth;
use crate::partners::{Located, Partners};
use crate::registry::{Partner, Protocol};
use crate::signature::{self, Signed, Unsigned};
use crate::{crm, erp, threepl};

impl<S: Documents + Secrets, T, C: Clock, H> Partners<S, T, C, H> {
    async fn signing_secrets(&self, partner: &Partner, fresh: bool) -> Result<Vec<SecretString>, Unverified> {
        let secret = self.store.secret(&partner.webhook_secret(), fresh).await.map_err(Unverified::Unchecked)?;
        Ok(auth::signing(&secret))
    }
}

impl<S: Documents + Secrets, T, C: Clock, H> Senders for Partners<S, T, C, H> {
    async fn verify(&self, partner: &str, request: &Request, now: Timestamp) -> Result<Verified, Unverified> {
        let partner = match self.locate(partner).await.map_err(Unverified::Unchecked)? {
            Located::Partner(partner) => Some(*partner),
            Located::Unknown => None,
            // The document is our mistake: the sender has to try again, and must not read this as "unknown sender".
            Located::Broken(why) => return Err(Unverified::Unchecked(Failure::transient(Code::PartnerUnknown, why))),
        };
        let header = |name| request.header(name).unwrap_or_default();
        let signed = Signed {
            id: header("webhook-id"),
            timestamp: header("webhook-timestamp"),
            signatures: header("webhook-signature"),
        };
        let sender = partner.and_then(|partner| partner.webhook.map(|scheme| (partner, scheme)));
        let Some((partner, scheme)) = sender else {
            return Err(Unverified::UnknownPartner(signature::refuse(&signed, &request.body, now)));
        };
        let check = |secrets: Vec<SecretString>| {
            signature::verify(&secrets, scheme.tolerance_seconds, &signed, &request.body, now)
        };
        let mut checked = check(self.signing_secrets(&partner, false).await?);
        // The sender may have rotated its secret a moment ago. The secrets' cache keeps many wrong signatures from becoming
        // many reads.
        if checked.is_err() {
            checked = check(self.signing_secrets(&partner, true).await?);
        }
        match checked {
            Ok(()) => Ok(Verified {
                delivery: signed.id.to_owned(),
                topic: topic(&partner, request),
                role: partner.role(),
                partner: partner.id,
            }),
            Err(Unsigned::Refused(why)) => Err(Unverified::BadSignature(why)),
            Err(Unsigned::NoSecret) => {
                let why = format!("the secret {} has no usable signing secret", partner.webhook_secret());
                Err(Unverified::Unchecked(Failure::permanent(Code::SecretMissing, why)))
            }
        }
    }
}

/// What a webhook is about, in the sender's words.
fn topic(partner: &Partner, request: &Request) -> String {
    match partner.protocol {
        Protocol::Crm(protocol) => crm::topic(protocol, request),
        Protocol::Erp(protocol) => erp::topic(protocol, request),
        Protocol::Warehouse(protocol) => threepl::topic(protocol, request),
    }
}

impl<S: Documents, T, C: Clock, H> OrderReader for Partners<S, T, C, H> {
    async fn read_order(&self, delivery: &Delivery) -> Result<Result<NewOrder, Unmappable>, Failure> {
        let partner = self.partner(&delivery.partner).await?;
        Ok(match partner.protocol {
            Protocol::Crm(protocol) => crm::read_order(protocol, &partner, delivery),
            Protocol::Erp(_) | Protocol::Warehouse(_) => Err(Unmappable::Unrelated("only a CRM sends orders")),
        })
    }
}

impl<S: Documents, T, C: Clock, H> ChangeReader for Partners<S, T, C, H> {
    async fn read_change(&self, delivery: &Delivery) -> Result<Result<OrderChange, Unmappable>, Failure> {
        let partner = self.partner(&delivery.partner).await?;
        Ok(match partner.protocol {
            Protocol::Crm(protocol) => crm::read_change(protocol, &partner, delivery),
            Protocol::Erp(protocol) => erp::read_change(protocol, &partner, delivery),
            Protocol::Warehouse(_) => Err(Unmappable::Unrelated("a warehouse does not change orders")),
        })
    }
}

impl<S: Documents, T, C: Clock, H> ReportReader for Partners<S, T, C, H> {
    async fn read_report(&self, delivery: &Delivery) -> Result<Result<Reported, Unmappable>, Failure> {
        let partner = self.partner(&delivery.partner).await?;
        Ok(match partner.protocol {
            Protocol::Warehouse(protocol) => threepl::read_report(protocol, &partner, delivery),
            Protocol::Crm(_) | Protocol::Erp(_) => {
                Err(Unmappable::Unrelated("only a warehouse reports on fulfillments"))
            }
        })
    }
}
