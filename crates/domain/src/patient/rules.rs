//! Which commands are allowed, and what follows from them?

use std::collections::{BTreeMap, BTreeSet};

use super::history::Entry;
use super::{
    Allergy, AllergyRecorded, CareTeamMember, Chart, Condition, ConditionRecorded, Contact, Demographics, EmergencyContact, HistoryEntryEnded,
    HistoryEntryEnteredInError, HistoryList, Insurance, Medication, MedicationRecorded, NewPatient, Patient, PatientAccountLinked,
    PatientCareTeamChanged, PatientContactChanged, PatientDeactivated, PatientDemographicsCorrected, PatientDied, PatientEmergencyContactsChanged,
    PatientError, PatientEvent, PatientHealthGoalsChanged, PatientIdentifierAdded, PatientIdentifierRemoved, PatientInsuranceChanged,
    PatientReactivated, PatientRegistered, PatientRiskFactorsChanged, PrimaryCareProviderAssigned,
};
use crate::{AccountId, Date, EntryId, HumanName, Identifier, Instant, Period, ProviderId, Text, values::Bounded};

type Decision = Result<Vec<PatientEvent>, PatientError>;

impl Patient {
    /// What is known of them; none before registration.
    pub fn chart(&self) -> Option<&Chart> {
        match self {
            Self::Absent => None,
            Self::Active(chart) | Self::Deactivated(chart) | Self::Merged { chart, .. } => Some(chart),
        }
    }

    pub(super) fn active(&self) -> Result<&Chart, PatientError> {
        match self {
            Self::Absent => Err(PatientError::NotRegistered),
            Self::Deactivated(_) => Err(PatientError::Deactivated),
            Self::Merged { .. } => Err(PatientError::Merged),
            Self::Active(chart) => Ok(chart),
        }
    }

    pub(super) fn register(&self, now: Instant, patient: Box<NewPatient>) -> Decision {
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

    pub(super) fn deactivate(&self, now: Instant, reason: Option<Text>) -> Decision {
        match self {
            Self::Absent => Err(PatientError::NotRegistered),
            Self::Deactivated(_) => Ok(vec![]),
            Self::Merged { .. } => Err(PatientError::Merged),
            Self::Active(_) => Ok(vec![PatientDeactivated { reason, deactivated_at: now }.into()]),
        }
    }

    pub(super) fn reactivate(&self, now: Instant) -> Decision {
        match self {
            Self::Absent => Err(PatientError::NotRegistered),
            Self::Active(_) => Ok(vec![]),
            Self::Merged { .. } => Err(PatientError::Merged),
            Self::Deactivated(_) => Ok(vec![PatientReactivated { reactivated_at: now }.into()]),
        }
    }
}

impl Chart {
    pub(super) fn of(patient: NewPatient) -> Self {
        Self {
            patient,
            conditions: BTreeMap::new(),
            allergies: BTreeMap::new(),
            medications: BTreeMap::new(),
            amendments: BTreeMap::new(),
            duplicates: BTreeSet::new(),
        }
    }

    pub(super) fn evolve(&mut self, event: &PatientEvent) {
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
            PatientEvent::HistoryEntryEnded(HistoryEntryEnded { list, entry_id, ended, .. }) => self.end(list, entry_id, ended),
            PatientEvent::HistoryEntryEnteredInError(HistoryEntryEnteredInError { list, entry_id, .. }) => self.mark_in_error(list, entry_id),
            PatientEvent::PrimaryCareProviderAssigned(assigned) => patient.primary_care_provider_id = assigned.provider_id,
            PatientEvent::PatientCareTeamChanged(changed) => patient.care_team = changed.care_team,
            PatientEvent::PatientHealthGoalsChanged(changed) => patient.health_goals = changed.health_goals,
            PatientEvent::PatientRiskFactorsChanged(changed) => patient.risk_factors = changed.risk_factors,
            PatientEvent::PatientAccountLinked(linked) => patient.account_id = Some(linked.account_id),
            PatientEvent::AmendmentRequested(_)
            | PatientEvent::AmendmentDeadlineExtended(_)
            | PatientEvent::AmendmentAccepted(_)
            | PatientEvent::AmendmentDenied(_)
            | PatientEvent::AmendmentDenialDisputed(_)
            | PatientEvent::AmendmentDisputeRebutted(_)
            | PatientEvent::AmendmentRecipientTold(_) => self.amend(event),
            PatientEvent::PatientDied(died) => patient.deceased_at = Some(died.deceased_at),
            PatientEvent::PatientDuplicateAbsorbed(absorbed) => drop(self.duplicates.insert(absorbed.duplicate_id)),
            PatientEvent::PatientDuplicateReleased(released) => drop(self.duplicates.remove(&released.duplicate_id)),
            // these decide which state the chart is in, not what is in it
            PatientEvent::PatientRegistered(_)
            | PatientEvent::PatientDeactivated(_)
            | PatientEvent::PatientReactivated(_)
            | PatientEvent::PatientMerged(_)
            | PatientEvent::PatientMergeUndone(_) => {}
        }
    }

