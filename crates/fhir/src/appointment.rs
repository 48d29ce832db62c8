//! Appointment → an appointment on its way, one that was called off or missed, or a visit that happened.

use anamnesis_domain::{
    FacilityId, Instant, PatientId, ProviderId, TimeZone,
    appointment::{AppointmentCommand, AppointmentType, Cancellation, CancelledBy, DurationMinutes, Location, NewAppointment, NewVisit, VisitStatus},
};
use serde::Deserialize;

use crate::{
    Command,
    draft::Draft,
    elements::{CodeableConcept, Reference, codes, codes_of_all},
    error::FieldError,
    text,
    time::When,
};

codes! {
    AppointmentStatus { Proposed, Pending, Booked, Arrived, Fulfilled, Cancelled, Noshow, EnteredInError, CheckedIn, Waitlist }
    ParticipationStatus { Accepted, Declined, Tentative, NeedsAction }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Appointment {
    status: AppointmentStatus,
    cancelation_reason: Option<CodeableConcept>,
    #[serde(default)]
    service_type: Vec<CodeableConcept>,
    #[serde(rename = "appointmentType")]
    kind: Option<CodeableConcept>,
    #[serde(default)]
    reason_code: Vec<CodeableConcept>,
    description: Option<String>,
    start: Option<When>,
    end: Option<When>,
    minutes_duration: Option<u64>,
    created: Option<When>,
    comment: Option<String>,
    #[serde(default)]
    participant: Vec<Participant>,
}

#[derive(Deserialize)]
struct Participant {
    actor: Option<Reference>,
    status: Option<ParticipationStatus>,
}

/// Who comes to whom, and where.
struct People {
    patient_id: PatientId,
    accepted: bool,
    provider_id: Option<ProviderId>,
    facility_id: Option<FacilityId>,
    place: Option<Location>,
}

pub(crate) fn appointment(draft: &mut Draft<'_>) -> Result<(), FieldError> {
    let appointment: Appointment = draft.read()?;
    let start = appointment.start.ok_or_else(|| FieldError::new("start", "must be given"))?;
    let people = people(draft, &appointment.participant)?;
    let lies_ahead = start.start > draft.now;
    if lies_ahead && matches!(appointment.status, AppointmentStatus::Noshow | AppointmentStatus::Fulfilled) {
        return Err(FieldError::new("status", "must not be noshow or fulfilled before the start"));
    }
    if !is_appointment(appointment.status, lies_ahead) {
        record_visit(draft, visit(&appointment, start, &people));
        return Ok(());
    }
    schedule(draft, &appointment, start, &people)?;
    let now = draft.now;
    match appointment.status {
        AppointmentStatus::Cancelled | AppointmentStatus::EnteredInError => cancel(draft, appointment.cancelation_reason.as_ref()),
        AppointmentStatus::Noshow => draft.add("no-show", Command::Appointment(AppointmentCommand::RecordNoShow { now })),
        AppointmentStatus::Booked if people.accepted => draft.add("confirm", Command::Appointment(AppointmentCommand::Confirm { now })),
        AppointmentStatus::Arrived | AppointmentStatus::CheckedIn => draft.add("check-in", Command::Appointment(AppointmentCommand::CheckIn { now })),
        AppointmentStatus::Booked
        | AppointmentStatus::Proposed
        | AppointmentStatus::Pending
        | AppointmentStatus::Waitlist
        | AppointmentStatus::Fulfilled => {}
    }
    Ok(())
}

/// Whether it is told as an appointment and not as a visit: it lies ahead, or it never came to a visit.
fn is_appointment(status: AppointmentStatus, lies_ahead: bool) -> bool {
    match status {
        AppointmentStatus::Cancelled | AppointmentStatus::EnteredInError | AppointmentStatus::Noshow => true,
        AppointmentStatus::Fulfilled => false,
        AppointmentStatus::Proposed
        | AppointmentStatus::Pending
        | AppointmentStatus::Booked
        | AppointmentStatus::Arrived
        | AppointmentStatus::CheckedIn
        | AppointmentStatus::Waitlist => lies_ahead,
    }
}

fn people(draft: &mut Draft<'_>, participants: &[Participant]) -> Result<People, FieldError> {
    let actor = |draft: &Draft<'_>, at: usize, types: &[&str]| {
        draft.required(participants[at].actor.as_ref(), &format!("participant[{at}].actor"), types).ok()
    };
    let first = |draft: &Draft<'_>, types: &[&str]| (0..participants.len()).find_map(|at| Some((at, actor(draft, at, types)?.id)));
    let (at, _) = first(draft, &["Patient"]).ok_or_else(|| no_patient(draft, participants))?;
    let patient_id = draft.subject(participants[at].actor.as_ref(), &format!("participant[{at}].actor"))?;
    let place = first(draft, &["Location", "Organization", "HealthcareService"]);
    let place_name = place.and_then(|(at, _)| text::line(participants[at].actor.as_ref()?.display.as_deref()?));
    Ok(People {
        patient_id,
        accepted: participants[at].status == Some(ParticipationStatus::Accepted),
        provider_id: first(draft, &["Practitioner"]).map(|(_, id)| ProviderId(id)),
        facility_id: first(draft, &["Location", "Organization"]).map(|(_, id)| FacilityId(id)),
        place: place_name.map(|name| Location { name: Some(name), ..Location::default() }),
    })
}

