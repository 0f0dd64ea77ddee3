//! A site that was considered for an order, with the reasons. Both are stored with the routing decision.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::goods::ServiceLevel;
use crate::ids::{PartnerId, SiteCode};

/// A site that was considered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// The 3PL.
    pub warehouse: PartnerId,
    /// The site of the 3PL.
    pub site: SiteCode,
    /// The reasons for and against the site, in the order in which they were checked.
    pub reasons: Vec<Reason>,
    /// Whether the site was assigned a fulfillment.
    pub chosen: bool,
}

/// A reason for or against a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// Against: the site does not ship to the country.
    CountryNotServed {
        /// The order's destination, ISO 3166-1 alpha-2.
        country: String,
    },
    /// Against: the site does not offer the service level.
    ServiceLevelNotOffered {
        /// The order's service level.
        service_level: ServiceLevel,
    },
    /// Against: its warehouse rejected a fulfillment of the order, or did not answer.
    RefusedBefore,
    /// Against: no stock of the order is allocated at the site.
    NoStock,
    /// For: the destination is in a home region of the site.
    HomeRegion {
        /// The order's destination, in the sender's spelling.
        region: String,
    },
    /// For: all stock that has to be routed is at the site.
    HasAll,
    /// Against: only a part of the stock that has to be routed is at the site.
    HasPart,
    /// Neutral: the day on which the goods would leave. An earlier day is better.
    ShipsOn {
        /// In the site's time zone.
        #[schemars(with = "String")]
        date: Date,
        /// Whether the cut-off had passed, which moved the date to the next working day.
        after_cut_off: bool,
    },
    /// Neutral: the relative cost. A lower one is better.
    Cost {
        /// As in the registry; without a unit.
        cost: u32,
    },
}
