//! Does each broken entry give one clear error, without what stands in it, and let the others go on?

use anamnesis_fhir::{Bundle, Planned, Unreadable};
use serde_json::{Value, json};

use crate::{outcomes, plan_alone};

/// The error of a resource after some of its fields are changed; null takes a field away.
fn error(resource: &Value, change: &Value) -> String {
    let mut resource = resource.clone();
    for (field, value) in change.as_object().unwrap() {
        let fields = resource.as_object_mut().unwrap();
        if value.is_null() { drop(fields.remove(field)) } else { drop(fields.insert(field.clone(), value.clone())) }
    }
    let error = plan_alone(&resource).unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
    format!("{}: {}", error.path, error.reason)
}

fn observation() -> Value {
    json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "X"}, "subject": {"reference": "Patient/p"}})
}

#[test]
fn a_broken_observation_names_the_field() {
    let statuses = "`registered`, `preliminary`, `final`, `amended`, `corrected`, `cancelled`, `entered-in-error`, `unknown`";
    let date = "must be a date that exists, or a time with its zone: 2026-01-31 or 2026-01-31T09:30:00Z";
    let cases = [
        (json!({"resourceType": null}), "resourceType: must be given".to_owned()),
        (json!({"resourceType": 7}), "resourceType: must be a string".to_owned()),
        (json!({"resourceType": "se cret"}), "resourceType: must be the name of a type of resource".to_owned()),
        (json!({"id": null}), "id: must be given: 1 to 64 letters, digits, - or .".to_owned()),
        (json!({"id": "secret/id"}), "id: must be given: 1 to 64 letters, digits, - or .".to_owned()),
        (json!({"status": null}), "status: must be given".to_owned()),
        (json!({"status": "x, expected secret"}), format!("status: must be one of {statuses}")),
        (json!({"code": null}), "code: must name something by a code or in words".to_owned()),
        (json!({"code": "secret"}), "code: must be an object (CodeableConcept)".to_owned()),
        (json!({"code": {"coding": [{"code": 5}]}}), "code.coding[0].code: must be a string".to_owned()),
        (json!({"effectiveDateTime": "2021-02-30"}), format!("effectiveDateTime: {date}")),
        (json!({"effectiveDateTime": "2021-02-03T25:00:00Z"}), format!("effectiveDateTime: {date}")),
        (json!({"effectiveDateTime": "2021-02-03T10:00:00"}), format!("effectiveDateTime: {date}")),
        (json!({"issued": 2021}), "issued: must be a string".to_owned()),
        (json!({"valueQuantity": {"value": "secret"}}), "valueQuantity.value: must be a number".to_owned()),
        (json!({"valueQuantity": {"value": 1, "comparator": "~"}}), "valueQuantity.comparator: must be one of `<`, `<=`, `>=`, `>`".to_owned()),
        (
            json!({"component": [{"code": {"text": "A"}}, {"code": {"text": "B"}, "valueQuantity": {"value": []}}]}),
            "component[1].valueQuantity.value: must be a number".to_owned(),
        ),
        (json!({"component": [{"valueString": "secret"}]}), "component[0].code: must name something by a code or in words".to_owned()),
        (json!({"subject": null}), "subject: must be given".to_owned()),
        (json!({"subject": {"reference": "urn:uuid:secret"}}), "subject.reference: must name an entry of the bundle".to_owned()),
        (
            json!({"subject": {"reference": "Patient?identifier=secret|1"}}),
            "subject.reference: must name an entry of the bundle by its identifier".to_owned(),
        ),
        (json!({"subject": {"reference": "Patient?name=secret"}}), "subject.reference: must be a search by identifier=system|value".to_owned()),
        (json!({"subject": {"reference": "secret"}}), "subject.reference: must be a reference such as Patient/123".to_owned()),
        (json!({"subject": {"reference": "Group/secret"}}), "subject: must refer to a Patient".to_owned()),
        (json!({"subject": {"display": "secret"}}), "subject: must refer to a Patient".to_owned()),
    ];
    for (change, expected) in cases {
        assert_eq!(error(&observation(), &change), expected, "{change}");
    }
}

#[test]
fn a_dangling_reference_that_is_not_needed_is_only_remarked() {
    let mut observation = observation();
    observation["encounter"] = json!({"reference": "urn:uuid:nowhere"});
    let plan = plan_alone(&observation).unwrap();
    assert_eq!(plan.remarks[0].path, "encounter.reference");
}

