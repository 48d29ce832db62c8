//! Does everything clinical arrive field by field, and its resource byte for byte?

use anamnesis_domain::{
    patient::PatientCommand,
    record::{RecordCommand, RecordContent},
};
use anamnesis_fhir::{Bundle, Command, Plan, Planned};
use serde_json::{Value, json};

use crate::{CLINIC, command, id_of, outcomes, plan_alone, plan_of, silva, steps};

/// The record without its content and what every record of the clinic has.
fn record(plan: &Plan) -> Value {
    let (id, mut record) = command!(plan, 0, Command::Record(RecordCommand::Create { record, .. }) => record);
    let fields = record.as_object_mut().unwrap();
    let source = fields.remove("source").unwrap();
    let external_id = source["external_id"].as_str().unwrap();
    let (resource_type, resource_id) = external_id.split_once('/').unwrap();
    assert_eq!(source["system"], "urn:example");
    assert_eq!(resource_type, plan.resource_type);
    assert_eq!(id, id_of(resource_type, resource_id));
    assert_eq!(fields.remove("patient_id").unwrap(), id_of("Patient", "ines"));
    fields.remove("content");
    fields.retain(|_, value| !value.is_null() && *value != json!([]));
    record
}

#[expect(clippy::wildcard_enum_match_arm, reason = "any other command fails the test")]
fn history(plan: &Plan) -> Value {
    let part = |command: &Command| match command {
        Command::Patient(PatientCommand::RecordCondition { entry_id, condition, .. }) => json!([entry_id, condition]),
        Command::Patient(PatientCommand::RecordAllergy { entry_id, allergy, .. }) => json!([entry_id, allergy]),
        Command::Patient(PatientCommand::RecordMedication { entry_id, medication, .. }) => json!([entry_id, medication]),
        other => panic!("another command: {other:?}"),
    };
    assert_eq!(plan.commands[1].step, "history");
    assert_eq!(json!(plan.commands[1].aggregate_id), id_of("Patient", "ines"));
    part(&plan.commands[1].command)
}

fn text(words: &str) -> Value {
    json!({"codings": [], "text": words})
}

#[test]
fn every_record_keeps_its_resource_byte_for_byte() {
    let bundle = Bundle::read(CLINIC.as_bytes()).unwrap();
    let mut kept = 0;
    for outcome in outcomes(CLINIC) {
        let Planned::Commands(plan) = outcome.unwrap() else { continue };
        let Command::Record(RecordCommand::Create { record, .. }) = &plan.commands[0].command else { continue };
        let Some(RecordContent::Fhir { resource, .. }) = &record.content else { panic!("no resource") };
        assert!(bundle.entries().iter().any(|entry| entry.json() == Some(resource.as_str())));
        kept += 1;
    }
    assert_eq!(kept, 12);
    let potassium = plan_of("Observation", "potassium-1");
    let Command::Record(RecordCommand::Create { record, .. }) = &potassium.commands[0].command else { panic!("no record") };
    let Some(RecordContent::Fhir { resource, resource_type, resource_id, fhir_version }) = &record.content else { panic!("no resource") };
    assert!(resource.as_str().contains("\"value\": 4.10,"), "digits are kept as they came");
    assert_eq!((resource_type.as_str(), resource_id.as_ref().unwrap().as_str(), fhir_version.as_str()), ("Observation", "potassium-1", "4.0.1"));
}

