//! What becomes of FHIR bundles?

use std::collections::BTreeMap;
use std::fs;

use anamnesis_tests::{Server, bundle_entries, clinic, demo_folder, unique, write_bundle};
use serde_json::{Value, json};

use crate::imported::{imported, patient_ids};

/// Each of these types becomes commands; none is left out.
const IMPORTED: &[&str] = &[
    "Patient",
    "Practitioner",
    "Organization",
    "Encounter",
    "Appointment",
    "Observation",
    "Condition",
    "Procedure",
    "Immunization",
    "MedicationRequest",
    "DiagnosticReport",
    "ImagingStudy",
    "AllergyIntolerance",
    "CarePlan",
    "DocumentReference",
];

#[test]
fn the_report_counts_every_type_and_leaves_out_none_that_was_promised() {
    let report = &imported().report;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for file in fs::read_dir(demo_folder()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "gz"))
    {
        for entry in bundle_entries(&file) {
            *counts.entry(entry["resource"]["resourceType"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    assert_eq!(report["errors"], json!([]));
    let types = report["types"].as_object().unwrap();
    assert_eq!(types.keys().collect::<Vec<_>>(), counts.keys().collect::<Vec<_>>());
    for (name, expected) in &counts {
        let count = &types[name];
        assert_eq!(count["entries"], *expected, "{name}: {count}");
        let outcomes: u64 = ["new", "known", "failed", "not_imported"].iter().map(|outcome| count[outcome].as_u64().unwrap()).sum();
        assert_eq!(outcomes, *expected, "{name}: {count}");
        if IMPORTED.contains(&name.as_str()) {
            assert_eq!((count["failed"].as_u64(), count["not_imported"].as_u64()), (Some(0), Some(0)), "{name}: {count}");
        }
    }
}

#[test]
fn a_second_import_adds_nothing() {
    let server = &imported().clinic.server;
    let count = "select count(*) from journal.events where aggregate_type not in ('access', 'account', 'system')";
    let before: i64 = server.database().one(count);
    let again = server.run(&["import", "fhir", &demo_folder().display().to_string(), "--json"]).json();
    assert_eq!(server.database().one::<i64>(count), before);
    assert_eq!(again["new_events"], 0, "{again}");
    let new: u64 = again["types"].as_object().unwrap().values().map(|count| count["new"].as_u64().unwrap()).sum();
    assert_eq!(new, 0, "{again}");
}

#[test]
fn each_patient_is_there_once_with_all_their_resources() {
    let clinic = &imported().clinic;
    assert_eq!(patient_ids(clinic).len(), 6);
    for file in ["abram53", "alphonse92", "dionne995", "kathern391", "loren192", "marty115"] {
        let entries = bundle_entries(&demo_folder().join(format!("{file}.json.gz")));
        let of_type = |name: &str| entries.iter().filter(|entry| entry["resource"]["resourceType"] == name).count();
        let patient = find(clinic, &resource(&entries, "Patient"));
        let id = patient["patient_id"].as_str().unwrap();
        for (path, expected) in [
            (format!("/v1/appointments?patient={id}"), of_type("Encounter")),
            (format!("/v1/patients/{id}/conditions?"), of_type("Condition")),
            (format!("/v1/patients/{id}/allergies?"), of_type("AllergyIntolerance")),
            (format!("/v1/patients/{id}/medications?"), of_type("MedicationRequest")),
        ] {
            assert_eq!(all(clinic, &path).len(), expected, "{file}: {path}");
        }
    }
}

#[test]
fn a_patient_is_the_same_field_by_field_in_the_bundle_and_in_the_api() {
    let clinic = &imported().clinic;
    let entries = bundle_entries(&demo_folder().join("dionne995.json.gz"));
    let source = resource(&entries, "Patient");
    let patient = find(clinic, &source);

    assert_eq!(patient["patient_number"], source["identifier"][1]["value"]);
    let demographics = &patient["demographics"];
    assert_eq!(demographics["name"]["family"], source["name"][0]["family"]);
    assert_eq!(demographics["name"]["given"], source["name"][0]["given"]);
    assert_eq!(demographics["name"]["use"], "OFFICIAL");
    assert_eq!(demographics["birth_date"], source["birthDate"]);
    assert_eq!(demographics["gender"], source["gender"].as_str().unwrap().to_uppercase());
    assert_eq!(demographics["birth_sex"], "FEMALE");
    assert_eq!(demographics["marital_status"]["codings"][0]["code"], source["maritalStatus"]["coding"][0]["code"]);
    assert_eq!(demographics["marital_status"]["text"], source["maritalStatus"]["text"]);
    assert_eq!(demographics["race"]["codings"][0]["code"], "2106-3");
    assert_eq!(demographics["ethnicity"]["codings"][0]["code"], "2186-5");
    assert_eq!(demographics["language"], "en-US");
    let phone = &patient["contact"]["phones"][0];
    assert_eq!((&phone["number"], phone["use"].as_str()), (&source["telecom"][0]["value"], Some("HOME")));
    let (address, stored) = (&source["address"][0], &patient["contact"]["addresses"][0]);
    assert_eq!(stored["lines"], address["line"]);
    assert_eq!((&stored["city"], &stored["state"]), (&address["city"], &address["state"]));
    assert_eq!((&stored["postal_code"], &stored["country"]), (&address["postalCode"], &address["country"]));
    let identifiers = patient["identifiers"].as_array().unwrap();
    let ssn = identifiers.iter().find(|identifier| identifier["identifier_type"] == "SOCIAL_SECURITY").unwrap();
    let value = source["identifier"][2]["value"].as_str().unwrap();
    assert_eq!(
        (&ssn["system"], ssn["value"].as_str().unwrap()),
        (&source["identifier"][2]["system"], &*format!("••••{}", &value[value.len() - 4..]))
    );
    assert_eq!(patient["deceased_at"], Value::Null);
    assert_eq!(patient["status"], "ACTIVE");
}

#[test]
fn a_record_keeps_the_resource_as_it_was() {
    let clinic = &imported().clinic;
    let entries = bundle_entries(&demo_folder().join("dionne995.json.gz"));
    let source = entries
        .iter()
        .map(|entry| &entry["resource"])
        .find(|resource| resource["resourceType"] == "Observation" && resource["valueQuantity"].is_object());
    let source = source.unwrap();
    let patient = find(clinic, &resource(&entries, "Patient"));
    let records = all(clinic, &format!("/v1/records?patient={}", patient["patient_id"].as_str().unwrap()));
    let text = source["id"].as_str().unwrap();
    let record = records.iter().find(|record| record.to_string().contains(text)).unwrap_or_else(|| panic!("no record of Observation {text}"));
    let record = clinic.doctor().get(&format!("/v1/records/{}", record["record_id"].as_str().unwrap())).expect(200).json();
    assert!(contains(&record, &source["code"]["coding"][0]["code"]), "{record}");
    assert!(contains(&record, &source["valueQuantity"]["value"]), "{record}");
}

#[test]
fn a_broken_entry_is_reported_with_file_entry_and_reason_and_the_rest_goes_in() {
    let server = &clinic().server;
    clinic().administrator();
    let (good, bad) = (unique(), unique());
    let family = format!("Zzyzx{}", &bad[..8]);
    let patient = |id: &str, birth: &str| json!({ "resourceType": "Patient", "id": id, "name": [{ "family": family }], "gender": "female", "birthDate": birth });
    let condition = |id: &str, of: &str| {
        json!({ "resourceType": "Condition", "id": id, "subject": { "reference": format!("urn:uuid:{of}") },
            "clinicalStatus": { "coding": [{ "code": "active" }] }, "code": { "text": "a cough" } })
    };
    let resources = [
        patient(&good, "1970-01-01"),
        patient(&bad, "1970-02-31"),
        json!({ "resourceType": 7, "id": unique() }),
        json!({ "id": unique() }),
        condition(&unique(), &good),
        condition(&unique(), &unique()),
        json!({ "resourceType": "Provenance", "id": unique() }),
    ];
    let path = write_bundle(server.scratch(), &format!("{}.json", unique()), &resources);
    let run = server.run(&["import", "fhir", &path.display().to_string(), "--json"]).expect(1);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let errors = report["errors"].as_array().unwrap();
    let entries: Vec<_> = errors.iter().map(|error| error["entry"].as_u64().unwrap()).collect();
    let first = entries[0]; // counted from 0 or 1
    assert_eq!(entries, [first, first + 1, first + 2, first + 4], "{report:#}");
    for error in errors {
        assert!(error["file"].as_str().unwrap().contains(path.file_name().unwrap().to_str().unwrap()), "{error}");
        assert!(!error["reason"].as_str().unwrap().is_empty(), "{error}");
    }
    assert!(errors[0]["path"].as_str().unwrap().contains("birthDate"), "{report:#}");
    assert!(!run.stdout.contains(&family) && !run.stderr.contains(&family), "{run}");
    assert_eq!((&report["types"]["Patient"]["new"], &report["types"]["Patient"]["failed"]), (&json!(1), &json!(1)));
    assert_eq!((&report["types"]["Condition"]["new"], &report["types"]["Condition"]["failed"]), (&json!(1), &json!(1)));
    assert_eq!(report["types"]["Provenance"]["not_imported"], 1);

    let again: Value = serde_json::from_str(&server.run(&["import", "fhir", &path.display().to_string(), "--json"]).expect(1).stdout).unwrap();
    assert_eq!(again["new_events"], 0, "{again:#}");
}

#[test]
fn a_file_that_is_no_bundle_is_reported_and_the_others_go_in() {
    let server = &clinic().server;
    clinic().administrator();
    let folder = server.scratch().join(unique());
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.json"), "{\"resourceType\": \"Bundle\", \"entry\": [{").unwrap();
    fs::write(folder.join("b.json.gz"), "no gzip").unwrap();
    fs::write(folder.join("c.txt"), "not looked at").unwrap();
    write_bundle(
        &folder,
        "d.json",
        &[json!({ "resourceType": "Patient", "id": unique(), "name": [{ "family": "Whole" }], "gender": "male", "birthDate": "1970-01-01" })],
    );
    let run = server.run(&["import", "fhir", &folder.display().to_string(), "--json"]).expect(1);
    let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run}"));
    let mut files: Vec<_> = report["errors"].as_array().unwrap().iter().map(|error| error["file"].to_string()).collect();
    files.sort();
    assert!(files.len() == 2 && files[0].contains("a.json") && files[1].contains("b.json.gz"), "{report:#}");
    assert_eq!(report["types"]["Patient"]["new"], 1, "{report:#}");
}

#[test]
fn an_appointment_and_an_allergy_of_a_bundle_are_booked_and_listed() {
    let clinic = clinic();
    let (patient, practitioner) = (unique(), unique());
    let starts = (chrono::Utc::now() + chrono::Duration::days(30)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let ends = (chrono::Utc::now() + chrono::Duration::days(30) + chrono::Duration::minutes(30)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let actor = |id: &str| json!({ "actor": { "reference": format!("urn:uuid:{id}") }, "status": "accepted" });
    let resources = [
        json!({ "resourceType": "Patient", "id": patient, "name": [{ "family": "Booked" }], "gender": "male", "birthDate": "1970-01-01" }),
        json!({ "resourceType": "Practitioner", "id": practitioner, "name": [{ "family": "Booker" }],
            "identifier": [{ "system": "http://hl7.org/fhir/sid/us-npi", "value": "1245319599" }] }),
        json!({ "resourceType": "Appointment", "id": unique(), "status": "booked", "start": starts, "end": ends, "participant": [actor(&patient), actor(&practitioner)] }),
        json!({ "resourceType": "AllergyIntolerance", "id": unique(), "patient": { "reference": format!("urn:uuid:{patient}") },
            "clinicalStatus": { "coding": [{ "code": "active" }] }, "code": { "text": "Peanuts" }, "category": ["food"], "criticality": "high" }),
    ];
    let path = write_bundle(clinic.server.scratch(), &format!("{}.json", unique()), &resources);
    clinic.administrator();
    let report = clinic.server.run(&["import", "fhir", &path.display().to_string(), "--json"]).json();
    for name in ["Patient", "Practitioner", "Appointment", "AllergyIntolerance"] {
        assert_eq!(report["types"][name]["new"], 1, "{report:#}");
    }
    let head = clinic.server.database().settled();
    let found = clinic.staff().get_after(&format!("/v1/patients?number={patient}"), &head.to_string()).expect(200).json();
    let id = found["items"][0]["patient_id"].as_str().unwrap().to_owned();
    let booked = clinic.staff().get_after(&format!("/v1/appointments?patient={id}"), &head.to_string()).expect(200).json();
    assert_eq!((booked["items"].as_array().unwrap().len(), &booked["items"][0]["status"]), (1, &json!("CONFIRMED")), "{booked:#}");
    let allergies = clinic.doctor().get_after(&format!("/v1/patients/{id}/allergies"), &head.to_string()).expect(200);
    assert!(allergies.text().contains("Peanuts"), "{}", allergies.text());
}

#[test]
fn an_import_of_nothing_says_what_is_missing() {
    let server = Server::new(&[]);
    let nothing = server.run(&["import", "fhir", "/nonexistent.json", "--json"]).expect(1);
    assert!(nothing.stderr.contains("/nonexistent.json"), "{nothing}");
    server.run(&["import", "fhir"]).expect(2);
}

fn resource(entries: &[Value], name: &str) -> Value {
    entries.iter().map(|entry| &entry["resource"]).find(|resource| resource["resourceType"] == name).unwrap().clone()
}

/// The patient that a FHIR Patient has become, as the API tells it.
fn find(clinic: &anamnesis_tests::Clinic, source: &Value) -> Value {
    let number = source["identifier"][1]["value"].as_str().unwrap();
    let found = clinic.doctor().get(&format!("/v1/patients?number={number}")).expect(200).json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
    clinic.doctor().get(&format!("/v1/patients/{}", found["items"][0]["patient_id"].as_str().unwrap())).expect(200).json()
}

/// Every item of a list, page by page.
fn all(clinic: &anamnesis_tests::Clinic, path: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = clinic.doctor().get(&format!("{path}&limit=200{cursor}")).expect(200).json();
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

/// Whether a value stands anywhere in another, also in JSON that is kept as text.
fn contains(value: &Value, wanted: &Value) -> bool {
    match value {
        _ if value == wanted => true,
        Value::Array(list) => list.iter().any(|inner| contains(inner, wanted)),
        Value::Object(object) => object.values().any(|inner| contains(inner, wanted)),
        Value::String(text) if text.starts_with(['{', '[']) => serde_json::from_str(text).is_ok_and(|inner| contains(&inner, wanted)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
