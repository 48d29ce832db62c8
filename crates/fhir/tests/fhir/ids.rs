//! Are ids the same in every import, and do references mean the same from every file?

use std::collections::HashSet;

use anamnesis_domain::appointment::AppointmentCommand;
use anamnesis_fhir::{Bundle, Command, Planned};
use serde_json::{Value, json};

use crate::{CLINIC, command, commands, derive, id_by, id_of, now, outcomes, plan_of, resolver};

#[test]
fn a_second_import_plans_the_same_ids() {
    let ids = || -> Vec<_> {
        let plans = outcomes(CLINIC).into_iter().filter_map(|outcome| match outcome.unwrap() {
            Planned::Commands(plan) => Some(plan.commands),
            Planned::NotImported { .. } => None,
        });
        plans.flatten().map(|command| (command.aggregate_id, command.command_id)).collect()
    };
    assert_eq!(ids(), ids());
    let distinct: HashSet<_> = ids().into_iter().map(|(_, command_id)| command_id).collect();
    assert_eq!(distinct.len(), ids().len(), "every command has an id of its own");
}

#[test]
fn the_first_command_of_a_resource_has_the_resources_id_and_the_others_name_their_step() {
    let plan = plan_of("Condition", "hypertension");
    let ids: Vec<_> = plan.commands.iter().map(|command| command.command_id).collect();
    assert_eq!(ids, [derive("urn:example", "Condition", "hypertension"), derive("urn:example", "Condition", "hypertension#history")]);
}

fn encounter(practitioner: &Value) -> String {
    json!({
        "resourceType": "Encounter",
        "id": "e",
        "status": "finished",
        "subject": {"reference": "Patient/elsewhere"},
        "participant": [{"individual": practitioner}],
        "period": {"start": "2024-01-01T00:00:00Z"}
    })
    .to_string()
}

fn provider_of(file: &str, learned: Option<&str>) -> Value {
    let mut resolver = resolver();
    if let Some(learned) = learned {
        resolver.learn(&Bundle::read(learned.as_bytes()).unwrap());
    }
    let bundle = Bundle::read(file.as_bytes()).unwrap();
    let plan = commands(resolver.scope(&bundle).plan(bundle.entries()[0], now()).unwrap());
    let (_, visit) = command!(plan, 0, Command::Appointment(AppointmentCommand::RecordVisit { visit, .. }) => visit);
    assert_eq!(visit["patient_id"], id_of("Patient", "elsewhere"));
    visit["provider_id"].clone()
}

#[test]
fn a_reference_by_identifier_needs_no_look_up() {
    let by_search = encounter(&json!({"reference": "Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|1234567893"}));
    let encoded = encounter(&json!({"reference": "Practitioner?identifier=http%3A%2F%2Fhl7.org%2Ffhir%2Fsid%2Fus-npi%7C1234567893"}));
    let logical = encounter(&json!({"identifier": {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"}}));
    let silva = id_by("Practitioner", "http://hl7.org/fhir/sid/us-npi", "1234567893");
    for file in [by_search, encoded, logical] {
        assert_eq!(provider_of(&file, None), silva);
    }
}

#[test]
fn other_names_of_a_provider_are_learned_from_other_files() {
    let silva = id_by("Practitioner", "http://hl7.org/fhir/sid/us-npi", "1234567893");
    for reference in ["Practitioner/silva", "https://example.org/fhir/Practitioner/silva/_history/2", "Practitioner?identifier=urn:example:staff|12"]
    {
        let file = encounter(&json!({"reference": reference}));
        assert_eq!(provider_of(&file, Some(CLINIC)), silva, "{reference}");
    }
    let unknown = encounter(&json!({"reference": "Practitioner/silva"}));
    assert_eq!(provider_of(&unknown, None), id_of("Practitioner", "silva"), "unless the file was never read");
}

#[test]
fn a_resource_without_an_id_has_the_bundles() {
    let file = json!({
        "resourceType": "Bundle",
        "entry": [{
            "fullUrl": "urn:uuid:7c7f8ba0-0000-4000-8000-000000000000",
            "resource": {"resourceType": "Patient", "name": [{"text": "P"}], "birthDate": "2000-01-01"}
        }]
    });
    let plan = commands(outcomes(&file.to_string()).remove(0).unwrap());
    assert_eq!(json!(plan.commands[0].aggregate_id), id_of("Patient", "7c7f8ba0-0000-4000-8000-000000000000"));
}

#[test]
fn lines_of_resources_are_entries() {
    let lines = "\u{feff}{\"resourceType\":\"Claim\",\"id\":\"1\"}\n\n{\"resourceType\": oops}\n{\"resourceType\":\"Claim\",\"id\":\"3\"}\n";
    let outcomes = outcomes(lines);
    let error = outcomes.iter().find_map(|outcome| outcome.as_ref().err()).unwrap();
    assert_eq!((outcomes.len(), error.to_string()), (3, "entry 2: must be JSON".to_owned()));
}

#[test]
fn a_single_resource_is_an_entry() {
    assert!(
        matches!(outcomes("{\"resourceType\":\"Claim\",\"id\":\"1\"}").remove(0), Ok(Planned::NotImported { resource_type }) if resource_type == "Claim")
    );
}

#[test]
fn files_that_others_need_come_first() {
    let rank = |file: Value| Bundle::read(file.to_string().as_bytes()).unwrap().rank();
    let organization = rank(json!({"resourceType": "Organization", "id": "o"}));
    let patient =
        rank(json!({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Observation"}}, {"resource": {"resourceType": "Patient"}}]}));
    let observation = rank(json!({"resourceType": "Observation", "id": "o"}));
    assert!(organization < patient && patient < observation);
}
