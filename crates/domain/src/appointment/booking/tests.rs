use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::appointment::{AppointmentEvent, AppointmentScheduled, AppointmentType, NewAppointment, NewTime};
use crate::facility::FacilityCommand;
use crate::patient::PatientCommand;
use crate::provider::{Availability, ProviderCommand};
use crate::testing::{given, live_on};
use crate::{AccountId, Aggregate};

fn moment(text: &str) -> Instant {
    serde_json::from_value(text.into()).unwrap()
}

/// A Saturday.
fn now() -> Instant {
    moment("2026-01-31T09:30:00Z")
}

fn after<A: Aggregate>(commands: Vec<A::Command>) -> A {
    commands.into_iter().fold(A::default(), |state, command| state.decide(command).unwrap().iter().fold(state, A::evolve))
}

fn a_provider(more: Vec<ProviderCommand>) -> Grounds {
    let profile = serde_json::from_value(json!({ "provider_number": "dr-17", "name": { "family": "Blackwell" } })).unwrap();
    Grounds { provider: after([vec![ProviderCommand::Register { now: now(), profile }], more].concat()), ..Grounds::default() }
}

fn hours(availability: Value) -> ProviderCommand {
    ProviderCommand::SetAvailability { now: now(), availability: serde_json::from_value(availability).unwrap() }
}

/// Mondays from nine to twelve, in New York.
fn mondays() -> Grounds {
    a_provider(vec![hours(json!({ "time_zone": "America/New_York", "weekly": [{ "weekday": "MONDAY", "from": "09:00", "until": "12:00" }] }))])
}

fn suspended() -> Grounds {
    a_provider(vec![ProviderCommand::Suspend { now: now(), reason: "an investigation".try_into().unwrap() }])
}

fn booking(scheduled_at: &str) -> NewAppointment {
    NewAppointment {
        patient_id: PatientId(Uuid::from_u128(1)),
        provider_id: ProviderId(Uuid::from_u128(2)),
        facility_id: Some(FacilityId(Uuid::from_u128(3))),
        appointment_type: AppointmentType::FollowUp,
        scheduled_at: moment(scheduled_at),
        duration_minutes: DurationMinutes::default(),
        time_zone: crate::TimeZone::UTC,
        location: None,
        reason: None,
    }
}

fn schedule(scheduled_at: &str) -> AppointmentCommand {
    AppointmentCommand::Schedule { now: now(), appointment: Box::new(booking(scheduled_at)) }
}

fn scheduled(scheduled_at: &str) -> AppointmentEvent {
    AppointmentScheduled { appointment: booking(scheduled_at), booked_at: now() }.into()
}

fn new_time(scheduled_at: &str) -> NewTime {
    NewTime { scheduled_at: moment(scheduled_at), duration_minutes: None, time_zone: None, provider_id: None, location: None, reason: None }
}

fn reschedule(time: NewTime) -> AppointmentCommand {
    AppointmentCommand::Reschedule { now: now(), time: Box::new(time) }
}

const MONDAY_AT_NINE: &str = "2026-02-02T14:00:00Z";
const MONDAY_AT_QUARTER_TO_TWELVE: &str = "2026-02-02T16:45:00Z";
const TUESDAY: &str = "2026-02-03T14:00:00Z";

#[test]
fn what_was_arranged_elsewhere_is_not_asked_whether_it_may() {
    let take_over = |at| AppointmentCommand::TakeOver { now: now(), appointment: Box::new(booking(at)) };
    for grounds in [mondays(), suspended()] {
        assert!(Appointment::default().grounds(&take_over(TUESDAY)).is_empty());
        given::<Appointment>([]).on(grounds).when(take_over(TUESDAY)).then([scheduled(TUESDAY)]);
    }
}

