//! What is booked and what took place, by day, provider and patient?

use anamnesis_domain::appointment::{
    AppointmentDetails, AppointmentEvent, AppointmentRescheduled, AppointmentStatus, AppointmentType, CancelledBy, Location, NewAppointment,
    NewVisit, Outcome, Reminder, VisitStatus,
};
use anamnesis_domain::{AnyEvent, AppointmentId, Code, Coding, Date, FacilityId, Instant, PatientId, ProviderId, Recorded, Text, TimeZone};

use crate::kernel::{Fold, Follows, Key, Of, Projection, Rows, Schema, Sealed, Streams, row, seal, seal_list, text_columns};
use crate::normal;

#[cfg(test)]
mod tests;

/// Every appointment and every visit.
pub const APPOINTMENTS: Projection = Projection {
    name: "appointments",
    schema: Schema::Read,
    follows: Follows::Topics,
    sql: include_str!("table.sql"),
    version: 3,
    tables: &[&Of::<Appointments>::TABLE],
};

text_columns!(AppointmentStatus, AppointmentType, CancelledBy, Reminder, VisitStatus);

row! {
    /// An appointment, or a visit that was recorded afterwards: then `status` is none and `visit_status` is given.
    pub struct AppointmentRow in "appointments" key (appointment_id) {
        appointment_id: AppointmentId,
        patient_id: PatientId,
        provider_id: Option<ProviderId>,
        facility_id: Option<FacilityId>,
        appointment_type: Option<AppointmentType>,
        status: Option<AppointmentStatus>,
        visit_status: Option<VisitStatus>,
        scheduled_at: Instant,
        ends_at: Option<Instant>,
        duration_minutes: Option<i32>,
        time_zone: Option<TimeZone>,
        location: Option<Sealed<Location>>,
        reason: Option<Sealed<Text>>,
        booked_at: Option<Instant>,
        rescheduled_at: Option<Instant>,
        confirmed_at: Option<Instant>,
        checked_in_at: Option<Instant>,
        started_at: Option<Instant>,
        completed_at: Option<Instant>,
        missed_at: Option<Instant>,
        cancelled_at: Option<Instant>,
        cancelled_by: Option<CancelledBy>,
        cancellation_reason: Option<Sealed<Text>>,
        symptoms: Option<Sealed<Vec<Text>>>,
        diagnosis: Option<Sealed<Text>>,
        diagnosis_codes: Option<Sealed<Vec<Code>>>,
        treatment_plan: Option<Sealed<Text>>,
        notes: Option<Sealed<Text>>,
        follow_up_date: Option<Date>,
        visit_class: Option<Sealed<Coding>>,
        visit_types: Option<Sealed<Vec<Code>>>,
        visit_reasons: Option<Sealed<Vec<Code>>>,
        visit_corrected_at: Option<Instant>,
        codes: Vec<String>,
        reminders: Vec<Reminder>,
        reminder_sent_at: Option<Instant>,
    }
}

/// The fold of `appointments`.
pub struct Appointments;

impl Fold for Appointments {
    type Row = AppointmentRow;
    const STREAMS: Streams = Streams::Of(&["appointment"]);

    fn keys(event: &Recorded) -> Vec<Key> {
        vec![event.aggregate_id.into()]
    }

    fn apply(rows: &mut Rows<AppointmentRow>, event: &Recorded) {
        let Some(AnyEvent::Appointment(happened)) = event.event.value() else { return };
        let id = event.aggregate_id.into();
        if let AppointmentEvent::AppointmentScheduled(scheduled) = happened {
            rows.put(AppointmentRow::booked(id, &scheduled.appointment, scheduled.booked_at));
        } else if let AppointmentEvent::VisitRecorded(recorded) = happened {
            rows.put(AppointmentRow::visited(id, &recorded.visit));
        } else {
            rows.change(id, |appointment| appointment.change(happened));
        }
    }
}

impl AppointmentRow {
    fn empty(appointment_id: AppointmentId, patient_id: PatientId, scheduled_at: Instant) -> Self {
        Self {
            appointment_id,
            patient_id,
            provider_id: None,
            facility_id: None,
            appointment_type: None,
            status: None,
            visit_status: None,
            scheduled_at,
            ends_at: None,
            duration_minutes: None,
            time_zone: None,
            location: None,
            reason: None,
            booked_at: None,
            rescheduled_at: None,
            confirmed_at: None,
            checked_in_at: None,
            started_at: None,
            completed_at: None,
            missed_at: None,
            cancelled_at: None,
            cancelled_by: None,
            cancellation_reason: None,
            symptoms: None,
            diagnosis: None,
            diagnosis_codes: None,
            treatment_plan: None,
            notes: None,
            follow_up_date: None,
            visit_class: None,
            visit_types: None,
            visit_reasons: None,
            visit_corrected_at: None,
            codes: Vec::new(),
            reminders: Vec::new(),
            reminder_sent_at: None,
        }
    }

