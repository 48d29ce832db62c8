//! Who sees whom, when, and what came of it?
//! `Absent → Scheduled → Confirmed → CheckedIn → InProgress → Completed`, or `→ Cancelled`, `→ NoShow`; or at once `Visited`

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Aggregate, Instant, PatientId, ProviderId, Reservation, Subject, Text, TimeZone, events::events, redact::redacted, refusal::refusals,
    values::Bounded,
};

mod details;
#[cfg(test)]
mod tests;

pub use details::{
    AppointmentStatus, AppointmentType, Cancellation, CancelledBy, DurationMinutes, Location, NewAppointment, NewTime, NewVisit, Outcome, VisitStatus,
};

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

/// A time was arranged.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AppointmentScheduled {
    /// What was arranged.
    pub appointment: NewAppointment,
    /// When it was arranged.
    pub booked_at: Instant,
}

/// The patient said they would come.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AppointmentConfirmed {
    /// When.
    pub confirmed_at: Instant,
}

/// Another time was arranged. It has to be confirmed again.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AppointmentRescheduled {
    /// To whom.
    pub provider_id: ProviderId,
    /// When.
    pub scheduled_at: Instant,
    /// How long.
    pub duration_minutes: DurationMinutes,
    /// The time zone in which people speak of it.
    pub time_zone: TimeZone,
    /// Where.
    pub location: Option<Location>,
    /// Why it was moved.
    pub reason: Option<Text>,
    /// When it was moved.
    pub rescheduled_at: Instant,
}

/// The patient is there.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AppointmentCheckedIn {
    /// Since when.
    pub checked_in_at: Instant,
}

/// The provider sees the patient.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AppointmentStarted {
    /// Since when.
    pub started_at: Instant,
}

/// The provider has seen the patient.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AppointmentCompleted {
    /// What came of it.
    pub outcome: Outcome,
    /// When.
    pub completed_at: Instant,
}

/// It was called off.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AppointmentCancelled {
    /// Why and by whom.
    pub cancellation: Cancellation,
    /// When.
    pub cancelled_at: Instant,
}

/// The patient didn't come.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AppointmentMissed {
    /// When that was written down.
    pub missed_at: Instant,
}

/// A visit that had happened was written down.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct VisitRecorded {
    /// What happened.
    pub visit: NewVisit,
    /// When it was written down.
    pub recorded_at: Instant,
}

redacted!(
    AppointmentScheduled,
    AppointmentConfirmed,
    AppointmentRescheduled,
    AppointmentCheckedIn,
    AppointmentStarted,
    AppointmentCompleted,
    AppointmentCancelled,
    AppointmentMissed,
    VisitRecorded,
);

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
                Self::Booked { appointment: Box::new(scheduled.appointment.clone()), status: AppointmentStatus::Scheduled }
            }
            AppointmentEvent::VisitRecorded(recorded) => Self::Visited { patient_id: recorded.visit.patient_id },
            AppointmentEvent::AppointmentRescheduled(moved) => self.moved(moved),
            AppointmentEvent::AppointmentConfirmed(_) => self.now(AppointmentStatus::Confirmed),
            AppointmentEvent::AppointmentCheckedIn(_) => self.now(AppointmentStatus::CheckedIn),
            AppointmentEvent::AppointmentStarted(_) => self.now(AppointmentStatus::InProgress),
            AppointmentEvent::AppointmentCompleted(_) => self.now(AppointmentStatus::Completed),
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

/// How far ahead a time may be arranged: five years.
const MAX_MINUTES_AHEAD: u32 = 5 * 366 * 24 * 60;
/// How far behind UTC the day may be somewhere: a follow-up "today" there isn't in the past.
const MINUTES_BEHIND_UTC: i64 = 12 * 60;

type Decision = Result<Vec<AppointmentEvent>, AppointmentError>;

impl Appointment {
    /// Where it is on its way; none before it was arranged and for a visit.
    pub fn status(&self) -> Option<AppointmentStatus> {
        match self {
            Self::Booked { status, .. } => Some(*status),
            Self::Absent | Self::Visited { .. } => None,
        }
    }

