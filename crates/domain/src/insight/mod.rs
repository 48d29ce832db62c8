//! What did a model see in a patient's data, and what did people make of it?
//! `Absent → Generated → Reviewed → ActedOn | Dismissed`, or `→ Expired`; beside that, `Accepted ⇄ Overridden`

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    AccountId, Aggregate, Confidence, Instant, JsonText, Line, PatientId, RecordId, Subject, Text, choices::choices, events::events,
    redact::redacted, refusal::refusals,
};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

events! {
    /// What can have happened to an insight.
    pub enum InsightEvent {
        InsightGenerated(InsightGenerated) = 1,
        InsightReviewed(InsightReviewed) = 1,
        InsightActedOn(InsightActedOn) = 1,
        InsightDismissed(InsightDismissed) = 1,
        InsightExpired(InsightExpired) = 1,
        InsightAccepted(InsightAccepted) = 1,
        InsightOverridden(InsightOverridden) = 1,
    }
}

/// A model said something about a patient.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct InsightGenerated {
    /// What it said.
    pub insight: NewInsight,
    /// When it said so.
    pub generated_at: Instant,
}

/// Somebody read it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct InsightReviewed {
    /// Who.
    pub account_id: AccountId,
    /// What they think of it.
    pub note: Option<Text>,
    /// When.
    pub reviewed_at: Instant,
}

/// Somebody did something about it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct InsightActedOn {
    /// Who.
    pub account_id: AccountId,
    /// What they did.
    pub note: Option<Text>,
    /// When.
    pub acted_at: Instant,
}

/// Somebody decided against it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct InsightDismissed {
    /// Who.
    pub account_id: AccountId,
    /// Why.
    pub reason: Text,
    /// When.
    pub dismissed_at: Instant,
}

/// Its time ran out before anybody acted.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct InsightExpired {
    /// When that was noticed.
    pub expired_at: Instant,
}

/// A provider says that the model was right.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct InsightAccepted {
    /// Who.
    pub account_id: AccountId,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub accepted_at: Instant,
}

/// A provider says that the model was wrong, and that something else holds.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct InsightOverridden {
    /// Who.
    pub account_id: AccountId,
    /// Why.
    pub reason: Text,
    /// When.
    pub overridden_at: Instant,
}

/// An insight as a model gives it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewInsight {
    /// About whom.
    pub patient_id: PatientId,
    /// What kind of insight.
    pub insight_type: InsightType,
    /// In a few words.
    pub title: Line,
    /// In more words.
    #[serde(default)]
    pub description: Option<Text>,
    /// What the model gave, in its own form.
    pub data: JsonText,
    /// How sure it is.
    #[serde(default)]
    pub confidence: Option<Confidence>,
    /// Which model.
    #[serde(default)]
    pub model_name: Option<Line>,
    /// Which version of it.
    #[serde(default)]
    pub model_version: Option<Line>,
    /// The records it looked at.
    #[serde(default)]
    pub record_ids: Vec<RecordId>,
    /// Until when it means anything; none: for good.
    #[serde(default)]
    pub expires_at: Option<Instant>,
    /// Whether something can be done about it.
    #[serde(default)]
    pub is_actionable: bool,
}

redacted!(InsightGenerated, InsightReviewed, InsightActedOn, InsightDismissed, InsightExpired, InsightAccepted, InsightOverridden, NewInsight);

choices! {
    /// What kind of insight.
    pub enum InsightType {
        RiskAssessment = "RISK_ASSESSMENT",
        Trend = "TREND",
        Anomaly = "ANOMALY",
        DrugInteraction = "DRUG_INTERACTION",
        CareGap = "CARE_GAP",
        PreventiveCare = "PREVENTIVE_CARE",
        Lifestyle = "LIFESTYLE",
        DiagnosisSupport = "DIAGNOSIS_SUPPORT",
        TreatmentRecommendation = "TREATMENT_RECOMMENDATION",
        LabInterpretation = "LAB_INTERPRETATION",
        Other = "OTHER",
    }
}

choices! {
    /// Where an insight is on its way.
    pub enum InsightStatus {
        Generated = "GENERATED",
        Reviewed = "REVIEWED",
        ActedOn = "ACTED_ON",
        Dismissed = "DISMISSED",
        Expired = "EXPIRED",
    }
}

choices! {
    /// What a provider says of an insight, apart from what is done about it.
    pub enum InsightFeedback {
        Accepted = "ACCEPTED",
        Overridden = "OVERRIDDEN",
    }
}

/// An insight's state.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Insight {
    /// Not generated yet.
    #[default]
    Absent,
    /// Generated, and on its way.
    Present {
        /// About whom.
        patient_id: PatientId,
        /// Whether something can be done about it.
        is_actionable: bool,
        /// Until when it means anything.
        expires_at: Option<Instant>,
        /// Where it is on its way.
        status: InsightStatus,
        /// What was last said of it.
        feedback: Option<InsightFeedback>,
    },
}

