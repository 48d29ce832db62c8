//! Do patients, providers and facilities arrive field by field?

use anamnesis_domain::{facility::FacilityCommand, patient::PatientCommand, provider::ProviderCommand};
use anamnesis_fhir::Command;
use serde_json::json;

use crate::{command, id_by, id_of, plan_alone, plan_of, remarks, silva, steps};

#[test]
fn a_patient_is_registered_with_all_that_is_known() {
    let plan = plan_of("Patient", "ines");
    let (id, patient) = command!(plan, 0, Command::Patient(PatientCommand::Register { patient, .. }) => patient);
    assert_eq!(id, id_of("Patient", "ines"));
    let other = |value: &str| json!({"system": null, "identifier_type": "OTHER", "value": value});
    assert_eq!(
        patient,
        json!({
            "patient_number": "H-1001",
            "name": {"use": "OFFICIAL", "family": "Falcão", "given": ["Inês", "Maria"], "prefix": ["Dr."], "suffix": ["Jr."], "text": null},
            "other_names": [{"use": "MAIDEN", "family": "Moreira", "given": [], "prefix": [], "suffix": [], "text": null}],
            "birth_date": "1961-11-30",
            "gender": "FEMALE",
            "birth_sex": "FEMALE",
            "marital_status": {
                "codings": [{"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": "W", "display": null}],
                "text": "Widowed"
            },
            "race": {"codings": [{"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2106-3", "display": "White"}], "text": "White"},
            "ethnicity": {"codings": [], "text": "Portuguese"},
            "language": "pt-PT",
            "deceased_at": "2025-01-02T03:04:05Z",
            "phones": [
                {"number": "+351 93 000 0000", "use": "MOBILE"},
                {"number": "+351 21 000 0000", "use": "HOME"},
                {"number": "+351 91 000 0000", "use": "HOME"}
            ],
            "emails": [{"address": "ines@example.org", "use": "HOME"}],
            "addresses": [{
                "use": "HOME",
                "lines": ["Rua do Cais 4", "2.º Esq."],
                "city": "Setúbal",
                "district": "Setúbal",
                "state": null,
                "postal_code": "2900-001",
                "country": "PT",
                "text": null,
                "period": {"start": "2010-01-01T00:00:00Z", "end": null}
            }],
            "identifiers": [
                {"system": "urn:example:registry", "identifier_type": "OTHER", "value": "R-77"},
                {"system": "urn:example:harbour", "identifier_type": "MEDICAL_RECORD", "value": "H-1001"},
                {"system": "http://hl7.org/fhir/sid/us-ssn", "identifier_type": "SOCIAL_SECURITY", "value": "999-11-2222"},
                other("not a passport!")
            ],
            "insurance": [],
            "emergency_contacts": [{
                "name": {"use": null, "family": "Falcão", "given": ["Rita"], "prefix": [], "suffix": [], "text": null},
                "relationship": "Emergency Contact, daughter",
                "phone": "+351 96 000 0000",
                "email": null,
                "address": null
            }],
            "account_id": null,
            "primary_care_provider_id": silva(),
            "care_team": [{"provider_id": id_of("Practitioner", "nurse"), "role": null}],
            "health_goals": [],
            "risk_factors": []
        })
    );
    assert_eq!(
        remarks(&plan),
        [
            "telecom[3].value: has no place here: neither a phone number nor an e-mail address",
            "communication: only one language has a place here: the preferred one, else the first"
        ]
    );
    assert!(plan.patient.is_none(), "the patient needs no other to be registered");
}

#[test]
fn what_a_patient_cannot_be_told_by_is_remarked() {
    let plan = plan_alone(&json!({
        "resourceType": "Patient",
        "id": "p2",
        "active": false,
        "identifier": [{"type": {"coding": [{"code": "MR"}]}, "value": "no number"}],
        "name": [{"text": "P"}],
        "telecom": [{"system": "phone", "value": "call the office"}],
        "birthDate": "2000-01-01",
        "deceasedBoolean": true,
        "contact": [{"telecom": []}]
    }))
    .unwrap();
    let (_, patient) = command!(plan, 0, Command::Patient(PatientCommand::Register { patient, .. }) => patient);
    assert_eq!((&patient["patient_number"], &patient["gender"], &patient["phones"]), (&json!("p2"), &json!("UNKNOWN"), &json!([])));
    let paths: Vec<_> = plan.remarks.iter().map(|remark| remark.path.as_str()).collect();
    assert_eq!(paths, ["telecom[0].value", "identifier[0].value", "contact[0].name", "deceasedBoolean", "active"]);
}

