//! An ERP that speaks our REST protocol: `docs/partners/rest.md`. One file per document; each has its wire types, its mapping
//! and its calls.

pub(super) mod changes;
pub(super) mod credit;
mod document;
pub(super) mod goods_issue;
pub(super) mod invoice;
pub(super) mod pricing;
pub(crate) mod returns;
pub(super) mod sales_order;
pub(super) mod stock;