#[test]
fn an_observation_with_parts_is_a_record_with_findings() {
    let plan = plan_of("Observation", "pressure-1");
    let quantity = json!({"value": 121.0, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]", "comparator": null});
    let loinc = |code: &str, display: &str| json!({"codings": [{"system": "http://loinc.org", "code": code, "display": display}], "text": null});
    assert_eq!(
        record(&plan),
        json!({
            "record_type": "VITAL_SIGNS",
            "provider_id": silva(),
            "appointment_id": id_of("Encounter", "visit-1"),
            "record_date": "2024-03-05T08:12:30.250Z",
            "effective_at": "2024-03-05T08:10:00Z",
            "title": "Blood pressure panel",
            "codes": [loinc("85354-9", "Blood pressure panel")],
            "components": [
                {"code": loinc("8480-6", "Systolic"), "value": {"quantity": quantity, "code": null, "text": null}},
                {"code": text("Position"), "value": {"quantity": null, "code": null, "text": "sitting"}}
            ],
            "notes": "Sitting.\n\nLeft arm."
        })
    );
}

#[test]
fn a_laboratory_value_keeps_its_comparator_and_says_that_it_is_preliminary() {
    let quantity = json!({"value": 4.1, "unit": "mmol/L", "system": null, "code": null, "comparator": "GREATER_OR_EQUAL"});
    assert_eq!(
        record(&plan_of("Observation", "potassium-1")),
        json!({
            "record_type": "LAB_RESULT",
            "record_date": "2024-03-05T00:00:00Z",
            "effective_at": "2024-03-05T00:00:00Z",
            "title": "Preliminary: Potassium",
            "codes": [text("Potassium")],
            "value": {"quantity": quantity, "code": null, "text": null}
        })
    );
}

#[test]
fn what_was_entered_in_error_is_written_down_and_marked() {
    let plan = plan_of("Observation", "wrong");
    assert_eq!(steps(&plan), ["record", "entered-in-error"]);
    assert_eq!(record(&plan)["record_type"], "SURVEY");
    let (_, reason) = command!(plan, 1, Command::Record(RecordCommand::MarkEnteredInError { reason, .. }) => reason);
    assert_eq!(reason, "entered in error at the source");
}

#[test]
fn every_kind_of_value_is_told() {
    let quantity = |value: f64| json!({"quantity": {"value": value, "unit": null, "system": null, "code": null, "comparator": null}, "code": null, "text": null});
    let words = |words: &str| json!({"quantity": null, "code": null, "text": words});
    let values = [
        (json!({"valueInteger": 7}), quantity(7.0)),
        (json!({"valueQuantity": {"value": 1.5}}), quantity(1.5)),
        (json!({"valueCodeableConcept": {"text": "positive"}}), json!({"quantity": null, "code": text("positive"), "text": null})),
        (json!({"valueString": "heard"}), words("heard")),
        (json!({"valueBoolean": false}), words("false")),
        (json!({"valueTime": "08:30:00"}), words("08:30:00")),
        (json!({"valueDateTime": "2024-01"}), words("2024-01")),
        (json!({"valueRange": {"low": {"value": 1, "unit": "mg"}, "high": {"value": 2, "unit": "mg"}}}), words("1 mg – 2 mg")),
        (json!({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 64}}}), words("1 : 64")),
        (json!({"valuePeriod": {"start": "2024-01-01"}}), words("2024-01-01T00:00:00Z – ")),
        (json!({}), Value::Null),
    ];
    for (value, expected) in values {
        let mut observation =
            json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "X"}, "subject": {"reference": "Patient/p"}});
        observation.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        let plan = plan_alone(&observation).unwrap();
        let (_, record) = command!(plan, 0, Command::Record(RecordCommand::Create { record, .. }) => record);
        assert_eq!(record["value"], expected, "{value}");
    }
}

#[test]
fn the_category_of_an_observation_is_the_records_type() {
    let types = [
        ("vital-signs", "VITAL_SIGNS"),
        ("laboratory", "LAB_RESULT"),
        ("survey", "SURVEY"),
        ("social-history", "SURVEY"),
        ("imaging", "IMAGING"),
        ("procedure", "PROCEDURE"),
        ("exam", "OTHER"),
    ];
    for (category, expected) in types {
        let observation = json!({
            "resourceType": "Observation",
            "id": "o",
            "status": "final",
            "category": [{"coding": [{"code": category}]}],
            "code": {"text": "X"},
            "subject": {"reference": "Patient/p"}
        });
        let plan = plan_alone(&observation).unwrap();
        let (_, record) = command!(plan, 0, Command::Record(RecordCommand::Create { record, .. }) => record);
        assert_eq!(record["record_type"], expected, "{category}");
    }
}

#[test]
fn a_condition_is_a_diagnosis_and_an_entry_of_the_history() {
    let plan = plan_of("Condition", "hypertension");
    let code = json!({"codings": [{"system": "http://snomed.info/sct", "code": "59621000", "display": null}], "text": "Essential hypertension"});
    assert_eq!(
        record(&plan),
        json!({
            "record_type": "DIAGNOSIS",
            "provider_id": silva(),
            "appointment_id": id_of("Encounter", "visit-1"),
            "record_date": "2020-02-20T00:00:00Z",
            "effective_at": "2020-02-01T00:00:00Z",
            "title": "Essential hypertension",
            "diagnosis": "Essential hypertension",
            "codes": [code],
            "notes": "Controlled."
        })
    );
    let id = id_of("Condition", "hypertension");
    let condition = json!({
        "code": code,
        "status": "REMISSION",
        "severity": text("moderate"),
        "onset": "2020-02-01",
        "ended": "2023-08-09",
        "note": "Controlled.",
        "record_id": id
    });
    assert_eq!(history(&plan), json!([id, condition]));
}