#[test]
fn several_numbers_in_one_value_are_told_apart_whatever_stands_between_them() {
    let plan = plan_alone(&json!({
        "resourceType": "Patient",
        "id": "p2",
        "name": [{"text": "P"}],
        "birthDate": "2000-01-01",
        "telecom": [{"system": "phone", "value": "+351 1 111; +351 1 222 or +351 1 333, +351 1 444"}]
    }))
    .unwrap();
    let (_, patient) = command!(plan, 0, Command::Patient(PatientCommand::Register { patient, .. }) => patient);
    let numbers: Vec<_> = patient["phones"].as_array().unwrap().iter().map(|phone| phone["number"].as_str().unwrap()).collect();
    assert_eq!(numbers, ["+351 1 111", "+351 1 222", "+351 1 333", "+351 1 444"]);
}

/// When a patient died who was born on 2020-06-15, as the source says it and as it is told.
#[test]
fn a_death_in_the_year_of_birth_lies_not_before_the_birth() {
    let cases = [
        ("2020", "2020-06-15T00:00:00Z"),
        ("2020-06", "2020-06-15T00:00:00Z"),
        ("2020-07", "2020-07-01T00:00:00Z"),
        ("2021", "2021-01-01T00:00:00Z"),
        ("2019", "2019-01-01T00:00:00Z"),
    ];
    for (death, expected) in cases {
        let patient = json!({"resourceType": "Patient", "id": "p2", "name": [{"text": "P"}], "birthDate": "2020-06-15", "deceasedDateTime": death});
        let plan = plan_alone(&patient).unwrap();
        let (_, patient) = command!(plan, 0, Command::Patient(PatientCommand::Register { patient, .. }) => patient);
        assert_eq!(patient["deceased_at"], expected, "{death}");
    }
}

#[test]
fn a_period_whose_end_is_less_exact_than_its_start_is_not_reversed() {
    let end_of = |start: &str, end: &str| {
        let patient = json!({
            "resourceType": "Patient", "id": "p2", "name": [{"text": "P"}], "birthDate": "2000-01-01",
            "address": [{"city": "Faro", "period": {"start": start, "end": end}}]
        });
        let plan = plan_alone(&patient).unwrap();
        let (_, patient) = command!(plan, 0, Command::Patient(PatientCommand::Register { patient, .. }) => patient);
        patient["addresses"][0]["period"]["end"].clone()
    };
    assert_eq!(end_of("2020-06-15", "2020"), json!(null));
    assert_eq!(end_of("2020-06-15T08:00:00Z", "2020-06-15"), json!(null));
    assert_eq!(end_of("2020-06-15", "2021"), json!("2021-01-01T00:00:00Z"));
    assert_eq!(end_of("2020-06-15", "2020-06-14"), json!("2020-06-14T00:00:00Z"), "the rules refuse it");
    let practitioner = json!({
        "resourceType": "Practitioner", "id": "d", "name": [{"text": "D"}],
        "qualification": [{"code": {"text": "Board"}, "period": {"start": "2020-06-15", "end": "2020"}}]
    });
    let plan = plan_alone(&practitioner).unwrap();
    let (_, profile) = command!(plan, 0, Command::Provider(ProviderCommand::Register { profile, .. }) => profile);
    assert_eq!(profile["certifications"][0]["valid_until"], json!(null));
}