#[test]
fn other_broken_resources_name_the_field() {
    let patient = json!({"resourceType": "Patient", "id": "q", "name": [{"text": "Q"}], "birthDate": "2000-01-01"});
    let encounter = json!({"resourceType": "Encounter", "id": "e", "status": "finished", "subject": {"reference": "Patient/p"}, "period": {"start": "2020-01-01"}});
    let appointment = json!({
        "resourceType": "Appointment",
        "id": "a",
        "status": "booked",
        "start": "2027-01-01T00:00:00Z",
        "participant": [{"actor": {"reference": "Patient/p"}}, {"actor": {"reference": "Practitioner/d"}}]
    });
    let condition = json!({"resourceType": "Condition", "id": "c", "code": {"text": "X"}, "subject": {"reference": "Patient/p"}});
    let request = json!({"resourceType": "MedicationRequest", "id": "m", "status": "active", "medicationCodeableConcept": {"text": "X"}, "subject": {"reference": "Patient/p"}});
    let document = json!({"resourceType": "DocumentReference", "id": "d", "status": "current", "subject": {"reference": "Patient/p"}});
    let role = json!({"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "Practitioner/d"}, "organization": {"reference": "Organization/o"}});
    let attachment = |data: &str| json!({"content": [{"attachment": {"contentType": "text/plain", "data": data}}]});
    let cases = [
        (&patient, json!({"birthDate": null}), "birthDate: must be given"),
        (&patient, json!({"birthDate": "1999"}), "birthDate: must be a whole date, such as 2026-01-31"),
        (&patient, json!({"gender": "secret"}), "gender: must be one of `male`, `female`, `other`, `unknown`"),
        (&patient, json!({"name": null}), "name: must be given"),
        (&patient, json!({"name": [{"family": ""}]}), "name[0].family: must not be empty"),
        (&patient, json!({"address": [{"use": "secret"}]}), "address[0].use: must be one of `home`, `work`, `temp`, `old`, `billing`"),
        (&encounter, json!({"period": null}), "period.start: must be given"),
        (
            &encounter,
            json!({"status": "planned", "period": {"start": "2027-01-01T00:00:00Z"}}),
            "participant: must name the Practitioner of a planned visit",
        ),
        (&appointment, json!({"start": null}), "start: must be given"),
        (&appointment, json!({"participant": []}), "participant: must name a Patient"),
        (
            &appointment,
            json!({"participant": [{"actor": {"reference": "urn:uuid:secret"}}]}),
            "participant[0].actor.reference: must name an entry of the bundle",
        ),
        (&appointment, json!({"participant": [{"actor": {"reference": "Patient/p"}}]}), "participant: must name a Practitioner"),
        (&appointment, json!({"status": "noshow"}), "status: must not be noshow or fulfilled before the start"),
        (&appointment, json!({"status": "fulfilled"}), "status: must not be noshow or fulfilled before the start"),
        (&appointment, json!({"minutesDuration": 3}), "minutesDuration: the duration must be 5 to 1440 minutes"),
        (&appointment, json!({"end": "2026-12-31T00:00:00Z"}), "end: the duration must be 5 to 1440 minutes"),
        (
            &condition,
            json!({"clinicalStatus": {"coding": [{"code": "secret"}]}}),
            "clinicalStatus.coding[0].code: must be one of `active`, `recurrence`, `relapse`, `inactive`, `remission`, `resolved`",
        ),
        (
            &condition,
            json!({"onsetDateTime": "2020-01-02", "abatementDateTime": "2020-01-01"}),
            "abatementDateTime: must not lie before onsetDateTime",
        ),
        (&request, json!({"medicationCodeableConcept": null}), "medicationCodeableConcept: must name something by a code or in words"),
        (
            &request,
            json!({"medicationReference": {"reference": "Medication/secret"}}),
            "medicationReference.reference: must name a Medication of the import that has a code",
        ),
        (&document, attachment("sécret"), "content[0].attachment.data: must be base64"),
        (&document, attachment("//79"), "content[0].attachment.data: must be text in UTF-8, as its contentType says"),
        (&role, json!({"practitioner": {"reference": "urn:uuid:secret"}}), "practitioner.reference: must name an entry of the bundle"),
        (&role, json!({"organization": null}), "organization: must be given"),
    ];
    for (resource, change, expected) in cases {
        assert_eq!(error(resource, &change), expected, "{change}");
    }
}

#[test]
fn the_rest_of_a_bundle_goes_on() {
    let file = json!({
        "resourceType": "Bundle",
        "entry": [
            {"fullUrl": "urn:uuid:1"},
            "no entry",
            {"resource": {"resourceType": "Immunization", "id": "i", "status": "completed"}},
            {"resource": {"resourceType": "Patient", "id": "p", "name": [{"text": "P"}], "birthDate": "2000-01-01"}}
        ]
    });
    let (good, bad): (Vec<_>, Vec<_>) = outcomes(&file.to_string()).into_iter().partition(Result::is_ok);
    let mut errors: Vec<_> = bad.into_iter().map(|error| error.unwrap_err().to_string()).collect();
    errors.sort();
    assert_eq!(
        errors,
        ["entry 0: resource must be given", "entry 1: must be an object with fullUrl and resource", "entry 2 (Immunization), patient: must be given"]
    );
    assert!(matches!(&good[..], [Ok(Planned::Commands(plan))] if plan.resource_type == "Patient"));
}

#[test]
fn a_file_that_is_something_else_is_refused_whole() {
    let refusal = |bytes: &[u8]| Bundle::read(bytes).err().unwrap();
    assert_eq!(refusal(b"\xff\xfe"), Unreadable::NotUtf8);
    assert_eq!(refusal(b"{\"resourceType\":\n \"Bundle\", oops}"), Unreadable::NotJson { line: 2, column: 12 });
    assert_eq!(refusal(b""), Unreadable::NotJson { line: 1, column: 0 });
    assert_eq!(refusal(b"[1, 2]"), Unreadable::NotFhir);
    assert_eq!(refusal(b"{\"resourceType\":\"Bundle\",\"entry\":7}"), Unreadable::NotFhir);
}
