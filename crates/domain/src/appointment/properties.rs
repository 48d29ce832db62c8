//! What holds of an appointment whatever people ask for, and in whatever order?

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::TimeZone;
use crate::testing::live;
use crate::testing::strategies::{code, date, id, instant, now, text};

fn duration() -> impl Strategy<Value = DurationMinutes> + Clone {
    (5..=1_440_u16).prop_map(|minutes| minutes.try_into().expect("a length of an appointment"))
}

fn zone() -> impl Strategy<Value = TimeZone> {
    prop::sample::select(vec!["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati"]).prop_map(|name| name.try_into().expect("a time zone"))
}

fn new_appointment() -> impl Strategy<Value = NewAppointment> {
    let appointment_type = prop::sample::select(AppointmentType::ALL.to_vec());
    (id(), id(), appointment_type, instant(), duration(), zone(), option::of(text())).prop_map(
        |(patient_id, provider_id, appointment_type, scheduled_at, duration_minutes, time_zone, reason)| NewAppointment {
            patient_id,
            provider_id,
            facility_id: None,
            appointment_type,
            scheduled_at,
            duration_minutes,
            time_zone,
            location: None,
            reason,
        },
    )
}

fn new_time() -> impl Strategy<Value = NewTime> {
    (instant(), option::of(duration()), option::of(zone()), option::of(id()), option::of(text())).prop_map(
        |(scheduled_at, duration_minutes, time_zone, provider_id, reason)| NewTime {
            scheduled_at,
            duration_minutes,
            time_zone,
            provider_id,
            location: None,
            reason,
        },
    )
}

fn outcome() -> impl Strategy<Value = Outcome> {
    (vec(text(), 0..2), option::of(text()), vec(code(), 0..2), option::of(date())).prop_map(
        |(symptoms, diagnosis, diagnosis_codes, follow_up_date)| Outcome {
            symptoms,
            diagnosis,
            diagnosis_codes,
            follow_up_date,
            ..Outcome::default()
        },
    )
}

fn visit() -> impl Strategy<Value = NewVisit> {
    (id(), instant(), option::of(instant()), vec(code(), 0..2)).prop_map(|(patient_id, started_at, ended_at, types)| NewVisit {
        patient_id,
        provider_id: None,
        facility_id: None,
        status: VisitStatus::Finished,
        class: None,
        types,
        reasons: vec![],
        started_at,
        ended_at,
    })
}

fn details() -> impl Strategy<Value = AppointmentDetails> {
    (prop::sample::select(AppointmentType::ALL.to_vec()), option::of(id()), option::of(text()))
        .prop_map(|(appointment_type, facility_id, reason)| AppointmentDetails { appointment_type, facility_id, reason })
}

fn command() -> impl Strategy<Value = AppointmentCommand> {
    use AppointmentCommand::*;
    let cancellation = text().prop_map(|reason| Cancellation { reason, cancelled_by: CancelledBy::Patient });
    prop_oneof![
        4 => (now(), new_appointment()).prop_map(|(now, appointment)| Schedule { now, appointment: Box::new(appointment) }),
        2 => now().prop_map(|now| Confirm { now }),
        3 => (now(), new_time()).prop_map(|(now, time)| Reschedule { now, time: Box::new(time) }),
        2 => now().prop_map(|now| CheckIn { now }),
        2 => now().prop_map(|now| Start { now }),
        2 => (now(), outcome()).prop_map(|(now, outcome)| Complete { now, outcome }),
        1 => (now(), cancellation).prop_map(|(now, cancellation)| Cancel { now, cancellation }),
        1 => now().prop_map(|now| RecordNoShow { now }),
        1 => (now(), visit()).prop_map(|(now, visit)| RecordVisit { now, visit: Box::new(visit) }),
        1 => (now(), visit(), option::of(text())).prop_map(|(now, visit, reason)| CorrectVisit { now, visit: Box::new(visit), reason }),
        1 => (now(), details()).prop_map(|(now, details)| ChangeDetails { now, details }),
        2 => (now(), prop::sample::select(Reminder::ALL.to_vec())).prop_map(|(now, reminder)| RecordReminder { now, reminder }),
    ]
}

fn is_open(appointment: &Appointment) -> bool {
    match appointment.status() {
        Some(AppointmentStatus::Scheduled | AppointmentStatus::Confirmed | AppointmentStatus::CheckedIn | AppointmentStatus::InProgress) => true,
        Some(AppointmentStatus::Completed | AppointmentStatus::Cancelled | AppointmentStatus::NoShow) | None => false,
    }
}

proptest! {
    #[test]
    fn an_appointment_holds_its_time_while_it_is_open(commands in vec(command(), 0..25)) {
        let id = Uuid::from_u128(42);
        let life = live::<Appointment>(id, commands);
        let mut held = None;
        for (before, event) in &life.events {
            for reservation in before.reservations(id, event) {
                match reservation {
                    Reservation::Slot { resources, start, end } => held = Some((resources, start, end)),
                    Reservation::ReleaseSlots => held = None,
                    Reservation::Claim { .. } | Reservation::Release { .. } => prop_assert!(false, "an appointment claims no value"),
                }
            }
            let after = before.clone().evolve(event);
            prop_assert_eq!(held.is_some(), is_open(&after), "after {:?}", event);
            if let Some((resources, start, end)) = &held {
                let now = after.booked().expect("what is open is booked");
                prop_assert_eq!(resources, &vec![("patient", now.patient_id.0), ("provider", now.provider_id.0)]);
                prop_assert_eq!((*start, *end), (now.scheduled_at, now.scheduled_at.plus_minutes(u32::from(now.duration_minutes.get()))));
            }
        }
    }

    #[test]
    fn what_is_over_stays_over(commands in vec(command(), 0..25)) {
        let life = live::<Appointment>(Uuid::from_u128(42), commands);
        for (before, event) in &life.events {
            let is_a_correction = matches!(event, AppointmentEvent::VisitCorrected(_));
            prop_assert!(*before == Appointment::Absent || is_open(before) || is_a_correction, "{:?} on what is over", event);
        }
    }

    #[test]
    fn a_patient_is_told_each_thing_once_of_each_time(commands in vec(command(), 0..40)) {
        let mut told = std::collections::BTreeSet::new();
        for (_, event) in &live::<Appointment>(Uuid::from_u128(42), commands).events {
            if let AppointmentEvent::AppointmentRescheduled(_) = event {
                told.clear();
            }
            if let AppointmentEvent::AppointmentReminderSent(sent) = event {
                prop_assert!(told.insert(sent.reminder), "{} was sent twice", sent.reminder);
            }
        }
    }
}
