//! Who sees whom, when, and what came of it?
//! `Absent → Scheduled → Confirmed → CheckedIn → InProgress → Completed`, or `→ Cancelled`, `→ NoShow`; or at once `Visited`

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Aggregate, Ground, Grounds, Instant, PatientId, ProviderId, Reservation, Subject, Text, events::events, redact::redacted, refusal::refusals,
};

mod booking;
mod details;
mod payloads;
#[cfg(test)]
mod properties;
mod rules;
#[cfg(test)]
mod tests;

pub use details::{
    AppointmentDetails, AppointmentStatus, AppointmentType, Cancellation, CancelledBy, DurationMinutes, Location, NewAppointment, NewTime, NewVisit,
    Outcome, Reminder, VisitStatus,
};
pub use payloads::*;

events! {
    /// What can have happened to an appointment.
    pub enum AppointmentEvent {
        AppointmentScheduled(AppointmentScheduled) = 1,
        AppointmentConfirmed(AppointmentConfirmed) = 1,
        AppointmentRescheduled(AppointmentRescheduled) = 1,
        AppointmentCheckedIn(AppointmentCheckedIn) = 1,
        AppointmentStarted(AppointmentStarted) = 1,
        AppointmentCompleted(AppointmentCompleted) = 1,
        AppointmentCancelled(AppointmentCancelled) = 1,
        AppointmentMissed(AppointmentMissed) = 1,
        VisitRecorded(VisitRecorded) = 1,
        AppointmentDetailsChanged(AppointmentDetailsChanged) = 1,
        AppointmentReminderSent(AppointmentReminderSent) = 1,
        VisitCorrected(VisitCorrected) = 1,
    }
}

/// An appointment's state.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Appointment {
    /// Not arranged yet.
    #[default]
    Absent,
    /// Arranged, and on its way.
    Booked {
        /// What is arranged, as of now.
        appointment: Box<NewAppointment>,
        /// Where it is on its way.
        status: AppointmentStatus,
        /// What came of it, once it is completed.
        outcome: Option<Box<Outcome>>,
        /// What the patient was told of the time it has now.
        reminded: BTreeSet<Reminder>,
    },
    /// A visit that had happened before it was written down.
    Visited {
        /// What happened, as it is known now.
        visit: Box<NewVisit>,
    },
}

redacted!(Appointment);

/// What can be asked of an appointment. `now` is the moment of the command.
#[derive(Clone)]
#[expect(missing_docs, reason = "the fields are named as in the events, which explain them")]
pub enum AppointmentCommand {
    /// Arrange it.
    Schedule { now: Instant, appointment: Box<NewAppointment> },
    /// Arrange it as it was arranged elsewhere: whatever may be arranged here, that has happened.
    TakeOver { now: Instant, appointment: Box<NewAppointment> },
    /// Say that the patient will come.
    Confirm { now: Instant },
    /// Move it.
    Reschedule { now: Instant, time: Box<NewTime> },
    /// Put right what it is for, where and why.
    ChangeDetails { now: Instant, details: AppointmentDetails },
    /// Say that the patient was told of it.
    RecordReminder { now: Instant, reminder: Reminder },
    /// Say that the patient is there.
    CheckIn { now: Instant },
    /// Say that the provider sees the patient.
    Start { now: Instant },
    /// Say that the provider has seen the patient, and what came of it.
    Complete { now: Instant, outcome: Outcome },
    /// Call it off.
    Cancel { now: Instant, cancellation: Cancellation },
    /// Say that the patient didn't come.
    RecordNoShow { now: Instant },
    /// Write down a visit that has happened.
    RecordVisit { now: Instant, visit: Box<NewVisit> },
    /// Put right what is known of a visit.
    CorrectVisit { now: Instant, visit: Box<NewVisit>, reason: Option<Text> },
}

redacted!(AppointmentCommand);

