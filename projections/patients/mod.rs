//! Who is this patient, how are they reached, who looks after them?

use anamnesis_domain::patient::{CareTeamMember, Contact, Demographics, EmergencyContact, Insurance, NewPatient, PatientEvent};
use anamnesis_domain::{AccountId, AnyEvent, Identifier, Instant, PatientId, PatientNumber, ProviderId, Recorded, Text};

use crate::kernel::{Blind, Fold, Follows, Key, Masked, Of, Projection, Rows, Schema, Sealed, Streams, row, seal, seal_list, text_columns};
use crate::normal;
use crate::words::{Kind, Words};

#[cfg(test)]
mod tests;

/// Every patient, as known now.
pub const PATIENTS: Projection = Projection {
    name: "patients",
    schema: Schema::Read,
    follows: Follows::Topics,
    sql: include_str!("table.sql"),
    version: 3,
    tables: &[&Of::<Patients>::TABLE],
};

text_columns!(PatientStatus);

row! {
    /// A patient.
    pub struct PatientRow in "patients" key (patient_id) {
        patient_id: PatientId,
        user_id: Option<AccountId>,
        status: PatientStatus,
        patient_number: Sealed<PatientNumber>,
        patient_number_index: Blind,
        demographics: Sealed<Demographics>,
        found_by: Words,
        family_and_birth_index: Option<Blind>,
        deceased_at: Option<Sealed<Instant>>,
        contact: Option<Sealed<Contact>>,
        identifiers: Option<Sealed<Vec<Identifier>, Masked>>,
        insurance_info: Option<Sealed<Vec<Insurance>>>,
        emergency_contact: Option<Sealed<Vec<EmergencyContact>>>,
        primary_care_provider: Option<ProviderId>,
        assigned_providers: Vec<ProviderId>,
        care_team: Option<Sealed<Vec<CareTeamMember>>>,
        health_goals: Option<Sealed<Vec<Text>>>,
        risk_factors: Option<Sealed<Vec<Text>>>,
        registered_at: Instant,
        deactivated_at: Option<Instant>,
        deactivation_reason: Option<Sealed<Text>>,
        merged_into: Option<PatientId>,
        merged_at: Option<Instant>,
        merge_reason: Option<Sealed<Text>>,
        duplicates: Vec<PatientId>,
    }
}

/// Whether the patient is looked after here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PatientStatus {
    /// They are.
    Active,
    /// No longer; the records stay.
    Deactivated,
    /// As another patient, into whom this one was merged.
    Merged,
}

/// The fold of `patients`.
pub struct Patients;

impl Fold for Patients {
    type Row = PatientRow;
    const STREAMS: Streams = Streams::Of(&["patient"]);
    const OPENED: &'static [&'static str] = &["identifiers"];

    fn keys(event: &Recorded) -> Vec<Key> {
        vec![event.aggregate_id.into()]
    }

    fn apply(rows: &mut Rows<PatientRow>, event: &Recorded) {
        let Some(AnyEvent::Patient(happened)) = event.event.value() else { return };
        if let PatientEvent::PatientRegistered(registered) = happened {
            rows.put(PatientRow::new(event.aggregate_id.into(), &registered.patient, registered.registered_at));
        } else {
            rows.change(event.aggregate_id, |patient| patient.change(happened));
        }
    }
}

impl PatientRow {
    fn new(patient_id: PatientId, patient: &NewPatient, registered_at: Instant) -> Self {
        let mut row = Self {
            patient_id,
            user_id: patient.account_id,
            status: PatientStatus::Active,
            patient_number: Sealed::new(patient.patient_number.clone()),
            patient_number_index: Blind::of(patient.patient_number.normalised()),
            demographics: Sealed::new(patient.demographics()),
            found_by: Words::default(),
            family_and_birth_index: None,
            deceased_at: seal(patient.deceased_at.as_ref()),
            contact: None,
            identifiers: None,
            insurance_info: seal_list(&patient.insurance),
            emergency_contact: seal_list(&patient.emergency_contacts),
            primary_care_provider: patient.primary_care_provider_id,
            assigned_providers: Vec::new(),
            care_team: None,
            health_goals: seal_list(&patient.health_goals),
            risk_factors: seal_list(&patient.risk_factors),
            registered_at,
            deactivated_at: None,
            deactivation_reason: None,
            merged_into: None,
            merged_at: None,
            merge_reason: None,
            duplicates: Vec::new(),
        };
        row.set_demographics(&patient.demographics());
        row.set_contact(&patient.contact());
        row.set_identifiers(&patient.identifiers);
        row.set_care_team(&patient.care_team);
        row
    }