    fn booked(&self) -> Option<&NewAppointment> {
        match self {
            Self::Booked { appointment, .. } => Some(appointment),
            Self::Absent | Self::Visited { .. } => None,
        }
    }

    fn now(self, status: AppointmentStatus) -> Self {
        match self {
            Self::Booked { appointment, .. } => Self::Booked { appointment, status },
            Self::Absent | Self::Visited { .. } => self,
        }
    }

    fn moved(self, moved: &AppointmentRescheduled) -> Self {
        let Self::Booked { mut appointment, .. } = self else { return self };
        appointment.provider_id = moved.provider_id;
        appointment.scheduled_at = moved.scheduled_at;
        appointment.duration_minutes = moved.duration_minutes;
        appointment.time_zone = moved.time_zone;
        appointment.location.clone_from(&moved.location);
        Self::Booked { appointment, status: AppointmentStatus::Scheduled }
    }

    fn on_its_way(&self) -> Result<(&NewAppointment, AppointmentStatus), AppointmentError> {
        match self {
            Self::Absent => Err(AppointmentError::NotScheduled),
            Self::Visited { .. } => Err(AppointmentError::OnlyAVisit),
            Self::Booked { appointment, status } => Ok((appointment, *status)),
        }
    }

    fn schedule(&self, now: Instant, appointment: NewAppointment) -> Decision {
        if *self != Self::Absent {
            return Err(AppointmentError::AlreadyScheduled);
        }
        check_time(now, appointment.scheduled_at)?;
        bounded(&appointment.location)?;
        Ok(vec![AppointmentScheduled { appointment, booked_at: now }.into()])
    }

    fn confirm(&self, now: Instant) -> Decision {
        match self.on_its_way()?.1 {
            AppointmentStatus::Scheduled => Ok(vec![AppointmentConfirmed { confirmed_at: now }.into()]),
            AppointmentStatus::Confirmed => Ok(vec![]),
            AppointmentStatus::CheckedIn | AppointmentStatus::InProgress => Err(AppointmentError::AlreadyCheckedIn),
            AppointmentStatus::Completed | AppointmentStatus::Cancelled | AppointmentStatus::NoShow => Err(AppointmentError::NotOpen),
        }
    }

    fn reschedule(&self, now: Instant, time: NewTime) -> Decision {
        let (appointment, status) = self.on_its_way()?;
        match status {
            AppointmentStatus::Scheduled | AppointmentStatus::Confirmed => {}
            AppointmentStatus::CheckedIn | AppointmentStatus::InProgress => return Err(AppointmentError::AlreadyCheckedIn),
            AppointmentStatus::Completed | AppointmentStatus::Cancelled | AppointmentStatus::NoShow => return Err(AppointmentError::NotOpen),
        }
        let moved = AppointmentRescheduled {
            provider_id: time.provider_id.unwrap_or(appointment.provider_id),
            scheduled_at: time.scheduled_at,
            duration_minutes: time.duration_minutes.unwrap_or(appointment.duration_minutes),
            time_zone: time.time_zone.unwrap_or(appointment.time_zone),
            location: time.location.or_else(|| appointment.location.clone()),
            reason: time.reason,
            rescheduled_at: now,
        };
        if moved.changes_nothing_of(appointment) {
            return Ok(vec![]);
        }
        check_time(now, moved.scheduled_at)?;
        bounded(&moved.location)?;
        Ok(vec![moved.into()])
    }

    fn check_in(&self, now: Instant) -> Decision {
        match self.on_its_way()?.1 {
            AppointmentStatus::Scheduled | AppointmentStatus::Confirmed => Ok(vec![AppointmentCheckedIn { checked_in_at: now }.into()]),
            AppointmentStatus::CheckedIn => Ok(vec![]),
            AppointmentStatus::InProgress => Err(AppointmentError::UnderWay),
            AppointmentStatus::Completed | AppointmentStatus::Cancelled | AppointmentStatus::NoShow => Err(AppointmentError::NotOpen),
        }
    }

