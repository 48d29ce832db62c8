//! Who looked at this patient's data, and why? One row for each patient that an access named.

use anamnesis_domain::access::{AccessAction, AccessDenied, AccessEvent, AccessKind, AccessMethod, DataAccessed, PurposeOfUse};
use anamnesis_domain::consent::DataCategory;
use anamnesis_domain::{AccessId, AccountId, AnyEvent, Instant, Line, PatientId, Recorded, SessionId, Text};
use uuid::Uuid;

use crate::kernel::{Fold, Follows, ForAudit, Key, Of, Projection, Rows, Schema, Sealed, Streams, row, seal, text_columns};

#[cfg(test)]
mod tests;

/// Every access to a patient's data, granted or denied.
pub const DATA_ACCESS_LOGS: Projection = Projection {
    name: "data_access_logs",
    schema: Schema::Audit,
    follows: Follows::Log,
    sql: include_str!("table.sql"),
    version: 2,
    tables: &[&Of::<DataAccessLogs>::TABLE],
};

text_columns!(AccessOutcome, AccessKind, AccessAction, AccessMethod, PurposeOfUse);

row! {
    /// One access to one patient's data.
    pub struct DataAccessRow in "data_access_logs" key (access_id, patient_id) {
        access_id: AccessId,
        patient_id: PatientId,
        user_id: Option<AccountId>,
        session_id: Option<SessionId>,
        outcome: AccessOutcome,
        denied_by_rule: Option<String>,
        access_type: AccessKind,
        action: AccessAction,
        access_method: AccessMethod,
        data_category: Vec<DataCategory>,
        data_elements_accessed: Vec<String>,
        resource_type: String,
        resource_id: Option<Uuid>,
        as_of_position: Option<u64>,
        purpose_of_access: Option<PurposeOfUse>,
        access_justification: Option<Sealed<Text>>,
        request_id: Option<Uuid>,
        ip_address: Option<Sealed<String, ForAudit>>,
        user_agent: Option<Sealed<String, ForAudit>>,
        access_timestamp: Instant,
    }
}

/// Whether the data was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum AccessOutcome {
    Granted,
    Denied,
}

/// The fold of `data_access_logs`.
pub struct DataAccessLogs;

impl Fold for DataAccessLogs {
    type Row = DataAccessRow;
    const STREAMS: Streams = Streams::Of(&["access"]);

    fn keys(event: &Recorded) -> Vec<Key> {
        rows_of(event).iter().map(|row| (row.access_id, row.patient_id).into()).collect()
    }

    fn apply(rows: &mut Rows<DataAccessRow>, event: &Recorded) {
        for row in rows_of(event) {
            rows.put(row);
        }
    }
}

fn rows_of(event: &Recorded) -> Vec<DataAccessRow> {
    match event.event.value() {
        Some(AnyEvent::Access(AccessEvent::DataAccessed(accessed))) => granted(event, accessed),
        Some(AnyEvent::Access(AccessEvent::AccessDenied(denied))) => refused(event, denied),
        // of another aggregate, or erased: the audit key never is
        Some(_) | None => Vec::new(),
    }
}

fn granted(event: &Recorded, accessed: &DataAccessed) -> Vec<DataAccessRow> {
    let origin = event.origin.value().cloned().unwrap_or_default();
    let row = |subject: &anamnesis_domain::access::AccessedSubject| DataAccessRow {
        access_id: event.aggregate_id.into(),
        patient_id: subject.patient_id,
        user_id: Some(accessed.account_id),
        session_id: accessed.session_id,
        outcome: AccessOutcome::Granted,
        denied_by_rule: None,
        access_type: accessed.kind,
        action: accessed.action,
        access_method: accessed.method,
        data_category: subject.categories.clone(),
        data_elements_accessed: subject.elements.iter().cloned().map(Into::into).collect(),
        resource_type: accessed.resource_type.clone().into(),
        resource_id: accessed.resource_id,
        as_of_position: accessed.as_of_position,
        purpose_of_access: Some(accessed.purpose_of_use),
        access_justification: seal(accessed.justification.as_ref()),
        request_id: accessed.request_id,
        ip_address: seal(origin.ip_address.as_ref()),
        user_agent: seal(origin.user_agent.as_ref()),
        access_timestamp: accessed.accessed_at,
    };
    accessed.subjects.iter().map(row).collect()
}

fn refused(event: &Recorded, denied: &AccessDenied) -> Vec<DataAccessRow> {
    let origin = event.origin.value().cloned().unwrap_or_default();
    let row = |patient_id: &PatientId| DataAccessRow {
        access_id: event.aggregate_id.into(),
        patient_id: *patient_id,
        user_id: denied.account_id,
        session_id: denied.session_id,
        outcome: AccessOutcome::Denied,
        denied_by_rule: Some(denied.rule.clone().into()),
        access_type: denied.kind,
        action: denied.action,
        access_method: denied.method,
        data_category: Vec::new(),
        data_elements_accessed: Vec::new(),
        resource_type: Line::into(denied.resource_type.clone()),
        resource_id: denied.resource_id,
        as_of_position: None,
        purpose_of_access: denied.purpose_of_use,
        access_justification: seal(denied.justification.as_ref()),
        request_id: denied.request_id,
        ip_address: seal(origin.ip_address.as_ref()),
        user_agent: seal(origin.user_agent.as_ref()),
        access_timestamp: denied.denied_at,
    };
    denied.patient_ids.iter().map(row).collect()
}
