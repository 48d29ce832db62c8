use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::kernel::testing::{Log, log, told};

const MATTER: Uuid = Uuid::from_u128(0xc0);

fn given(events: impl IntoIterator<Item = ComplianceEvent>) -> Log {
    events.into_iter().fold(log(), |log, event| log.audit_event("compliance", MATTER, event))
}

fn event<T: serde::de::DeserializeOwned>(mut json: serde_json::Value, by: &str, at: &str) -> T {
    json[by] = json!(Uuid::from_u128(4));
    json[at] = json!("2026-01-31T09:30:00Z");
    told(json)
}

fn raised() -> ComplianceEvent {
    let finding = json!({ "finding_type": "RISK", "severity": "WARNING", "title": "Old laptops", "discovered_at": "2026-01-30T00:00:00Z" });
    ComplianceEvent::FindingRaised(event(json!({ "finding": finding }), "raised_by", "raised_at"))
}

fn noted(note: &str) -> ComplianceEvent {
    ComplianceEvent::FindingNoted(event(json!({ "note": note }), "noted_by", "noted_at"))
}

fn resolved() -> ComplianceEvent {
    ComplianceEvent::FindingResolved(event(json!({ "outcome": "CONFIRMED", "measures": "replaced" }), "resolved_by", "resolved_at"))
}

fn reopened() -> ComplianceEvent {
    ComplianceEvent::FindingReopened(event(json!({ "reason": "one was forgotten" }), "reopened_by", "reopened_at"))
}

#[test]
fn a_finding_tells_what_was_learnt_and_what_was_decided() {
    let finding = given([raised(), noted("three"), noted("five"), resolved()]).rows::<Findings>().remove(0).row;
    let notes: Vec<_> = finding.notes.unwrap().get().unwrap().iter().map(|one| one.note.as_str().to_owned()).collect();
    assert_eq!(notes, ["three", "five"]);
    assert_eq!((finding.status, finding.outcome), (FindingStatus::Resolved, Some(FindingOutcome::Confirmed)));
    let again = given([raised(), resolved(), reopened()]).rows::<Findings>().remove(0).row;
    assert_eq!((again.status, again.outcome, again.resolved_at), (FindingStatus::Open, None, None));
    assert!(again.measures.is_none() && again.reopened_at.is_some());
}

#[test]
fn a_legal_hold_names_all_it_covers_until_it_ends() {
    let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let hold = json!({ "matter": "A v. B", "reason": "discovery", "patient_ids": [one] });
    let placed = ComplianceEvent::LegalHoldPlaced(event(json!({ "hold": hold }), "placed_by", "placed_at"));
    let widened = ComplianceEvent::LegalHoldWidened(event(json!({ "patient_ids": [other] }), "widened_by", "widened_at"));
    let released = ComplianceEvent::LegalHoldReleased(event(json!({ "reason": "settled" }), "released_by", "released_at"));
    let whose = |log: &Log| log.rows::<HeldPatients>().iter().map(|row| row.row.patient_id.0).collect::<Vec<_>>();
    let log = given([placed.clone(), widened]);
    let hold = log.rows::<LegalHolds>().remove(0).row;
    assert_eq!((hold.status, hold.patient_ids), (MatterStatus::Active, vec![PatientId(one), PatientId(other)]));
    assert_eq!(whose(&log), [one, other]);
    let log = given([placed, released]);
    let hold = log.rows::<LegalHolds>().remove(0).row;
    assert_eq!((hold.status, hold.released_at.is_some()), (MatterStatus::Ended, true));
    assert_eq!(whose(&log), [one]);
}

#[test]
fn officers_and_trainings_stand_each_in_a_table_of_their_own() {
    let designation = json!({ "office": "SECURITY_OFFICER", "account_id": Uuid::from_u128(6) });
    let designated = ComplianceEvent::OfficerDesignated(event(json!({ "designation": designation }), "designated_by", "designated_at"));
    let relieved = ComplianceEvent::OfficerRelieved(event(json!({}), "relieved_by", "relieved_at"));
    let officer = given([designated, relieved]);
    assert_eq!(officer.rows::<Designations>().remove(0).row.status, MatterStatus::Ended);
    assert!(officer.rows::<Trainings>().is_empty() && officer.rows::<Findings>().is_empty());

    let training = json!({ "account_id": Uuid::from_u128(6), "topic": "PRIVACY", "course": "HIPAA 101", "completed_on": "2026-01-30" });
    let recorded = ComplianceEvent::TrainingRecorded(event(json!({ "training": training }), "recorded_by", "recorded_at"));
    let marked = ComplianceEvent::TrainingEnteredInError(event(json!({ "reason": "another" }), "marked_by", "marked_at"));
    assert_eq!(given([recorded.clone()]).rows::<Trainings>().remove(0).row.status, MatterStatus::Active);
    assert_eq!(given([recorded, marked]).rows::<Trainings>().remove(0).row.status, MatterStatus::Ended);
}
