//! Which commands are allowed, and what follows from them?

use super::booking::{check_facility, check_grounds};
use super::{
    Appointment, AppointmentCancelled, AppointmentCheckedIn, AppointmentCompleted, AppointmentConfirmed, AppointmentDetails,
    AppointmentDetailsChanged, AppointmentError, AppointmentEvent, AppointmentMissed, AppointmentReminderSent, AppointmentRescheduled,
    AppointmentScheduled, AppointmentStarted, AppointmentStatus, Cancellation, NewAppointment, NewTime, NewVisit, Outcome, Reminder, VisitCorrected,
    VisitRecorded,
};
use crate::{Grounds, Instant, PatientId, Text, values::Bounded};

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

    /// Who comes or came.
    pub fn patient_id(&self) -> Option<PatientId> {
        match self {
            Self::Absent => None,
            Self::Booked { appointment, .. } => Some(appointment.patient_id),
            Self::Visited { visit } => Some(visit.patient_id),
        }
    }

    pub(super) fn booked(&self) -> Option<&NewAppointment> {
        match self {
            Self::Booked { appointment, .. } => Some(appointment),
            Self::Absent | Self::Visited { .. } => None,
        }
    }

    pub(super) fn now(mut self, now: AppointmentStatus) -> Self {
        if let Self::Booked { status, .. } = &mut self {
            *status = now;
        }
        self
    }

    pub(super) fn completed(mut self, completed: &AppointmentCompleted) -> Self {
        if let Self::Booked { outcome, .. } = &mut self {
            *outcome = Some(Box::new(completed.outcome.clone()));
        }
        self.now(AppointmentStatus::Completed)
    }

    pub(super) fn detailed(mut self, changed: &AppointmentDetailsChanged) -> Self {
        if let Self::Booked { appointment, .. } = &mut self {
            let AppointmentDetails { appointment_type, facility_id, reason } = changed.details.clone();
            (appointment.appointment_type, appointment.facility_id, appointment.reason) = (appointment_type, facility_id, reason);
        }
        self
    }

    pub(super) fn reminded(mut self, reminder: Reminder) -> Self {
        if let Self::Booked { reminded, .. } = &mut self {
            reminded.insert(reminder);
        }
        self
    }

    pub(super) fn moved(mut self, moved: &AppointmentRescheduled) -> Self {
        let Self::Booked { appointment, reminded, .. } = &mut self else { return self };
        // of another time nobody was told yet
        reminded.clear();
        appointment.provider_id = moved.provider_id;
        appointment.scheduled_at = moved.scheduled_at;
        appointment.duration_minutes = moved.duration_minutes;
        appointment.time_zone = moved.time_zone;
        appointment.location.clone_from(&moved.location);
        self.now(AppointmentStatus::Scheduled)
    }

    fn on_its_way(&self) -> Result<(&NewAppointment, AppointmentStatus), AppointmentError> {
        match self {
            Self::Absent => Err(AppointmentError::NotScheduled),
            Self::Visited { .. } => Err(AppointmentError::OnlyAVisit),
            Self::Booked { appointment, status, .. } => Ok((appointment, *status)),
        }
    }

    pub(super) fn schedule(&self, now: Instant, appointment: NewAppointment, grounds: &Grounds) -> Decision {
        if *self != Self::Absent {
            return Err(AppointmentError::AlreadyScheduled);
        }
        check_time(now, appointment.scheduled_at)?;
        bounded(&appointment.location)?;
        check_grounds(grounds, appointment.scheduled_at, appointment.duration_minutes)?;
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

    pub(super) fn reschedule(&self, now: Instant, time: NewTime, grounds: &Grounds) -> Decision {
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
        if !moved.keeps_the_time_of(appointment) {
            check_grounds(grounds, moved.scheduled_at, moved.duration_minutes)?;
        }
        Ok(vec![moved.into()])
    }

    pub(super) fn change_details(&self, now: Instant, details: AppointmentDetails, grounds: &Grounds) -> Decision {
        let (appointment, status) = self.on_its_way()?;
        match status {
            AppointmentStatus::Scheduled | AppointmentStatus::Confirmed | AppointmentStatus::CheckedIn | AppointmentStatus::InProgress => {}
            AppointmentStatus::Completed | AppointmentStatus::Cancelled | AppointmentStatus::NoShow => return Err(AppointmentError::NotOpen),
        }
        if details == AppointmentDetails::of(appointment) {
            return Ok(vec![]);
        }
        if details.facility_id != appointment.facility_id {
            check_facility(grounds)?;
        }
        Ok(vec![AppointmentDetailsChanged { details, changed_at: now }.into()])
    }

    pub(super) fn record_reminder(&self, now: Instant, reminder: Reminder) -> Decision {
        let (appointment, status) = self.on_its_way()?;
        match status {
            _ if self.was_told(reminder) => Ok(vec![]),
            AppointmentStatus::Scheduled | AppointmentStatus::Confirmed if now >= appointment.scheduled_at => Err(AppointmentError::TooLateToRemind),
            AppointmentStatus::Scheduled | AppointmentStatus::Confirmed => Ok(vec![AppointmentReminderSent { reminder, sent_at: now }.into()]),
            AppointmentStatus::CheckedIn | AppointmentStatus::InProgress => Err(AppointmentError::AlreadyCheckedIn),
            AppointmentStatus::Completed | AppointmentStatus::Cancelled | AppointmentStatus::NoShow => Err(AppointmentError::NotOpen),
        }
    }

    fn was_told(&self, reminder: Reminder) -> bool {
        matches!(self, Self::Booked { reminded, .. } if reminded.contains(&reminder))
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
        check_visit(now, &visit)?;
        Ok(vec![VisitRecorded { visit, recorded_at: now }.into()])
    }

    pub(super) fn correct_visit(&self, now: Instant, visit: NewVisit, reason: Option<Text>) -> Decision {
        match self {
            Self::Absent => return Err(AppointmentError::NotRecorded),
            Self::Booked { .. } => return Err(AppointmentError::NotAVisit),
            Self::Visited { visit: known } if **known == visit => return Ok(vec![]),
            Self::Visited { visit: known } if known.patient_id != visit.patient_id => return Err(AppointmentError::OtherPatient),
            Self::Visited { .. } => {}
        }
        check_visit(now, &visit)?;
        Ok(vec![VisitCorrected { visit, reason, corrected_at: now }.into()])
    }
}

impl AppointmentRescheduled {
    fn changes_nothing_of(&self, appointment: &NewAppointment) -> bool {
        self.keeps_the_time_of(appointment) && self.time_zone == appointment.time_zone && self.location == appointment.location
    }

    fn keeps_the_time_of(&self, appointment: &NewAppointment) -> bool {
        self.provider_id == appointment.provider_id
            && self.scheduled_at == appointment.scheduled_at
            && self.duration_minutes == appointment.duration_minutes
    }
}

fn check_visit(now: Instant, visit: &NewVisit) -> Result<(), AppointmentError> {
    if visit.started_at > now {
        return Err(AppointmentError::VisitInTheFuture);
    }
    if visit.ended_at.is_some_and(|end| end < visit.started_at) {
        return Err(AppointmentError::EndsBeforeItBegins);
    }
    bounded(visit)
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