redacted!(Insight);

/// What can be asked of an insight. `now` is the moment of the command.
#[derive(Clone)]
#[expect(missing_docs, reason = "the fields are named as in the events, which explain them")]
pub enum InsightCommand {
    /// Keep what a model said.
    Generate { now: Instant, insight: Box<NewInsight> },
    /// Say that it was read.
    Review { now: Instant, account_id: AccountId, note: Option<Text> },
    /// Say that something was done about it.
    ActOn { now: Instant, account_id: AccountId, note: Option<Text> },
    /// Decide against it.
    Dismiss { now: Instant, account_id: AccountId, reason: Text },
    /// Notice that its time has run out.
    Expire { now: Instant },
    /// Say that the model was right.
    Accept { now: Instant, account_id: AccountId, reason: Option<Text> },
    /// Say that it was wrong.
    Override { now: Instant, account_id: AccountId, reason: Text },
}

redacted!(InsightCommand);

refusals! {
    /// Which rule on insights says no.
    pub enum InsightError {
        AlreadyGenerated = "already_generated", State, "this insight was already generated";
        NotGenerated = "not_generated", State, "this insight was never generated";
        AlreadyActedOn = "already_acted_on", State, "somebody has already acted on this insight";
        AlreadyDismissed = "already_dismissed", State, "this insight was dismissed";
        Expired = "expired", State, "this insight has expired";
        NotExpired = "not_expired", State, "this insight has not expired";
        NotActionable = "not_actionable", State, "nothing can be done about this insight; review or dismiss it";
        ExpiresTooSoon = "expires_too_soon", Request(expires_at), "expires_at must lie in the future";
        TooMany = "too_many", Request(record_ids), "record_ids may name at most 100 records";
    }
}

impl Aggregate for Insight {
    const TYPE: &'static str = "insight";
    const TOPIC: &'static str = "ai-events";
    // 2: knows what was said of it
    const SNAPSHOT_VERSION: u32 = 2;
    type Command = InsightCommand;
    type Event = InsightEvent;
    type Error = InsightError;

    fn decide(&self, command: InsightCommand) -> Result<Vec<InsightEvent>, InsightError> {
        match command {
            InsightCommand::Generate { now, insight } => self.generate(now, *insight),
            InsightCommand::Review { now, account_id, note } => self.review(now, account_id, note),
            InsightCommand::ActOn { now, account_id, note } => self.act_on(now, account_id, note),
            InsightCommand::Dismiss { now, account_id, reason } => self.dismiss(now, account_id, reason),
            InsightCommand::Expire { now } => self.expire(now),
            InsightCommand::Accept { now, account_id, reason } => self.accept(now, account_id, reason),
            InsightCommand::Override { now, account_id, reason } => self.overrule(now, account_id, reason),
        }
    }

    fn evolve(self, event: &InsightEvent) -> Self {
        match event {
            InsightEvent::InsightGenerated(InsightGenerated { insight, .. }) => Self::Present {
                patient_id: insight.patient_id,
                is_actionable: insight.is_actionable,
                expires_at: insight.expires_at,
                status: InsightStatus::Generated,
                feedback: None,
            },
            InsightEvent::InsightReviewed(_) => self.now(InsightStatus::Reviewed),
            InsightEvent::InsightActedOn(_) => self.now(InsightStatus::ActedOn),
            InsightEvent::InsightDismissed(_) => self.now(InsightStatus::Dismissed),
            InsightEvent::InsightExpired(_) => self.now(InsightStatus::Expired),
            InsightEvent::InsightAccepted(_) => self.said(InsightFeedback::Accepted),
            InsightEvent::InsightOverridden(_) => self.said(InsightFeedback::Overridden),
        }
    }

    fn subject(&self, id: Uuid, _event: &InsightEvent) -> Subject {
        match self {
            Self::Present { patient_id, .. } => Subject::Person(patient_id.0),
            Self::Absent => Subject::Person(id),
        }
    }
}

/// The most records an insight may name.
const MAX_RECORDS: usize = 100;

type Decision = Result<Vec<InsightEvent>, InsightError>;

impl Insight {
    /// Where it is on its way; none before it was generated.
    pub fn status(&self) -> Option<InsightStatus> {
        match self {
            Self::Absent => None,
            Self::Present { status, .. } => Some(*status),
        }
    }

    fn now(mut self, now: InsightStatus) -> Self {
        if let Self::Present { status, .. } = &mut self {
            *status = now;
        }
        self
    }

    fn said(mut self, said: InsightFeedback) -> Self {
        if let Self::Present { feedback, .. } = &mut self {
            *feedback = Some(said);
        }
        self
    }

