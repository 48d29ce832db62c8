use anamnesis_domain::patient::{AllergyRecorded, ConditionRecorded, MedicationRecorded};
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

#[test]
fn an_erased_history_is_empty() {
    assert_eq!(given([asthma(1, "ACTIVE")]).erase(PATIENT).rows::<Conditions>(), []);
}
