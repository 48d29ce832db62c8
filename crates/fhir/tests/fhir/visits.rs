//! Do encounters and appointments become visits and appointments?

use anamnesis_domain::appointment::AppointmentCommand;
use anamnesis_fhir::{Bundle, Command};
use serde_json::{Value, json};

use crate::{command, id_by, id_of, now, plan_alone, plan_of, silva, steps};

fn harbour() -> Value {
    id_by("Organization", "urn:example:clinics", "7")
}

#[test]
fn a_past_encounter_is_a_visit() {
    let plan = plan_of("Encounter", "visit-1");
    let (id, visit) = command!(plan, 0, Command::Appointment(AppointmentCommand::RecordVisit { visit, .. }) => visit);
    assert_eq!(id, id_of("Encounter", "visit-1"));
    assert_eq!(
        visit,
        json!({
            "patient_id": id_of("Patient", "ines"),
            "provider_id": silva(),
            "facility_id": harbour(),
            "status": "FINISHED",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB", "display": null},
            "types": [{"codings": [], "text": "Check-up"}],
            "reasons": [{"codings": [], "text": "Dizziness"}],
            "started_at": "2024-03-05T08:00:00Z",
            "ended_at": "2024-03-05T08:30:00Z"
        })
    );
    assert_eq!(json!(plan.patient), id_of("Patient", "ines"));
}

#[test]
fn a_visit_ends_no_earlier_than_it_began_unless_the_source_says_so() {
    let cases = [
        ("2020-06-15T08:00:00Z", "2020-06-15", "2020-06-15T08:00:00Z"),
        ("2020-06-15", "2020", "2020-06-15T00:00:00Z"),
        ("2020-06-15", "2019", "2019-01-01T00:00:00Z"),
    ];
    for (start, end, expected) in cases {
        let encounter = json!({
            "resourceType": "Encounter", "id": "e", "status": "finished", "subject": {"reference": "Patient/p"}, "period": {"start": start, "end": end}
        });
        let plan = plan_alone(&encounter).unwrap();
        let (_, visit) = command!(plan, 0, Command::Appointment(AppointmentCommand::RecordVisit { visit, .. }) => visit);
        assert_eq!(visit["ended_at"], expected, "{start} to {end}");
    }
}

#[test]
fn a_planned_encounter_is_an_appointment() {
    let plan = plan_of("Encounter", "visit-planned");
    assert_eq!(steps(&plan), ["schedule"]);
    let (_, appointment) = command!(plan, 0, Command::Appointment(AppointmentCommand::TakeOver { appointment, .. }) => appointment);
    assert_eq!(
        appointment,
        json!({
            "patient_id": id_of("Patient", "ines"),
            "provider_id": silva(),
            "facility_id": null,
            "appointment_type": "TELEHEALTH",
            "scheduled_at": "2026-12-01T10:00:00Z",
            "duration_minutes": 45,
            "time_zone": "UTC",
            "location": null,
            "reason": "Results"
        })
    );
}

#[test]
fn a_booked_appointment_that_the_patient_accepted_is_scheduled_and_confirmed() {
    let plan = plan_of("Appointment", "booked");
    assert_eq!(steps(&plan), ["schedule", "confirm"]);
    let (id, appointment) = command!(plan, 0, Command::Appointment(AppointmentCommand::TakeOver { appointment, .. }) => appointment);
    assert_eq!(id, id_of("Appointment", "booked"));
    assert_eq!(
        appointment,
        json!({
            "patient_id": id_of("Patient", "ines"),
            "provider_id": silva(),
            "facility_id": id_of("Location", "room-2"),
            "appointment_type": "FOLLOW_UP",
            "scheduled_at": "2026-12-02T10:00:00Z",
            "duration_minutes": 20,
            "time_zone": "UTC",
            "location": {"name": "Room 2", "room": null, "address": null, "url": null},
            "reason": "Follow-up; Bring the list of medications."
        })
    );
}

#[test]
fn a_pending_appointment_is_only_scheduled() {
    let plan = plan_of("Appointment", "pending");
    assert_eq!(steps(&plan), ["schedule"]);
    let (_, appointment) = command!(plan, 0, Command::Appointment(AppointmentCommand::TakeOver { appointment, .. }) => appointment);
    assert_eq!((&appointment["duration_minutes"], &appointment["appointment_type"]), (&json!(60), &json!("OTHER")));
}

