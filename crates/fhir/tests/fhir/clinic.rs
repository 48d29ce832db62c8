//! Is a whole bundle planned without loss, and do the rules of the domain accept all of it?

use std::collections::{BTreeMap, HashMap};

use anamnesis_domain::{Aggregate, appointment::Appointment, facility::Facility, patient::Patient, provider::Provider, record::Record};
use anamnesis_fhir::{Command, Planned};
use uuid::Uuid;

use crate::{CLINIC, is_of, outcomes};

#[test]
fn every_resource_becomes_commands_or_is_counted() {
    let (mut imported, mut left_out) = (BTreeMap::new(), BTreeMap::new());
    for outcome in outcomes(CLINIC) {
        match outcome.unwrap() {
            Planned::Commands(plan) => {
                assert!(!plan.commands.is_empty());
                *imported.entry(plan.resource_type).or_insert(0) += 1;
            }
            Planned::NotImported { resource_type } => *left_out.entry(resource_type).or_insert(0) += 1,
        }
    }
    let expected = [
        ("AllergyIntolerance", 1),
        ("Appointment", 5),
        ("CarePlan", 1),
        ("Condition", 1),
        ("DiagnosticReport", 1),
        ("DocumentReference", 1),
        ("Encounter", 2),
        ("ImagingStudy", 1),
        ("Immunization", 1),
        ("Location", 1),
        ("MedicationRequest", 1),
        ("Observation", 3),
        ("Organization", 1),
        ("Patient", 1),
        ("Practitioner", 2),
        ("PractitionerRole", 1),
        ("Procedure", 1),
    ];
    assert_eq!(imported.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(left_out.into_iter().collect::<Vec<_>>(), [("Claim".to_owned(), 1), ("Medication".to_owned(), 1)]);
}

#[test]
fn the_domain_accepts_every_command_in_the_order_of_the_plan() {
    let mut world = World::default();
    for outcome in outcomes(CLINIC) {
        let Planned::Commands(plan) = outcome.unwrap() else { continue };
        assert!(plan.patient.is_none_or(|patient| world.patients.contains_key(&patient.0)), "the patient comes first");
        for planned in plan.commands {
            world.execute(planned.aggregate_id, planned.command);
        }
    }
    let chart = world.patients.values().next().and_then(Patient::chart).unwrap();
    assert_eq!((chart.conditions.len(), chart.allergies.len(), chart.medications.len()), (1, 1, 1));
    for record_id in chart.conditions.values().filter_map(|condition| condition.record_id) {
        assert!(world.records.contains_key(&record_id.0), "the history names a record that is there");
    }
    assert_eq!((world.records.len(), world.appointments.len(), world.providers.len(), world.facilities.len()), (12, 7, 2, 2));
}

#[derive(Default)]
struct World {
    patients: HashMap<Uuid, Patient>,
    records: HashMap<Uuid, Record>,
    appointments: HashMap<Uuid, Appointment>,
    providers: HashMap<Uuid, Provider>,
    facilities: HashMap<Uuid, Facility>,
}

impl World {
    fn execute(&mut self, id: Uuid, command: Command) {
        match command {
            Command::Patient(command) => decide(&mut self.patients, id, command),
            Command::Record(command) => decide(&mut self.records, id, command),
            Command::Appointment(command) => decide(&mut self.appointments, id, command),
            Command::Provider(command) => decide(&mut self.providers, id, command),
            Command::Facility(command) => decide(&mut self.facilities, id, command),
        }
    }
}

fn decide<A: Aggregate>(all: &mut HashMap<Uuid, A>, id: Uuid, command: A::Command) {
    let aggregate = all.remove(&id).unwrap_or_default();
    let events = aggregate.decide(command).unwrap();
    assert!(!events.is_empty(), "each command makes something happen");
    all.insert(id, events.iter().fold(aggregate, A::evolve));
}

#[test]
fn a_command_says_which_aggregate_it_is_for() {
    let Planned::Commands(plan) = outcomes(CLINIC).remove(0).unwrap() else { panic!("facilities come first") };
    assert!(is_of(&plan.commands[0].command, "facility"));
}

#[test]
fn nothing_of_a_person_is_printed() {
    for outcome in outcomes(CLINIC) {
        let printed = format!("{:?}", outcome.unwrap());
        assert!(!printed.contains("Falc") && !printed.contains("Amlodipine"), "{printed}");
    }
}
