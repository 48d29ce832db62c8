//! Which commands are allowed, and what follows from them?

use super::{
    Appointment, AppointmentCancelled, AppointmentCheckedIn, AppointmentCompleted, AppointmentConfirmed, AppointmentError, AppointmentEvent,
    AppointmentMissed, AppointmentRescheduled, AppointmentScheduled, AppointmentStarted, AppointmentStatus, Cancellation, NewAppointment, NewTime,
    NewVisit, Outcome, VisitRecorded,
};
use crate::{Instant, values::Bounded};

/// How far ahead a time may be arranged: five years.
const MAX_MINUTES_AHEAD: u32 = 5 * 366 * 24 * 60;

type Decision = Result<Vec<AppointmentEvent>, AppointmentError>;

impl Appointment {
    /// Where it is on its way; none before it was arranged and for a visit.
    pub fn status(&self) -> Option<AppointmentStatus> {
        match self {
            Self::Booked { status, .. } => Some(*status),
            Self::Absent | Self::Visited { .. } => None,
        }
    }

    pub(super) fn booked(&self) -> Option<&NewAppointment> {
        match self {
            Self::Booked { appointment, .. } => Some(appointment),
            Self::Absent | Self::Visited { .. } => None,
        }
    }

    pub(super) fn now(self, status: AppointmentStatus) -> Self {
        match self {
            Self::Booked { appointment, outcome, .. } => Self::Booked { appointment, status, outcome },
            Self::Absent | Self::Visited { .. } => self,
        }
    }

    pub(super) fn completed(self, completed: &AppointmentCompleted) -> Self {
        match self {
            Self::Booked { appointment, .. } => {
                Self::Booked { appointment, status: AppointmentStatus::Completed, outcome: Some(Box::new(completed.outcome.clone())) }
            }
            Self::Absent | Self::Visited { .. } => self,
        }
    }

    pub(super) fn moved(self, moved: &AppointmentRescheduled) -> Self {
        let Self::Booked { mut appointment, outcome, .. } = self else { return self };
        appointment.provider_id = moved.provider_id;
        appointment.scheduled_at = moved.scheduled_at;
        appointment.duration_minutes = moved.duration_minutes;
        appointment.time_zone = moved.time_zone;
        appointment.location.clone_from(&moved.location);
        Self::Booked { appointment, status: AppointmentStatus::Scheduled, outcome }
    }

    fn on_its_way(&self) -> Result<(&NewAppointment, AppointmentStatus), AppointmentError> {
        match self {
            Self::Absent => Err(AppointmentError::NotScheduled),
            Self::Visited { .. } => Err(AppointmentError::OnlyAVisit),
            Self::Booked { appointment, status, .. } => Ok((appointment, *status)),
        }
    }

    pub(super) fn schedule(&self, now: Instant, appointment: NewAppointment) -> Decision {
        if *self != Self::Absent {
            return Err(AppointmentError::AlreadyScheduled);
        }
        check_time(now, appointment.scheduled_at)?;
        bounded(&appointment.location)?;
        Ok(vec![AppointmentScheduled { appointment, booked_at: now }.into()])
    }

    pub(super) fn confirm(&self, now: Instant) -> Decision {
        match self.on_its_way()?.1 {
            AppointmentStatus::Scheduled => Ok(vec![AppointmentConfirmed { confirmed_at: now }.into()]),
            AppointmentStatus::Confirmed => Ok(vec![]),
            AppointmentStatus::CheckedIn | AppointmentStatus::InProgress => Err(AppointmentError::AlreadyCheckedIn),
            AppointmentStatus::Completed | AppointmentStatus::Cancelled | AppointmentStatus::NoShow => Err(AppointmentError::NotOpen),
        }
    }

    pub(super) fn reschedule(&self, now: Instant, time: NewTime) -> Decision {
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

    pub(super) fn check_in(&self, now: Instant) -> Decision {
        match self.on_its_way()?.1 {
            AppointmentStatus::Scheduled | AppointmentStatus::Confirmed => Ok(vec![AppointmentCheckedIn { checked_in_at: now }.into()]),
            AppointmentStatus::CheckedIn => Ok(vec![]),
            AppointmentStatus::InProgress => Err(AppointmentError::UnderWay),
            AppointmentStatus::Completed | AppointmentStatus::Cancelled | AppointmentStatus::NoShow => Err(AppointmentError::NotOpen),
        }
    }

    pub(super) fn start(&self, now: Instant) -> Decision {
        match self.on_its_way()?.1 {
            AppointmentStatus::Scheduled | AppointmentStatus::Confirmed => Err(AppointmentError::NotCheckedIn),
            AppointmentStatus::CheckedIn => Ok(vec![AppointmentStarted { started_at: now }.into()]),
            AppointmentStatus::InProgress => Ok(vec![]),
            AppointmentStatus::Completed | AppointmentStatus::Cancelled | AppointmentStatus::NoShow => Err(AppointmentError::NotOpen),
        }
    }

    pub(super) fn complete(&self, now: Instant, outcome: Outcome) -> Decision {
        match self.on_its_way()?.1 {
            AppointmentStatus::InProgress => {}
            AppointmentStatus::Completed if self.led_to(&outcome) => return Ok(vec![]),
            AppointmentStatus::Scheduled | AppointmentStatus::Confirmed | AppointmentStatus::CheckedIn => return Err(AppointmentError::NotStarted),
            AppointmentStatus::Completed | AppointmentStatus::Cancelled | AppointmentStatus::NoShow => return Err(AppointmentError::NotOpen),
        }
        if outcome.follow_up_date.is_some_and(|day| day < now.date_furthest_west()) {
            return Err(AppointmentError::FollowUpInThePast);
        }
        bounded(&outcome)?;
        Ok(vec![AppointmentCompleted { outcome, completed_at: now }.into()])
    }

    fn led_to(&self, expected: &Outcome) -> bool {
        matches!(self, Self::Booked { outcome: Some(outcome), .. } if **outcome == *expected)
    }

    pub(super) fn cancel(&self, now: Instant, cancellation: Cancellation) -> Decision {
        match self.on_its_way()?.1 {
            AppointmentStatus::Scheduled | AppointmentStatus::Confirmed | AppointmentStatus::CheckedIn => {
                Ok(vec![AppointmentCancelled { cancellation, cancelled_at: now }.into()])
            }
            AppointmentStatus::Cancelled => Ok(vec![]),
            AppointmentStatus::InProgress => Err(AppointmentError::UnderWay),
            AppointmentStatus::Completed | AppointmentStatus::NoShow => Err(AppointmentError::NotOpen),
        }
    }

    pub(super) fn record_no_show(&self, now: Instant) -> Decision {
        let (appointment, status) = self.on_its_way()?;
        match status {
            AppointmentStatus::Scheduled | AppointmentStatus::Confirmed if now < appointment.scheduled_at => Err(AppointmentError::TooEarlyForNoShow),
            AppointmentStatus::Scheduled | AppointmentStatus::Confirmed => Ok(vec![AppointmentMissed { missed_at: now }.into()]),
            AppointmentStatus::NoShow => Ok(vec![]),
            AppointmentStatus::CheckedIn | AppointmentStatus::InProgress => Err(AppointmentError::AlreadyCheckedIn),
            AppointmentStatus::Completed | AppointmentStatus::Cancelled => Err(AppointmentError::NotOpen),
        }
    }

    pub(super) fn record_visit(&self, now: Instant, visit: NewVisit) -> Decision {
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
