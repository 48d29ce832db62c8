use anamnesis_domain::appointment::{
    AppointmentCancelled, AppointmentCompleted, AppointmentConfirmed, AppointmentDetailsChanged, AppointmentReminderSent, AppointmentScheduled,
    VisitCorrected, VisitRecorded,
};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::kernel::testing::{Log, log, told};

const APPOINTMENT: Uuid = Uuid::from_u128(0xa1);
const PATIENT: Uuid = Uuid::from_u128(0xb1);
const DOCTOR: Uuid = Uuid::from_u128(0xd1);

fn scheduled() -> AppointmentEvent {
    let appointment = told(json!({
        "patient_id": PATIENT, "provider_id": DOCTOR, "appointment_type": "CHECKUP", "scheduled_at": "2026-03-01T09:00:00Z", "duration_minutes": 45,
    }));
    AppointmentScheduled { appointment, booked_at: Instant::from_micros(1) }.into()
}

fn confirmed() -> AppointmentEvent {
    AppointmentConfirmed { confirmed_at: Instant::from_micros(2) }.into()
}

fn moved() -> AppointmentEvent {
    AppointmentEvent::AppointmentRescheduled(AppointmentRescheduled {
        provider_id: ProviderId(DOCTOR),
        scheduled_at: told(json!("2026-03-02T10:00:00Z")),
        duration_minutes: told(json!(30)),
        time_zone: TimeZone::UTC,
        location: None,
        reason: None,
        rescheduled_at: Instant::from_micros(3),
    })
}

fn given(events: impl IntoIterator<Item = AppointmentEvent>) -> Log {
    events.into_iter().fold(log(), |log, event| log.sealed_for("appointment", APPOINTMENT, PATIENT, event))
}

fn row(events: impl IntoIterator<Item = AppointmentEvent>) -> AppointmentRow {
    given(events).rows::<Appointments>().remove(0).row
}

#[test]
fn a_scheduled_appointment_ends_after_its_duration() {
    let appointment = row([scheduled()]);
    assert_eq!(appointment.status, Some(AppointmentStatus::Scheduled));
    assert_eq!(appointment.ends_at, Some(told(json!("2026-03-01T09:45:00Z"))));
}

#[test]
fn a_moved_appointment_must_be_confirmed_again() {
    let appointment = row([scheduled(), confirmed(), moved()]);
    assert_eq!((appointment.status, appointment.confirmed_at), (Some(AppointmentStatus::Scheduled), None));
    assert_eq!(appointment.scheduled_at, told(json!("2026-03-02T10:00:00Z")));
    assert_eq!(appointment.ends_at, Some(told(json!("2026-03-02T10:30:00Z"))));
}

#[test]
fn what_was_found_stands_in_the_row_when_it_is_over() {
    let outcome = told(
        json!({ "diagnosis": "flu", "diagnosis_codes": [{ "codings": [{ "system": "icd", "code": "J11" }], "text": null }], "follow_up_date": "2026-04-01" }),
    );
    let log = given([scheduled(), AppointmentCompleted { outcome, completed_at: Instant::from_micros(9) }.into()]);
    assert_eq!(log.says::<Appointments>("status").as_deref(), Some("COMPLETED"));
    assert_eq!(log.says::<Appointments>("diagnosis").as_deref(), Some("\"flu\""));
    assert_eq!(log.says::<Appointments>("codes").as_deref(), Some("{\"icd|J11\"}"));
    assert_eq!(log.says::<Appointments>("follow_up_date").as_deref(), Some("2026-04-01"));
}

#[test]
fn a_cancelled_appointment_says_who_and_why() {
    let cancellation = told(json!({ "reason": "ill", "cancelled_by": "PATIENT" }));
    let log = given([scheduled(), AppointmentCancelled { cancellation, cancelled_at: Instant::from_micros(4) }.into()]);
    assert_eq!(log.says::<Appointments>("cancelled_by").as_deref(), Some("PATIENT"));
    assert_eq!(log.says::<Appointments>("cancellation_reason").as_deref(), Some("\"ill\""));
}

#[test]
fn a_visit_in_the_past_is_listed_among_the_appointments() {
    let visit =
        told(json!({ "patient_id": PATIENT, "status": "FINISHED", "started_at": "2020-01-01T08:00:00Z", "ended_at": "2020-01-01T08:15:00Z" }));
    let appointment = row([VisitRecorded { visit, recorded_at: Instant::from_micros(1) }.into()]);
    assert_eq!((appointment.status, appointment.visit_status), (None, Some(VisitStatus::Finished)));
    assert_eq!(appointment.scheduled_at, told(json!("2020-01-01T08:00:00Z")));
}

#[test]
fn what_the_patient_was_told_of_is_the_time_it_has_now() {
    let told_of = |reminder, at| AppointmentReminderSent { reminder, sent_at: Instant::from_micros(at) }.into();
    let reminded = row([scheduled(), told_of(Reminder::Confirmation, 2), told_of(Reminder::DayBefore, 3)]);
    assert_eq!(reminded.reminders, [Reminder::Confirmation, Reminder::DayBefore]);
    assert_eq!(reminded.reminder_sent_at, Some(Instant::from_micros(3)));
    let later = row([scheduled(), told_of(Reminder::Confirmation, 2), moved()]);
    assert_eq!((later.reminders, later.reminder_sent_at), (vec![], None));
}

#[test]
fn what_an_appointment_is_for_changes_without_its_time() {
    let details = told(json!({ "appointment_type": "LAB", "facility_id": Uuid::from_u128(7), "reason": "blood" }));
    let log = given([scheduled(), AppointmentDetailsChanged { details, changed_at: Instant::from_micros(2) }.into()]);
    assert_eq!(log.says::<Appointments>("appointment_type").as_deref(), Some("LAB"));
    assert_eq!(log.says::<Appointments>("reason").as_deref(), Some("\"blood\""));
    let changed = log.rows::<Appointments>().remove(0).row;
    assert_eq!((changed.facility_id, changed.scheduled_at), (Some(FacilityId(Uuid::from_u128(7))), told(json!("2026-03-01T09:00:00Z"))));
}

#[test]
fn a_visit_is_shown_as_it_was_put_right() {
    let visit = |status: &str, ended_at: Option<&str>| {
        told(json!({ "patient_id": PATIENT, "status": status, "started_at": "2020-01-01T08:00:00Z", "ended_at": ended_at }))
    };
    let recorded = VisitRecorded { visit: visit("FINISHED", Some("2020-01-01T08:15:00Z")), recorded_at: Instant::from_micros(1) };
    let corrected = VisitCorrected { visit: visit("CANCELLED", None), reason: None, corrected_at: Instant::from_micros(2) };
    let shown = row([recorded.into(), corrected.into()]);
    assert_eq!((shown.visit_status, shown.ends_at), (Some(VisitStatus::Cancelled), None));
    assert_eq!(shown.visit_corrected_at, Some(Instant::from_micros(2)));
}
