//! Who is booked when? Never twice at once.

use anamnesis_tests::{Answer, Clinic, appointment, clinic};
use chrono::{Duration, Utc};
use serde_json::{Value, json};

/// A day in three weeks, at a quarter of an hour counted from nine o'clock.
fn at(quarter: i64) -> String {
    let day = (Utc::now() + Duration::days(21)).date_naive().and_hms_opt(9, 0, 0).unwrap().and_utc();
    (day + Duration::minutes(15 * quarter)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

fn book(clinic: &Clinic, patient: &str, provider: &str, quarter: i64) -> Answer {
    clinic.staff().post("/v1/appointments", &appointment(patient, provider, &at(quarter), 30))
}

fn act(clinic: &Clinic, id: &str, command: &str, body: &Value) -> Answer {
    clinic.staff().post(&format!("/v1/appointments/{id}/{command}"), body)
}

#[test]
fn an_appointment_goes_from_booking_to_completion() {
    let clinic = clinic();
    let (patient, provider) = (clinic.new_patient(), clinic.new_provider());
    let booked = book(clinic, &patient, &provider, 0).expect(201);
    let id = booked.id();
    for command in ["confirm", "check-in", "start"] {
        act(clinic, &id, command, &json!({})).expect(200);
    }
    let completed = act(clinic, &id, "complete", &json!({ "diagnosis": "a cold", "notes": "tea" })).expect(200);
    let read = clinic.doctor().get_after(&format!("/v1/appointments/{id}"), &completed.consistency()).expect(200);
    let found = read.json();
    assert_eq!(found["status"], "COMPLETED");
    assert_eq!((found["patient_id"].as_str(), found["provider_id"].as_str()), (Some(patient.as_str()), Some(provider.as_str())));
    assert!(read.text().contains("a cold"), "{found}");
    assert_eq!(act(clinic, &id, "start", &json!({})).problem(409), "refused");
}

#[test]
fn a_provider_is_never_booked_twice_at_once() {
    let clinic = clinic();
    let provider = clinic.new_provider();
    book(clinic, &clinic.new_patient(), &provider, 0).expect(201);
    let refused = book(clinic, &clinic.new_patient(), &provider, 1);
    assert_eq!(refused.problem(409), "slot-taken");
    assert!(refused.json()["detail"].as_str().unwrap().contains("provider"), "{}", refused.text());
    book(clinic, &clinic.new_patient(), &provider, 2).expect(201);
}

#[test]
fn a_patient_is_never_booked_twice_at_once() {
    let clinic = clinic();
    let patient = clinic.new_patient();
    book(clinic, &patient, &clinic.new_provider(), 0).expect(201);
    let refused = book(clinic, &patient, &clinic.new_provider(), 1);
    assert_eq!(refused.problem(409), "slot-taken");
    assert!(refused.json()["detail"].as_str().unwrap().contains("patient"), "{}", refused.text());
}

#[test]
fn an_appointment_may_move_over_its_own_time_but_not_over_anothers() {
    let clinic = clinic();
    let provider = clinic.new_provider();
    let first = book(clinic, &clinic.new_patient(), &provider, 0).expect(201).id();
    book(clinic, &clinic.new_patient(), &provider, 4).expect(201);
    act(clinic, &first, "reschedule", &json!({ "scheduled_at": at(1) })).expect(200);
    assert_eq!(act(clinic, &first, "reschedule", &json!({ "scheduled_at": at(3) })).problem(409), "slot-taken");
    let unmoved = book(clinic, &clinic.new_patient(), &provider, 1);
    assert_eq!(unmoved.problem(409), "slot-taken");
    book(clinic, &clinic.new_patient(), &provider, -1).expect(201);
}

#[test]
fn a_cancelled_appointments_time_is_free_again() {
    let clinic = clinic();
    let provider = clinic.new_provider();
    let id = book(clinic, &clinic.new_patient(), &provider, 0).expect(201).id();
    act(clinic, &id, "cancel", &json!({ "reason": "feels better", "cancelled_by": "PATIENT" })).expect(200);
    book(clinic, &clinic.new_patient(), &provider, 0).expect(201);
    assert_eq!(act(clinic, &id, "reschedule", &json!({ "scheduled_at": at(8) })).problem(409), "refused");
}

#[test]
fn a_visit_of_the_past_takes_nobodys_time() {
    let clinic = clinic();
    let (patient, provider) = (clinic.new_patient(), clinic.new_provider());
    let visit = json!({ "patient_id": patient, "provider_id": provider, "status": "FINISHED",
        "started_at": "2024-03-05T10:00:00Z", "ended_at": "2024-03-05T10:30:00Z" });
    clinic.doctor().post("/v1/appointments/visits", &visit).expect(201);
    clinic.doctor().post("/v1/appointments/visits", &visit).expect(201);
    let mut database = clinic.server.database();
    assert_eq!(database.one::<i64>(&format!("select count(*) from journal.slots where resource_id = '{provider}'")), 0);
}

#[test]
fn nobody_is_booked_in_the_past_or_with_somebody_unknown() {
    let clinic = clinic();
    let (patient, provider) = (clinic.new_patient(), clinic.new_provider());
    let past = clinic.staff().post("/v1/appointments", &appointment(&patient, &provider, "2024-03-05T10:00:00Z", 30));
    assert_eq!((past.problem(422).as_str(), past.rule().as_deref()), ("refused", Some("in_the_past")));
    let nobody = uuid::Uuid::now_v7().to_string();
    let unknown = book(clinic, &nobody, &provider, 0);
    assert_eq!((unknown.problem(422).as_str(), unknown.fields()), ("invalid-field", vec!["patient_id".to_owned()]));
    let unknown = book(clinic, &patient, &nobody, 0);
    assert_eq!(unknown.fields(), ["provider_id"]);
}

#[test]
fn of_many_who_want_one_time_at_once_one_gets_it() {
    let clinic = clinic();
    let provider = clinic.new_provider();
    let patients: Vec<_> = (0..6).map(|_| clinic.new_patient()).collect();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let attempts: Vec<_> = patients.iter().map(|patient| scope.spawn(|| book(clinic, patient, &provider, 0).status)).collect();
        attempts.into_iter().map(|attempt| attempt.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|&&status| status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|&&status| status == 409).count(), 5, "{statuses:?}");
}