    fn change(&mut self, happened: &PatientEvent) {
        match happened {
            PatientEvent::PatientDemographicsCorrected(corrected) => self.set_demographics(&corrected.demographics),
            PatientEvent::PatientContactChanged(changed) => self.set_contact(&changed.contact),
            PatientEvent::PatientInsuranceChanged(changed) => self.insurance_info = seal_list(&changed.insurance),
            PatientEvent::PatientEmergencyContactsChanged(changed) => self.emergency_contact = seal_list(&changed.emergency_contacts),
            PatientEvent::PatientIdentifierAdded(added) => {
                let mut identifiers = self.known_identifiers();
                identifiers.push(added.identifier.clone());
                self.set_identifiers(&identifiers);
            }
            PatientEvent::PatientIdentifierRemoved(removed) => {
                let mut identifiers = self.known_identifiers();
                identifiers.retain(|identifier| *identifier != removed.identifier);
                self.set_identifiers(&identifiers);
            }
            PatientEvent::PrimaryCareProviderAssigned(assigned) => self.primary_care_provider = assigned.provider_id,
            PatientEvent::PatientCareTeamChanged(changed) => self.set_care_team(&changed.care_team),
            PatientEvent::PatientHealthGoalsChanged(changed) => self.health_goals = seal_list(&changed.health_goals),
            PatientEvent::PatientRiskFactorsChanged(changed) => self.risk_factors = seal_list(&changed.risk_factors),
            PatientEvent::PatientAccountLinked(linked) => self.user_id = Some(linked.account_id),
            PatientEvent::PatientDied(died) => self.deceased_at = Some(Sealed::new(died.deceased_at)),
            PatientEvent::PatientDeactivated(deactivated) => {
                self.status = PatientStatus::Deactivated;
                self.deactivated_at = Some(deactivated.deactivated_at);
                self.deactivation_reason = seal(deactivated.reason.as_ref());
            }
            PatientEvent::PatientReactivated(_) => {
                self.status = PatientStatus::Active;
                self.deactivated_at = None;
                self.deactivation_reason = None;
            }
            PatientEvent::PatientMerged(merged) => {
                self.status = PatientStatus::Merged;
                (self.merged_into, self.merged_at) = (Some(merged.survivor_id), Some(merged.merged_at));
                self.merge_reason = Some(Sealed::new(merged.reason.clone()));
            }
            PatientEvent::PatientMergeUndone(_) => {
                self.status = if self.deactivated_at.is_some() { PatientStatus::Deactivated } else { PatientStatus::Active };
                (self.merged_into, self.merged_at, self.merge_reason) = (None, None, None);
            }
            PatientEvent::PatientDuplicateAbsorbed(absorbed) => self.duplicates.push(absorbed.duplicate_id),
            PatientEvent::PatientDuplicateReleased(released) => self.duplicates.retain(|duplicate| *duplicate != released.duplicate_id),
            // these make a row, or stand in tables of their own: the row only learns how far the stream has come
            PatientEvent::PatientRegistered(_)
            | PatientEvent::ConditionRecorded(_)
            | PatientEvent::AllergyRecorded(_)
            | PatientEvent::MedicationRecorded(_)
            | PatientEvent::HistoryEntryEnded(_)
            | PatientEvent::HistoryEntryEnteredInError(_)
            | PatientEvent::AmendmentRequested(_)
            | PatientEvent::AmendmentDeadlineExtended(_)
            | PatientEvent::AmendmentAccepted(_)
            | PatientEvent::AmendmentDenied(_)
            | PatientEvent::AmendmentDenialDisputed(_)
            | PatientEvent::AmendmentDisputeRebutted(_)
            | PatientEvent::AmendmentRecipientTold(_) => {}
        }
    }

    fn set_demographics(&mut self, demographics: &Demographics) {
        let names = std::iter::once(&demographics.name).chain(&demographics.other_names);
        self.found_by.set(Kind::Name, normal::name_words(names));
        let family = demographics.name.family.as_ref();
        self.family_and_birth_index = family.map(|family| Blind::of(normal::family_and_birth(family, demographics.birth_date)));
        self.demographics = Sealed::new(demographics.clone());
    }

    fn set_contact(&mut self, contact: &Contact) {
        self.found_by.set(Kind::Phone, contact.phones.iter().map(|phone| phone.number.normalised()));
        self.found_by.set(Kind::Email, contact.emails.iter().map(|email| email.address.normalised()));
        self.contact = if *contact == Contact::default() { None } else { Some(Sealed::new(contact.clone())) };
    }

    fn known_identifiers(&self) -> Vec<Identifier> {
        self.identifiers.as_ref().and_then(Sealed::get).cloned().unwrap_or_default()
    }

    fn set_identifiers(&mut self, identifiers: &[Identifier]) {
        self.found_by.set(Kind::Identifier, normal::identifiers(identifiers));
        self.identifiers = seal_list(identifiers);
    }

    fn set_care_team(&mut self, care_team: &[CareTeamMember]) {
        self.assigned_providers = care_team.iter().map(|member| member.provider_id).collect();
        self.found_by.set(Kind::Provider, care_team.iter().map(|member| member.provider_id.to_string()));
        self.care_team = seal_list(care_team);
    }
}