    fn booked(id: AppointmentId, new: &NewAppointment, booked_at: Instant) -> Self {
        let minutes = new.duration_minutes.get();
        Self {
            provider_id: Some(new.provider_id),
            facility_id: new.facility_id,
            appointment_type: Some(new.appointment_type),
            status: Some(AppointmentStatus::Scheduled),
            ends_at: Some(new.scheduled_at.plus_minutes(minutes.into())),
            duration_minutes: Some(minutes.into()),
            time_zone: Some(new.time_zone),
            location: seal(new.location.as_ref()),
            reason: seal(new.reason.as_ref()),
            booked_at: Some(booked_at),
            ..Self::empty(id, new.patient_id, new.scheduled_at)
        }
    }

    fn visited(id: AppointmentId, visit: &NewVisit) -> Self {
        Self {
            provider_id: visit.provider_id,
            facility_id: visit.facility_id,
            visit_status: Some(visit.status),
            started_at: Some(visit.started_at),
            ends_at: visit.ended_at,
            visit_class: seal(visit.class.as_ref()),
            visit_types: seal_list(&visit.types),
            visit_reasons: seal_list(&visit.reasons),
            codes: normal::codes(&visit.types),
            ..Self::empty(id, visit.patient_id, visit.started_at)
        }
    }

    fn change(&mut self, happened: &AppointmentEvent) {
        match happened {
            AppointmentEvent::AppointmentConfirmed(confirmed) => {
                (self.status, self.confirmed_at) = (Some(AppointmentStatus::Confirmed), Some(confirmed.confirmed_at));
            }
            AppointmentEvent::AppointmentRescheduled(moved) => self.reschedule(moved),
            AppointmentEvent::AppointmentCheckedIn(came) => {
                (self.status, self.checked_in_at) = (Some(AppointmentStatus::CheckedIn), Some(came.checked_in_at));
            }
            AppointmentEvent::AppointmentStarted(started) => {
                (self.status, self.started_at) = (Some(AppointmentStatus::InProgress), Some(started.started_at));
            }
            AppointmentEvent::AppointmentCompleted(completed) => {
                (self.status, self.completed_at) = (Some(AppointmentStatus::Completed), Some(completed.completed_at));
                self.set_outcome(&completed.outcome);
            }
            AppointmentEvent::AppointmentCancelled(cancelled) => {
                (self.status, self.cancelled_at) = (Some(AppointmentStatus::Cancelled), Some(cancelled.cancelled_at));
                self.cancelled_by = Some(cancelled.cancellation.cancelled_by);
                self.cancellation_reason = Some(Sealed::new(cancelled.cancellation.reason.clone()));
            }
            AppointmentEvent::AppointmentMissed(missed) => {
                (self.status, self.missed_at) = (Some(AppointmentStatus::NoShow), Some(missed.missed_at));
            }
            AppointmentEvent::AppointmentDetailsChanged(changed) => self.set_details(&changed.details),
            AppointmentEvent::AppointmentReminderSent(sent) => {
                self.reminders.push(sent.reminder);
                self.reminder_sent_at = Some(sent.sent_at);
            }
            AppointmentEvent::VisitCorrected(corrected) => {
                *self = Self { visit_corrected_at: Some(corrected.corrected_at), ..Self::visited(self.appointment_id, &corrected.visit) };
            }
            // these make a row
            AppointmentEvent::AppointmentScheduled(_) | AppointmentEvent::VisitRecorded(_) => {}
        }
    }

    fn set_details(&mut self, details: &AppointmentDetails) {
        self.appointment_type = Some(details.appointment_type);
        self.facility_id = details.facility_id;
        self.reason = seal(details.reason.as_ref());
    }

    /// At another time it has to be confirmed again, and the patient told.
    fn reschedule(&mut self, moved: &AppointmentRescheduled) {
        let minutes = moved.duration_minutes.get();
        self.status = Some(AppointmentStatus::Scheduled);
        self.confirmed_at = None;
        (self.reminders, self.reminder_sent_at) = (Vec::new(), None);
        self.provider_id = Some(moved.provider_id);
        self.scheduled_at = moved.scheduled_at;
        self.ends_at = Some(moved.scheduled_at.plus_minutes(minutes.into()));
        self.duration_minutes = Some(minutes.into());
        self.time_zone = Some(moved.time_zone);
        self.location = seal(moved.location.as_ref());
        self.rescheduled_at = Some(moved.rescheduled_at);
    }

    fn set_outcome(&mut self, outcome: &Outcome) {
        self.symptoms = seal_list(&outcome.symptoms);
        self.diagnosis = seal(outcome.diagnosis.as_ref());
        self.diagnosis_codes = seal_list(&outcome.diagnosis_codes);
        self.treatment_plan = seal(outcome.treatment_plan.as_ref());
        self.notes = seal(outcome.notes.as_ref());
        self.follow_up_date = outcome.follow_up_date;
        self.codes = normal::codes(&outcome.diagnosis_codes);
    }
}