#[test]
fn a_cancelled_appointment_was_arranged_and_called_off() {
    let plan = plan_of("Appointment", "cancelled");
    assert_eq!(steps(&plan), ["schedule", "cancel"]);
    let (_, arranged) = command!(plan, 0, Command::Appointment(AppointmentCommand::TakeOver { now, .. }) => now);
    assert_eq!(arranged, json!("2024-04-01T08:00:00Z"), "when the source says that it was created");
    let (_, cancellation) = command!(plan, 1, Command::Appointment(AppointmentCommand::Cancel { cancellation, .. }) => cancellation);
    assert_eq!(cancellation, json!({"reason": "Patient: away", "cancelled_by": "PATIENT"}));
}

#[test]
fn a_missed_appointment_was_arranged_and_missed() {
    let plan = plan_of("Appointment", "missed");
    assert_eq!(steps(&plan), ["schedule", "no-show"]);
    let (_, missed) = command!(plan, 1, Command::Appointment(AppointmentCommand::RecordNoShow { now }) => now);
    assert_eq!(missed, json!(now()));
}

#[test]
fn a_fulfilled_appointment_is_a_visit() {
    let plan = plan_of("Appointment", "fulfilled");
    let (_, visit) = command!(plan, 0, Command::Appointment(AppointmentCommand::RecordVisit { visit, .. }) => visit);
    assert_eq!(
        visit,
        json!({
            "patient_id": id_of("Patient", "ines"),
            "provider_id": null,
            "facility_id": null,
            "status": "FINISHED",
            "class": null,
            "types": [{"codings": [], "text": "Cardiology"}],
            "reasons": [{"codings": [], "text": "Palpitations"}],
            "started_at": "2024-07-01T08:00:00Z",
            "ended_at": "2024-07-01T08:30:00Z"
        })
    );
}

#[test]
fn a_booked_time_that_has_passed_is_a_visit_of_which_nobody_knows() {
    let plan = plan_alone(&json!({
        "resourceType": "Appointment",
        "id": "a",
        "status": "booked",
        "start": "2020-01-01T00:00:00Z",
        "participant": [{"actor": {"reference": "Patient/p"}, "status": "accepted"}]
    }))
    .unwrap();
    let (_, visit) = command!(plan, 0, Command::Appointment(AppointmentCommand::RecordVisit { visit, .. }) => visit);
    assert_eq!(visit["status"], "UNKNOWN");
}

#[test]
fn the_status_of_an_encounter_is_told_as_far_as_it_happened() {
    let statuses = [
        ("arrived", "IN_PROGRESS"),
        ("triaged", "IN_PROGRESS"),
        ("in-progress", "IN_PROGRESS"),
        ("onleave", "IN_PROGRESS"),
        ("finished", "FINISHED"),
        ("cancelled", "CANCELLED"),
        ("entered-in-error", "CANCELLED"),
        ("planned", "UNKNOWN"),
        ("unknown", "UNKNOWN"),
    ];
    for (status, expected) in statuses {
        let encounter = json!({"resourceType": "Encounter", "id": "e", "status": status, "subject": {"reference": "Patient/p"}, "period": {"start": "2020-01-01"}});
        let plan = plan_alone(&encounter).unwrap();
        let (_, visit) = command!(plan, 0, Command::Appointment(AppointmentCommand::RecordVisit { visit, .. }) => visit);
        assert_eq!(visit["status"], expected, "{status}");
    }
}

#[test]
fn a_day_that_has_begun_somewhere_does_not_lie_ahead() {
    let encounter = json!({"resourceType": "Encounter", "id": "e", "status": "in-progress", "subject": {"reference": "Patient/p"}, "period": {"start": "2026-06-02"}});
    let plan = plan_alone(&encounter).unwrap();
    let (_, visit) = command!(plan, 0, Command::Appointment(AppointmentCommand::RecordVisit { visit, .. }) => visit);
    assert_eq!(visit["started_at"], json!(now()), "somewhere it is the second of June already");
}

#[test]
fn what_was_called_off_is_planned_before_what_takes_its_time() {
    let appointment = |id: &str, status: &str| json!({"resource": {"resourceType": "Appointment", "id": id, "status": status}});
    let file = json!({"resourceType": "Bundle", "entry": [appointment("a", "booked"), appointment("b", "cancelled")]}).to_string();
    let bundle = Bundle::read(file.as_bytes()).unwrap();
    assert_eq!(bundle.entries().iter().map(|entry| entry.index()).collect::<Vec<_>>(), [1, 0]);
}
