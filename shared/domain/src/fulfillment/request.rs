//! What a fulfillment asks of partners.

use jiff::Timestamp;

use crate::fulfillment::decide::Fulfillment;
use crate::fulfillment::effect::FulfillmentEffect;
use crate::fulfillment::event::Opened;
use crate::goods::{LineQuantity, ServiceLevel};
use crate::ids::{DocumentNumber, ExternalId, FulfillmentId, PackageId, PartnerId, SiteCode};
use crate::order::RequestStatus;
use crate::order::{Assignment, Order};
use crate::party::PartyRef;
use crate::workflow::{EffectRequest, Rejection, key};

/// Ship this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FulfillmentRequest {
    /// Our name for the fulfillment, the warehouse's reference.
    pub fulfillment: FulfillmentId,
    /// The 3PL.
    pub warehouse: PartnerId,
    /// Which of its sites.
    pub site: SiteCode,
    /// How fast.
    pub service_level: ServiceLevel,
    /// Who receives; the address is fetched from the party store when the request is sent.
    pub ship_to: PartyRef,
    /// What, in stock-keeping units; the parts of a line that the warehouse knows in parts.
    pub lines: Vec<LineQuantity>,
}

impl EffectRequest for FulfillmentRequest {
    type Effect = FulfillmentEffect;

    fn effect(&self) -> FulfillmentEffect {
        FulfillmentEffect::Request
    }

    fn key(&self) -> String {
        self.fulfillment.to_string()
    }

    fn warehouse(&self) -> Option<&PartnerId> {
        Some(&self.warehouse)
    }
}

/// Give this fulfillment back, whether or not it is certain that it was ever taken on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// Our name for the fulfillment, the warehouse's reference.
    pub fulfillment: FulfillmentId,
    /// The 3PL.
    pub warehouse: PartnerId,
    /// What the warehouse calls the fulfillment, where it has said.
    pub reference: Option<ExternalId>,
    /// Until when somebody may still have been at asking for it; `None` where the warehouse has answered.
    pub sent_until: Option<Timestamp>,
}

impl EffectRequest for Withdrawal {
    type Effect = FulfillmentEffect;

    fn effect(&self) -> FulfillmentEffect {
        FulfillmentEffect::Withdraw
    }

    fn key(&self) -> String {
        format!("withdraw/{}", self.fulfillment)
    }

    fn warehouse(&self) -> Option<&PartnerId> {
        Some(&self.warehouse)
    }

    fn not_before(&self) -> Option<Timestamp> {
        self.sent_until
    }
}

/// How does this fulfillment stand?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inquiry {
    /// Our name for the fulfillment, the warehouse's reference.
    pub fulfillment: FulfillmentId,
    /// The 3PL.
    pub warehouse: PartnerId,
    /// What the warehouse calls the fulfillment, where it has said.
    pub reference: Option<ExternalId>,
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
    pub lines: Vec<LineQuantity>,
}

impl EffectRequest for GoodsIssue {
    type Effect = FulfillmentEffect;

    fn effect(&self) -> FulfillmentEffect {
        FulfillmentEffect::PostGoodsIssue { package: self.package.clone() }
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
    /// The fulfillment `id` of `order`, as it was assigned; `None` where it is not (or no longer) wanted.
    pub fn of(order: &Order, id: &FulfillmentId) -> Option<Self> {
        Self::as_assigned(order, order.assignment(id)?)
    }

    /// The fulfillment `id` of `order` whose withdrawal is requested, as it was assigned.
    pub fn withdrawn(order: &Order, id: &FulfillmentId) -> Option<Self> {
        let (assignment, _) = order.withdrawal(id)?;
        Self::as_assigned(order, assignment)
    }

    /// The fulfillment `id` of `order`, as it was assigned, wanted or not.
    pub fn assigned(order: &Order, id: &FulfillmentId) -> Option<Self> {
        Self::as_assigned(order, order.fulfillments.assignments.get(id)?)
    }

    fn as_assigned(order: &Order, assignment: &Assignment) -> Option<Self> {
        let submission = &order.terms.submission;
        Some(Self {
            fulfillment: assignment.fulfillment.clone(),
            order: order.id().clone(),
            sales_order: order.documents.last_sales_order()?.clone(),
            warehouse: assignment.warehouse.clone(),
            site: assignment.site.clone(),
            service_level: submission.service_level,
            ship_to: submission.ship_to.clone(),
            lines: assignment.lines.clone(),
            handling: assignment.handling.clone(),
            deadlines: assignment.deadlines.clone(),
        })
    }
}

impl FulfillmentRequest {
    /// The request of `opened` that is due; `None` once the warehouse answered, or a withdrawal is under way.
    pub fn due(fulfillment: Option<&Fulfillment>, opened: &Opened) -> Option<Self> {
        fulfillment.is_none_or(Fulfillment::awaits_request).then(|| Self {
            fulfillment: opened.fulfillment.clone(),
            warehouse: opened.warehouse.clone(),
            site: opened.site.clone(),
            service_level: opened.service_level,
            ship_to: opened.ship_to.clone(),
            lines: opened.in_parts(),
        })
    }
}

impl Fulfillment {
    fn awaits_request(&self) -> bool {
        self.request_status() == RequestStatus::Requested
            && self.withdrawn.is_empty()
            && !self.open_effects.contains(&FulfillmentEffect::Withdraw)
            && !self.refused.contains_key(&FulfillmentEffect::Request)
    }

