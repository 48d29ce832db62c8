//! What is told of a compliance matter.

use serde::{Deserialize, Serialize};

use super::{ComplianceEvent, FindingOutcome, FindingSeverity, FindingType, Office, TrainingTopic};
use crate::{AccountId, Date, Instant, Line, PatientId, Text, redact::redacted};

impl ComplianceEvent {
    /// The patients whom it names.
    pub fn patient_ids(&self) -> &[PatientId] {
        match self {
            Self::FindingRaised(raised) => &raised.finding.patient_ids,
            Self::LegalHoldPlaced(placed) => &placed.hold.patient_ids,
            Self::LegalHoldWidened(widened) => &widened.patient_ids,
            Self::FindingNoted(_)
            | Self::FindingResolved(_)
            | Self::FindingReopened(_)
            | Self::LegalHoldReleased(_)
            | Self::OfficerDesignated(_)
            | Self::OfficerRelieved(_)
            | Self::TrainingRecorded(_)
            | Self::TrainingEnteredInError(_) => &[],
        }
    }
}

/// Something was found that may break a rule.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingRaised {
    /// What was found.
    pub finding: NewFinding,
    /// Who says so.
    pub raised_by: AccountId,
    /// When.
    pub raised_at: Instant,
}

/// What was learnt about a finding.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingNoted {
    /// In words.
    pub note: Text,
    /// Who says so.
    pub noted_by: AccountId,
    /// When.
    pub noted_at: Instant,
}

/// It was decided what a finding was, and what is done about it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingResolved {
    /// What it was.
    pub outcome: FindingOutcome,
    /// What is done about it, or why nothing is.
    pub measures: Text,
    /// Who decided.
    pub resolved_by: AccountId,
    /// When.
    pub resolved_at: Instant,
}

/// A finding is looked at again.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingReopened {
    /// Why.
    pub reason: Text,
    /// Who decided.
    pub reopened_by: AccountId,
    /// When.
    pub reopened_at: Instant,
}

/// Data of patients must be kept until further notice.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct LegalHoldPlaced {
    /// Which, and why.
    pub hold: NewLegalHold,
    /// Who placed it.
    pub placed_by: AccountId,
    /// When.
    pub placed_at: Instant,
}

/// A legal hold covers more patients.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct LegalHoldWidened {
    /// Those it didn't cover before.
    pub patient_ids: Vec<PatientId>,
    /// Who widened it.
    pub widened_by: AccountId,
    /// When.
    pub widened_at: Instant,
}

/// A legal hold ended.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct LegalHoldReleased {
    /// Why.
    pub reason: Text,
    /// Who ended it.
    pub released_by: AccountId,
    /// When.
    pub released_at: Instant,
}

/// Somebody was made responsible.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct OfficerDesignated {
    /// For what, and who.
    pub designation: NewDesignation,
    /// Who decided.
    pub designated_by: AccountId,
    /// When.
    pub designated_at: Instant,
}

/// Somebody is no longer responsible.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct OfficerRelieved {
    /// Why.
    pub reason: Option<Text>,
    /// Who decided.
    pub relieved_by: AccountId,
    /// When.
    pub relieved_at: Instant,
}

/// A member of the workforce was trained.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecorded {
    /// Who, in what.
    pub training: NewTraining,
    /// Who says so.
    pub recorded_by: AccountId,
    /// When.
    pub recorded_at: Instant,
}

/// A training was written down that didn't happen so.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingEnteredInError {
    /// What is wrong.
    pub reason: Text,
    /// Who says so.
    pub marked_by: AccountId,
    /// When.
    pub marked_at: Instant,
}

/// A finding as it is raised.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewFinding {
    /// What kind of finding.
    pub finding_type: FindingType,
    /// How much it matters.
    pub severity: FindingSeverity,
    /// In a few words.
    pub title: Line,
    /// In more words.
    #[serde(default)]
    pub description: Option<Text>,
    /// The rule that may be broken: `164.312(d)`.
    #[serde(default)]
    pub rule: Option<Line>,
    /// Whose accounts are concerned; at most 100.
    #[serde(default)]
    pub account_ids: Vec<AccountId>,
    /// Whose data is concerned; at most 100.
    #[serde(default)]
    pub patient_ids: Vec<PatientId>,
    /// When it was discovered: the terms of a breach count from there (45 CFR 164.404(b)).
    pub discovered_at: Instant,
}

/// A legal hold as it is placed.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewLegalHold {
    /// The case: its name or number.
    pub matter: Line,
    /// Who demands it: a court, an agency, counsel.
    #[serde(default)]
    pub authority: Option<Line>,
    /// Why.
    pub reason: Text,
    /// Whose data is kept; 1 to 100, more by widening.
    pub patient_ids: Vec<PatientId>,
}

/// Who is made responsible for what.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewDesignation {
    /// For what.
    pub office: Office,
    /// Who.
    pub account_id: AccountId,
}

/// A training as it is written down.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewTraining {
    /// Who was trained.
    pub account_id: AccountId,
    /// In what.
    pub topic: TrainingTopic,
    /// The course.
    pub course: Line,
    /// Who gave it.
    #[serde(default)]
    pub given_by: Option<Line>,
    /// When it was completed.
    pub completed_on: Date,
    /// The day on which it has to be repeated; none: it hasn't.
    #[serde(default)]
    pub valid_until: Option<Date>,
}

redacted!(
    FindingRaised,
    FindingNoted,
    FindingResolved,
    FindingReopened,
    LegalHoldPlaced,
    LegalHoldWidened,
    LegalHoldReleased,
    OfficerDesignated,
    OfficerRelieved,
    TrainingRecorded,
    TrainingEnteredInError,
    NewFinding,
    NewLegalHold,
    NewDesignation,
    NewTraining,
);