refusals! {
    /// Which rule on appointments says no.
    pub enum AppointmentError {
        AlreadyScheduled = "already_scheduled", State, "this appointment was already scheduled; reschedule it instead";
        NotScheduled = "not_scheduled", State, "this appointment was never scheduled";
        OnlyAVisit = "only_a_visit", State, "this is the record of a past visit, not an appointment";
        NotAVisit = "not_a_visit", State, "this is an appointment, not the record of a past visit";
        NotRecorded = "not_recorded", State, "this visit was never written down";
        OtherPatient = "other_patient", Request(patient_id), "patient_id must stay the same: what happened to somebody else is another visit";
        TooLateToRemind = "too_late_to_remind", State, "the appointment has begun; nobody is reminded of it any more";
        NotOpen = "not_open", State, "this appointment is over or was called off";
        AlreadyCheckedIn = "already_checked_in", State, "the patient is already there";
        NotCheckedIn = "not_checked_in", State, "the patient is not checked in";
        NotStarted = "not_started", State, "the appointment has not been started";
        UnderWay = "under_way", State, "the appointment is under way; complete it instead";
        OutsideHours = "outside_hours", State, "scheduled_at and duration_minutes must lie within the hours in which the provider can be booked";
        ProviderSuspended = "provider_suspended", State, "provider_id names a provider who is suspended: no new times can be arranged";
        PatientMerged = "patient_merged", State, "patient_id names a patient who was merged into another; arrange it for that one";
        PatientDeactivated = "patient_deactivated", State, "patient_id names a patient who is deactivated; reactivate them first";
        PatientDied = "patient_died", State, "patient_id names a patient who has died";
        OrganizationClosed = "organization_closed", State, "this organization is closed: no new times can be arranged";
        FacilityClosed = "facility_closed", State, "facility_id names a facility that is closed";
        TooEarlyForNoShow = "too_early_for_no_show", State, "a patient can't have missed what has not begun";
        InThePast = "in_the_past", Request(scheduled_at), "scheduled_at must not lie in the past";
        TooFarAhead = "too_far_ahead", Request(scheduled_at), "scheduled_at must lie within the next five years";
        FollowUpInThePast = "follow_up_in_the_past", Request(follow_up_date), "follow_up_date must not lie in the past";
        VisitInTheFuture = "visit_in_the_future", Request(started_at), "a visit must have begun, and what has not happened is an appointment";
        EndsBeforeItBegins = "ends_before_it_begins", Request(ended_at), "ended_at must not lie before started_at";
        TooMany = "too_many", Request, "at most 100 entries in a list and 2,000 characters in a code";
    }
}

impl Aggregate for Appointment {
    const TYPE: &'static str = "appointment";
    const TOPIC: &'static str = "appointment-events";
    const SNAPSHOT_VERSION: u32 = 2;
    type Command = AppointmentCommand;
    type Event = AppointmentEvent;
    type Error = AppointmentError;

    fn decide(&self, command: AppointmentCommand) -> Result<Vec<AppointmentEvent>, AppointmentError> {
        self.decide_on(command, &Grounds::default())
    }

    fn grounds(&self, command: &AppointmentCommand) -> Vec<Ground> {
        self.grounds_of(command)
    }

    fn decide_on(&self, command: AppointmentCommand, grounds: &Grounds) -> Result<Vec<AppointmentEvent>, AppointmentError> {
        match command {
            AppointmentCommand::Schedule { now, appointment } => self.schedule(now, *appointment, grounds),
            AppointmentCommand::TakeOver { now, appointment } => self.schedule(now, *appointment, &Grounds::default()),
            AppointmentCommand::Confirm { now } => self.confirm(now),
            AppointmentCommand::Reschedule { now, time } => self.reschedule(now, *time, grounds),
            AppointmentCommand::ChangeDetails { now, details } => self.change_details(now, details, grounds),
            AppointmentCommand::RecordReminder { now, reminder } => self.record_reminder(now, reminder),
            AppointmentCommand::CheckIn { now } => self.check_in(now),
            AppointmentCommand::Start { now } => self.start(now),
            AppointmentCommand::Complete { now, outcome } => self.complete(now, outcome),
            AppointmentCommand::Cancel { now, cancellation } => self.cancel(now, cancellation),
            AppointmentCommand::RecordNoShow { now } => self.record_no_show(now),
            AppointmentCommand::RecordVisit { now, visit } => self.record_visit(now, *visit),
            AppointmentCommand::CorrectVisit { now, visit, reason } => self.correct_visit(now, *visit, reason),
        }
    }

