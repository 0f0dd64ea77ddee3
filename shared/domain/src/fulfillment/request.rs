//! What a fulfilment asks of partners.

use crate::fulfillment::decide::{Fulfillment, Negotiation};
use crate::fulfillment::event::Opened;
use crate::fulfillment::package::Contents;
use crate::ids::{DocumentNumber, FulfillmentId, PackageId, PartnerId, SiteCode};
use crate::order::{Order, ServiceLevel, Share};
use crate::party::PartyRef;
use crate::workflow::{Effect, EffectRequest, key};

/// Ship this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FulfillmentRequest {
    /// Our name for the share, the warehouse's reference.
    pub fulfillment: FulfillmentId,
    /// The 3PL.
    pub warehouse: PartnerId,
    /// Which of its sites.
    pub site: SiteCode,
    /// How fast.
    pub service_level: ServiceLevel,
    /// Who receives; the address is fetched from the party store when the request is sent.
    pub ship_to: PartyRef,
    /// What, in stock-keeping units.
    pub lines: Vec<Share>,
}

impl EffectRequest for FulfillmentRequest {
    fn effect(&self) -> Effect {
        Effect::RequestFulfillment
    }

    fn key(&self) -> String {
        self.fulfillment.to_string()
    }

    fn warehouse(&self) -> Option<&PartnerId> {
        Some(&self.warehouse)
    }
}

/// This package left; take it out of the stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodsIssue {
    /// Whose package.
    pub fulfillment: FulfillmentId,
    /// Which package.
    pub package: PackageId,
    /// The ERP's order.
    pub sales_order: DocumentNumber,
    /// Where it left.
    pub site: SiteCode,
    /// What was in it.
    pub lines: Vec<Share>,
}

impl EffectRequest for GoodsIssue {
    fn effect(&self) -> Effect {
        Effect::PostGoodsIssue { package: self.package.clone() }
    }

    fn key(&self) -> String {
        key("goods-issue", self.fulfillment.order(), &self.reference())
    }
}

impl GoodsIssue {
    /// What the ERP knows it by: `<fulfillment>/<package>`.
    pub fn reference(&self) -> String {
        format!("{}/{}", self.fulfillment, self.package)
    }
}

impl Opened {
    /// The share `id` of `order`, as it was assigned; `None` where it is not (or no longer) wanted.
    pub fn of(order: &Order, id: &FulfillmentId) -> Option<Self> {
        let assignment = order.assignment(id)?;
        let known = order.known()?;
        Some(Self {
            fulfillment: assignment.fulfillment.clone(),
            order: known.id().clone(),
            sales_order: known.sales_order()?.clone(),
            warehouse: assignment.warehouse.clone(),
            site: assignment.site.clone(),
            service_level: known.submission.service_level,
            ship_to: known.submission.ship_to.clone(),
            lines: assignment.lines.clone(),
        })
    }
}

impl Fulfillment {
    /// What the warehouse has to be asked for `share`; `None` once it answered.
    pub fn request(&self, share: &Opened) -> Option<FulfillmentRequest> {
        let open = match self {
            Self::Absent => true,
            Self::Known(known) => {
                known.negotiation() == Negotiation::Requested
                    && !known.refused.contains_key(&Effect::RequestFulfillment)
            }
        };
        open.then(|| FulfillmentRequest {
            fulfillment: share.fulfillment.clone(),
            warehouse: share.warehouse.clone(),
            site: share.site.clone(),
            service_level: share.service_level,
            ship_to: share.ship_to.clone(),
            lines: share.lines.clone(),
        })
    }

    /// Whether the ERP has to be told that `package` left: it left, its content is known, and nothing is posted yet.
    pub fn goods_issue(&self, package: &PackageId) -> Option<GoodsIssue> {
        let known = self.known()?;
        let effect = Effect::PostGoodsIssue { package: package.clone() };
        if known.goods_issues.contains_key(package) || known.refused.contains_key(&effect) {
            return None;
        }
        let parcel = known.packages.get(package).filter(|parcel| parcel.has_left())?;
        let Contents::Told(_, lines) = &parcel.contents else { return None };
        // Goods that were not asked for are somebody's decision, not a posting.
        if !known.matches(lines) {
            return None;
        }
        Some(GoodsIssue {
            fulfillment: known.opened.fulfillment.clone(),
            package: package.clone(),
            sales_order: known.opened.sales_order.clone(),
            site: known.opened.site.clone(),
            lines: lines.clone(),
        })
    }
}
