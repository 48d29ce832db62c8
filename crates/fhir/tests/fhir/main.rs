//! Does every resource become what `docs/fhir-mapping.md` says, and every broken one a clear error?
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod arbitrary;
mod broken;
mod clinic;
mod ids;
mod people;
mod records;
mod visits;

use anamnesis_domain::{Instant, Line};
use anamnesis_fhir::{Bundle, Command, EntryError, Plan, Planned, Resolver};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

const CLINIC: &str = include_str!("../fixtures/clinic.json");

/// The moment of every import: 2026-06-01T12:00:00Z.
fn now() -> Instant {
    Instant::from_micros(1_780_315_200_000_000)
}

/// An id made of its parts alone: FNV-1a, since nothing here needs a key.
fn derive(source: &str, resource_type: &str, id: &str) -> Uuid {
    let bytes = [source, resource_type, id].join("\0");
    let hash = bytes.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    Uuid::new_v8(hash.to_be_bytes())
}

fn id_of(resource_type: &str, id: &str) -> Value {
    json!(derive("urn:example", resource_type, id))
}

fn id_by(resource_type: &str, system: &str, value: &str) -> Value {
    json!(derive(system, &format!("{resource_type}?identifier"), value))
}

fn silva() -> Value {
    id_by("Practitioner", "http://hl7.org/fhir/sid/us-npi", "1234567893")
}

fn resolver() -> Resolver<'static> {
    Resolver::new(Line::try_from("urn:example").unwrap(), derive)
}

/// What follows from every entry of a file, in the order of the import.
fn outcomes(file: &str) -> Vec<Result<Planned, EntryError>> {
    let bundle = Bundle::read(file.as_bytes()).unwrap();
    let resolver = resolver();
    let scope = resolver.scope(&bundle);
    bundle.entries().into_iter().map(|entry| scope.plan(entry, now())).collect()
}

/// What follows from one resource of the clinic.
fn plan_of(resource_type: &str, id: &str) -> Plan {
    let bundle = Bundle::read(CLINIC.as_bytes()).unwrap();
    let resolver = resolver();
    let scope = resolver.scope(&bundle);
    let is_it = |json: &str| json.contains(&format!("\"resourceType\": \"{resource_type}\"")) && json.contains(&format!("\"id\": \"{id}\""));
    let entry = bundle.entries().into_iter().find(|entry| entry.json().is_some_and(is_it)).unwrap();
    commands(scope.plan(entry, now()).unwrap())
}

fn commands(planned: Planned) -> Plan {
    match planned {
        Planned::Commands(plan) => plan,
        Planned::NotImported { resource_type } => panic!("{resource_type} isn't imported"),
    }
}

/// What follows from one resource, by itself but for a patient.
fn plan_alone(resource: &Value) -> Result<Plan, EntryError> {
    let patient = json!({"resourceType": "Patient", "id": "p", "name": [{"text": "P"}], "birthDate": "2000-01-01"});
    let file = json!({"resourceType": "Bundle", "entry": [{"resource": resource}, {"resource": patient}]}).to_string();
    let bundle = Bundle::read(file.as_bytes()).unwrap();
    let resolver = resolver();
    let scope = resolver.scope(&bundle);
    let entry = bundle.entries().into_iter().find(|entry| entry.index() == 0).unwrap();
    scope.plan(entry, now()).map(commands)
}

fn to_json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

fn steps(plan: &Plan) -> Vec<&'static str> {
    plan.commands.iter().map(|command| command.step).collect()
}

fn remarks(plan: &Plan) -> Vec<String> {
    plan.remarks.iter().map(|remark| format!("{}: {}", remark.path, remark.reason)).collect()
}

/// A command's own part as JSON, and to whom it goes.
macro_rules! command {
    ($plan:expr, $at:expr, $pattern:pat => $part:expr) => {{
        let command = &$plan.commands[$at];
        match &command.command {
            $pattern => ($crate::to_json(&command.aggregate_id), $crate::to_json($part)),
            #[allow(unreachable_patterns, reason = "a command of another kind")]
            other => panic!("another command: {other:?}"),
        }
    }};
}
pub(crate) use command;

fn is_of(command: &Command, aggregate_type: &str) -> bool {
    command.aggregate_type() == aggregate_type
}