#[test]
fn a_time_lies_in_the_providers_hours() {
    given::<Appointment>([]).on(mondays()).when(schedule(MONDAY_AT_NINE)).then([scheduled(MONDAY_AT_NINE)]);
    for outside in [MONDAY_AT_QUARTER_TO_TWELVE, TUESDAY] {
        given::<Appointment>([]).on(mondays()).when(schedule(outside)).then_error(AppointmentError::OutsideHours);
        let moved = reschedule(new_time(outside));
        given::<Appointment>([scheduled(MONDAY_AT_NINE)]).on(mondays()).when(moved).then_error(AppointmentError::OutsideHours);
    }
    let too_long = NewTime { duration_minutes: Some(181.try_into().unwrap()), ..new_time(MONDAY_AT_NINE) };
    given::<Appointment>([scheduled(MONDAY_AT_NINE)]).on(mondays()).when(reschedule(too_long)).then_error(AppointmentError::OutsideHours);
}

#[test]
fn a_provider_who_never_said_when_patients_can_come_can_be_booked_at_any_time() {
    given::<Appointment>([]).on(a_provider(vec![])).when(schedule(TUESDAY)).then([scheduled(TUESDAY)]);
    let never = a_provider(vec![hours(json!({ "time_zone": "UTC" }))]);
    given::<Appointment>([]).on(never).when(schedule(TUESDAY)).then_error(AppointmentError::OutsideHours);
}

#[test]
fn what_was_booked_stays_when_the_hours_change_and_may_get_another_place() {
    let place = NewTime { location: Some(serde_json::from_value(json!({ "room": "C-214" })).unwrap()), ..new_time(TUESDAY) };
    let when = given::<Appointment>([scheduled(TUESDAY)]).on(mondays()).when(reschedule(place));
    assert_eq!(when.events().len(), 1);
    let confirm = AppointmentCommand::Confirm { now: now() };
    assert_eq!(given::<Appointment>([scheduled(TUESDAY)]).on(suspended()).when(confirm).events().len(), 1);
}

#[test]
fn nobody_new_comes_to_a_suspended_provider() {
    given::<Appointment>([]).on(suspended()).when(schedule(MONDAY_AT_NINE)).then_error(AppointmentError::ProviderSuspended);
    let moved = reschedule(new_time(MONDAY_AT_NINE));
    given::<Appointment>([scheduled(TUESDAY)]).on(suspended()).when(moved).then_error(AppointmentError::ProviderSuspended);
}

#[test]
fn nothing_is_arranged_for_who_has_died_or_gone_nor_where_it_is_closed() {
    let zoe = json!({ "patient_number": "p-1", "name": { "family": "Quill" }, "birth_date": "1951-03-09", "gender": "FEMALE" });
    let register = || PatientCommand::Register { now: now(), patient: serde_json::from_value(zoe.clone()).unwrap() };
    let died = after(vec![register(), PatientCommand::RecordDeath { now: now(), deceased_at: now() }]);
    let gone = after(vec![register(), PatientCommand::Deactivate { now: now(), reason: None }]);
    let (duplicate, survivor_id) = (Uuid::from_u128(1), PatientId(Uuid::from_u128(2)));
    let merge =
        PatientCommand::MergeInto { now: now(), id: duplicate, survivor_id, reason: "twice".try_into().unwrap(), account_id: AccountId(duplicate) };
    let merged = after(vec![register(), merge]);
    let id = FacilityId(Uuid::from_u128(3));
    let ward = serde_json::from_value(json!({ "name": "Cardiology", "kind": "DEPARTMENT" })).unwrap();
    let closed = after(vec![FacilityCommand::Register { now: now(), id, facility: ward }, FacilityCommand::Close { now: now(), reason: None }]);
    let organization = crate::organization::Organization::Closed;
    for (grounds, refusal) in [
        (Grounds { organization, ..mondays() }, AppointmentError::OrganizationClosed),
        (Grounds { patient: died, ..mondays() }, AppointmentError::PatientDied),
        (Grounds { patient: gone, ..mondays() }, AppointmentError::PatientDeactivated),
        (Grounds { patient: merged, ..mondays() }, AppointmentError::PatientMerged),
        (Grounds { facility: closed, ..mondays() }, AppointmentError::FacilityClosed),
    ] {
        given::<Appointment>([]).on(grounds).when(schedule(MONDAY_AT_NINE)).then_error(refusal);
    }
}