#[test]
fn an_end_is_compared_with_the_beginning_as_far_as_both_are_known() {
    let condition = |onset: &str, abatement: &str| {
        json!({
            "resourceType": "Condition",
            "id": "c",
            "code": {"text": "Cough"},
            "subject": {"reference": "Patient/p"},
            "onsetDateTime": onset,
            "abatementDateTime": abatement
        })
    };
    let cases = [
        ("2020-06-15", "2020", Value::Null),
        ("2020-06-15", "2020-06", Value::Null),
        ("2020-06", "2020", Value::Null),
        ("2020-06-16T01:00:00Z", "2020-06-15T23:30:00-05:00", Value::Null),
        ("2020-06-15", "2020-06-15", json!("2020-06-15")),
        ("2020-06-15T10:00:00Z", "2020-06-15", json!("2020-06-15")),
        ("2020-06-15", "2021", json!("2021-01-01")),
        ("2020", "2020-06-15", json!("2020-06-15")),
    ];
    for (onset, abatement, ended) in cases {
        let plan = plan_alone(&condition(onset, abatement)).unwrap();
        let (_, condition) = command!(plan, 1, Command::Patient(PatientCommand::RecordCondition { condition, .. }) => condition);
        assert_eq!((&condition["ended"], &condition["status"]), (&ended, &json!("RESOLVED")), "{onset} to {abatement}");
        assert_eq!(plan.remarks.len(), usize::from(ended.is_null()), "{onset} to {abatement}");
    }
    for (onset, abatement) in [("2020-06-15", "2019"), ("2020-06", "2020-05"), ("2020-06-15", "2020-06-14")] {
        assert_eq!(plan_alone(&condition(onset, abatement)).unwrap_err().path, "abatementDateTime");
    }
    let request = json!({
        "resourceType": "MedicationRequest",
        "id": "m",
        "status": "stopped",
        "medicationCodeableConcept": {"text": "Aspirin"},
        "subject": {"reference": "Patient/p"},
        "authoredOn": "2020-06-15T10:00:00Z",
        "dispenseRequest": {"validityPeriod": {"end": "2020-06"}}
    });
    let plan = plan_alone(&request).unwrap();
    let (_, medication) = command!(plan, 1, Command::Patient(PatientCommand::RecordMedication { medication, .. }) => medication);
    assert_eq!((&medication["onset"], &medication["ended"]), (&json!("2020-06-15"), &Value::Null));
}

#[test]
fn a_refuted_condition_or_allergy_only_takes_back_an_entry_of_the_history() {
    let refuted = |resource_type: &str, of: &str| {
        let mut resource = json!({
            "resourceType": resource_type,
            "id": "c",
            "clinicalStatus": {"coding": [{"code": "active"}]},
            "verificationStatus": {"coding": [{"code": "refuted"}]},
            "code": {"text": "Angina"}
        });
        resource[of] = json!({"reference": "Patient/p"});
        let plan = plan_alone(&resource).unwrap();
        assert_eq!(steps(&plan), ["record", "history"]);
        assert_eq!((plan.commands[0].withdraws, plan.commands[1].withdraws), (false, true));
        let (_, record) = command!(plan, 0, Command::Record(RecordCommand::Create { record, .. }) => record);
        assert_eq!(record["title"], "Refuted: Angina");
        plan
    };
    let plan = refuted("Condition", "subject");
    let (_, condition) = command!(plan, 1, Command::Patient(PatientCommand::RecordCondition { condition, .. }) => condition);
    assert_eq!(condition["status"], "ENTERED_IN_ERROR");
    let plan = refuted("AllergyIntolerance", "patient");
    let (_, allergy) = command!(plan, 1, Command::Patient(PatientCommand::RecordAllergy { allergy, .. }) => allergy);
    assert_eq!(allergy["status"], "ENTERED_IN_ERROR");
    assert!(!plan_of("Condition", "hypertension").commands[1].withdraws, "one that holds is added");
}

