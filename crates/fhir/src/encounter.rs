//! Encounter → a visit that happened, or an appointment that is planned.

use anamnesis_domain::{
    FacilityId, PatientId, ProviderId,
    appointment::{AppointmentCommand, AppointmentType, Location, NewAppointment, NewVisit, VisitStatus},
};
use serde::Deserialize;

use crate::{
    Command,
    appointment::{self, cancel, duration},
    draft::Draft,
    elements::{CodeableConcept, FhirCoding, Reference, codes, codes_of_all},
    error::FieldError,
    text,
    time::{Span, When},
};

codes! {
    EncounterStatus { Planned, Arrived, Triaged, InProgress, Onleave, Finished, Cancelled, EnteredInError, Unknown }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Encounter {
    status: EncounterStatus,
    class: Option<FhirCoding>,
    #[serde(default)]
    r#type: Vec<CodeableConcept>,
    subject: Option<Reference>,
    #[serde(default)]
    participant: Vec<Participant>,
    #[serde(default)]
    period: Span,
    #[serde(default)]
    reason_code: Vec<CodeableConcept>,
    #[serde(default)]
    location: Vec<EncounterLocation>,
    service_provider: Option<Reference>,
}

#[derive(Deserialize)]
struct Participant {
    #[serde(default)]
    r#type: Vec<CodeableConcept>,
    individual: Option<Reference>,
}

#[derive(Deserialize)]
struct EncounterLocation {
    location: Reference,
}

pub(crate) fn encounter(draft: &mut Draft<'_>) -> Result<(), FieldError> {
    let encounter: Encounter = draft.read()?;
    let patient_id = draft.subject(encounter.subject.as_ref(), "subject")?;
    let start = encounter.period.start.ok_or_else(|| FieldError::new("period.start", "must be given"))?;
    let provider_id = performer(draft, &encounter.participant);
    let facility_id = place(draft, &encounter);
    let lies_ahead = start.begun(draft.now) > draft.now;
    if lies_ahead && matches!(encounter.status, EncounterStatus::Planned | EncounterStatus::Cancelled) {
        schedule(draft, &encounter, start, patient_id, provider_id, facility_id)?;
        if encounter.status == EncounterStatus::Cancelled {
            cancel(draft, None);
        }
        return Ok(());
    }
    let visit = NewVisit {
        patient_id,
        provider_id,
        facility_id,
        status: visit_status(encounter.status),
        class: encounter.class.as_ref().and_then(FhirCoding::coding),
        types: codes_of_all(&encounter.r#type),
        reasons: codes_of_all(&encounter.reason_code),
        started_at: start.begun(draft.now),
        ended_at: encounter.period.end.map(|end| ended_at(start, end)),
    };
    appointment::record_visit(draft, visit);
    Ok(())
}

/// The end; where only the day, the month or the year is known, in which it began, no earlier than its start.
fn ended_at(start: When, end: When) -> anamnesis_domain::Instant {
    if end.is_before(start) { end.start } else { end.start.max(start.start) }
}

/// The primary performer, else the first practitioner.
fn performer(draft: &mut Draft<'_>, participants: &[Participant]) -> Option<ProviderId> {
    let is_primary = |participant: &Participant| participant.r#type.iter().flat_map(CodeableConcept::codes).any(|code| code == "PPRF");
    let mut people: Vec<_> = participants.iter().enumerate().collect();
    people.sort_by_key(|(_, participant)| !is_primary(participant));
    draft.provider(people.into_iter().filter_map(|(at, one)| Some((format!("participant[{at}].individual"), one.individual.as_ref()?))))
}

fn place(draft: &mut Draft<'_>, encounter: &Encounter) -> Option<FacilityId> {
    let organization = draft.facility(encounter.service_provider.as_ref(), "serviceProvider");
    organization.or_else(|| draft.facility(encounter.location.first().map(|one| &one.location), "location[0].location"))
}

fn schedule(
    draft: &mut Draft<'_>,
    encounter: &Encounter,
    start: When,
    patient_id: PatientId,
    provider_id: Option<ProviderId>,
    facility_id: Option<FacilityId>,
) -> Result<(), FieldError> {
    let provider_id = provider_id.ok_or_else(|| FieldError::new("participant", "must name the Practitioner of a planned visit"))?;
    let name = encounter.location.iter().find_map(|one| text::line(one.location.display.as_deref()?));
    let appointment = NewAppointment {
        patient_id,
        provider_id,
        facility_id,
        appointment_type: appointment_type(encounter.class.as_ref()),
        scheduled_at: start.start,
        duration_minutes: duration(None, Some(start), encounter.period.end, "period.end")?,
        time_zone: anamnesis_domain::TimeZone::UTC,
        location: name.map(|name| Location { name: Some(name), ..Location::default() }),
        reason: text::listed(encounter.reason_code.iter().chain(&encounter.r#type).filter_map(CodeableConcept::words)),
    };
    draft.add("schedule", Command::Appointment(AppointmentCommand::TakeOver { now: draft.now, appointment: Box::new(appointment) }));
    Ok(())
}

/// By the class of the encounter (v3 ActCode).
fn appointment_type(class: Option<&FhirCoding>) -> AppointmentType {
    match class.and_then(|class| class.code.as_deref()) {
        Some("EMER") => AppointmentType::Emergency,
        Some("VR") => AppointmentType::Telehealth,
        Some("AMB") => AppointmentType::Consultation,
        _ => AppointmentType::Other,
    }
}

/// A planned visit whose time has passed is one of which nobody knows what came.
fn visit_status(status: EncounterStatus) -> VisitStatus {
    match status {
        EncounterStatus::Arrived | EncounterStatus::Triaged | EncounterStatus::InProgress | EncounterStatus::Onleave => VisitStatus::InProgress,
        EncounterStatus::Finished => VisitStatus::Finished,
        EncounterStatus::Cancelled | EncounterStatus::EnteredInError => VisitStatus::Cancelled,
        EncounterStatus::Planned | EncounterStatus::Unknown => VisitStatus::Unknown,
    }
}
