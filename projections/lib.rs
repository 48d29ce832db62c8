//! What do people ask for, and how is it answered? Read models: one folder each, a pure fold and its tables.
//!
//! Everything here can be computed again from the log. This crate can't append: it doesn't know the journal. It does no
//! I/O either; `crates/projector` runs it.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a panic is how a test fails"))]

pub mod accounts;
pub mod amendment_requests;
pub mod appointments;
pub mod audit_logs;
pub mod compliance;
pub mod compliance_logs;
pub mod consents;
pub mod data_access_logs;
pub mod documents;
pub mod facilities;
pub mod history_lists;
pub mod insights;
pub mod kernel;
pub mod models;
pub mod normal;
pub mod organizations;
pub mod patients;
pub mod predictions;
pub mod providers;
pub mod records;
#[cfg(test)]
mod tests;
pub mod words;

use kernel::{Projection, Schema};

/// Every projection, by folder; a test compares it with the folders.
pub const ALL: &[&Projection] = &[
    &accounts::ACCOUNTS,
    &amendment_requests::AMENDMENT_REQUESTS,
    &appointments::APPOINTMENTS,
    &audit_logs::AUDIT_LOGS,
    &compliance::COMPLIANCE,
    &compliance_logs::COMPLIANCE_LOGS,
    &consents::CONSENTS,
    &data_access_logs::DATA_ACCESS_LOGS,
    &documents::DOCUMENTS,
    &facilities::FACILITIES,
    &history_lists::HISTORY_LISTS,
    &insights::INSIGHTS,
    &models::MODELS,
    &organizations::ORGANIZATIONS,
    &patients::PATIENTS,
    &predictions::PREDICTIONS,
    &providers::PROVIDERS,
    &records::RECORDS,
];

/// Who may see a row: what the policies of every table ask, and the schemas they stand in.
pub const SCOPE: &str = include_str!("scope.sql");

/// The names of all, in that order.
pub fn names() -> Vec<&'static str> {
    ALL.iter().map(|projection| projection.name).collect()
}

/// The projection of that name.
pub fn find(name: &str) -> Option<&'static Projection> {
    ALL.iter().find(|projection| projection.name == name).copied()
}

/// The schema that a row's table stands in.
pub fn schema_of<R: kernel::Row>() -> Schema {
    let holds = |projection: &&&Projection| projection.tables.iter().any(|table| table.info().name == R::TABLE.name);
    ALL.iter().find(holds).map_or(Schema::Read, |projection| projection.schema)
}
