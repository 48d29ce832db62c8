//! Who is the patient, what is known of them, who looks after them? `Absent → Active ⇄ Deactivated`

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    AccountId, Aggregate, Date, EntryId, Identifier, Instant, ProviderId, Reservation, Subject, Text, events::events, redact::redacted,
    refusal::refusals, values::Bounded,
};

mod details;
mod history;
#[cfg(test)]
mod tests;

pub use details::{BirthSex, CareTeamMember, Contact, Demographics, EmergencyContact, Insurance, NewPatient};
pub use history::{Allergy, AllergyCategory, AllergyStatus, Condition, ConditionStatus, Criticality, Medication, MedicationStatus};

events! {
    /// What can have happened to a patient.
    pub enum PatientEvent {
        PatientRegistered(PatientRegistered) = 1,
        PatientDemographicsCorrected(PatientDemographicsCorrected) = 1,
        PatientContactChanged(PatientContactChanged) = 1,
        PatientInsuranceChanged(PatientInsuranceChanged) = 1,
        PatientEmergencyContactsChanged(PatientEmergencyContactsChanged) = 1,
        PatientIdentifierAdded(PatientIdentifierAdded) = 1,
        PatientIdentifierRemoved(PatientIdentifierRemoved) = 1,
        ConditionRecorded(ConditionRecorded) = 1,
        AllergyRecorded(AllergyRecorded) = 1,
        MedicationRecorded(MedicationRecorded) = 1,
        PrimaryCareProviderAssigned(PrimaryCareProviderAssigned) = 1,
        PatientCareTeamChanged(PatientCareTeamChanged) = 1,
        PatientHealthGoalsChanged(PatientHealthGoalsChanged) = 1,
        PatientRiskFactorsChanged(PatientRiskFactorsChanged) = 1,
        PatientAccountLinked(PatientAccountLinked) = 1,
        PatientDied(PatientDied) = 1,
        PatientDeactivated(PatientDeactivated) = 1,
        PatientReactivated(PatientReactivated) = 1,
    }
}

/// A patient became known to the organization.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientRegistered {
    /// Who.
    pub patient: Box<NewPatient>,
    /// When.
    pub registered_at: Instant,
}

/// What was known of who the patient is was replaced.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientDemographicsCorrected {
    /// What is known now.
    pub demographics: Demographics,
    /// When.
    pub corrected_at: Instant,
}

/// How the patient is reached was replaced.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientContactChanged {
    /// How the patient is reached now.
    pub contact: Contact,
    /// When.
    pub changed_at: Instant,
}

/// Who pays was replaced.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientInsuranceChanged {
    /// Who pays now.
    pub insurance: Vec<Insurance>,
    /// When.
    pub changed_at: Instant,
}

/// Whom to call was replaced.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientEmergencyContactsChanged {
    /// Whom to call now.
    pub emergency_contacts: Vec<EmergencyContact>,
    /// When.
    pub changed_at: Instant,
}

/// Another number of the patient became known.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientIdentifierAdded {
    /// The number.
    pub identifier: Identifier,
    /// When.
    pub added_at: Instant,
}

/// A number turned out not to be the patient's, or no longer.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientIdentifierRemoved {
    /// The number.
    pub identifier: Identifier,
    /// When.
    pub removed_at: Instant,
}

/// A condition became known, or more of one that was.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ConditionRecorded {
    /// Which entry of the history it is.
    pub entry_id: EntryId,
    /// What is known of it now.
    pub condition: Condition,
    /// When.
    pub recorded_at: Instant,
}

/// An allergy became known, or more of one that was.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AllergyRecorded {
    /// Which entry of the history it is.
    pub entry_id: EntryId,
    /// What is known of it now.
    pub allergy: Allergy,
    /// When.
    pub recorded_at: Instant,
}

/// A medication became known, or more of one that was.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct MedicationRecorded {
    /// Which entry of the history it is.
    pub entry_id: EntryId,
    /// What is known of it now.
    pub medication: Medication,
    /// When.
    pub recorded_at: Instant,
}