#[test]
fn an_allergy_is_a_record_and_an_entry_of_the_history() {
    let plan = plan_of("AllergyIntolerance", "penicillin");
    let code = json!({"codings": [{"system": "http://snomed.info/sct", "code": "764146007", "display": null}], "text": "Penicillin"});
    assert_eq!(
        record(&plan),
        json!({
            "record_type": "ALLERGY",
            "provider_id": silva(),
            "record_date": "2024-03-05T09:15:00Z",
            "effective_at": "1970-01-01T00:00:00Z",
            "title": "Penicillin",
            "codes": [code],
            "symptoms": ["Hives", "Swelling"],
            "notes": "As a child."
        })
    );
    let id = id_of("AllergyIntolerance", "penicillin");
    let allergy = json!({
        "code": code,
        "status": "ACTIVE",
        "categories": ["MEDICATION"],
        "criticality": "HIGH",
        "reactions": [text("Hives"), text("Swelling")],
        "onset": "1970-01-01",
        "ended": null,
        "note": "As a child.",
        "record_id": id
    });
    assert_eq!(history(&plan), json!([id, allergy]));
}

#[test]
fn a_medication_request_is_a_prescription_and_an_entry_of_the_history() {
    let plan = plan_of("MedicationRequest", "amlodipine");
    let code = json!({
        "codings": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "197361", "display": "Amlodipine 5 MG Oral Tablet"}],
        "text": null
    });
    assert_eq!(
        record(&plan),
        json!({
            "record_type": "PRESCRIPTION",
            "provider_id": silva(),
            "appointment_id": id_of("Encounter", "visit-1"),
            "record_date": "2024-03-05T09:20:00Z",
            "effective_at": "2024-03-05T09:20:00Z",
            "title": "Amlodipine 5 MG Oral Tablet",
            "codes": [code],
            "treatment": "1 tablet daily",
            "notes": "In the morning."
        })
    );
    let id = id_of("MedicationRequest", "amlodipine");
    let medication = json!({
        "code": code,
        "status": "ACTIVE",
        "dosage": "1 tablet daily",
        "reasons": [text("Hypertension"), text("Essential hypertension")],
        "prescriber_id": silva(),
        "onset": "2024-03-05",
        "ended": "2025-03-05",
        "note": "In the morning.",
        "record_id": id
    });
    assert_eq!(history(&plan), json!([id, medication]));
}

#[test]
fn what_is_not_to_be_taken_only_takes_back_a_medication_of_the_patient() {
    let request = json!({
        "resourceType": "MedicationRequest",
        "id": "m",
        "status": "active",
        "intent": "order",
        "contained": [{"resourceType": "Medication", "id": "inside", "code": {"text": "Aspirin"}}],
        "medicationReference": {"reference": "#inside"},
        "subject": {"reference": "Patient/p"}
    });
    let cases = [
        (json!({}), "Aspirin", "ACTIVE", false),
        (json!({"doNotPerform": true}), "Not to be taken: Aspirin", "CANCELLED", true),
        (json!({"intent": "proposal"}), "Proposed: Aspirin", "CANCELLED", true),
        (json!({"doNotPerform": true, "status": "entered-in-error"}), "Aspirin", "ENTERED_IN_ERROR", true),
    ];
    for (change, title, status, withdraws) in cases {
        let mut request = request.clone();
        request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let plan = plan_alone(&request).unwrap();
        let (_, record) = command!(plan, 0, Command::Record(RecordCommand::Create { record, .. }) => record);
        let history = plan.commands.iter().position(|command| command.step == "history").unwrap();
        let (_, medication) = command!(plan, history, Command::Patient(PatientCommand::RecordMedication { medication, .. }) => medication);
        assert_eq!((&record["title"], &medication["status"]), (&json!(title), &json!(status)), "{change}");
        assert_eq!(plan.commands[history].withdraws, withdraws, "{change}");
    }
}

#[test]
fn a_procedure_is_a_record() {
    assert_eq!(
        record(&plan_of("Procedure", "ecg")),
        json!({
            "record_type": "PROCEDURE",
            "provider_id": id_of("Practitioner", "nurse"),
            "record_date": "2024-03-05T09:22:00Z",
            "effective_at": "2024-03-05T09:22:00Z",
            "title": "Electrocardiogram",
            "description": "Sinus rhythm",
            "diagnosis": "Dizziness",
            "codes": [text("Electrocardiogram")]
        })
    );
}

#[test]
fn a_shot_that_was_not_given_says_so() {
    let code = json!({"codings": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "140", "display": "Influenza, seasonal"}], "text": null});
    assert_eq!(
        record(&plan_of("Immunization", "flu")),
        json!({
            "record_type": "IMMUNIZATION",
            "record_date": "2024-03-05T09:27:00Z",
            "effective_at": "2024-03-05T09:27:00Z",
            "title": "Not done: Influenza, seasonal",
            "codes": [code]
        })
    );
}

