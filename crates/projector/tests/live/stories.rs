//! What happens in the tests' clinic.

use anamnesis_domain::Instant;
use anamnesis_domain::access::{AccessEvent, DataAccessed};
use anamnesis_domain::consent::{ConsentEvent, ConsentRevoked};
use anamnesis_domain::patient::{PatientDeactivated, PatientEvent, PatientIdentifierAdded, PatientRegistered};
use serde::de::DeserializeOwned;
use serde_json::json;
use uuid::Uuid;

use crate::support::Told;

fn told<T: DeserializeOwned>(json: serde_json::Value) -> T {
    serde_json::from_value(json).unwrap()
}

pub(crate) fn registered(patient: Uuid, family: &str) -> Told {
    let new = told(json!({
        "patient_number": format!("N-{}", patient.simple()),
        "name": { "family": family, "given": ["Zoë"] },
        "birth_date": "1980-02-29",
        "gender": "OTHER",
        "phones": [{ "number": "+1 555 013 2477" }],
        "emails": [{ "address": "zoe@example.org" }],
        "identifiers": [{ "identifier_type": "PASSPORT", "value": "P 1" }],
        "health_goals": ["say \"ah\", and {that}\\ twice"],
    }));
    Told::of("patient", patient, patient, PatientEvent::from(PatientRegistered { patient: new, registered_at: Instant::from_micros(1) }))
}

pub(crate) fn identifier_added(patient: Uuid, value: &str) -> Told {
    let identifier = told(json!({ "identifier_type": "TAX", "value": value }));
    Told::of("patient", patient, patient, PatientEvent::from(PatientIdentifierAdded { identifier, added_at: Instant::from_micros(2) }))
}

pub(crate) fn deactivated(patient: Uuid) -> Told {
    let event = PatientDeactivated { reason: Some("moved".try_into().unwrap()), deactivated_at: Instant::from_micros(3) };
    Told::of("patient", patient, patient, PatientEvent::from(event))
}

pub(crate) fn condition(patient: Uuid, entry: Uuid, code: &str) -> Told {
    let event = told(json!({
        "entry_id": entry,
        "condition": { "code": { "codings": [{ "system": "http://snomed.info/sct", "code": code }], "text": "Asthma" }, "status": "ACTIVE", "onset": "0001-01-01" },
        "recorded_at": "9999-12-31T23:59:59.999999Z",
    }));
    Told::of("patient", patient, patient, PatientEvent::ConditionRecorded(event))
}

pub(crate) fn consent_granted(consent: Uuid, patient: Uuid, provider: Uuid) -> Told {
    let event = told(json!({
        "patient_id": patient, "grantee": { "provider_id": provider }, "purposes": ["TREATMENT", "AI"], "categories": ["ALL"],
        "granted_at": "2026-01-01T00:00:00Z", "expires_at": null,
    }));
    Told::of("consent", consent, patient, ConsentEvent::ConsentGranted(event))
}

pub(crate) fn consent_revoked(consent: Uuid, patient: Uuid) -> Told {
    Told::of("consent", consent, patient, ConsentEvent::from(ConsentRevoked { revoked_at: Instant::from_micros(9), reason: None }))
}

pub(crate) fn accessed(access: Uuid, patients: &[Uuid]) -> Told {
    let subjects: Vec<_> = patients.iter().map(|id| json!({ "patient_id": id, "categories": ["ALL"], "elements": ["name"] })).collect();
    let event: DataAccessed = told(json!({
        "accessed_at": "2026-01-01T00:00:00Z", "account_id": Uuid::from_u128(0xac), "session_id": null, "kind": "VIEW", "action": "READ",
        "subjects": subjects, "resource_type": "patients", "resource_id": null, "purpose_of_use": "EMERGENCY", "justification": "unconscious",
        "method": "API", "request_id": null, "as_of_position": 3, "result_count": patients.len(),
    }));
    Told { subject: None, ..Told::of("access", access, access, AccessEvent::from(event)) }
}
