//! A clinic whose patients came from the bundled FHIR files, and what its API answered meanwhile.

use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::sync::LazyLock;
use std::time::Duration;

use anamnesis_tests::{Clinic, Server, demo_folder, eventually};
use serde_json::Value;

/// What was answered, and the position that it reflected.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) position: u64,
    pub(crate) path: String,
    pub(crate) answer: Value,
}

pub(crate) struct Imported {
    pub(crate) clinic: Clinic,
    /// The import's own report.
    pub(crate) report: Value,
    /// Answers kept while it went on.
    pub(crate) kept: Vec<Kept>,
    /// Where the log ended when it was done.
    pub(crate) end: u64,
}

static IMPORTED: LazyLock<Option<Imported>> = LazyLock::new(|| catch_unwind(import).ok());

pub(crate) fn imported() -> &'static Imported {
    IMPORTED.as_ref().expect("the import succeeds: the first test that failed says why it didn't")
}

/// The parts of a patient that are asked for while importing.
const PARTS: &[&str] = &["", "/conditions", "/allergies", "/medications"];

fn import() -> Imported {
    let clinic = Clinic::at(Server::start());
    let doctor = clinic.doctor();
    let mut importing = clinic.server.run_in_background(&["import", "fhir", &demo_folder().display().to_string(), "--json"]);
    let mut kept = Vec::new();
    while importing.is_running() {
        for patient in patient_ids(&clinic) {
            for part in PARTS {
                let path = format!("/v1/patients/{patient}{part}");
                let answer = doctor.get(&path).expect(200);
                kept.push(Kept { position: answer.position(), path, answer: answer.json() });
            }
        }
    }
    let report = importing.finish().json();
    let end = clinic.server.database().settled();
    eventually("the read models have what was imported", Duration::from_mins(2), || {
        (doctor.get_after("/v1/patients?limit=1", &end.to_string()).status == 200).then_some(())
    });
    Imported { clinic, report, kept, end }
}

/// Who is there by now.
pub(crate) fn patient_ids(clinic: &Clinic) -> BTreeSet<String> {
    let listed = clinic.doctor().get("/v1/patients?limit=200").expect(200).json();
    listed["items"].as_array().unwrap().iter().map(|patient| patient["patient_id"].as_str().unwrap().to_owned()).collect()
}