/// Another provider, or none, looks after the patient in general.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PrimaryCareProviderAssigned {
    /// Who; none: nobody any more.
    pub provider_id: Option<ProviderId>,
    /// When.
    pub assigned_at: Instant,
}

/// Who else looks after the patient was replaced.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientCareTeamChanged {
    /// Who does now.
    pub care_team: Vec<CareTeamMember>,
    /// When.
    pub changed_at: Instant,
}

/// What the patient wants to reach was replaced.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientHealthGoalsChanged {
    /// What it is now.
    pub health_goals: Vec<Text>,
    /// When.
    pub changed_at: Instant,
}

/// What may make the patient ill was replaced.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientRiskFactorsChanged {
    /// What it is now.
    pub risk_factors: Vec<Text>,
    /// When.
    pub changed_at: Instant,
}

/// The patient got an account to sign in with, in place of one before if any.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientAccountLinked {
    /// Which.
    pub account_id: AccountId,
    /// When.
    pub linked_at: Instant,
}

/// The patient died, or the moment of it was corrected.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientDied {
    /// When they died.
    pub deceased_at: Instant,
    /// When that was written down.
    pub recorded_at: Instant,
}

/// The patient is no longer looked after here; the records stay.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientDeactivated {
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub deactivated_at: Instant,
}

/// The patient is looked after here again.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientReactivated {
    /// When.
    pub reactivated_at: Instant,
}

redacted!(
    PatientRegistered,
    PatientDemographicsCorrected,
    PatientContactChanged,
    PatientInsuranceChanged,
    PatientEmergencyContactsChanged,
    PatientIdentifierAdded,
    PatientIdentifierRemoved,
    ConditionRecorded,
    AllergyRecorded,
    MedicationRecorded,
    PrimaryCareProviderAssigned,
    PatientCareTeamChanged,
    PatientHealthGoalsChanged,
    PatientRiskFactorsChanged,
    PatientAccountLinked,
    PatientDied,
    PatientDeactivated,
    PatientReactivated,
);

/// A patient's state.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Patient {
    /// Not registered yet.
    #[default]
    Absent,
    /// Looked after here.
    Active(Box<Chart>),
    /// No longer looked after here.
    Deactivated(Box<Chart>),
}

/// What is known of a patient.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Chart {
    /// Who they are and how they are reached, as of now.
    pub patient: NewPatient,
    /// What they suffer from.
    pub conditions: BTreeMap<EntryId, Condition>,
    /// What they react to.
    pub allergies: BTreeMap<EntryId, Allergy>,
    /// What they take.
    pub medications: BTreeMap<EntryId, Medication>,
}

redacted!(Patient, Chart);

/// What can be asked of a patient. `now` is the moment of the command.
#[derive(Clone)]
#[expect(missing_docs, reason = "the fields are named as in the events, which explain them")]
pub enum PatientCommand {
    /// Register them.
    Register { now: Instant, patient: Box<NewPatient> },
    /// Correct who they are.
    CorrectDemographics { now: Instant, demographics: Box<Demographics> },
    /// Change how they are reached.
    ChangeContact { now: Instant, contact: Contact },
    /// Change who pays.
    ChangeInsurance { now: Instant, insurance: Vec<Insurance> },
    /// Change whom to call.
    ChangeEmergencyContacts { now: Instant, emergency_contacts: Vec<EmergencyContact> },
    /// Add a number that others gave them.
    AddIdentifier { now: Instant, identifier: Identifier },
    /// Remove such a number.
    RemoveIdentifier { now: Instant, identifier: Identifier },
    /// Add or change a condition.
    RecordCondition { now: Instant, entry_id: EntryId, condition: Condition },
    /// Add or change an allergy.
    RecordAllergy { now: Instant, entry_id: EntryId, allergy: Allergy },
    /// Add or change a medication.
    RecordMedication { now: Instant, entry_id: EntryId, medication: Medication },
    /// Say who looks after them in general.
    AssignPrimaryCareProvider { now: Instant, provider_id: Option<ProviderId> },
    /// Say who else looks after them.
    ChangeCareTeam { now: Instant, care_team: Vec<CareTeamMember> },
    /// Say what they want to reach.
    ChangeHealthGoals { now: Instant, health_goals: Vec<Text> },
    /// Say what may make them ill.
    ChangeRiskFactors { now: Instant, risk_factors: Vec<Text> },
    /// Link the account with which they sign in.
    LinkAccount { now: Instant, account_id: AccountId },
    /// Write down that they died.
    RecordDeath { now: Instant, deceased_at: Instant },
    /// Look after them no longer.
    Deactivate { now: Instant, reason: Option<Text> },
    /// Look after them again.
    Reactivate { now: Instant },
}