#[test]
fn a_report_has_its_conclusion_and_its_text() {
    assert_eq!(
        record(&plan_of("DiagnosticReport", "report")),
        json!({
            "record_type": "DIAGNOSTIC_REPORT",
            "provider_id": silva(),
            "record_date": "2024-03-06T12:00:00Z",
            "effective_at": "2024-03-05T09:10:00Z",
            "title": "Electrolytes",
            "diagnosis": "Potassium is normal.",
            "codes": [text("Electrolytes"), text("Laboratory")],
            "notes": "Electrolytes: o.k."
        })
    );
}

#[test]
fn an_imaging_study_names_what_was_done_and_where() {
    let coding = |code: &str, display: Value| json!({"codings": [{"system": null, "code": code, "display": display}], "text": null});
    assert_eq!(
        record(&plan_of("ImagingStudy", "chest")),
        json!({
            "record_type": "IMAGING",
            "provider_id": silva(),
            "record_date": "2024-03-05T10:00:00Z",
            "effective_at": "2024-03-05T10:00:00Z",
            "title": "Chest X-ray",
            "description": "Two views",
            "diagnosis": "Cough",
            "codes": [text("Chest X-ray"), coding("DX", Value::Null), coding("51185008", json!("Thorax"))]
        })
    );
}

#[test]
fn a_care_plan_lists_what_is_to_be_done() {
    assert_eq!(
        record(&plan_of("CarePlan", "plan")),
        json!({
            "record_type": "CARE_PLAN",
            "provider_id": silva(),
            "record_date": "2024-03-05T00:00:00Z",
            "effective_at": "2024-03-05T00:00:00Z",
            "title": "Hypertension clinic management plan",
            "treatment": "Low salt diet; Walk daily",
            "codes": [{"codings": [{"system": null, "code": "assess-plan", "display": null}], "text": null}, text("Hypertension clinic management plan")]
        })
    );
}

#[test]
fn a_document_has_its_text_in_the_notes() {
    assert_eq!(
        record(&plan_of("DocumentReference", "letter")),
        json!({
            "record_type": "CLINICAL_NOTE",
            "provider_id": silva(),
            "appointment_id": id_of("Encounter", "visit-1"),
            "record_date": "2024-03-05T11:00:00Z",
            "effective_at": "2024-03-05T09:00:00Z",
            "title": "Superseded: Discharge letter",
            "description": "To the family doctor",
            "codes": [text("Discharge letter"), text("Clinical Note")],
            "notes": "Dear colleague,\nthank you."
        })
    );
}

#[test]
fn a_document_holds_only_if_the_reference_and_the_document_do() {
    let cases = [
        ("current", None, "Letter", false),
        ("current", Some("final"), "Letter", false),
        ("current", Some("amended"), "Letter", false),
        ("current", Some("preliminary"), "Preliminary: Letter", false),
        ("superseded", Some("preliminary"), "Superseded: Letter", false),
        ("current", Some("entered-in-error"), "Letter", true),
        ("entered-in-error", Some("final"), "Letter", true),
    ];
    for (status, doc_status, title, in_error) in cases {
        let mut document = json!({"resourceType": "DocumentReference", "id": "d", "status": status, "type": {"text": "Letter"}, "subject": {"reference": "Patient/p"}});
        document["docStatus"] = json!(doc_status);
        let plan = plan_alone(&document).unwrap();
        let (_, record) = command!(plan, 0, Command::Record(RecordCommand::Create { record, .. }) => record);
        assert_eq!((record["title"].as_str(), steps(&plan).contains(&"entered-in-error")), (Some(title), in_error), "{status}, {doc_status:?}");
    }
}

#[test]
fn a_text_too_long_for_the_notes_stays_in_the_content() {
    use base64::Engine as _;
    let data = base64::engine::general_purpose::STANDARD.encode("x".repeat(100_001));
    let document = json!({
        "resourceType": "DocumentReference",
        "id": "d",
        "status": "current",
        "subject": {"reference": "Patient/p"},
        "content": [{"attachment": {"contentType": "text/plain", "data": data}}]
    });
    let plan = plan_alone(&document).unwrap();
    assert_eq!(plan.remarks[0].path, "content[0].attachment");
    let (_, record) = command!(plan, 0, Command::Record(RecordCommand::Create { record, .. }) => record);
    assert_eq!((&record["notes"], &record["content"]["json"]["content"][0]["attachment"]["data"]), (&Value::Null, &json!(data)));
}
