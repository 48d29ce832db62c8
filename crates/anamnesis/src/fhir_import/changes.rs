//! What does a resource's new content mean for what its old content became?
//!
//! A resource is brought to what it says now. What it doesn't name at all isn't taken away: it may have been written here. That, and what
//! can't be changed, is remarked. Only visits and the details of appointments follow their source whole.

use anamnesis_domain::appointment::{Appointment, AppointmentCommand, AppointmentDetails, AppointmentStatus, NewAppointment, NewTime, NewVisit};
use anamnesis_domain::patient::{CareTeamMember, Chart, NewPatient, PatientCommand};
use anamnesis_domain::provider::{Provider, ProviderCommand, ProviderProfile};
use anamnesis_domain::record::{NewRecord, Record, RecordCommand};
use anamnesis_domain::{Identifier, Instant, Text};
use anamnesis_fhir::{Command, Remark};

#[cfg(test)]
mod tests;

/// What follows from a new content.
#[derive(Default)]
pub(super) struct Changes {
    /// The commands in their order, each with the name of its part; the main one has none.
    pub(super) commands: Vec<(String, Command)>,
    /// What could not be changed, or was kept.
    pub(super) remarks: Vec<Remark>,
}

impl Changes {
    /// A command by itself.
    pub(super) fn one(command: Command) -> Self {
        Self { commands: vec![(String::new(), command)], remarks: vec![] }
    }

    fn add(&mut self, part: impl Into<String>, command: PatientCommand) {
        self.commands.push((part.into(), Command::Patient(command)));
    }

    fn remark(&mut self, path: &str, reason: &str) {
        self.remarks.push(Remark { path: path.to_owned(), reason: reason.to_owned() });
    }
}

/// Of a patient: who they are, how they are reached, whether they live, their numbers, whom to call, who looks after them.
pub(super) fn of_patient(now: Instant, before: &Chart, patient: &NewPatient) -> Changes {
    let mut changes = Changes::default();
    let mut life = vec![("", PatientCommand::CorrectDemographics { now, demographics: Box::new(patient.demographics()) })];
    if let Some(deceased_at) = patient.deceased_at {
        // where both are put right, the birth goes first if the death would lie before the one that stands here
        let birth_first = deceased_at.date_furthest_east() < before.patient.birth_date;
        life.insert(usize::from(birth_first), ("death", PatientCommand::RecordDeath { now, deceased_at }));
    }
    for (part, command) in life {
        changes.add(part, command);
    }
    changes.add("contact", PatientCommand::ChangeContact { now, contact: patient.contact() });
    change_identifiers(&mut changes, now, &before.patient.identifiers, &patient.identifiers);
    change_people(&mut changes, now, &before.patient, patient);
    if patient.deceased_at.is_none() && before.patient.deceased_at.is_some() {
        changes.remark("deceasedDateTime", "the death that stands here is no longer told; it can't be taken back");
    }
    if patient.patient_number != before.patient.patient_number {
        changes.remark("identifier", "another patient number than the one that stands here, which can't be changed");
    }
    changes
}

/// A number takes the place of those of the same kind from the same system.
fn change_identifiers(changes: &mut Changes, now: Instant, before: &[Identifier], after: &[Identifier]) {
    let same_kind =
        |one: &Identifier, other: &Identifier| one.system.is_some() && one.system == other.system && one.identifier_type == other.identifier_type;
    for identifier in before.iter().filter(|identifier| !after.contains(identifier)) {
        if after.iter().any(|other| same_kind(identifier, other)) {
            changes.add(part("identifier-removed", identifier), PatientCommand::RemoveIdentifier { now, identifier: identifier.clone() });
        } else {
            changes.remark("identifier", "a number that stands here is no longer told; it was kept");
        }
    }
    for identifier in after.iter().filter(|identifier| !before.contains(identifier)) {
        changes.add(part("identifier-added", identifier), PatientCommand::AddIdentifier { now, identifier: identifier.clone() });
    }
}

/// The name of an identifier's part; it only goes into a keyed id.
fn part(what: &str, Identifier { system, identifier_type, value }: &Identifier) -> String {
    format!("{what} {identifier_type} {}|{}", system.as_ref().map_or("", |system| system.as_str()), value.as_str())
}

fn change_people(changes: &mut Changes, now: Instant, before: &NewPatient, after: &NewPatient) {
    if !after.emergency_contacts.is_empty() {
        let emergency_contacts = after.emergency_contacts.clone();
        changes.add("emergency-contacts", PatientCommand::ChangeEmergencyContacts { now, emergency_contacts });
    } else if !before.emergency_contacts.is_empty() {
        changes.remark("contact", "those that stand here are no longer told; they were kept");
    }
    if let Some(provider_id) = after.primary_care_provider_id {
        changes.add("primary-care-provider", PatientCommand::AssignPrimaryCareProvider { now, provider_id: Some(provider_id) });
    } else if before.primary_care_provider_id.is_some() {
        changes.remark("generalPractitioner", "the one that stands here is no longer told; they were kept");
    }
    if !after.care_team.is_empty() {
        changes.add("care-team", PatientCommand::ChangeCareTeam { now, care_team: with_roles(&after.care_team, &before.care_team) });
    } else if !before.care_team.is_empty() {
        changes.remark("generalPractitioner", "the others that stand here are no longer told; they were kept");
    }
}

