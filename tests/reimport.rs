//! What becomes of a resource that says something else in a later export?

use std::fs;

use anamnesis_tests::{Clinic, clinic, unique, write_bundle};
use serde_json::{Value, json};

/// One source's patient, whose exports are imported one after another.
struct Exports {
    clinic: &'static Clinic,
    patient: String,
}

impl Exports {
    fn new() -> Self {
        clinic().administrator();
        Self { clinic: clinic(), patient: unique() }
    }

    /// The patient, with these fields besides.
    fn patient(&self, more: Value) -> Value {
        let mut patient =
            json!({ "resourceType": "Patient", "id": self.patient, "name": [{ "family": "Ada" }], "gender": "female", "birthDate": "1950-01-01" });
        merge(&mut patient, more);
        patient
    }

    /// Something clinical of theirs.
    fn of_patient(&self, field: &str, mut resource: Value) -> Value {
        resource[field] = json!({ "reference": format!("urn:uuid:{}", self.patient) });
        resource
    }

    /// The report of an export's import.
    fn import(&self, resources: &[Value]) -> Value {
        let path = write_bundle(self.clinic.server.scratch(), &format!("{}.json", unique()), resources);
        let run = self.clinic.server.run(&["import", "fhir", &path.display().to_string(), "--json"]);
        fs::remove_file(path).unwrap();
        serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run}"))
    }

    /// How many events an export added; nothing of it may have been refused.
    fn added(&self, resources: &[Value]) -> u64 {
        let report = self.import(resources);
        assert_eq!(report["errors"], json!([]), "{report:#}");
        report["new_events"].as_u64().unwrap()
    }

    fn id(&self) -> String {
        let found = self.get(&format!("/v1/patients?number={}", self.patient));
        found["items"][0]["patient_id"].as_str().unwrap_or_else(|| panic!("{found}")).to_owned()
    }

    fn get(&self, path: &str) -> Value {
        let head = self.clinic.server.database().settled();
        self.clinic.doctor().get_after(path, &head.to_string()).expect(200).json()
    }

    /// The patient, or a part of them: `/conditions`.
    fn read(&self, part: &str) -> Value {
        self.get(&format!("/v1/patients/{}{part}", self.id()))
    }
}

fn merge(into: &mut Value, more: Value) {
    let Value::Object(more) = more else { panic!("fields") };
    into.as_object_mut().unwrap().extend(more);
}

fn ssn(number: &str) -> Value {
    json!({ "identifier": [{ "system": "http://hl7.org/fhir/sid/us-ssn", "value": number }] })
}

#[test]
fn a_death_and_all_else_of_a_patient_follow_the_source() {
    let exports = Exports::new();
    let practitioner = json!({ "resourceType": "Practitioner", "id": unique(), "name": [{ "family": "Sa" }] });
    exports.added(&[practitioner.clone(), exports.patient(ssn("999-11-2222"))]);

    let mut changed = exports.patient(ssn("999-11-3333"));
    merge(
        &mut changed,
        json!({
            "deceasedDateTime": "2026-01-02T03:04:05Z",
            "contact": [{ "name": { "family": "Byron" }, "telecom": [{ "system": "phone", "value": "+44 20 0000" }] }],
            "generalPractitioner": [{ "reference": format!("urn:uuid:{}", practitioner["id"].as_str().unwrap()) }]
        }),
    );
    assert!(exports.added(&[practitioner.clone(), changed.clone()]) > 0);
    let patient = exports.read("");
    assert_eq!(patient["deceased_at"], "2026-01-02T03:04:05Z");
    assert_eq!(
        patient["identifiers"],
        json!([{ "system": "http://hl7.org/fhir/sid/us-ssn", "identifier_type": "SOCIAL_SECURITY", "value": "••••3333" }])
    );
    assert_eq!(patient["emergency_contact"][0]["name"]["family"], "Byron");
    assert!(patient["primary_care_provider"].is_string(), "{patient:#}");
    assert_eq!(exports.added(&[practitioner, changed]), 0, "the same export again");

    let report = exports.import(&[exports.patient(json!({ "active": true }))]);
    let remarked: Vec<_> = report["remarks"].as_array().unwrap().iter().map(|remark| remark["path"].as_str().unwrap()).collect();
    assert_eq!(remarked, ["identifier", "contact", "generalPractitioner", "deceasedDateTime"], "{report:#}");
    assert_eq!(exports.read("")["emergency_contact"][0]["name"]["family"], "Byron", "what isn't told any more is kept");
}

#[test]
fn what_turns_out_not_to_be_so_is_taken_back_from_the_history() {
    let exports = Exports::new();
    let coded = |field: &str, code: &str| json!({ field: { "coding": [{ "code": code }] } });
    let condition = exports.of_patient("subject", json!({ "resourceType": "Condition", "id": unique(), "code": { "text": "Angina" } }));
    let allergy = exports.of_patient("patient", json!({ "resourceType": "AllergyIntolerance", "id": unique(), "code": { "text": "Nuts" } }));
    let request = json!({ "resourceType": "MedicationRequest", "id": unique(), "status": "active", "intent": "order", "medicationCodeableConcept": { "text": "Aspirin" } });
    let request = exports.of_patient("subject", request);
    let statuses = || ["/conditions", "/allergies", "/medications"].map(|part| exports.read(part)["items"][0]["status"].as_str().map(str::to_owned));
    let export = |refuted: bool| {
        let mut resources = [exports.patient(json!({})), condition.clone(), allergy.clone(), request.clone()];
        if refuted {
            merge(&mut resources[1], coded("verificationStatus", "refuted"));
            merge(&mut resources[2], coded("verificationStatus", "refuted"));
            merge(&mut resources[3], json!({ "doNotPerform": true }));
        }
        exports.added(&resources)
    };
    let (stands, withdrawn) = (["ACTIVE"; 3], ["ENTERED_IN_ERROR", "ENTERED_IN_ERROR", "CANCELLED"]);
    for (refuted, expected) in [(false, stands), (true, withdrawn), (false, stands), (true, withdrawn)] {
        export(refuted);
        assert_eq!(statuses(), expected.map(|status| Some(status.to_owned())), "refuted: {refuted}");
        assert_eq!(export(refuted), 0, "the same export again");
    }

    let other = Exports::new();
    let refuted = other.of_patient("subject", json!({ "resourceType": "Condition", "id": unique(), "code": { "text": "Angina" }, "verificationStatus": { "coding": [{ "code": "refuted" }] } }));
    other.added(&[other.patient(json!({})), refuted]);
    assert_eq!(other.read("/conditions")["items"], json!([]), "nothing is taken back that was never there");
}