refusals! {
    /// Which rule on patients says no.
    pub enum PatientError {
        AlreadyRegistered = "already_registered", State, "this patient is already registered";
        NotRegistered = "not_registered", State, "this patient is not registered";
        Deactivated = "deactivated", State, "this patient is deactivated; reactivate them first";
        NameMissing = "name_missing", Request, "name must have a family name, a given name or a text; so must every other name";
        BornInTheFuture = "born_in_the_future", Request, "birth_date must not lie in the future";
        BornTooLongAgo = "born_too_long_ago", Request, "birth_date must not lie before 1850";
        DiedInTheFuture = "died_in_the_future", Request, "deceased_at must not lie in the future";
        DiedBeforeBirth = "died_before_birth", Request, "deceased_at must not lie before birth_date";
        EndsBeforeItBegins = "ends_before_it_begins", Request, "an end must not lie before its beginning (period, onset and ended, valid_from and valid_to)";
        CodeMissing = "code_missing", Request, "code must have a coding or a text";
        NotSuchANumber = "not_such_a_number", Request, "value can't be a number of that identifier_type";
        SameMemberTwice = "same_member_twice", Request, "care_team must name each provider once";
        TooMany = "too_many", Request, "at most 100 entries in a list, 2,000 characters in a code and 1,000 entries in a patient's history";
    }
}

impl Aggregate for Patient {
    const TYPE: &'static str = "patient";
    const TOPIC: &'static str = "patient-events";
    type Command = PatientCommand;
    type Event = PatientEvent;
    type Error = PatientError;

    fn decide(&self, command: PatientCommand) -> Result<Vec<PatientEvent>, PatientError> {
        match command {
            PatientCommand::Register { now, patient } => self.register(now, patient),
            PatientCommand::Deactivate { now, reason } => self.deactivate(now, reason),
            PatientCommand::Reactivate { now } => self.reactivate(now),
            PatientCommand::CorrectDemographics { now, demographics } => self.active()?.correct_demographics(now, *demographics),
            PatientCommand::ChangeContact { now, contact } => self.active()?.change_contact(now, contact),
            PatientCommand::ChangeInsurance { now, insurance } => self.active()?.change_insurance(now, insurance),
            PatientCommand::ChangeEmergencyContacts { now, emergency_contacts } => self.active()?.change_emergency_contacts(now, emergency_contacts),
            PatientCommand::AddIdentifier { now, identifier } => self.active()?.add_identifier(now, identifier),
            PatientCommand::RemoveIdentifier { now, identifier } => Ok(self.active()?.remove_identifier(now, identifier)),
            PatientCommand::RecordCondition { now, entry_id, condition } => self.active()?.record_condition(now, entry_id, condition),
            PatientCommand::RecordAllergy { now, entry_id, allergy } => self.active()?.record_allergy(now, entry_id, allergy),
            PatientCommand::RecordMedication { now, entry_id, medication } => self.active()?.record_medication(now, entry_id, medication),
            PatientCommand::AssignPrimaryCareProvider { now, provider_id } => Ok(self.active()?.assign_primary_care_provider(now, provider_id)),
            PatientCommand::ChangeCareTeam { now, care_team } => self.active()?.change_care_team(now, care_team),
            PatientCommand::ChangeHealthGoals { now, health_goals } => self.active()?.change_health_goals(now, health_goals),
            PatientCommand::ChangeRiskFactors { now, risk_factors } => self.active()?.change_risk_factors(now, risk_factors),
            PatientCommand::LinkAccount { now, account_id } => Ok(self.active()?.link_account(now, account_id)),
            PatientCommand::RecordDeath { now, deceased_at } => self.active()?.record_death(now, deceased_at),
        }
    }