    pub(super) fn correct_demographics(&self, now: Instant, demographics: Demographics) -> Decision {
        check_demographics(now, &demographics)?;
        if self.patient.deceased_at.is_some_and(|death| is_before_birth(death, demographics.birth_date)) {
            return Err(PatientError::DiedBeforeBirth);
        }
        bounded(&demographics)?;
        Ok(unless(demographics == self.patient.demographics(), || PatientDemographicsCorrected { demographics, corrected_at: now }))
    }

    pub(super) fn change_contact(&self, now: Instant, contact: Contact) -> Decision {
        check_contact(&contact)?;
        bounded(&contact)?;
        Ok(unless(contact == self.patient.contact(), || PatientContactChanged { contact, changed_at: now }))
    }

    pub(super) fn change_insurance(&self, now: Instant, insurance: Vec<Insurance>) -> Decision {
        check_insurance(&insurance)?;
        bounded(&insurance)?;
        Ok(unless(insurance == self.patient.insurance, || PatientInsuranceChanged { insurance, changed_at: now }))
    }

    pub(super) fn change_emergency_contacts(&self, now: Instant, emergency_contacts: Vec<EmergencyContact>) -> Decision {
        check_emergency_contacts(&emergency_contacts)?;
        bounded(&emergency_contacts)?;
        let same = emergency_contacts == self.patient.emergency_contacts;
        Ok(unless(same, || PatientEmergencyContactsChanged { emergency_contacts, changed_at: now }))
    }

