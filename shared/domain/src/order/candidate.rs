//! A site that was weighed for an order, and what was weighed: a part of what is journaled of a routing decision.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::goods::ServiceLevel;
use crate::ids::{PartnerId, SiteCode};

/// One site, weighed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// The 3PL.
    pub warehouse: PartnerId,
    /// The site.
    pub site: SiteCode,
    /// What speaks for it or against it, in the order it was weighed.
    pub reasons: Vec<Reason>,
    /// Whether it got a fulfillment.
    pub chosen: bool,
}

/// Something that was weighed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// Against: it does not ship there.
    CountryNotServed {
        /// Where to.
        country: String,
    },
    /// Against: it is not that fast.
    ServiceLevelNotOffered {
        /// What was asked.
        service_level: ServiceLevel,
    },
    /// Against: its warehouse refused a fulfillment of the order, or did not answer.
    RefusedBefore,
    /// Against: it has nothing of the order.
    NoStock,
    /// For: the destination is at its door.
    HomeRegion {
        /// Which region.
        region: String,
    },
    /// For: it has all of the order.
    HasAll,
    /// It has only a part.
    HasPart,
    /// When the goods can leave.
    ShipsOn {
        /// At the site's clock.
        #[schemars(with = "String")]
        date: Date,
        /// Whether that is later than today because the cut-off had passed.
        after_cut_off: bool,
    },
    /// What it costs, relatively.
    Cost {
        /// The registry's figure.
        cost: u32,
    },
}