/// Which participant means nothing, or that none is a patient.
fn no_patient(draft: &Draft<'_>, participants: &[Participant]) -> FieldError {
    let dangling = participants.iter().enumerate().find_map(|(at, participant)| {
        let error = draft.required(participant.actor.as_ref(), &format!("participant[{at}].actor"), &["Patient"]).err()?;
        error.path.ends_with(".reference").then_some(error)
    });
    dangling.unwrap_or_else(|| FieldError::new("participant", "must name a Patient"))
}

fn schedule(draft: &mut Draft<'_>, appointment: &Appointment, start: When, people: &People) -> Result<(), FieldError> {
    let provider_id = people.provider_id.ok_or_else(|| FieldError::new("participant", "must name a Practitioner"))?;
    let reasons = appointment.reason_code.iter().filter_map(CodeableConcept::words);
    let words = appointment.description.as_deref().into_iter().chain(reasons).chain(appointment.comment.as_deref());
    let new = NewAppointment {
        patient_id: people.patient_id,
        provider_id,
        facility_id: people.facility_id,
        appointment_type: appointment_type(appointment.kind.as_ref()),
        scheduled_at: start.start,
        duration_minutes: duration(appointment.minutes_duration, Some(start), appointment.end, "end")?,
        time_zone: TimeZone::UTC,
        location: people.place.clone(),
        reason: text::listed(words),
    };
    let now = booked_at(draft, appointment, start);
    draft.add("schedule", Command::Appointment(AppointmentCommand::TakeOver { now, appointment: Box::new(new) }));
    Ok(())
}

/// When it was arranged: now; of one that has passed when the source says, at the latest when it was to begin.
fn booked_at(draft: &Draft<'_>, appointment: &Appointment, start: When) -> Instant {
    if start.start >= draft.now {
        return draft.now;
    }
    appointment.created.map_or(start.start, |created| created.start.min(start.start))
}

/// How long it takes: as it says, else from start to end, else as long as usual.
pub(crate) fn duration(minutes: Option<u64>, start: Option<When>, end: Option<When>, path: &str) -> Result<DurationMinutes, FieldError> {
    const MICROS_PER_MINUTE: i64 = 60_000_000;
    let span = || Some((end?.start.micros() - start?.start.micros()).div_euclid(MICROS_PER_MINUTE));
    let (path, minutes) = match minutes {
        Some(minutes) => ("minutesDuration", u16::try_from(minutes).unwrap_or(u16::MAX)),
        None => match span() {
            Some(minutes) => (path, u16::try_from(minutes).unwrap_or(u16::MAX)),
            None => return Ok(DurationMinutes::default()),
        },
    };
    DurationMinutes::try_from(minutes).map_err(|invalid| FieldError::new(path, format!("the duration {invalid}")))
}

pub(crate) fn cancel(draft: &mut Draft<'_>, why: Option<&CodeableConcept>) {
    let words = why.and_then(CodeableConcept::words).and_then(text::text);
    let reason = words.unwrap_or_else(|| text::text("cancelled at the source").expect("a text that may be stored"));
    let code = why.and_then(|why| why.codes().next()).unwrap_or_default();
    let cancelled_by = match code.split('-').next() {
        Some("pat") => CancelledBy::Patient,
        Some("prov") => CancelledBy::Provider,
        Some("maint" | "meds") => CancelledBy::Facility,
        _ => CancelledBy::Other,
    };
    let cancellation = Cancellation { reason, cancelled_by };
    draft.add("cancel", Command::Appointment(AppointmentCommand::Cancel { now: draft.now, cancellation }));
}

pub(crate) fn record_visit(draft: &mut Draft<'_>, visit: NewVisit) {
    draft.add("visit", Command::Appointment(AppointmentCommand::RecordVisit { now: draft.now, visit: Box::new(visit) }));
}

fn visit(appointment: &Appointment, start: When, people: &People) -> NewVisit {
    NewVisit {
        patient_id: people.patient_id,
        provider_id: people.provider_id,
        facility_id: people.facility_id,
        status: visit_status(appointment.status),
        class: None,
        types: codes_of_all(&appointment.service_type).into_iter().chain(appointment.kind.as_ref().and_then(CodeableConcept::code)).collect(),
        reasons: codes_of_all(&appointment.reason_code),
        started_at: start.start,
        ended_at: appointment.end.map(|end| end.start),
    }
}

/// A booked time that has passed is one of which nobody knows what came.
fn visit_status(status: AppointmentStatus) -> VisitStatus {
    match status {
        AppointmentStatus::Fulfilled => VisitStatus::Finished,
        AppointmentStatus::Arrived | AppointmentStatus::CheckedIn => VisitStatus::InProgress,
        AppointmentStatus::Cancelled | AppointmentStatus::Noshow | AppointmentStatus::EnteredInError => VisitStatus::Cancelled,
        AppointmentStatus::Proposed | AppointmentStatus::Pending | AppointmentStatus::Booked | AppointmentStatus::Waitlist => VisitStatus::Unknown,
    }
}

/// By HL7's table 0276.
fn appointment_type(concept: Option<&CodeableConcept>) -> AppointmentType {
    let code = concept.and_then(|concept| concept.codes().next()).unwrap_or_default();
    match code {
        "CHECKUP" => AppointmentType::Checkup,
        "EMERGENCY" => AppointmentType::Emergency,
        "FOLLOWUP" => AppointmentType::FollowUp,
        "ROUTINE" | "WALKIN" => AppointmentType::Consultation,
        _ => AppointmentType::Other,
    }
}
