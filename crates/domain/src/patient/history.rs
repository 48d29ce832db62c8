//! What did and does a patient suffer from, react to and take? One entry each, told again as a whole when it changes.

use serde::{Deserialize, Serialize};

use crate::{Code, Date, ProviderId, RecordId, Text, choices::choices, redact::redacted, values::Bounded};

choices! {
    /// Which list of a patient's history.
    pub enum HistoryList {
        Conditions = "CONDITIONS",
        Allergies = "ALLERGIES",
        Medications = "MEDICATIONS",
    }
}

choices! {
    /// How a condition stands (FHIR's `condition-clinical`).
    pub enum ConditionStatus {
        Active = "ACTIVE",
        Recurrence = "RECURRENCE",
        Relapse = "RELAPSE",
        Inactive = "INACTIVE",
        Remission = "REMISSION",
        Resolved = "RESOLVED",
        EnteredInError = "ENTERED_IN_ERROR",
    }
}

choices! {
    /// How an allergy stands (FHIR's `allergyintolerance-clinical`).
    pub enum AllergyStatus {
        Active = "ACTIVE",
        Inactive = "INACTIVE",
        Resolved = "RESOLVED",
        EnteredInError = "ENTERED_IN_ERROR",
    }
}

choices! {
    /// What the body reacts to (FHIR's `allergy-intolerance-category`).
    pub enum AllergyCategory {
        Food = "FOOD",
        Medication = "MEDICATION",
        Environment = "ENVIRONMENT",
        Biologic = "BIOLOGIC",
        Other = "OTHER",
    }
}

choices! {
    /// How dangerous an allergy may be (FHIR's `allergy-intolerance-criticality`).
    pub enum Criticality {
        Low = "LOW",
        High = "HIGH",
        UnableToAssess = "UNABLE_TO_ASSESS",
    }
}

choices! {
    /// How a medication stands (FHIR's `medicationrequest-status`).
    pub enum MedicationStatus {
        Active = "ACTIVE",
        OnHold = "ON_HOLD",
        Completed = "COMPLETED",
        Stopped = "STOPPED",
        Cancelled = "CANCELLED",
        Unknown = "UNKNOWN",
        EnteredInError = "ENTERED_IN_ERROR",
    }
}

/// A condition of a patient: an illness, an injury, a social circumstance.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Which (SNOMED CT, ICD-10).
    pub code: Code,
    /// How it stands.
    pub status: ConditionStatus,
    /// How bad it is.
    #[serde(default)]
    pub severity: Option<Code>,
    /// Since when.
    #[serde(default)]
    pub onset: Option<Date>,
    /// Until when.
    #[serde(default)]
    pub ended: Option<Date>,
    /// More about it.
    #[serde(default)]
    pub note: Option<Text>,
    /// The record that says so.
    #[serde(default)]
    pub record_id: Option<RecordId>,
}

/// An allergy or intolerance of a patient.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Allergy {
    /// To what (SNOMED CT, RxNorm).
    pub code: Code,
    /// How it stands.
    pub status: AllergyStatus,
    /// What kind of thing that is.
    #[serde(default)]
    pub categories: Vec<AllergyCategory>,
    /// How dangerous it may be.
    #[serde(default)]
    pub criticality: Option<Criticality>,
    /// How the body reacts.
    #[serde(default)]
    pub reactions: Vec<Code>,
    /// Since when.
    #[serde(default)]
    pub onset: Option<Date>,
    /// Until when.
    #[serde(default)]
    pub ended: Option<Date>,
    /// More about it.
    #[serde(default)]
    pub note: Option<Text>,
    /// The record that says so.
    #[serde(default)]
    pub record_id: Option<RecordId>,
}

/// A medication that a patient takes or took.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Medication {
    /// Which (RxNorm).
    pub code: Code,
    /// How it stands.
    pub status: MedicationStatus,
    /// How much, how often.
    #[serde(default)]
    pub dosage: Option<Text>,
    /// Against what.
    #[serde(default)]
    pub reasons: Vec<Code>,
    /// Who prescribed it.
    #[serde(default)]
    pub prescriber_id: Option<ProviderId>,
    /// Since when.
    #[serde(default)]
    pub onset: Option<Date>,
    /// Until when.
    #[serde(default)]
    pub ended: Option<Date>,
    /// More about it.
    #[serde(default)]
    pub note: Option<Text>,
    /// The record that says so.
    #[serde(default)]
    pub record_id: Option<RecordId>,
}

redacted!(Condition, Allergy, Medication);

impl ConditionStatus {
    /// How a condition stands that is over.
    #[must_use]
    pub const fn once_ended(self) -> Self {
        match self {
            Self::Remission => Self::Remission,
            Self::Active | Self::Recurrence | Self::Relapse | Self::Inactive | Self::Resolved | Self::EnteredInError => Self::Resolved,
        }
    }
}

impl AllergyStatus {
    /// How an allergy stands that is over.
    #[must_use]
    pub const fn once_ended(self) -> Self {
        match self {
            Self::Active | Self::Inactive | Self::Resolved | Self::EnteredInError => Self::Resolved,
        }
    }
}

impl MedicationStatus {
    /// How a medication stands that isn't taken any more: as planned, or not.
    #[must_use]
    pub const fn once_ended(self) -> Self {
        match self {
            Self::Completed => Self::Completed,
            Self::Cancelled => Self::Cancelled,
            Self::Active | Self::OnHold | Self::Stopped | Self::Unknown | Self::EnteredInError => Self::Stopped,
        }
    }
}

/// What the entries of all three lists have in common.
pub(super) trait Entry: Bounded + Clone + PartialEq {
    fn code(&self) -> &Code;
    fn onset(&self) -> Option<Date>;
    fn ended(&self) -> Option<Date>;
    fn is_entered_in_error(&self) -> bool;
    /// As it is once it has ended on that day.
    fn end(&mut self, ended: Date);
    /// As it is once it is known never to have been true.
    fn mark_in_error(&mut self);
}

macro_rules! entries {
    ($($entry:ident: $status:ident),+) => {
        $(impl Entry for $entry {
            fn code(&self) -> &Code {
                &self.code
            }

            fn onset(&self) -> Option<Date> {
                self.onset
            }

            fn ended(&self) -> Option<Date> {
                self.ended
            }

            fn is_entered_in_error(&self) -> bool {
                self.status == $status::EnteredInError
            }

            fn end(&mut self, ended: Date) {
                self.ended = Some(ended);
                self.status = self.status.once_ended();
            }

            fn mark_in_error(&mut self) {
                self.status = $status::EnteredInError;
            }
        })+
    };
}

entries!(Condition: ConditionStatus, Allergy: AllergyStatus, Medication: MedicationStatus);

impl Bounded for Condition {
    fn is_bounded(&self) -> bool {
        self.code.is_bounded() && self.severity.is_bounded()
    }
}

impl Bounded for Allergy {
    fn is_bounded(&self) -> bool {
        self.code.is_bounded() && self.reactions.is_bounded() && self.categories.len() <= AllergyCategory::ALL.len()
    }
}

impl Bounded for Medication {
    fn is_bounded(&self) -> bool {
        self.code.is_bounded() && self.reasons.is_bounded()
    }
}