#[test]
fn what_was_refused_goes_in_once_it_is_put_right() {
    let exports = Exports::new();
    let condition = exports.of_patient("subject", json!({ "resourceType": "Condition", "id": unique(), "code": { "text": "Cough" } }));
    let born = |day: &str| exports.patient(json!({ "birthDate": day }));
    for _ in 0..2 {
        let refused = exports.import(&[born("2999-01-01"), condition.clone()]);
        assert_eq!(refused["errors"].as_array().unwrap().len(), 2, "{refused:#}");
    }
    assert!(exports.added(&[born("1999-01-01"), condition.clone()]) > 0);
    assert_eq!(exports.read("/conditions")["items"][0]["status"], "ACTIVE");
    assert_eq!(exports.added(&[born("1999-01-01"), condition.clone()]), 0, "the same export again");
    exports.added(&[born("1999-01-02"), condition]);
    assert_eq!(exports.read("")["demographics"]["birth_date"], "1999-01-02");
}

#[test]
fn a_content_that_comes_back_is_brought_back_and_what_was_written_here_stays() {
    let exports = Exports::new();
    let lives_in = |city: &str| exports.added(&[exports.patient(json!({ "address": [{ "city": city }] }))]);
    let city = || exports.read("")["contact"]["addresses"][0]["city"].as_str().unwrap().to_owned();
    for name in ["Faro", "Beja", "Faro", "Beja", "Braga", "Beja", "Beja"] {
        lives_in(name);
        assert_eq!(city(), name);
    }
    let path = format!("/v1/patients/{}/change-contact", exports.id());
    exports.clinic.staff().post(&path, &json!({ "addresses": [{ "city": "Tomar" }] })).expect(200);
    assert_eq!(lives_in("Beja"), 0, "the source says nothing new");
    assert_eq!(city(), "Tomar");
    lives_in("Faro");
    assert_eq!(city(), "Faro");
}

#[test]
fn an_appointment_that_is_called_off_at_the_source_is_called_off_here() {
    let exports = Exports::new();
    let practitioner = json!({ "resourceType": "Practitioner", "id": unique(), "name": [{ "family": "Sa" }] });
    let id = unique();
    let day = |days: i64| (chrono::Utc::now() + chrono::Duration::days(days)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let (first, later) = (day(40), day(41));
    let export = |status: &str, start: &str| {
        let actor = |id: &str| json!({ "actor": { "reference": format!("urn:uuid:{id}") } });
        let appointment = json!({
            "resourceType": "Appointment", "id": id, "status": status, "start": start, "minutesDuration": 20,
            "participant": [actor(&exports.patient), actor(practitioner["id"].as_str().unwrap())]
        });
        exports.import(&[practitioner.clone(), exports.patient(json!({})), appointment])
    };
    let booked = || exports.get(&format!("/v1/appointments?patient={}", exports.id()))["items"][0].clone();
    assert_eq!(export("booked", &first)["errors"], json!([]));
    assert_eq!(export("booked", &later)["errors"], json!([]));
    assert_eq!((&booked()["scheduled_at"], &booked()["status"]), (&json!(later), &json!("SCHEDULED")));
    assert_eq!(export("cancelled", &later)["errors"], json!([]));
    assert_eq!(booked()["status"], "CANCELLED");
    let again = export("booked", &later);
    assert_eq!(again["errors"][0]["resource_type"], "Appointment", "what can't be told is reported: {again:#}");
}

#[test]
fn a_visit_follows_the_source() {
    let (exports, id) = (Exports::new(), unique());
    let export = |status: &str, end: &str| {
        let period = json!({ "start": "2024-05-01T08:00:00Z", "end": end });
        let class = json!({ "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB" });
        let encounter = json!({ "resourceType": "Encounter", "id": id, "status": status, "class": class, "period": period });
        exports.added(&[exports.patient(json!({})), exports.of_patient("subject", encounter)])
    };
    let visit = || exports.get(&format!("/v1/appointments?patient={}", exports.id()))["items"][0].clone();
    assert!(export("in-progress", "2024-05-01T08:30:00Z") > 0);
    assert_eq!(visit()["visit_status"], "IN_PROGRESS");
    assert!(export("finished", "2024-05-01T09:00:00Z") > 0);
    assert_eq!((&visit()["visit_status"], &visit()["ends_at"]), (&json!("FINISHED"), &json!("2024-05-01T09:00:00Z")));
    assert_eq!(export("finished", "2024-05-01T09:00:00Z"), 0);
    assert!(export("in-progress", "2024-05-01T08:30:00Z") > 0, "a content that comes back is brought back");
    assert_eq!(visit()["visit_status"], "IN_PROGRESS");
}