/// The source knows of no roles, so those that were given here stay.
fn with_roles(told: &[CareTeamMember], before: &[CareTeamMember]) -> Vec<CareTeamMember> {
    let known = |member: &CareTeamMember| before.iter().find(|known| known.provider_id == member.provider_id);
    told.iter().map(|member| known(member).unwrap_or(member).clone()).collect()
}

/// Whether the entry that a command writes is part of a patient's history.
pub(super) fn has_entry(chart: &Chart, command: &PatientCommand) -> bool {
    if let PatientCommand::RecordCondition { entry_id, .. } = command {
        chart.conditions.contains_key(entry_id)
    } else if let PatientCommand::RecordAllergy { entry_id, .. } = command {
        chart.allergies.contains_key(entry_id)
    } else if let PatientCommand::RecordMedication { entry_id, .. } = command {
        chart.medications.contains_key(entry_id)
    } else {
        false
    }
}

/// Of a provider. The fields of medicine stand in other resources, so none isn't the same as no longer any.
pub(super) fn of_provider(now: Instant, before: &Provider, profile: &ProviderProfile, is_suspended_there: bool) -> Changes {
    let mut profile = profile.clone();
    if let Some(practice) = before.practice().filter(|_| profile.specialties.is_empty()) {
        profile.specialties.clone_from(&practice.profile.specialties);
    }
    let mut changes = Changes::one(Command::Provider(ProviderCommand::CorrectProfile { now, profile }));
    if matches!(before, Provider::Suspended(_)) && !is_suspended_there {
        changes.remark("active", "is suspended here; reinstate them if they are to be active here too");
    }
    changes
}

/// Of a record: an amendment; but what is marked as wrong here and there stays as it is.
pub(super) fn of_record(now: Instant, before: &Record, record: &NewRecord, is_wrong_there: bool) -> Changes {
    if is_wrong_there && matches!(before, Record::EnteredInError { .. }) {
        return Changes::default();
    }
    let (record, reason) = (Box::new(record.clone()), changed_at_the_source());
    Changes::one(Command::Record(RecordCommand::Amend { now, record, reason }))
}

/// Of an appointment: its time, provider and place, what it is for and why. What else became of it follows from the resource's other commands.
/// None: that can't be told of what stands here.
pub(super) fn of_appointment(now: Instant, before: &Appointment, after: &NewAppointment, is_over_there: bool) -> Option<Changes> {
    let Appointment::Booked { appointment, status, .. } = before else { return None };
    let is_open = matches!(status, AppointmentStatus::Scheduled | AppointmentStatus::Confirmed);
    let is_over = matches!(status, AppointmentStatus::Completed | AppointmentStatus::Cancelled | AppointmentStatus::NoShow);
    if appointment.patient_id != after.patient_id || (is_over && !is_over_there) {
        return None;
    }
    let mut changes = Changes::default();
    if is_open {
        let time = Box::new(time_of(after));
        changes = Changes::one(Command::Appointment(AppointmentCommand::Reschedule { now, time }));
    }
    let details = AppointmentDetails::of(after);
    if !is_over {
        changes.commands.push(("details".to_owned(), Command::Appointment(AppointmentCommand::ChangeDetails { now, details })));
    } else if details != AppointmentDetails::of(appointment) {
        changes.remark("", "what it is for, where and why stay as they are: it is over");
    }
    Some(changes)
}

/// Of a visit: what happened, as the source knows it now. None: an appointment stands here, which isn't a visit's past.
pub(super) fn of_visit(now: Instant, before: &Appointment, visit: &NewVisit) -> Option<Changes> {
    let Appointment::Visited { visit: known } = before else { return None };
    if known.patient_id != visit.patient_id {
        return None;
    }
    let (visit, reason) = (Box::new(visit.clone()), Some(changed_at_the_source()));
    Some(Changes::one(Command::Appointment(AppointmentCommand::CorrectVisit { now, visit, reason })))
}

fn time_of(appointment: &NewAppointment) -> NewTime {
    NewTime {
        scheduled_at: appointment.scheduled_at,
        duration_minutes: Some(appointment.duration_minutes),
        time_zone: Some(appointment.time_zone),
        provider_id: Some(appointment.provider_id),
        location: appointment.location.clone(),
        reason: Some(changed_at_the_source()),
    }
}

fn changed_at_the_source() -> Text {
    Text::try_from("changed at the source").expect("a text that may be stored")
}
