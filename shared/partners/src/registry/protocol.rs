//! Which protocols each role has. A role and a protocol that do not go together cannot be written down.

use engine::delivery::Role;

/// A partner's role, with the protocol that it speaks in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// A CRM.
    Crm(CrmProtocol),
    /// The ERP.
    Erp(ErpProtocol),
    /// A third party's warehouse.
    Warehouse(WarehouseProtocol),
}

/// The protocols of CRMs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrmProtocol {
    /// Ours: `docs/partners/rest.md`.
    Rest,
}

/// The protocols of ERPs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErpProtocol {
    /// Ours: `docs/partners/rest.md`.
    Rest,
}

/// The protocols of warehouses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarehouseProtocol {
    /// Ours: `docs/partners/rest.md`.
    Rest,
    /// ShipBob's API 1.0: `docs/partners/shipbob.md`.
    Shipbob {
        /// The channel that orders are created in; sent as `shipbob_channel_id`.
        channel: u64,
    },
}

impl Protocol {
    /// The role that the protocol belongs to.
    pub fn role(self) -> Role {
        match self {
            Self::Crm(_) => Role::Crm,
            Self::Erp(_) => Role::Erp,
            Self::Warehouse(_) => Role::Warehouse,
        }
    }

    /// The protocol's name in a document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crm(CrmProtocol::Rest) | Self::Erp(ErpProtocol::Rest) | Self::Warehouse(WarehouseProtocol::Rest) => {
                "rest"
            }
            Self::Warehouse(WarehouseProtocol::Shipbob { .. }) => "shipbob",
        }
    }
}

/// A protocol's name in a document, before its role is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProtocolName {
    Rest,
    Shipbob,
}

impl ProtocolName {
    pub(super) const ALL: [(&str, Self); 2] = [("rest", Self::Rest), ("shipbob", Self::Shipbob)];
}