    /// What the warehouse has to be asked back: the fulfillment is there, or may be, and nothing of it has shipped. `None`
    /// once it came back or cannot, until it is taken on under another name. That it is wanted back is the order's
    /// word. What was announced is asked again until it is answered: a package that left meanwhile does not say whether
    /// the rest was given back.
    pub fn withdrawal(&self) -> Option<Withdrawal> {
        let answered = match self.request_status() {
            RequestStatus::Requested | RequestStatus::Accepted => !self.withdrawal_refused.is_empty(),
            RequestStatus::Rejected | RequestStatus::Withdrawn => true,
        };
        let refused = self.refused.contains_key(&FulfillmentEffect::Withdraw);
        let pointless = answered || refused || self.has_shipped() || !self.is_possibly_there();
        if pointless && !self.open_effects.contains(&FulfillmentEffect::Withdraw) {
            return None;
        }
        Some(Withdrawal {
            fulfillment: self.opened.fulfillment.clone(),
            warehouse: self.opened.warehouse.clone(),
            reference: self.references().next().cloned(),
            sent_until: self.open_effects.get(&FulfillmentEffect::Request).map(|claim| claim.started().until),
        })
    }

    /// Why the fulfillment does not come back, where it left before its warehouse was asked for it. One whose warehouse would not
    /// hear of it is somebody's case already.
    pub fn kept_unasked(&self) -> Option<Rejection> {
        let stays = match self.request_status() {
            RequestStatus::Requested | RequestStatus::Accepted => self.has_shipped(),
            RequestStatus::Rejected | RequestStatus::Withdrawn => false,
        };
        let withdraw = &FulfillmentEffect::Withdraw;
        let asked = self.open_effects.contains(withdraw) || self.refused.contains_key(withdraw);
        let unasked = self.withdrawal_refused.is_empty() && !asked;
        (stays && unasked).then(|| Rejection::new("ALREADY_SHIPPED", "it left before it was asked back"))
    }

    /// How the warehouse can be asked how the fulfillment stands; `None` while it was never sent.
    pub fn inquiry(&self) -> Option<Inquiry> {
        if !self.is_possibly_there() {
            return None;
        }
        Some(Inquiry {
            fulfillment: self.opened.fulfillment.clone(),
            warehouse: self.opened.warehouse.clone(),
            reference: self.references().next().cloned(),
        })
    }

    /// Whether the ERP has to be told that `package` left: it left, its content is known and traced as it must be,
    /// nothing is posted yet, and there is something to post. A repeat says what the announced one said.
    pub fn goods_issue(&self, package: &PackageId) -> Option<GoodsIssue> {
        let effect = FulfillmentEffect::PostGoodsIssue { package: package.clone() };
        if self.goods_issues.contains_key(package) || self.refused.contains_key(&effect) {
            return None;
        }
        let parcel = self.packages.get(package).filter(|parcel| parcel.has_left())?;
        let lines = match self.postings.get(package) {
            Some(announced) => announced.clone(),
            None if self.is_blocked(package, parcel) => return None,
            None => self.to_post(package),
        };
        (!lines.is_empty()).then(|| GoodsIssue {
            fulfillment: self.opened.fulfillment.clone(),
            package: package.clone(),
            sales_order: self.opened.sales_order.clone(),
            site: self.opened.site.clone(),
            lines,
        })
    }

    /// Any goods issue that is to be posted now: a decision, or what was told of another package, may have freed one. Those
    /// that nobody is at come first.
    pub fn any_goods_issue(&self) -> Option<GoodsIssue> {
        let begun = || self.postings.keys().find_map(|package| self.goods_issue(package));
        self.fresh_goods_issue().or_else(begun)
    }

    /// A goods issue that is to be posted now and that nobody is at.
    pub fn fresh_goods_issue(&self) -> Option<GoodsIssue> {
        let mut fresh = self.packages.keys().filter(|package| !self.postings.contains_key(*package));
        fresh.find_map(|package| self.goods_issue(package))
    }
}
