use anamnesis_domain::patient::{
    PatientContactChanged, PatientDeactivated, PatientDemographicsCorrected, PatientIdentifierAdded, PatientIdentifierRemoved, PatientReactivated,
    PatientRegistered,
};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::kernel::testing::{Log, log, told};

const PATIENT: Uuid = Uuid::from_u128(0xb1);
const DOCTOR: Uuid = Uuid::from_u128(0xd1);

fn registered() -> PatientEvent {
    let patient = told(json!({
        "patient_number": "mrn-1",
        "name": { "family": "Curie", "given": ["Marie"] },
        "birth_date": "1867-11-07",
        "gender": "FEMALE",
        "phones": [{ "number": "+48 22 555 0100" }],
        "identifiers": [passport()],
        "care_team": [{ "provider_id": DOCTOR }],
    }));
    PatientRegistered { patient, registered_at: Instant::from_micros(5) }.into()
}

fn passport() -> serde_json::Value {
    json!({ "identifier_type": "PASSPORT", "value": "AB 123" })
}

fn given(events: impl IntoIterator<Item = PatientEvent>) -> Log {
    events.into_iter().fold(log(), |log, event| log.event("patient", PATIENT, event))
}

fn row(log: &Log) -> PatientRow {
    log.rows::<Patients>().remove(0).row
}

#[test]
fn a_registered_patient_is_active_and_can_be_found() {
    let patient = row(&given([registered()]));
    assert_eq!((patient.status, patient.registered_at.micros()), (PatientStatus::Active, 5));
    assert_eq!(patient.assigned_providers, [ProviderId(DOCTOR)]);
    assert_eq!(patient.patient_number_index, Blind::of("MRN-1"));
    assert_eq!(patient.family_and_birth_index, Some(Blind::of("curie|1867-11-07")));
    let found_by = format!("name:curie name:marie phone:+48225550100 identifier:AB123 provider:{DOCTOR}");
    assert_eq!(given([registered()]).says::<Patients>("found_by"), Some(found_by));
}

#[test]
fn a_corrected_name_is_found_and_the_old_one_no_longer() {
    let corrected = told(json!({ "name": { "family": "Skłodowska" }, "birth_date": "1867-11-07", "gender": "FEMALE" }));
    let corrected = PatientDemographicsCorrected { demographics: corrected, corrected_at: Instant::from_micros(6) };
    let log = given([registered(), corrected.into()]);
    assert_eq!(row(&log).patient_number_index, Blind::of("MRN-1"), "the rest stays");
    let found_by = log.says::<Patients>("found_by").unwrap();
    assert!(found_by.contains("phone:") && found_by.ends_with(" name:skłodowska") && !found_by.contains("curie"), "{found_by}");
}

#[test]
fn identifiers_come_and_go_one_by_one() {
    let tax = || told::<Identifier>(json!({ "identifier_type": "TAX", "value": "77" }));
    let added = || PatientIdentifierAdded { identifier: tax(), added_at: Instant::from_micros(6) }.into();
    let log = given([registered(), added()]);
    assert_eq!(row(&log).identifiers.as_ref().and_then(Sealed::get).map(Vec::len), Some(2));
    assert!(log.says::<Patients>("found_by").unwrap().ends_with(" identifier:77 identifier:AB123"));

    let removed = PatientIdentifierRemoved { identifier: told(passport()), removed_at: Instant::from_micros(7) };
    let patient = row(&given([registered(), added(), removed.into()]));
    assert_eq!(patient.identifiers.and_then(|sealed| sealed.get().cloned()), Some(vec![tax()]));
}

#[test]
fn clients_are_shown_the_end_of_a_number_only() {
    let long = json!({ "identifier_type": "SOCIAL_SECURITY", "value": "999-41-7203" });
    let added = PatientIdentifierAdded { identifier: told(long), added_at: Instant::from_micros(6) };
    let shown = given([registered(), added.into()]).rows::<Patients>().remove(0).json();
    assert_eq!(shown["identifiers"][0]["value"], "••••", "too short to show four of it");
    assert_eq!(shown["identifiers"][1]["value"], "••••7203");
}

#[test]
fn a_patient_without_contact_is_found_by_none() {
    let changed = PatientContactChanged { contact: Contact::default(), changed_at: Instant::from_micros(6) };
    let log = given([registered(), changed.into()]);
    assert!(row(&log).contact.is_none() && !log.says::<Patients>("found_by").unwrap().contains("phone"));
}

#[test]
fn a_deactivated_patient_stays_and_can_come_back() {
    let gone = || PatientDeactivated { reason: Some("moved".try_into().unwrap()), deactivated_at: Instant::from_micros(8) }.into();
    let log = given([registered(), gone()]);
    assert_eq!(log.says::<Patients>("status").as_deref(), Some("DEACTIVATED"));
    assert_eq!(log.says::<Patients>("deactivation_reason").as_deref(), Some("\"moved\""));
    let back = PatientReactivated { reactivated_at: Instant::from_micros(9) };
    let patient = row(&given([registered(), gone(), back.into()]));
    assert_eq!((patient.status, patient.deactivated_at), (PatientStatus::Active, None));
}

#[test]
fn nothing_of_an_erased_patient_is_left() {
    assert_eq!(given([registered()]).erase(PATIENT).rows::<Patients>(), []);
}
