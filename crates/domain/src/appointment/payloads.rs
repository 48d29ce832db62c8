//! What does each event of an appointment carry?

use serde::{Deserialize, Serialize};

use super::{AppointmentDetails, Cancellation, DurationMinutes, Location, NewAppointment, NewVisit, Outcome, Reminder};
use crate::{Instant, ProviderId, Text, TimeZone, redact::redacted};

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

/// What it is for, where and why is put right, whole; its time stays.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AppointmentDetailsChanged {
    /// What it is from now on.
    pub details: AppointmentDetails,
    /// When that was written down.
    pub changed_at: Instant,
}

/// The patient was told of it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AppointmentReminderSent {
    /// What the patient was told.
    pub reminder: Reminder,
    /// When.
    pub sent_at: Instant,
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

/// What is known of a visit was put right, whole.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct VisitCorrected {
    /// What happened, as it is known now.
    pub visit: NewVisit,
    /// Why it was put right.
    pub reason: Option<Text>,
    /// When that was written down.
    pub corrected_at: Instant,
}

redacted!(
    AppointmentDetailsChanged,
    AppointmentReminderSent,
    VisitCorrected,
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