#[test]
fn a_practitioner_is_registered_under_the_national_identifier() {
    let plan = plan_of("Practitioner", "silva");
    let (id, profile) = command!(plan, 0, Command::Provider(ProviderCommand::Register { profile, .. }) => profile);
    assert_eq!(id, silva());
    assert_eq!(
        profile,
        json!({
            "provider_number": "1234567893",
            "name": {"use": null, "family": "Silva", "given": ["Ana"], "prefix": [], "suffix": [], "text": null},
            "license_number": "LIC-5",
            "specialties": ["CARDIOLOGY"],
            "certifications": [{
                "code": {"codings": [], "text": "Board certification in cardiology"},
                "number": "CERT-9",
                "issuer": "Board of Cardiology",
                "valid_from": "2005-05-01",
                "valid_until": null
            }],
            "languages": ["pt"],
            "gender": "FEMALE",
            "birth_date": "1975-06-01",
            "phones": [],
            "emails": [{"address": "ana.silva@example.org", "use": "WORK"}],
            "addresses": [],
            "identifiers": [
                {"system": "urn:example:staff", "identifier_type": "OTHER", "value": "12"},
                {"system": "http://hl7.org/fhir/sid/us-npi", "identifier_type": "OTHER", "value": "1234567893"},
                {"system": null, "identifier_type": "OTHER", "value": "LIC-5"}
            ]
        })
    );
}

#[test]
fn an_inactive_practitioner_is_suspended() {
    let plan = plan_of("Practitioner", "nurse");
    assert_eq!(steps(&plan), ["register", "suspend"]);
    let (id, reason) = command!(plan, 1, Command::Provider(ProviderCommand::Suspend { reason, .. }) => reason);
    assert_eq!((id, reason), (id_of("Practitioner", "nurse"), json!("inactive at the source")));
}

#[test]
fn a_role_is_an_affiliation_of_the_practitioner() {
    let plan = plan_of("PractitionerRole", "silva-at-harbour");
    assert_eq!(steps(&plan), ["affiliate", "end"]);
    let (id, affiliation) = command!(plan, 0, Command::Provider(ProviderCommand::Affiliate { affiliation, .. }) => affiliation);
    assert_eq!(id, silva());
    assert_eq!(
        affiliation,
        json!({
            "facility_id": id_by("Organization", "urn:example:clinics", "7"),
            "roles": [{"codings": [], "text": "doctor"}],
            "specialties": [{"codings": [{"system": "http://nucc.org/provider-taxonomy", "code": "207RC0000X", "display": null}], "text": null}],
            "period": {"start": "2015-01-01T00:00:00Z", "end": null},
            "phones": [{"number": "+351 21 111 1112", "use": null}],
            "emails": []
        })
    );
    let (_, affiliation_id) = command!(plan, 1, Command::Provider(ProviderCommand::EndAffiliation { affiliation_id, .. }) => affiliation_id);
    assert_eq!(affiliation_id, id_of("PractitionerRole", "silva-at-harbour"));
}

#[test]
fn an_organization_is_a_facility() {
    let plan = plan_of("Organization", "harbour-clinic");
    let (id, facility) = command!(plan, 0, Command::Facility(FacilityCommand::Register { facility, .. }) => facility);
    assert_eq!(id, id_by("Organization", "urn:example:clinics", "7"));
    let address = json!({"use": null, "lines": ["Cais 1"], "city": "Setúbal", "district": null, "state": null, "postal_code": null, "country": null, "text": null, "period": null});
    assert_eq!(
        facility,
        json!({
            "name": "Harbour Clinic",
            "kind": "DEPARTMENT",
            "parent_id": null,
            "types": [{"codings": [{"system": null, "code": "dept", "display": "Hospital Department"}], "text": null}],
            "identifiers": [{"system": "urn:example:clinics", "identifier_type": "OTHER", "value": "7"}],
            "phones": [{"number": "+351 21 111 1111", "use": "WORK"}],
            "emails": [],
            "addresses": [address]
        })
    );
}

#[test]
fn a_location_is_a_facility_of_its_organization() {
    let plan = plan_of("Location", "room-2");
    assert_eq!(steps(&plan), ["register", "close"]);
    let (id, facility) = command!(plan, 0, Command::Facility(FacilityCommand::Register { facility, .. }) => facility);
    assert_eq!(id, id_of("Location", "room-2"));
    assert_eq!((&facility["name"], &facility["kind"]), (&json!("Room 2"), &json!("LOCATION")));
    assert_eq!(facility["parent_id"], id_by("Organization", "urn:example:clinics", "7"));
}
