//! What does each event of a patient carry?

use serde::{Deserialize, Serialize};

use super::{
    Allergy, CareTeamMember, Condition, Contact, Demographics, EmergencyContact, HistoryList, Insurance, Medication, NewPatient, PatientEvent,
};
use crate::{AccountId, Date, EntryId, Identifier, Instant, ProviderId, Text, redact::redacted};

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

/// A condition or allergy is over, or a medication isn't taken any more: it was true, until then.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryEntryEnded {
    /// Of which list.
    pub list: HistoryList,
    /// Which entry of it.
    pub entry_id: EntryId,
    /// The last day of it.
    pub ended: Date,
    /// Why, in words.
    pub reason: Option<Text>,
    /// When that was written down.
    pub recorded_at: Instant,
}

/// An entry of the history never was true: it stays visible as that, and nothing follows from it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryEntryEnteredInError {
    /// Of which list.
    pub list: HistoryList,
    /// Which entry of it.
    pub entry_id: EntryId,
    /// What was wrong.
    pub reason: Text,
    /// When.
    pub marked_at: Instant,
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

impl PatientEvent {
    /// The same with identity numbers masked; none: there is none in it.
    pub(crate) fn masked(&self) -> Option<Self> {
        match self {
            Self::PatientRegistered(registered) => {
                let identifiers: Vec<_> = registered.patient.identifiers.iter().map(Identifier::masked).collect();
                let patient = Box::new(NewPatient { identifiers, ..(*registered.patient).clone() });
                Some(PatientRegistered { patient, registered_at: registered.registered_at }.into())
            }
            Self::PatientIdentifierAdded(added) => {
                Some(PatientIdentifierAdded { identifier: added.identifier.masked(), added_at: added.added_at }.into())
            }
            Self::PatientIdentifierRemoved(removed) => {
                Some(PatientIdentifierRemoved { identifier: removed.identifier.masked(), removed_at: removed.removed_at }.into())
            }
            Self::PatientDemographicsCorrected(_)
            | Self::PatientContactChanged(_)
            | Self::PatientInsuranceChanged(_)
            | Self::PatientEmergencyContactsChanged(_)
            | Self::ConditionRecorded(_)
            | Self::AllergyRecorded(_)
            | Self::MedicationRecorded(_)
            | Self::HistoryEntryEnded(_)
            | Self::HistoryEntryEnteredInError(_)
            | Self::PrimaryCareProviderAssigned(_)
            | Self::PatientCareTeamChanged(_)
            | Self::PatientHealthGoalsChanged(_)
            | Self::PatientRiskFactorsChanged(_)
            | Self::PatientAccountLinked(_)
            | Self::AmendmentRequested(_)
            | Self::AmendmentDeadlineExtended(_)
            | Self::AmendmentAccepted(_)
            | Self::AmendmentDenied(_)
            | Self::AmendmentDenialDisputed(_)
            | Self::AmendmentDisputeRebutted(_)
            | Self::AmendmentRecipientTold(_)
            | Self::PatientDied(_)
            | Self::PatientDeactivated(_)
            | Self::PatientReactivated(_)
            | Self::PatientMerged(_)
            | Self::PatientDuplicateAbsorbed(_)
            | Self::PatientMergeUndone(_)
            | Self::PatientDuplicateReleased(_) => None,
        }
    }
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
    HistoryEntryEnded,
    HistoryEntryEnteredInError,
    PrimaryCareProviderAssigned,
    PatientCareTeamChanged,
    PatientHealthGoalsChanged,
    PatientRiskFactorsChanged,
    PatientAccountLinked,
    PatientDied,
    PatientDeactivated,
    PatientReactivated,
);
