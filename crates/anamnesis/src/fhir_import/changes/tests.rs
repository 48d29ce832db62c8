use anamnesis_domain::Aggregate;
use anamnesis_domain::appointment::AppointmentError;
use anamnesis_domain::patient::Patient;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

const ONE: &str = "00000000-0000-8000-8000-000000000001";
const OTHER: &str = "00000000-0000-8000-8000-000000000002";

fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn now() -> Instant {
    read(json!("2026-06-01T12:00:00Z"))
}

fn patient(more: Value) -> NewPatient {
    let mut patient = json!({ "patient_number": "P-1", "name": { "family": "Vale" }, "birth_date": "1970-01-01", "gender": "FEMALE" });
    let Value::Object(more) = more else { panic!("fields") };
    patient.as_object_mut().unwrap().extend(more);
    read(patient)
}

fn registered(patient: NewPatient) -> Patient {
    let events = Patient::Absent.decide(PatientCommand::Register { now: now(), patient: Box::new(patient) }).unwrap();
    events.iter().fold(Patient::Absent, Patient::evolve)
}

/// The patient after a second export, and the paths that were remarked.
fn imported(before: Value, after: Value) -> (Value, Vec<String>) {
    let mut state = registered(patient(before));
    let Changes { commands, remarks } = of_patient(now(), state.chart().unwrap(), &patient(after));
    for (part, command) in commands {
        let Command::Patient(command) = command else { panic!("a command to another aggregate") };
        let events = state.decide(command).unwrap_or_else(|refused| panic!("{part}: {refused}"));
        state = events.iter().fold(state, Patient::evolve);
    }
    (serde_json::to_value(&state.chart().unwrap().patient).unwrap(), remarks.into_iter().map(|remark| remark.path).collect())
}

fn number(system: &str, value: &str) -> Value {
    json!({ "system": system, "identifier_type": "OTHER", "value": value })
}

#[test]
fn a_second_export_brings_a_patient_to_what_it_says() {
    let before = json!({ "identifiers": [number("urn:a", "1"), number("urn:here", "7")], "care_team": [{ "provider_id": OTHER, "role": { "text": "nurse" } }] });
    let after = json!({
        "name": { "family": "Vale-Costa" },
        "deceased_at": "2025-01-02T03:04:05Z",
        "emails": [{ "address": "vale@example.org" }],
        "identifiers": [number("urn:a", "2"), number("urn:b", "3")],
        "emergency_contacts": [{ "name": { "family": "Costa" } }],
        "primary_care_provider_id": ONE,
        "care_team": [{ "provider_id": OTHER }]
    });
    let (found, remarks) = imported(before, after.clone());
    let mut expected = serde_json::to_value(patient(after)).unwrap();
    expected["identifiers"] = json!([number("urn:here", "7"), number("urn:a", "2"), number("urn:b", "3")]);
    expected["care_team"] = json!([{ "provider_id": OTHER, "role": { "codings": [], "text": "nurse" } }]);
    assert_eq!(found, expected);
    assert_eq!(remarks, ["identifier"], "the number that was kept");
}

#[test]
fn what_the_second_export_does_not_name_is_kept_and_remarked() {
    let before = json!({
        "deceased_at": "2025-01-02T03:04:05Z",
        "identifiers": [number("urn:a", "1")],
        "emergency_contacts": [{ "name": { "family": "Costa" } }],
        "primary_care_provider_id": ONE,
        "care_team": [{ "provider_id": OTHER }]
    });
    let (found, remarks) = imported(before.clone(), json!({ "patient_number": "P-2" }));
    assert_eq!(found, serde_json::to_value(patient(before)).unwrap());
    assert_eq!(remarks, ["identifier", "contact", "generalPractitioner", "generalPractitioner", "deceasedDateTime", "identifier"]);
}

#[test]
fn a_birth_and_a_death_are_put_right_in_the_order_in_which_they_are_allowed() {
    let life = |birth: &str, death: &str| json!({ "birth_date": birth, "deceased_at": death });
    let (early, late) = (life("1900-01-01", "1960-01-01T00:00:00Z"), life("1990-01-01", "2020-01-01T00:00:00Z"));
    for (before, after) in [(&early, &late), (&late, &early)] {
        let (found, _) = imported(before.clone(), after.clone());
        assert_eq!((&found["birth_date"], &found["deceased_at"]), (&after["birth_date"], &after["deceased_at"]));
    }
}

#[test]
fn the_same_again_has_no_effect() {
    let same = json!({ "deceased_at": "2025-01-02T03:04:05Z", "identifiers": [number("urn:a", "1")], "primary_care_provider_id": ONE });
    let state = registered(patient(same.clone()));
    for (part, command) in of_patient(now(), state.chart().unwrap(), &patient(same)).commands {
        let Command::Patient(command) = command else { panic!("a command to another aggregate") };
        assert!(state.decide(command).unwrap().is_empty(), "{part}");
    }
}