    /// The status, of an insight whose time has not run out.
    fn current(&self, now: Instant) -> Result<InsightStatus, InsightError> {
        match self {
            Self::Absent => Err(InsightError::NotGenerated),
            Self::Present { status: status @ (InsightStatus::ActedOn | InsightStatus::Dismissed), .. } => Ok(*status),
            Self::Present { expires_at: Some(end), .. } if *end <= now => Err(InsightError::Expired),
            Self::Present { status, .. } => Ok(*status),
        }
    }

    fn generate(&self, now: Instant, insight: NewInsight) -> Decision {
        if *self != Self::Absent {
            return Err(InsightError::AlreadyGenerated);
        }
        if insight.expires_at.is_some_and(|end| end <= now) {
            return Err(InsightError::ExpiresTooSoon);
        }
        if insight.record_ids.len() > MAX_RECORDS {
            return Err(InsightError::TooMany);
        }
        Ok(vec![InsightGenerated { insight, generated_at: now }.into()])
    }

    fn review(&self, now: Instant, account_id: AccountId, note: Option<Text>) -> Decision {
        match self.current(now)? {
            InsightStatus::Generated => Ok(vec![InsightReviewed { account_id, note, reviewed_at: now }.into()]),
            InsightStatus::Reviewed => Ok(vec![]),
            InsightStatus::ActedOn => Err(InsightError::AlreadyActedOn),
            InsightStatus::Dismissed => Err(InsightError::AlreadyDismissed),
            InsightStatus::Expired => Err(InsightError::Expired),
        }
    }

    fn act_on(&self, now: Instant, account_id: AccountId, note: Option<Text>) -> Decision {
        match self.current(now)? {
            InsightStatus::Generated | InsightStatus::Reviewed if !self.is_actionable() => Err(InsightError::NotActionable),
            InsightStatus::Generated | InsightStatus::Reviewed => Ok(vec![InsightActedOn { account_id, note, acted_at: now }.into()]),
            InsightStatus::ActedOn => Ok(vec![]),
            InsightStatus::Dismissed => Err(InsightError::AlreadyDismissed),
            InsightStatus::Expired => Err(InsightError::Expired),
        }
    }

    fn dismiss(&self, now: Instant, account_id: AccountId, reason: Text) -> Decision {
        match self.current(now)? {
            InsightStatus::Generated | InsightStatus::Reviewed => Ok(vec![InsightDismissed { account_id, reason, dismissed_at: now }.into()]),
            InsightStatus::ActedOn => Err(InsightError::AlreadyActedOn),
            InsightStatus::Dismissed => Ok(vec![]),
            InsightStatus::Expired => Err(InsightError::Expired),
        }
    }

    fn expire(&self, now: Instant) -> Decision {
        let Self::Present { expires_at, status, .. } = self else { return Err(InsightError::NotGenerated) };
        match status {
            InsightStatus::Generated | InsightStatus::Reviewed if expires_at.is_some_and(|end| end <= now) => {
                Ok(vec![InsightExpired { expired_at: now }.into()])
            }
            InsightStatus::Generated | InsightStatus::Reviewed => Err(InsightError::NotExpired),
            InsightStatus::ActedOn => Err(InsightError::AlreadyActedOn),
            InsightStatus::Dismissed => Err(InsightError::AlreadyDismissed),
            InsightStatus::Expired => Ok(vec![]),
        }
    }

    fn accept(&self, now: Instant, account_id: AccountId, reason: Option<Text>) -> Decision {
        let event = InsightAccepted { account_id, reason, accepted_at: now };
        self.tell(now, InsightFeedback::Accepted, event.into())
    }

    fn overrule(&self, now: Instant, account_id: AccountId, reason: Text) -> Decision {
        let event = InsightOverridden { account_id, reason, overridden_at: now };
        self.tell(now, InsightFeedback::Overridden, event.into())
    }

    /// Whether a model was right can be told before and after somebody decides, and minds change; of what has expired nobody
    /// asks any more.
    fn tell(&self, now: Instant, said: InsightFeedback, event: InsightEvent) -> Decision {
        match self.current(now)? {
            InsightStatus::Expired => Err(InsightError::Expired),
            InsightStatus::Generated | InsightStatus::Reviewed | InsightStatus::ActedOn | InsightStatus::Dismissed => {
                Ok(if self.feedback() == Some(said) { vec![] } else { vec![event] })
            }
        }
    }

    /// What was last said of it.
    fn feedback(&self) -> Option<InsightFeedback> {
        match self {
            Self::Absent => None,
            Self::Present { feedback, .. } => *feedback,
        }
    }

    fn is_actionable(&self) -> bool {
        matches!(self, Self::Present { is_actionable: true, .. })
    }
}