    fn evolve(self, event: &PatientEvent) -> Self {
        match (self, event) {
            (_, PatientEvent::PatientRegistered(registered)) => Self::Active(Box::new(Chart::of((*registered.patient).clone()))),
            (Self::Absent, _) => Self::Absent,
            (Self::Active(chart) | Self::Deactivated(chart), PatientEvent::PatientDeactivated(_)) => Self::Deactivated(chart),
            (Self::Active(chart) | Self::Deactivated(chart), PatientEvent::PatientReactivated(_)) => Self::Active(chart),
            (Self::Active(mut chart), event) => {
                chart.evolve(event);
                Self::Active(chart)
            }
            (Self::Deactivated(mut chart), event) => {
                chart.evolve(event);
                Self::Deactivated(chart)
            }
        }
    }

    fn subject(&self, id: Uuid, _event: &PatientEvent) -> Subject {
        Subject::Person(id)
    }

    fn reservations(&self, _id: Uuid, event: &PatientEvent) -> Vec<Reservation> {
        if let PatientEvent::PatientRegistered(PatientRegistered { patient, .. }) = event {
            let number = Reservation::Claim { kind: "patient-number", value: patient.patient_number.normalised() };
            return std::iter::once(number).chain(patient.account_id.map(claim_account)).collect();
        }
        if let PatientEvent::PatientAccountLinked(PatientAccountLinked { account_id, .. }) = event {
            let before = self.chart().and_then(|chart| chart.patient.account_id).map(release_account);
            return before.into_iter().chain([claim_account(*account_id)]).collect();
        }
        Vec::new()
    }
}

fn claim_account(account_id: AccountId) -> Reservation {
    Reservation::Claim { kind: "patient-account", value: account_id.to_string() }
}

fn release_account(account_id: AccountId) -> Reservation {
    Reservation::Release { kind: "patient-account", value: account_id.to_string() }
}

type Decision = Result<Vec<PatientEvent>, PatientError>;

impl Patient {
    /// What is known of them; none before registration.
    pub fn chart(&self) -> Option<&Chart> {
        match self {
            Self::Absent => None,
            Self::Active(chart) | Self::Deactivated(chart) => Some(chart),
        }
    }

    fn active(&self) -> Result<&Chart, PatientError> {
        match self {
            Self::Absent => Err(PatientError::NotRegistered),
            Self::Deactivated(_) => Err(PatientError::Deactivated),
            Self::Active(chart) => Ok(chart),
        }
    }

    fn register(&self, now: Instant, patient: Box<NewPatient>) -> Decision {
        if *self != Self::Absent {
            return Err(PatientError::AlreadyRegistered);
        }
        check_demographics(now, &patient.demographics())?;
        check_contact(&patient.contact())?;
        check_insurance(&patient.insurance)?;
        check_emergency_contacts(&patient.emergency_contacts)?;
        check_care_team(&patient.care_team)?;
        if let Some(deceased_at) = patient.deceased_at {
            check_death(now, patient.birth_date, deceased_at)?;
        }
        if !patient.identifiers.iter().all(Identifier::is_plausible) {
            return Err(PatientError::NotSuchANumber);
        }
        bounded(&*patient)?;
        Ok(vec![PatientRegistered { patient, registered_at: now }.into()])
    }

