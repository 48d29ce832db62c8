use serde_json::json;

use super::*;
use crate::kernel::testing::{log, said, told};

const ACCESS: Uuid = Uuid::from_u128(0xaa);
const ANN: Uuid = Uuid::from_u128(0xb1);
const BOB: Uuid = Uuid::from_u128(0xb2);

fn accessed() -> AccessEvent {
    let accessed: DataAccessed = told(json!({
        "accessed_at": "2026-01-01T00:00:00Z", "account_id": Uuid::from_u128(0xac), "session_id": null, "kind": "VIEW", "action": "SEARCH",
        "subjects": [
            { "patient_id": ANN, "categories": ["DEMOGRAPHICS"], "elements": ["name"] },
            { "patient_id": BOB, "categories": ["DEMOGRAPHICS"], "elements": ["name"] },
        ],
        "resource_type": "patients", "resource_id": null, "purpose_of_use": "TREATMENT", "justification": "on call", "method": "API",
        "request_id": null, "as_of_position": null, "result_count": 2,
    }));
    accessed.into()
}

#[test]
fn every_patient_that_an_access_names_has_a_row() {
    let rows = log().audit_event("access", ACCESS, accessed()).rows::<DataAccessLogs>();
    let patients: Vec<_> = rows.iter().map(|row| row.row.patient_id.0).collect();
    assert_eq!(patients, [ANN, BOB]);
    assert_eq!(rows[0].row.outcome, AccessOutcome::Granted);
    assert_eq!(said(&rows[1], "access_justification").as_deref(), Some("\"on call\""));
}

#[test]
fn a_denied_access_is_told_with_the_rule_that_said_no() {
    let denied: AccessDenied = told(json!({
        "denied_at": "2026-01-01T00:00:00Z", "account_id": null, "session_id": null, "kind": "VIEW", "action": "READ", "patient_ids": [ANN],
        "resource_type": "patients", "resource_id": ANN, "purpose_of_use": null, "justification": null, "method": "API", "request_id": null,
        "rule": "no_consent",
    }));
    let rows = log().audit_event("access", ACCESS, AccessEvent::from(denied)).rows::<DataAccessLogs>();
    assert_eq!((rows[0].row.outcome, rows[0].row.denied_by_rule.as_deref()), (AccessOutcome::Denied, Some("no_consent")));
}

#[test]
fn an_access_outlives_the_erasure_of_whom_it_was_about() {
    assert_eq!(log().audit_event("access", ACCESS, accessed()).erase(ANN).rows::<DataAccessLogs>().len(), 2);
}