#[test]
fn a_provider_keeps_fields_of_medicine_that_other_resources_name() {
    let profile =
        |specialties: Value| read::<ProviderProfile>(json!({ "provider_number": "D-1", "name": { "family": "Sa" }, "specialties": specialties }));
    let register = ProviderCommand::Register { now: now(), profile: profile(json!(["CARDIOLOGY"])) };
    let suspend = ProviderCommand::Suspend { now: now(), reason: changed_at_the_source() };
    let suspended =
        [register, suspend].into_iter().fold(Provider::Absent, |state, command| state.decide(command).unwrap().iter().fold(state, Provider::evolve));
    let corrected = |told: Value| {
        let mut changes = of_provider(now(), &suspended, &profile(told), true);
        let Some((_, Command::Provider(ProviderCommand::CorrectProfile { profile, .. }))) = changes.commands.pop() else { panic!("no correction") };
        serde_json::to_value(profile.specialties).unwrap()
    };
    assert_eq!(corrected(json!([])), json!(["CARDIOLOGY"]));
    assert_eq!(corrected(json!(["ONCOLOGY"])), json!(["ONCOLOGY"]));
    let paths = |is_suspended_there| of_provider(now(), &suspended, &profile(json!([])), is_suspended_there).remarks.len();
    assert_eq!((paths(true), paths(false)), (0, 1), "active there and suspended here is remarked");
}

fn booking(scheduled_at: &str, reason: &str) -> NewAppointment {
    read(json!({
        "patient_id": ONE, "provider_id": OTHER, "appointment_type": "CHECKUP", "scheduled_at": scheduled_at, "time_zone": "UTC", "reason": reason
    }))
}

fn booked(commands: Vec<AppointmentCommand>) -> Appointment {
    let schedule = AppointmentCommand::Schedule { now: now(), appointment: Box::new(booking("2026-07-01T10:00:00Z", "Cough")) };
    let decide = |state: Appointment, command| state.decide(command).unwrap().iter().fold(state, Appointment::evolve);
    std::iter::once(schedule).chain(commands).fold(Appointment::Absent, decide)
}

fn cancel() -> AppointmentCommand {
    let cancellation = read(json!({ "reason": "ill", "cancelled_by": "PATIENT" }));
    AppointmentCommand::Cancel { now: now(), cancellation }
}

/// How many events follow from the change, and how many remarks; none: it can't be told.
fn moved(before: &Appointment, after: &NewAppointment, is_over_there: bool) -> Option<Result<(usize, usize), AppointmentError>> {
    let Changes { commands, remarks } = of_appointment(now(), before, after, is_over_there)?;
    let decide = |(_, command)| match command {
        Command::Appointment(command) => before.decide(command).map(|events| events.len()),
        Command::Patient(_) | Command::Provider(_) | Command::Facility(_) | Command::Record(_) => panic!("a command to another aggregate"),
    };
    Some(commands.into_iter().map(decide).sum::<Result<usize, _>>().map(|events| (events, remarks.len())))
}

#[test]
fn an_appointment_is_moved_as_long_as_it_is_open() {
    let (same, later) = (booking("2026-07-01T10:00:00Z", "Cough"), booking("2026-07-02T10:00:00Z", "Cold"));
    let (open, here) = (booked(vec![]), booked(vec![AppointmentCommand::CheckIn { now: now() }]));
    assert!(moved(&open, &same, false) == Some(Ok((0, 0))) && moved(&here, &same, false) == Some(Ok((0, 0))));
    assert!(moved(&open, &later, false) == Some(Ok((2, 0))), "and there is another reason");
    assert!(moved(&here, &later, false) == Some(Ok((1, 0))), "who is there already isn't moved");
    let cancelled = booked(vec![cancel()]);
    assert!(moved(&cancelled, &same, true) == Some(Ok((0, 0))), "called off here and there");
    assert!(moved(&cancelled, &later, true) == Some(Ok((0, 1))), "and what it was for stays, with a remark");
    assert!(moved(&cancelled, &same, false).is_none(), "called off here, and not there any more");
}

#[test]
fn a_visit_is_brought_to_what_the_source_says_now() {
    let visit =
        |status: &str, patient: &str| -> NewVisit { read(json!({ "patient_id": patient, "status": status, "started_at": "2025-05-01T08:00:00Z" })) };
    let record = AppointmentCommand::RecordVisit { now: now(), visit: Box::new(visit("IN_PROGRESS", ONE)) };
    let visited = Appointment::Absent.decide(record).unwrap().iter().fold(Appointment::Absent, Appointment::evolve);
    let events = |after: &NewVisit| {
        let commands = of_visit(now(), &visited, after)?.commands.into_iter();
        let decide = |(_, command)| match command {
            Command::Appointment(command) => visited.decide(command).unwrap().len(),
            Command::Patient(_) | Command::Provider(_) | Command::Facility(_) | Command::Record(_) => panic!("a command to another aggregate"),
        };
        Some(commands.map(decide).sum::<usize>())
    };
    assert_eq!(events(&visit("FINISHED", ONE)), Some(1));
    assert_eq!(events(&visit("IN_PROGRESS", ONE)), Some(0));
    assert_eq!(events(&visit("FINISHED", OTHER)), None, "another patient's");
    assert!(of_visit(now(), &booked(vec![]), &visit("FINISHED", ONE)).is_none(), "an appointment was never a visit");
}

#[test]
fn a_record_that_is_wrong_here_and_there_stays_as_it_is() {
    let record = read::<NewRecord>(json!({ "patient_id": ONE, "record_type": "OTHER", "record_date": "2026-05-01T00:00:00Z", "title": "Note" }));
    let wrong = Record::EnteredInError { patient_id: record.patient_id };
    assert!(of_record(now(), &wrong, &record, true).commands.is_empty());
    assert_eq!(of_record(now(), &wrong, &record, false).commands.len(), 1, "the rules refuse it, and that is reported");
}
