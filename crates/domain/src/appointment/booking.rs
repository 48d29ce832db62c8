//! With whom, for whom and where can a time be arranged?

use super::{Appointment, AppointmentCommand, AppointmentError, DurationMinutes};
use crate::facility::Facility;
use crate::organization::Organization;
use crate::patient::Patient;
use crate::provider::Provider;
use crate::{FacilityId, Ground, Grounds, Instant, PatientId, ProviderId};

#[cfg(test)]
mod tests;

impl Appointment {
    /// Arranging a time rests on the organization, the patient, the provider and the facility; what happens at that time rests on nothing else.
    pub(super) fn grounds_of(&self, command: &AppointmentCommand) -> Vec<Ground> {
        match command {
            AppointmentCommand::Schedule { appointment, .. } => grounds(appointment.patient_id, appointment.provider_id, appointment.facility_id),
            AppointmentCommand::Reschedule { time, .. } => self.booked().map_or_else(Vec::new, |appointment| {
                let provider = time.provider_id.unwrap_or(appointment.provider_id);
                grounds(appointment.patient_id, provider, appointment.facility_id)
            }),
            AppointmentCommand::ChangeDetails { details, .. } => details.facility_id.map(Ground::Facility).into_iter().collect(),
            AppointmentCommand::TakeOver { .. }
            | AppointmentCommand::Confirm { .. }
            | AppointmentCommand::RecordReminder { .. }
            | AppointmentCommand::CheckIn { .. }
            | AppointmentCommand::Start { .. }
            | AppointmentCommand::Complete { .. }
            | AppointmentCommand::Cancel { .. }
            | AppointmentCommand::RecordNoShow { .. }
            | AppointmentCommand::RecordVisit { .. }
            | AppointmentCommand::CorrectVisit { .. } => vec![],
        }
    }
}

fn grounds(patient: PatientId, provider: ProviderId, facility: Option<FacilityId>) -> Vec<Ground> {
    [Ground::Organization, Ground::Patient(patient), Ground::Provider(provider)].into_iter().chain(facility.map(Ground::Facility)).collect()
}

/// Whether the time can be arranged there. What isn't known rules nothing out: a provider who never said when patients can come,
/// and one who isn't registered here (yet).
pub(super) fn check_grounds(grounds: &Grounds, start: Instant, duration: DurationMinutes) -> Result<(), AppointmentError> {
    let Grounds { organization, patient, provider, .. } = grounds;
    if *organization == Organization::Closed {
        return Err(AppointmentError::OrganizationClosed);
    }
    if matches!(patient, Patient::Deactivated(_)) {
        return Err(AppointmentError::PatientDeactivated);
    }
    if patient.survivor().is_some() {
        return Err(AppointmentError::PatientMerged);
    }
    if patient.chart().is_some_and(|chart| chart.patient.deceased_at.is_some()) {
        return Err(AppointmentError::PatientDied);
    }
    check_facility(grounds)?;
    if matches!(provider, Provider::Suspended(_)) {
        return Err(AppointmentError::ProviderSuspended);
    }
    let hours = provider.practice().and_then(|practice| practice.availability.as_ref());
    match hours {
        Some(hours) if !hours.covers(start, duration.after(start)) => Err(AppointmentError::OutsideHours),
        Some(_) | None => Ok(()),
    }
}

/// Whether anything can be arranged there.
pub(super) fn check_facility(grounds: &Grounds) -> Result<(), AppointmentError> {
    if matches!(grounds.facility, Facility::Closed(_)) { Err(AppointmentError::FacilityClosed) } else { Ok(()) }
}