    fn evolve(self, event: &AppointmentEvent) -> Self {
        match event {
            AppointmentEvent::AppointmentScheduled(scheduled) => Self::Booked {
                appointment: Box::new(scheduled.appointment.clone()),
                status: AppointmentStatus::Scheduled,
                outcome: None,
                reminded: BTreeSet::new(),
            },
            AppointmentEvent::VisitRecorded(recorded) => Self::Visited { visit: Box::new(recorded.visit.clone()) },
            AppointmentEvent::VisitCorrected(corrected) => Self::Visited { visit: Box::new(corrected.visit.clone()) },
            AppointmentEvent::AppointmentDetailsChanged(changed) => self.detailed(changed),
            AppointmentEvent::AppointmentReminderSent(sent) => self.reminded(sent.reminder),
            AppointmentEvent::AppointmentRescheduled(moved) => self.moved(moved),
            AppointmentEvent::AppointmentConfirmed(_) => self.now(AppointmentStatus::Confirmed),
            AppointmentEvent::AppointmentCheckedIn(_) => self.now(AppointmentStatus::CheckedIn),
            AppointmentEvent::AppointmentStarted(_) => self.now(AppointmentStatus::InProgress),
            AppointmentEvent::AppointmentCompleted(completed) => self.completed(completed),
            AppointmentEvent::AppointmentCancelled(_) => self.now(AppointmentStatus::Cancelled),
            AppointmentEvent::AppointmentMissed(_) => self.now(AppointmentStatus::NoShow),
        }
    }

    fn subject(&self, id: Uuid, _event: &AppointmentEvent) -> Subject {
        Subject::Person(self.patient_id().map_or(id, |patient| patient.0))
    }

    fn reservations(&self, _id: Uuid, event: &AppointmentEvent) -> Vec<Reservation> {
        match event {
            AppointmentEvent::AppointmentScheduled(AppointmentScheduled { appointment: new, .. }) => {
                vec![slot(new.patient_id, new.provider_id, new.scheduled_at, new.duration_minutes)]
            }
            AppointmentEvent::AppointmentRescheduled(moved) => {
                self.booked().map(|now| slot(now.patient_id, moved.provider_id, moved.scheduled_at, moved.duration_minutes)).into_iter().collect()
            }
            // what remains of the time is free for others; what has passed can't be taken any more
            AppointmentEvent::AppointmentCompleted(_) | AppointmentEvent::AppointmentCancelled(_) | AppointmentEvent::AppointmentMissed(_) => {
                vec![Reservation::ReleaseSlots]
            }
            AppointmentEvent::AppointmentConfirmed(_)
            | AppointmentEvent::AppointmentCheckedIn(_)
            | AppointmentEvent::AppointmentStarted(_)
            | AppointmentEvent::AppointmentDetailsChanged(_)
            | AppointmentEvent::AppointmentReminderSent(_)
            | AppointmentEvent::VisitRecorded(_)
            | AppointmentEvent::VisitCorrected(_) => vec![],
        }
    }
}

fn slot(patient_id: PatientId, provider_id: ProviderId, start: Instant, duration: DurationMinutes) -> Reservation {
    let resources = vec![("patient", patient_id.0), ("provider", provider_id.0)];
    Reservation::Slot { resources, start, end: duration.after(start) }
}
