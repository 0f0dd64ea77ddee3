//! What each role may see and do. The identity provider names a person's roles in a claim.

use domain::review::Team;

/// A role of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Answers customers: sees orders, and neither worklists nor partners.
    CustomerService,
    /// Decides whether a customer may owe so much.
    Credit,
    /// Decides about prices, invoices and postings.
    Finance,
    /// Decides about stock, warehouses and shipments.
    Logistics,
    /// Decides what was ordered.
    OrderDesk,
    /// Leads operations: sees everything, and decides for every team.
    Operations,
    /// Is on call: sees everything, and leaves decisions to the teams.
    OnCall,
}

/// What a page shows or does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Lists and searches orders, and shows one with its timeline.
    ReadOrders,
    /// Lists what waits for a decision, of all teams, and shows one.
    ReadReviews,
    /// Shows whether partners are called.
    ReadPartners,
    /// Decides a review of this team.
    Decide(Team),
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::CustomerService,
        Self::Credit,
        Self::Finance,
        Self::Logistics,
        Self::OrderDesk,
        Self::Operations,
        Self::OnCall,
    ];

    /// Its name in sessions, and in the provider's claim where the deployment gives no other.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CustomerService => "customer_service",
            Self::Credit => "credit",
            Self::Finance => "finance",
            Self::Logistics => "logistics",
            Self::OrderDesk => "order_desk",
            Self::Operations => "operations",
            Self::OnCall => "on_call",
        }
    }

    /// The role of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// The scopes that an API client needs for the same. Partners' health has no route in the API.
    pub fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::CustomerService => &["orders:read:all"],
            Self::Credit => &["orders:read:all", "reviews:read", "reviews:decide:credit"],
            Self::Finance => &["orders:read:all", "reviews:read", "reviews:decide:finance"],
            Self::Logistics => &["orders:read:all", "reviews:read", "reviews:decide:logistics"],
            Self::OrderDesk => &["orders:read:all", "reviews:read", "reviews:decide:orders"],
            Self::Operations => &["orders:read:all", "reviews:read", "reviews:decide"],
            Self::OnCall => &["orders:read:all", "reviews:read"],
        }
    }

    /// Whether the role may do this.
    pub fn may(self, action: Action) -> bool {
        match action {
            Action::ReadOrders => self.scopes().contains(&"orders:read:all"),
            Action::ReadReviews => self.scopes().contains(&"reviews:read"),
            Action::ReadPartners => matches!(self, Self::Operations | Self::OnCall),
            Action::Decide(team) => {
                let of_team = format!("reviews:decide:{}", team.as_str());
                self.scopes().iter().any(|scope| *scope == "reviews:decide" || *scope == of_team)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Orders, reviews, partners, and the decisions of orders, credit, finance and logistics.
    const TABLE: [(Role, [bool; 7]); 7] = {
        const Y: bool = true;
        const N: bool = false;
        [
            (Role::CustomerService, [Y, N, N, N, N, N, N]),
            (Role::Credit, [Y, Y, N, N, Y, N, N]),
            (Role::Finance, [Y, Y, N, N, N, Y, N]),
            (Role::Logistics, [Y, Y, N, N, N, N, Y]),
            (Role::OrderDesk, [Y, Y, N, Y, N, N, N]),
            (Role::Operations, [Y, Y, Y, Y, Y, Y, Y]),
            (Role::OnCall, [Y, Y, Y, N, N, N, N]),
        ]
    };

    #[test]
    fn a_role_may_do_what_the_table_says_and_nothing_else() {
        assert_eq!(TABLE.map(|(role, _)| role), Role::ALL);
        for (role, may) in TABLE {
            let reads = [Action::ReadOrders, Action::ReadReviews, Action::ReadPartners];
            let decides = [Team::Orders, Team::Credit, Team::Finance, Team::Logistics].map(Action::Decide);
            let answers: Vec<bool> = reads.into_iter().chain(decides).map(|action| role.may(action)).collect();
            assert_eq!(answers, may, "{role:?}");
            assert_eq!(Role::named(role.as_str()), Some(role));
        }
    }
}
