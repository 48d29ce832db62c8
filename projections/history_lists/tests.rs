use anamnesis_domain::patient::{AllergyRecorded, ConditionRecorded, HistoryEntryEnded, HistoryEntryEnteredInError, MedicationRecorded};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::kernel::testing::{Log, log, told};

const PATIENT: Uuid = Uuid::from_u128(0xb1);

fn entry(n: u128) -> EntryId {
    EntryId(Uuid::from_u128(n))
}

fn asthma(n: u128, status: &str) -> PatientEvent {
    let condition =
        json!({ "code": { "codings": [{ "system": "http://snomed.info/sct", "code": "195967001" }], "text": "Asthma" }, "status": status });
    ConditionRecorded { entry_id: entry(n), condition: told(condition), recorded_at: Instant::from_micros(1) }.into()
}

fn given(events: impl IntoIterator<Item = PatientEvent>) -> Log {
    events.into_iter().fold(log(), |log, event| log.event("patient", PATIENT, event))
}

#[test]
fn each_entry_has_a_row_that_tells_its_newest_state() {
    let rows = given([asthma(1, "ACTIVE"), asthma(2, "ACTIVE"), asthma(1, "RESOLVED")]).rows::<Conditions>();
    let statuses: Vec<_> = rows.iter().map(|row| (row.row.entry_id, row.row.status)).collect();
    assert_eq!(statuses, [(entry(1), ConditionStatus::Resolved), (entry(2), ConditionStatus::Active)]);
    assert_eq!(rows[0].row.codes, ["http://snomed.info/sct|195967001"]);
    assert_eq!(rows[0].stamp.sequence, 3);
}

#[test]
fn each_list_takes_its_own_entries() {
    let allergy = json!({ "code": { "codings": [], "text": "Peanuts" }, "status": "ACTIVE", "categories": ["FOOD"], "criticality": "HIGH" });
    let medication = json!({ "code": { "codings": [], "text": "Salbutamol" }, "status": "STOPPED", "dosage": "2 puffs" });
    let log = given([
        asthma(1, "ACTIVE"),
        AllergyRecorded { entry_id: entry(2), allergy: told(allergy), recorded_at: Instant::from_micros(1) }.into(),
        MedicationRecorded { entry_id: entry(3), medication: told(medication), recorded_at: Instant::from_micros(1) }.into(),
    ]);
    assert_eq!(log.rows::<Conditions>().len(), 1);
    assert_eq!(log.says::<Allergies>("criticality").as_deref(), Some("HIGH"));
    assert_eq!(log.says::<Medications>("dosage").as_deref(), Some("\"2 puffs\""));
}

fn ended(list: HistoryList) -> PatientEvent {
    let reason = Some("cured".try_into().unwrap());
    HistoryEntryEnded { list, entry_id: entry(1), ended: told(json!("2026-01-30")), reason, recorded_at: Instant::from_micros(2) }.into()
}

#[test]
fn what_is_over_says_since_when_and_why() {
    let log = given([asthma(1, "ACTIVE"), asthma(2, "ACTIVE"), ended(HistoryList::Conditions)]);
    let rows = log.rows::<Conditions>();
    assert_eq!((rows[0].row.status, rows[1].row.status), (ConditionStatus::Resolved, ConditionStatus::Active));
    assert_eq!(rows[0].row.ended, Some(told(json!("2026-01-30"))));
    assert_eq!(rows[0].row.status_reason.as_ref().and_then(Sealed::get), Some(&"cured".try_into().unwrap()));
    let again = given([asthma(1, "ACTIVE"), ended(HistoryList::Conditions), asthma(1, "RELAPSE")]).rows::<Conditions>();
    assert!(again[0].row.status == ConditionStatus::Relapse && again[0].row.ended.is_none() && again[0].row.status_reason.is_none());
}

#[test]
fn what_never_was_true_stays_as_that() {
    let reason = "of another patient".try_into().unwrap();
    let in_error = HistoryEntryEnteredInError { list: HistoryList::Conditions, entry_id: entry(1), reason, marked_at: Instant::from_micros(3) };
    let log = given([asthma(1, "ACTIVE"), in_error.into()]);
    assert_eq!(log.says::<Conditions>("status").as_deref(), Some("ENTERED_IN_ERROR"));
    assert_eq!(log.says::<Conditions>("status_reason").as_deref(), Some("\"of another patient\""));
}

#[test]
fn the_same_entry_id_in_another_list_is_another_entry() {
    let rows = given([asthma(1, "ACTIVE"), ended(HistoryList::Allergies)]).rows::<Conditions>();
    assert_eq!(rows[0].row.status, ConditionStatus::Active);
}

#[test]
fn an_erased_history_is_empty() {
    assert_eq!(given([asthma(1, "ACTIVE")]).erase(PATIENT).rows::<Conditions>(), []);
}