    fn deactivate(&self, now: Instant, reason: Option<Text>) -> Decision {
        match self {
            Self::Absent => Err(PatientError::NotRegistered),
            Self::Deactivated(_) => Ok(vec![]),
            Self::Active(_) => Ok(vec![PatientDeactivated { reason, deactivated_at: now }.into()]),
        }
    }

    fn reactivate(&self, now: Instant) -> Decision {
        match self {
            Self::Absent => Err(PatientError::NotRegistered),
            Self::Active(_) => Ok(vec![]),
            Self::Deactivated(_) => Ok(vec![PatientReactivated { reactivated_at: now }.into()]),
        }
    }
}

impl Chart {
    fn of(patient: NewPatient) -> Self {
        Self { patient, conditions: BTreeMap::new(), allergies: BTreeMap::new(), medications: BTreeMap::new() }
    }

    fn evolve(&mut self, event: &PatientEvent) {
        let patient = &mut self.patient;
        match event.clone() {
            PatientEvent::PatientDemographicsCorrected(corrected) => patient.correct(corrected.demographics),
            PatientEvent::PatientContactChanged(changed) => patient.change_contact(changed.contact),
            PatientEvent::PatientInsuranceChanged(changed) => patient.insurance = changed.insurance,
            PatientEvent::PatientEmergencyContactsChanged(changed) => patient.emergency_contacts = changed.emergency_contacts,
            PatientEvent::PatientIdentifierAdded(added) => patient.identifiers.push(added.identifier),
            PatientEvent::PatientIdentifierRemoved(removed) => patient.identifiers.retain(|identifier| *identifier != removed.identifier),
            PatientEvent::ConditionRecorded(recorded) => drop(self.conditions.insert(recorded.entry_id, recorded.condition)),
            PatientEvent::AllergyRecorded(recorded) => drop(self.allergies.insert(recorded.entry_id, recorded.allergy)),
            PatientEvent::MedicationRecorded(recorded) => drop(self.medications.insert(recorded.entry_id, recorded.medication)),
            PatientEvent::PrimaryCareProviderAssigned(assigned) => patient.primary_care_provider_id = assigned.provider_id,
            PatientEvent::PatientCareTeamChanged(changed) => patient.care_team = changed.care_team,
            PatientEvent::PatientHealthGoalsChanged(changed) => patient.health_goals = changed.health_goals,
            PatientEvent::PatientRiskFactorsChanged(changed) => patient.risk_factors = changed.risk_factors,
            PatientEvent::PatientAccountLinked(linked) => patient.account_id = Some(linked.account_id),
            PatientEvent::PatientDied(died) => patient.deceased_at = Some(died.deceased_at),
            // these three decide which state the chart is in, not what is in it
            PatientEvent::PatientRegistered(_) | PatientEvent::PatientDeactivated(_) | PatientEvent::PatientReactivated(_) => {}
        }
    }

    fn correct_demographics(&self, now: Instant, demographics: Demographics) -> Decision {
        check_demographics(now, &demographics)?;
        if self.patient.deceased_at.is_some_and(|death| is_before_birth(death, demographics.birth_date)) {
            return Err(PatientError::DiedBeforeBirth);
        }
        bounded(&demographics)?;
        Ok(unless(demographics == self.patient.demographics(), || PatientDemographicsCorrected { demographics, corrected_at: now }))
    }

    fn change_contact(&self, now: Instant, contact: Contact) -> Decision {
        check_contact(&contact)?;
        bounded(&contact)?;
        Ok(unless(contact == self.patient.contact(), || PatientContactChanged { contact, changed_at: now }))
    }

    fn change_insurance(&self, now: Instant, insurance: Vec<Insurance>) -> Decision {
        check_insurance(&insurance)?;
        bounded(&insurance)?;
        Ok(unless(insurance == self.patient.insurance, || PatientInsuranceChanged { insurance, changed_at: now }))
    }