    fn start(&self, now: Instant) -> Decision {
        match self.on_its_way()?.1 {
            AppointmentStatus::Scheduled | AppointmentStatus::Confirmed => Err(AppointmentError::NotCheckedIn),
            AppointmentStatus::CheckedIn => Ok(vec![AppointmentStarted { started_at: now }.into()]),
            AppointmentStatus::InProgress => Ok(vec![]),
            AppointmentStatus::Completed | AppointmentStatus::Cancelled | AppointmentStatus::NoShow => Err(AppointmentError::NotOpen),
        }
    }

    fn complete(&self, now: Instant, outcome: Outcome) -> Decision {
        match self.on_its_way()?.1 {
            AppointmentStatus::InProgress => {}
            AppointmentStatus::Scheduled | AppointmentStatus::Confirmed | AppointmentStatus::CheckedIn => return Err(AppointmentError::NotStarted),
            AppointmentStatus::Completed | AppointmentStatus::Cancelled | AppointmentStatus::NoShow => return Err(AppointmentError::NotOpen),
        }
        let earliest = Instant::from_micros(now.micros() - MINUTES_BEHIND_UTC * 60 * 1_000_000).date();
        if outcome.follow_up_date.is_some_and(|day| day < earliest) {
            return Err(AppointmentError::FollowUpInThePast);
        }
        bounded(&outcome)?;
        Ok(vec![AppointmentCompleted { outcome, completed_at: now }.into()])
    }

    fn cancel(&self, now: Instant, cancellation: Cancellation) -> Decision {
        match self.on_its_way()?.1 {
            AppointmentStatus::Scheduled | AppointmentStatus::Confirmed | AppointmentStatus::CheckedIn => {
                Ok(vec![AppointmentCancelled { cancellation, cancelled_at: now }.into()])
            }
            AppointmentStatus::Cancelled => Ok(vec![]),
            AppointmentStatus::InProgress => Err(AppointmentError::UnderWay),
            AppointmentStatus::Completed | AppointmentStatus::NoShow => Err(AppointmentError::NotOpen),
        }
    }

    fn record_no_show(&self, now: Instant) -> Decision {
        let (appointment, status) = self.on_its_way()?;
        match status {
            AppointmentStatus::Scheduled | AppointmentStatus::Confirmed if now < appointment.scheduled_at => Err(AppointmentError::TooEarlyForNoShow),
            AppointmentStatus::Scheduled | AppointmentStatus::Confirmed => Ok(vec![AppointmentMissed { missed_at: now }.into()]),
            AppointmentStatus::NoShow => Ok(vec![]),
            AppointmentStatus::CheckedIn | AppointmentStatus::InProgress => Err(AppointmentError::AlreadyCheckedIn),
            AppointmentStatus::Completed | AppointmentStatus::Cancelled => Err(AppointmentError::NotOpen),
        }
    }

    fn record_visit(&self, now: Instant, visit: NewVisit) -> Decision {
        if *self != Self::Absent {
            return Err(AppointmentError::AlreadyScheduled);
        }
        if visit.started_at > now {
            return Err(AppointmentError::VisitInTheFuture);
        }
        if visit.ended_at.is_some_and(|end| end < visit.started_at) {
            return Err(AppointmentError::EndsBeforeItBegins);
        }
        bounded(&visit)?;
        Ok(vec![VisitRecorded { visit, recorded_at: now }.into()])
    }
}

impl AppointmentRescheduled {
    fn changes_nothing_of(&self, appointment: &NewAppointment) -> bool {
        self.provider_id == appointment.provider_id
            && self.scheduled_at == appointment.scheduled_at
            && self.duration_minutes == appointment.duration_minutes
            && self.time_zone == appointment.time_zone
            && self.location == appointment.location
    }
}

fn check_time(now: Instant, scheduled_at: Instant) -> Result<(), AppointmentError> {
    if scheduled_at < now {
        Err(AppointmentError::InThePast)
    } else if scheduled_at > now.plus_minutes(MAX_MINUTES_AHEAD) {
        Err(AppointmentError::TooFarAhead)
    } else {
        Ok(())
    }
}

fn bounded(value: &impl Bounded) -> Result<(), AppointmentError> {
    if value.is_bounded() { Ok(()) } else { Err(AppointmentError::TooMany) }
}