    pub(super) fn add_identifier(&self, now: Instant, identifier: Identifier) -> Decision {
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

    pub(super) fn remove_identifier(&self, now: Instant, identifier: Identifier) -> Vec<PatientEvent> {
        unless(!self.patient.identifiers.contains(&identifier), || PatientIdentifierRemoved { identifier, removed_at: now })
    }

    pub(super) fn record_condition(&self, now: Instant, entry_id: EntryId, condition: Condition) -> Decision {
        check_entry(&self.conditions, entry_id, &condition)?;
        let same = self.conditions.get(&entry_id) == Some(&condition);
        Ok(unless(same, || ConditionRecorded { entry_id, condition, recorded_at: now }))
    }

    pub(super) fn record_allergy(&self, now: Instant, entry_id: EntryId, allergy: Allergy) -> Decision {
        check_entry(&self.allergies, entry_id, &allergy)?;
        let same = self.allergies.get(&entry_id) == Some(&allergy);
        Ok(unless(same, || AllergyRecorded { entry_id, allergy, recorded_at: now }))
    }

    pub(super) fn record_medication(&self, now: Instant, entry_id: EntryId, medication: Medication) -> Decision {
        check_entry(&self.medications, entry_id, &medication)?;
        let same = self.medications.get(&entry_id) == Some(&medication);
        Ok(unless(same, || MedicationRecorded { entry_id, medication, recorded_at: now }))
    }

    pub(super) fn end_history_entry(&self, event: HistoryEntryEnded) -> Decision {
        let holds_already = match event.list {
            HistoryList::Conditions => has_ended(known(&self.conditions, event.entry_id)?, &event)?,
            HistoryList::Allergies => has_ended(known(&self.allergies, event.entry_id)?, &event)?,
            HistoryList::Medications => has_ended(known(&self.medications, event.entry_id)?, &event)?,
        };
        Ok(unless(holds_already, || event))
    }

    pub(super) fn mark_history_entry_in_error(&self, event: HistoryEntryEnteredInError) -> Decision {
        let holds_already = match event.list {
            HistoryList::Conditions => known(&self.conditions, event.entry_id)?.is_entered_in_error(),
            HistoryList::Allergies => known(&self.allergies, event.entry_id)?.is_entered_in_error(),
            HistoryList::Medications => known(&self.medications, event.entry_id)?.is_entered_in_error(),
        };
        Ok(unless(holds_already, || event))
    }

    fn end(&mut self, list: HistoryList, entry_id: EntryId, ended: Date) {
        match list {
            HistoryList::Conditions => drop(self.conditions.get_mut(&entry_id).map(|entry| entry.end(ended))),
            HistoryList::Allergies => drop(self.allergies.get_mut(&entry_id).map(|entry| entry.end(ended))),
            HistoryList::Medications => drop(self.medications.get_mut(&entry_id).map(|entry| entry.end(ended))),
        }
    }

    fn mark_in_error(&mut self, list: HistoryList, entry_id: EntryId) {
        match list {
            HistoryList::Conditions => drop(self.conditions.get_mut(&entry_id).map(Entry::mark_in_error)),
            HistoryList::Allergies => drop(self.allergies.get_mut(&entry_id).map(Entry::mark_in_error)),
            HistoryList::Medications => drop(self.medications.get_mut(&entry_id).map(Entry::mark_in_error)),
        }
    }

    pub(super) fn assign_primary_care_provider(&self, now: Instant, provider_id: Option<ProviderId>) -> Vec<PatientEvent> {
        unless(provider_id == self.patient.primary_care_provider_id, || PrimaryCareProviderAssigned { provider_id, assigned_at: now })
    }

    pub(super) fn change_care_team(&self, now: Instant, care_team: Vec<CareTeamMember>) -> Decision {
        check_care_team(&care_team)?;
        bounded(&care_team)?;
        Ok(unless(care_team == self.patient.care_team, || PatientCareTeamChanged { care_team, changed_at: now }))
    }

    pub(super) fn change_health_goals(&self, now: Instant, health_goals: Vec<Text>) -> Decision {
        bounded(&health_goals)?;
        Ok(unless(health_goals == self.patient.health_goals, || PatientHealthGoalsChanged { health_goals, changed_at: now }))
    }

    pub(super) fn change_risk_factors(&self, now: Instant, risk_factors: Vec<Text>) -> Decision {
        bounded(&risk_factors)?;
        Ok(unless(risk_factors == self.patient.risk_factors, || PatientRiskFactorsChanged { risk_factors, changed_at: now }))
    }

    pub(super) fn link_account(&self, now: Instant, account_id: AccountId) -> Vec<PatientEvent> {
        unless(self.patient.account_id == Some(account_id), || PatientAccountLinked { account_id, linked_at: now })
    }

    pub(super) fn record_death(&self, now: Instant, deceased_at: Instant) -> Decision {
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

/// The most numbers of others' making a patient may have.
const MAX_IDENTIFIERS: usize = 100;
/// The most entries each list of a patient's history may have.
const MAX_HISTORY: usize = 1_000;

fn check_demographics(now: Instant, demographics: &Demographics) -> Result<(), PatientError> {
    if demographics.name.is_empty() || demographics.other_names.iter().any(HumanName::is_empty) {
        return Err(PatientError::NameMissing);
    }
    if demographics.birth_date > now.date_furthest_east() {
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
    deceased_at.date_furthest_east() < birth_date
}

fn check_contact(contact: &Contact) -> Result<(), PatientError> {
    let reversed = contact.addresses.iter().any(|address| address.period.is_some_and(Period::is_reversed));
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
    let named: BTreeSet<_> = care_team.iter().map(|member| member.provider_id).collect();
    if named.len() == care_team.len() { Ok(()) } else { Err(PatientError::SameMemberTwice) }
}

fn check_entry<T: Entry>(entries: &BTreeMap<EntryId, T>, entry_id: EntryId, entry: &T) -> Result<(), PatientError> {
    if entry.code().is_empty() {
        return Err(PatientError::CodeMissing);
    }
    if ends_before_it_begins(entry.onset(), entry.ended()) {
        return Err(PatientError::EndsBeforeItBegins);
    }
    if entries.len() >= MAX_HISTORY && !entries.contains_key(&entry_id) {
        return Err(PatientError::TooMany);
    }
    bounded(entry)
}

fn known<T: Entry>(entries: &BTreeMap<EntryId, T>, entry_id: EntryId) -> Result<&T, PatientError> {
    entries.get(&entry_id).ok_or(PatientError::NoSuchEntry)
}

/// Whether the entry has ended on that day already, if it can.
fn has_ended<T: Entry>(entry: &T, event: &HistoryEntryEnded) -> Result<bool, PatientError> {
    if entry.is_entered_in_error() {
        return Err(PatientError::EnteredInError);
    }
    if event.ended > event.recorded_at.date_furthest_east() {
        return Err(PatientError::EndsInTheFuture);
    }
    if ends_before_it_begins(entry.onset(), Some(event.ended)) {
        return Err(PatientError::EndsBeforeItBegins);
    }
    let mut after = entry.clone();
    after.end(event.ended);
    Ok(after == *entry)
}

fn ends_before_it_begins(begin: Option<Date>, end: Option<Date>) -> bool {
    matches!((begin, end), (Some(begin), Some(end)) if end < begin)
}
