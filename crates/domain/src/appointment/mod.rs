//! Who sees whom, when, and what came of it?
//! `Absent → Scheduled → Confirmed → CheckedIn → InProgress → Completed`, or `→ Cancelled`, `→ NoShow`; or at once `Visited`

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Aggregate, Instant, PatientId, ProviderId, Reservation, Subject, events::events, redact::redacted, refusal::refusals};

mod details;
mod payloads;
#[cfg(test)]
mod properties;
mod rules;
#[cfg(test)]
mod tests;

pub use details::{
    AppointmentStatus, AppointmentType, Cancellation, CancelledBy, DurationMinutes, Location, NewAppointment, NewTime, NewVisit, Outcome, VisitStatus,
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
    },
    /// A visit that had happened before it was written down.
    Visited {
        /// Who came.
        patient_id: PatientId,
    },
}

redacted!(Appointment);

/// What can be asked of an appointment. `now` is the moment of the command.
#[derive(Clone)]
#[expect(missing_docs, reason = "the fields are named as in the events, which explain them")]
pub enum AppointmentCommand {
    /// Arrange it.
    Schedule { now: Instant, appointment: Box<NewAppointment> },
    /// Say that the patient will come.
    Confirm { now: Instant },
    /// Move it.
    Reschedule { now: Instant, time: Box<NewTime> },
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
}

redacted!(AppointmentCommand);

refusals! {
    /// Which rule on appointments says no.
    pub enum AppointmentError {
        AlreadyScheduled = "already_scheduled", State, "this appointment was already scheduled; reschedule it instead";
        NotScheduled = "not_scheduled", State, "this appointment was never scheduled";
        OnlyAVisit = "only_a_visit", State, "this is the record of a past visit, not an appointment";
        NotOpen = "not_open", State, "this appointment is over or was called off";
        AlreadyCheckedIn = "already_checked_in", State, "the patient is already there";
        NotCheckedIn = "not_checked_in", State, "the patient is not checked in";
        NotStarted = "not_started", State, "the appointment has not been started";
        UnderWay = "under_way", State, "the appointment is under way; complete it instead";
        TooEarlyForNoShow = "too_early_for_no_show", State, "a patient can't have missed what has not begun";
        InThePast = "in_the_past", Request, "scheduled_at must not lie in the past";
        TooFarAhead = "too_far_ahead", Request, "scheduled_at must lie within the next five years";
        FollowUpInThePast = "follow_up_in_the_past", Request, "follow_up_date must not lie in the past";
        VisitInTheFuture = "visit_in_the_future", Request, "a visit must have begun, and what has not happened is an appointment";
        EndsBeforeItBegins = "ends_before_it_begins", Request, "ended_at must not lie before started_at";
        TooMany = "too_many", Request, "at most 100 entries in a list and 2,000 characters in a code";
    }
}

impl Aggregate for Appointment {
    const TYPE: &'static str = "appointment";
    const TOPIC: &'static str = "appointment-events";
    type Command = AppointmentCommand;
    type Event = AppointmentEvent;
    type Error = AppointmentError;

    fn decide(&self, command: AppointmentCommand) -> Result<Vec<AppointmentEvent>, AppointmentError> {
        match command {
            AppointmentCommand::Schedule { now, appointment } => self.schedule(now, *appointment),
            AppointmentCommand::Confirm { now } => self.confirm(now),
            AppointmentCommand::Reschedule { now, time } => self.reschedule(now, *time),
            AppointmentCommand::CheckIn { now } => self.check_in(now),
            AppointmentCommand::Start { now } => self.start(now),
            AppointmentCommand::Complete { now, outcome } => self.complete(now, outcome),
            AppointmentCommand::Cancel { now, cancellation } => self.cancel(now, cancellation),
            AppointmentCommand::RecordNoShow { now } => self.record_no_show(now),
            AppointmentCommand::RecordVisit { now, visit } => self.record_visit(now, *visit),
        }
    }

    fn evolve(self, event: &AppointmentEvent) -> Self {
        match event {
            AppointmentEvent::AppointmentScheduled(scheduled) => {
                Self::Booked { appointment: Box::new(scheduled.appointment.clone()), status: AppointmentStatus::Scheduled, outcome: None }
            }
            AppointmentEvent::VisitRecorded(recorded) => Self::Visited { patient_id: recorded.visit.patient_id },
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
        match self {
            Self::Booked { appointment, .. } => Subject::Person(appointment.patient_id.0),
            Self::Visited { patient_id } => Subject::Person(patient_id.0),
            Self::Absent => Subject::Person(id),
        }
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
            | AppointmentEvent::VisitRecorded(_) => vec![],
        }
    }
}

fn slot(patient_id: PatientId, provider_id: ProviderId, start: Instant, duration: DurationMinutes) -> Reservation {
    let resources = vec![("patient", patient_id.0), ("provider", provider_id.0)];
    Reservation::Slot { resources, start, end: start.plus_minutes(u32::from(duration.get())) }
}