#[test]
fn a_booking_rests_on_whom_it_will_be_with() {
    let (patient, facility) = (Ground::Patient(PatientId(Uuid::from_u128(1))), Ground::Facility(FacilityId(Uuid::from_u128(3))));
    let provider = |id| Ground::Provider(ProviderId(Uuid::from_u128(id)));
    assert_eq!(Appointment::default().grounds(&schedule(TUESDAY)), [Ground::Organization, patient, provider(2), facility]);
    let booked = Appointment::default().evolve(&scheduled(TUESDAY));
    assert_eq!(booked.grounds(&reschedule(new_time(TUESDAY))), [Ground::Organization, patient, provider(2), facility]);
    let other = NewTime { provider_id: Some(ProviderId(Uuid::from_u128(9))), ..new_time(TUESDAY) };
    assert_eq!(booked.grounds(&reschedule(other)), [Ground::Organization, patient, provider(9), facility]);
    assert_eq!(booked.grounds(&AppointmentCommand::Confirm { now: now() }), []);
}

fn availability() -> impl Strategy<Value = Availability> {
    let zone = prop::sample::select(vec!["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Kiritimati"]);
    let spans = prop::collection::vec((0..7_usize, 0..47_u16, 1..48_u16), 0..12);
    (zone, spans).prop_map(|(zone, spans)| {
        let time = |half_hours: u16| format!("{:02}:{:02}", half_hours / 2, half_hours % 2 * 30);
        let days = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];
        let hours = spans.iter().filter(|(_, from, until)| from < until);
        let weekly: Vec<_> = hours.map(|(day, from, until)| json!({ "weekday": days[*day], "from": time(*from), "until": time(*until) })).collect();
        serde_json::from_value(json!({ "time_zone": zone, "weekly": weekly })).unwrap()
    })
}

fn any_booking() -> impl Strategy<Value = AppointmentCommand> {
    // quarters of an hour of a year, changes of the clocks included
    (any::<bool>(), 0..35_000_u32, 1..9_u16).prop_map(|(moves, quarters, length)| {
        let (scheduled_at, duration_minutes) = (now().plus_minutes(30 + quarters * 15), (length * 15).try_into().unwrap());
        if moves {
            reschedule(NewTime { scheduled_at, duration_minutes: Some(duration_minutes), ..new_time(TUESDAY) })
        } else {
            let appointment = NewAppointment { scheduled_at, duration_minutes, ..booking(TUESDAY) };
            AppointmentCommand::Schedule { now: now(), appointment: Box::new(appointment) }
        }
    })
}

proptest! {
    #[test]
    fn whatever_is_asked_every_time_that_is_arranged_is_shown_on_a_clock_in_the_hours(
        availability in availability(), commands in prop::collection::vec(any_booking(), 0..40),
    ) {
        let grounds = a_provider(vec![ProviderCommand::SetAvailability { now: now(), availability: availability.clone() }]);
        let life = live_on::<Appointment>(Uuid::from_u128(42), &grounds, commands);
        for (before, event) in life.events {
            let after = before.evolve(&event);
            let booked = after.booked().unwrap();
            for minute in 0..u32::from(booked.duration_minutes.get()) {
                prop_assert!(is_open(&availability, booked.scheduled_at.plus_minutes(minute)), "minute {minute}");
            }
        }
    }
}

/// As a person would look it up: what the clock on the wall says, and whether that is in the week's list.
fn is_open(availability: &Availability, at: Instant) -> bool {
    use chrono::{Datelike, Timelike};
    let clock = chrono::DateTime::<chrono::Utc>::from(at).with_timezone(&chrono_tz::Tz::from(availability.time_zone));
    let minutes = u16::try_from(clock.hour() * 60 + clock.minute()).unwrap();
    let weekday = crate::provider::Weekday::ALL[clock.weekday().num_days_from_monday() as usize];
    availability.weekly.iter().any(|hours| hours.weekday == weekday && (hours.from.minutes()..hours.until.minutes()).contains(&minutes))
}