    fn change_emergency_contacts(&self, now: Instant, emergency_contacts: Vec<EmergencyContact>) -> Decision {
        check_emergency_contacts(&emergency_contacts)?;
        bounded(&emergency_contacts)?;
        let same = emergency_contacts == self.patient.emergency_contacts;
        Ok(unless(same, || PatientEmergencyContactsChanged { emergency_contacts, changed_at: now }))
    }

    fn add_identifier(&self, now: Instant, identifier: Identifier) -> Decision {
        if !identifier.is_plausible() {
            return Err(PatientError::NotSuchANumber);
        }
        if self.patient.identifiers.contains(&identifier) {
            return Ok(vec![]);
        }
        if self.patient.identifiers.len() >= MAX_IDENTIFIERS {
            return Err(PatientError::TooMany);
        }
        Ok(vec![PatientIdentifierAdded { identifier, added_at: now }.into()])
    }

    fn remove_identifier(&self, now: Instant, identifier: Identifier) -> Vec<PatientEvent> {
        unless(!self.patient.identifiers.contains(&identifier), || PatientIdentifierRemoved { identifier, removed_at: now })
    }

    fn record_condition(&self, now: Instant, entry_id: EntryId, condition: Condition) -> Decision {
        check_entry(&self.conditions, entry_id, &condition, &condition.code, condition.onset, condition.ended)?;
        let same = self.conditions.get(&entry_id) == Some(&condition);
        Ok(unless(same, || ConditionRecorded { entry_id, condition, recorded_at: now }))
    }

    fn record_allergy(&self, now: Instant, entry_id: EntryId, allergy: Allergy) -> Decision {
        check_entry(&self.allergies, entry_id, &allergy, &allergy.code, allergy.onset, allergy.ended)?;
        let same = self.allergies.get(&entry_id) == Some(&allergy);
        Ok(unless(same, || AllergyRecorded { entry_id, allergy, recorded_at: now }))
    }

    fn record_medication(&self, now: Instant, entry_id: EntryId, medication: Medication) -> Decision {
        check_entry(&self.medications, entry_id, &medication, &medication.code, medication.onset, medication.ended)?;
        let same = self.medications.get(&entry_id) == Some(&medication);
        Ok(unless(same, || MedicationRecorded { entry_id, medication, recorded_at: now }))
    }

    fn assign_primary_care_provider(&self, now: Instant, provider_id: Option<ProviderId>) -> Vec<PatientEvent> {
        unless(provider_id == self.patient.primary_care_provider_id, || PrimaryCareProviderAssigned { provider_id, assigned_at: now })
    }

    fn change_care_team(&self, now: Instant, care_team: Vec<CareTeamMember>) -> Decision {
        check_care_team(&care_team)?;
        bounded(&care_team)?;
        Ok(unless(care_team == self.patient.care_team, || PatientCareTeamChanged { care_team, changed_at: now }))
    }

    fn change_health_goals(&self, now: Instant, health_goals: Vec<Text>) -> Decision {
        bounded(&health_goals)?;
        Ok(unless(health_goals == self.patient.health_goals, || PatientHealthGoalsChanged { health_goals, changed_at: now }))
    }

    fn change_risk_factors(&self, now: Instant, risk_factors: Vec<Text>) -> Decision {
        bounded(&risk_factors)?;
        Ok(unless(risk_factors == self.patient.risk_factors, || PatientRiskFactorsChanged { risk_factors, changed_at: now }))
    }

    fn link_account(&self, now: Instant, account_id: AccountId) -> Vec<PatientEvent> {
        unless(self.patient.account_id == Some(account_id), || PatientAccountLinked { account_id, linked_at: now })
    }

    fn record_death(&self, now: Instant, deceased_at: Instant) -> Decision {
        check_death(now, self.patient.birth_date, deceased_at)?;
        Ok(unless(self.patient.deceased_at == Some(deceased_at), || PatientDied { deceased_at, recorded_at: now }))
    }
}

