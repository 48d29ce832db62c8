//! What a decision on one stream rests on in another.

use std::collections::HashMap;

use anamnesis_domain::appointment::{Appointment, AppointmentCommand, AppointmentError, AppointmentType, DurationMinutes, NewAppointment};
use anamnesis_domain::provider::{Availability, Provider, ProviderCommand};
use anamnesis_domain::{Instant, PatientId, ProviderId, TimeZone};
use anamnesis_journal::testing::{TestDatabase, caller};
use anamnesis_journal::{Caller, CommandError, Group, Journal};
use rand::Rng;
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::contention::widen_the_gap;

const MINUTES_A_DAY: u32 = 24 * 60;

/// 2026-01-01, a Thursday.
fn now() -> Instant {
    caller().now
}

fn register() -> ProviderCommand {
    let profile = serde_json::from_value(json!({ "provider_number": Uuid::now_v7().simple().to_string(), "name": { "family": "Blackwell" } }));
    ProviderCommand::Register { now: now(), profile: profile.unwrap() }
}

/// Open every day in the morning, or in the afternoon.
fn set_hours(mornings: bool) -> ProviderCommand {
    let (from, until) = if mornings { ("00:00", "12:00") } else { ("12:00", "24:00") };
    let exception = json!({ "first_day": "2026-01-01", "last_day": "2030-12-31", "hours": [{ "from": from, "until": until }] });
    let availability: Availability = serde_json::from_value(json!({ "time_zone": "UTC", "exceptions": [exception] })).unwrap();
    ProviderCommand::SetAvailability { now: now(), availability }
}

fn book(provider: Uuid, scheduled_at: Instant) -> AppointmentCommand {
    let appointment = Box::new(NewAppointment {
        patient_id: PatientId(Uuid::now_v7()),
        provider_id: ProviderId(provider),
        facility_id: None,
        appointment_type: AppointmentType::Checkup,
        scheduled_at,
        duration_minutes: DurationMinutes::default(),
        time_zone: TimeZone::UTC,
        location: None,
        reason: None,
    });
    AppointmentCommand::Schedule { now: now(), appointment }
}

/// In the morning or the afternoon of that day.
fn time(day: u32, morning: bool) -> Instant {
    now().plus_minutes(day * MINUTES_A_DAY + if morning { 9 * 60 } else { 15 * 60 })
}

async fn a_provider_with_hours(journal: &Journal, caller: &Caller, mornings: bool) -> Uuid {
    let id = Uuid::now_v7();
    journal.create::<Provider>(id, register(), &caller.again()).await.unwrap();
    journal.execute::<Provider>(id, set_hours(mornings), &caller.again(), None).await.unwrap();
    id
}

async fn schedule(journal: &Journal, caller: &Caller, provider: Uuid, at: Instant) -> Result<Uuid, CommandError<AppointmentError>> {
    journal.create::<Appointment>(Uuid::now_v7(), book(provider, at), &caller.again()).await.map(|done| done.aggregate_id)
}

fn is_outside<T>(outcome: &Result<T, CommandError<AppointmentError>>) -> bool {
    matches!(outcome, Err(CommandError::Refused(AppointmentError::OutsideHours)))
}

#[tokio::test]
async fn a_time_outside_of_the_hours_is_refused_whoever_asks() {
    let database = TestDatabase::new().await;
    let (journal, caller) = (database.journal().await, caller());
    let provider = a_provider_with_hours(&journal, &caller, true).await;
    assert!(is_outside(&schedule(&journal, &caller, provider, time(1, false)).await));
    schedule(&journal, &caller, provider, time(1, true)).await.unwrap();
    let unknown = schedule(&journal, &caller, Uuid::now_v7(), time(1, false)).await;
    assert!(unknown.is_ok(), "of a stream that isn't there nothing is known");
}

#[tokio::test]
async fn a_provider_of_another_organization_is_as_one_who_is_not_there() {
    let database = TestDatabase::new().await;
    let (journal, ours) = (database.journal().await, caller());
    let theirs = a_provider_with_hours(&journal, &caller(), true).await;
    schedule(&journal, &ours, theirs, time(1, false)).await.unwrap();
}

#[tokio::test]
async fn a_group_books_in_the_hours_that_it_has_set_itself() {
    let database = TestDatabase::new().await;
    let (journal, caller) = (database.journal().await, caller());
    let provider = a_provider_with_hours(&journal, &caller, true).await;
    let group = |mornings, appointment| {
        Group::new().execute::<Provider>(provider, set_hours(mornings), None).create::<Appointment>(appointment, book(provider, time(1, false)))
    };
    let (refused, booked) = (Uuid::now_v7(), Uuid::now_v7());
    assert_eq!(journal.group(&group(true, refused), &caller.again()).await.unwrap_err().step, Some(1));
    journal.group(&group(false, booked), &caller.again()).await.unwrap();
    assert!(journal.load::<Appointment>(caller.organization_id, refused).await.unwrap().is_none());
    assert!(journal.load::<Appointment>(caller.organization_id, booked).await.unwrap().is_some());
}

/// Somebody changes their mind all the time, others book; through two processes. Each booking that stands was in the hours that the log has
/// last before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_the_logs_order_every_booking_lies_in_the_hours_before_it() {
    let database = TestDatabase::new().await;
    let (processes, caller) = ([database.journal().await, database.journal().await], caller());
    let provider = a_provider_with_hours(&processes[0], &caller, true).await;
    widen_the_gap(&database.superuser()).await;
    let mut clients = JoinSet::new();
    for n in 0..12 {
        let (journal, caller) = (processes[n % 2].clone(), caller.clone());
        clients.spawn(async move {
            let mut booked = Vec::new();
            for turn in 0..15 {
                let (day, morning) = (u32::try_from(n * 15 + turn).unwrap(), rand::rng().random());
                match schedule(&journal, &caller, provider, time(day, morning)).await {
                    Ok(id) => booked.push((id, morning)),
                    Err(error) => assert!(is_outside(&Err::<(), _>(error)), "nothing else is in the way"),
                }
            }
            booked
        });
    }
    let changing = tokio::spawn({
        let (journal, caller) = (processes[1].clone(), caller.clone());
        async move {
            for turn in 0..30 {
                tokio::time::sleep(std::time::Duration::from_millis(30)).await;
                journal.execute::<Provider>(provider, set_hours(turn % 2 == 1), &caller.again(), None).await.unwrap();
            }
        }
    });
    let booked: HashMap<Uuid, bool> = clients.join_all().await.into_iter().flatten().collect();
    changing.await.unwrap();

    let happened: Vec<(String, Uuid, i64)> = sqlx::query_as("select aggregate_type, aggregate_id, sequence from journal.events order by arrival")
        .fetch_all(&database.superuser())
        .await
        .unwrap();
    let (mut mornings, mut checked) = (true, 0);
    for (aggregate_type, id, sequence) in happened {
        if aggregate_type == "provider" {
            // the second event says mornings, and from then on they take turns
            mornings = sequence % 2 == 0;
        } else {
            assert_eq!(booked[&id], mornings, "the appointment {checked}");
            checked += 1;
        }
    }
    assert_eq!(checked, booked.len());
    assert!(checked > 20, "only {checked} were booked: this shows little");
}
