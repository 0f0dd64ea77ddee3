//! crm-tell.
