use anamnesis_domain::account::{AccountEvent, SignInFailed, SignInFailure};
use anamnesis_domain::document::{DocumentEvent, DocumentRemoved};
use anamnesis_domain::organization::{OrganizationEvent, OrganizationRenamed};
use anamnesis_domain::patient::{PatientDeactivated, PatientEvent};
use anamnesis_domain::system::{CanaryBeat, SystemEvent};
use anamnesis_domain::{AccountId, Instant, Origin};

use super::*;
use crate::kernel::testing::{Log, ORGANIZATION, log, said};

const PATIENT: Uuid = Uuid::from_u128(0xb1);

fn deactivated(log: Log) -> Log {
    let event = PatientDeactivated { reason: Some("moved".try_into().unwrap()), deactivated_at: Instant::from_micros(1) };
    log.event("patient", PATIENT, PatientEvent::from(event))
}

fn row(log: &Log) -> AuditRow {
    log.rows::<AuditLogs>().remove(0).row
}

#[test]
fn an_act_says_who_did_what_from_where() {
    let origin =
        Origin { ip_address: Some("192.0.2.1".to_owned()), route: Some("POST /v1/patients/{id}/deactivate".to_owned()), ..Origin::default() };
    let log = deactivated(log()).with_origin(origin);
    let rows = log.rows::<AuditLogs>();
    assert_eq!((rows[0].row.action, rows[0].row.resource_id), (AuditAction::Create, PATIENT));
    assert_eq!(said(&rows[0], "ip_address").as_deref(), Some("\"192.0.2.1\""));
    assert_eq!(said(&rows[0], "new_values").as_deref(), Some("{\"deactivated_at\":\"1970-01-01T00:00:00.000001Z\",\"reason\":\"moved\"}"));
}

#[test]
fn the_second_event_of_a_stream_is_an_update() {
    let renamed = || OrganizationEvent::from(OrganizationRenamed { renamed_at: Instant::from_micros(1), name: "Mercy".try_into().unwrap() });
    let log = log().audit_event("organization", ORGANIZATION, renamed()).audit_event("organization", ORGANIZATION, renamed());
    let actions: Vec<_> = log.rows::<AuditLogs>().iter().map(|row| row.row.action).collect();
    assert_eq!(actions, [AuditAction::Create, AuditAction::Update]);
}

#[test]
fn a_sign_of_life_of_the_system_is_no_act() {
    let beat = || SystemEvent::from(CanaryBeat { beat_at: Instant::from_micros(1), number: 1 });
    let log = log().audit_event("system", CANARY, beat()).audit_event("system", ORGANIZATION, beat());
    assert_eq!(log.rows::<AuditLogs>().iter().map(|row| row.row.resource_id).collect::<Vec<_>>(), [ORGANIZATION]);
}

#[test]
fn failing_to_sign_in_is_a_login_without_success() {
    let failed = SignInFailed { failed_at: Instant::from_micros(1), cause: SignInFailure::WrongPassword };
    let failed = row(&log().audit_event("account", PATIENT, AccountEvent::from(failed)));
    assert_eq!((failed.action, failed.success), (AuditAction::Login, false));
}

#[test]
fn after_an_erasure_it_still_says_that_something_was_done() {
    let erased = row(&deactivated(log()).erase(PATIENT));
    assert_eq!((erased.event_type.as_str(), erased.resource_id, erased.new_values.is_none()), ("PatientDeactivated", PATIENT, true));
}

#[test]
fn removing_a_document_is_a_deletion() {
    let removed_by = AccountId(Uuid::from_u128(0xac));
    let removed = DocumentRemoved { reason: "scanned twice".try_into().unwrap(), removed_by, removed_at: Instant::from_micros(1) };
    let removed = row(&log().sealed_for("document", Uuid::from_u128(0xd0c), PATIENT, DocumentEvent::from(removed)));
    assert_eq!(removed.action, AuditAction::Delete);
}