fn unless<P: Into<PatientEvent>>(holds_already: bool, event: impl FnOnce() -> P) -> Vec<PatientEvent> {
    if holds_already { vec![] } else { vec![event().into()] }
}

fn bounded(value: &impl Bounded) -> Result<(), PatientError> {
    if value.is_bounded() { Ok(()) } else { Err(PatientError::TooMany) }
}

/// How far ahead of UTC the day may be somewhere: a child born there today isn't born in the future.
const MINUTES_AHEAD_OF_UTC: u32 = 14 * 60;
/// The most numbers of others' making a patient may have.
const MAX_IDENTIFIERS: usize = 100;
/// The most entries each list of a patient's history may have.
const MAX_HISTORY: usize = 1_000;

fn check_demographics(now: Instant, demographics: &Demographics) -> Result<(), PatientError> {
    if demographics.name.is_empty() || demographics.other_names.iter().any(crate::HumanName::is_empty) {
        return Err(PatientError::NameMissing);
    }
    if demographics.birth_date > now.plus_minutes(MINUTES_AHEAD_OF_UTC).date() {
        return Err(PatientError::BornInTheFuture);
    }
    if demographics.birth_date < earliest_birth() {
        return Err(PatientError::BornTooLongAgo);
    }
    Ok(())
}

fn earliest_birth() -> Date {
    chrono::NaiveDate::from_ymd_opt(1850, 1, 1).expect("a day of the calendar").into()
}

fn check_death(now: Instant, birth_date: Date, deceased_at: Instant) -> Result<(), PatientError> {
    if deceased_at > now {
        Err(PatientError::DiedInTheFuture)
    } else if is_before_birth(deceased_at, birth_date) {
        Err(PatientError::DiedBeforeBirth)
    } else {
        Ok(())
    }
}

fn is_before_birth(deceased_at: Instant, birth_date: Date) -> bool {
    deceased_at.plus_minutes(MINUTES_AHEAD_OF_UTC).date() < birth_date
}

fn check_contact(contact: &Contact) -> Result<(), PatientError> {
    let reversed = contact.addresses.iter().any(|address| address.period.is_some_and(crate::Period::is_reversed));
    if reversed { Err(PatientError::EndsBeforeItBegins) } else { Ok(()) }
}

fn check_insurance(insurance: &[Insurance]) -> Result<(), PatientError> {
    let reversed = insurance.iter().any(|one| ends_before_it_begins(one.valid_from, one.valid_to));
    if reversed { Err(PatientError::EndsBeforeItBegins) } else { Ok(()) }
}

fn check_emergency_contacts(contacts: &[EmergencyContact]) -> Result<(), PatientError> {
    if contacts.iter().any(|contact| contact.name.is_empty()) { Err(PatientError::NameMissing) } else { Ok(()) }
}

fn check_care_team(care_team: &[CareTeamMember]) -> Result<(), PatientError> {
    let named: std::collections::BTreeSet<_> = care_team.iter().map(|member| member.provider_id).collect();
    if named.len() == care_team.len() { Ok(()) } else { Err(PatientError::SameMemberTwice) }
}

fn check_entry<T: Bounded>(
    entries: &BTreeMap<EntryId, T>,
    entry_id: EntryId,
    entry: &T,
    code: &crate::Code,
    onset: Option<Date>,
    ended: Option<Date>,
) -> Result<(), PatientError> {
    if code.is_empty() {
        return Err(PatientError::CodeMissing);
    }
    if ends_before_it_begins(onset, ended) {
        return Err(PatientError::EndsBeforeItBegins);
    }
    if entries.len() >= MAX_HISTORY && !entries.contains_key(&entry_id) {
        return Err(PatientError::TooMany);
    }
    bounded(entry)
}

fn ends_before_it_begins(begin: Option<Date>, end: Option<Date>) -> bool {
    matches!((begin, end), (Some(begin), Some(end)) if end < begin)
}
