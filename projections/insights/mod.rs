//! What did a model see in a patient's data, and what did people make of it?

use anamnesis_domain::insight::{InsightEvent, InsightFeedback, InsightGenerated, InsightStatus, InsightType};
use anamnesis_domain::{AccountId, AnyEvent, InsightId, Instant, JsonText, Line, PatientId, RecordId, Recorded, Text};

use crate::kernel::{Fold, Follows, Key, Of, Projection, Rows, Schema, Sealed, Streams, row, seal, text_columns};

#[cfg(test)]
mod tests;

/// Every health insight.
pub const INSIGHTS: Projection = Projection {
    name: "insights",
    schema: Schema::Read,
    follows: Follows::Topics,
    sql: include_str!("table.sql"),
    version: 3,
    tables: &[&Of::<Insights>::TABLE],
};

text_columns!(InsightStatus, InsightFeedback, InsightType);

row! {
    /// A health insight.
    pub struct InsightRow in "health_insights" key (insight_id) {
        insight_id: InsightId,
        patient_id: PatientId,
        insight_type: InsightType,
        status: InsightStatus,
        title: Sealed<Line>,
        description: Option<Sealed<Text>>,
        data: Sealed<JsonText>,
        confidence_score: Option<f64>,
        model_name: Option<String>,
        model_version: Option<String>,
        record_ids: Vec<RecordId>,
        generated_at: Instant,
        expires_at: Option<Instant>,
        is_actionable: bool,
        reviewed_at: Option<Instant>,
        reviewed_by: Option<AccountId>,
        review_note: Option<Sealed<Text>>,
        action_taken: bool,
        action_taken_at: Option<Instant>,
        action_taken_by: Option<AccountId>,
        action_note: Option<Sealed<Text>>,
        dismissed_at: Option<Instant>,
        dismissed_by: Option<AccountId>,
        dismissal_reason: Option<Sealed<Text>>,
        expired_at: Option<Instant>,
        feedback: Option<InsightFeedback>,
        feedback_at: Option<Instant>,
        feedback_by: Option<AccountId>,
        feedback_reason: Option<Sealed<Text>>,
    }
}

/// The fold of `health_insights`.
pub struct Insights;

impl Fold for Insights {
    type Row = InsightRow;
    const STREAMS: Streams = Streams::Of(&["insight"]);

    fn keys(event: &Recorded) -> Vec<Key> {
        vec![event.aggregate_id.into()]
    }

    fn apply(rows: &mut Rows<InsightRow>, event: &Recorded) {
        let Some(AnyEvent::Insight(happened)) = event.event.value() else { return };
        if let InsightEvent::InsightGenerated(generated) = happened {
            rows.put(InsightRow::new(event.aggregate_id.into(), generated));
        } else {
            rows.change(event.aggregate_id, |insight| insight.change(happened));
        }
    }
}

impl InsightRow {
    fn new(insight_id: InsightId, InsightGenerated { insight, generated_at }: &InsightGenerated) -> Self {
        Self {
            insight_id,
            patient_id: insight.patient_id,
            insight_type: insight.insight_type,
            status: InsightStatus::Generated,
            title: Sealed::new(insight.title.clone()),
            description: seal(insight.description.as_ref()),
            data: Sealed::new(insight.data.clone()),
            confidence_score: insight.confidence.map(Into::into),
            model_name: insight.model_name.clone().map(Into::into),
            model_version: insight.model_version.clone().map(Into::into),
            record_ids: insight.record_ids.clone(),
            generated_at: *generated_at,
            expires_at: insight.expires_at,
            is_actionable: insight.is_actionable,
            reviewed_at: None,
            reviewed_by: None,
            review_note: None,
            action_taken: false,
            action_taken_at: None,
            action_taken_by: None,
            action_note: None,
            dismissed_at: None,
            dismissed_by: None,
            dismissal_reason: None,
            expired_at: None,
            feedback: None,
            feedback_at: None,
            feedback_by: None,
            feedback_reason: None,
        }
    }

    fn change(&mut self, happened: &InsightEvent) {
        match happened {
            InsightEvent::InsightReviewed(reviewed) => {
                self.status = InsightStatus::Reviewed;
                (self.reviewed_at, self.reviewed_by) = (Some(reviewed.reviewed_at), Some(reviewed.account_id));
                self.review_note = seal(reviewed.note.as_ref());
            }
            InsightEvent::InsightActedOn(acted) => {
                (self.status, self.action_taken) = (InsightStatus::ActedOn, true);
                (self.action_taken_at, self.action_taken_by) = (Some(acted.acted_at), Some(acted.account_id));
                self.action_note = seal(acted.note.as_ref());
            }
            InsightEvent::InsightDismissed(dismissed) => {
                self.status = InsightStatus::Dismissed;
                (self.dismissed_at, self.dismissed_by) = (Some(dismissed.dismissed_at), Some(dismissed.account_id));
                self.dismissal_reason = Some(Sealed::new(dismissed.reason.clone()));
            }
            InsightEvent::InsightExpired(expired) => (self.status, self.expired_at) = (InsightStatus::Expired, Some(expired.expired_at)),
            InsightEvent::InsightAccepted(accepted) => {
                self.feedback = Some(InsightFeedback::Accepted);
                (self.feedback_at, self.feedback_by) = (Some(accepted.accepted_at), Some(accepted.account_id));
                self.feedback_reason = seal(accepted.reason.as_ref());
            }
            InsightEvent::InsightOverridden(overridden) => {
                self.feedback = Some(InsightFeedback::Overridden);
                (self.feedback_at, self.feedback_by) = (Some(overridden.overridden_at), Some(overridden.account_id));
                self.feedback_reason = Some(Sealed::new(overridden.reason.clone()));
            }
            // makes a row
            InsightEvent::InsightGenerated(_) => {}
        }
    }
}
