use anamnesis_domain::insight::{Insight, InsightCommand, NewInsight};
use anamnesis_domain::patient::Patient;
use anamnesis_domain::record::Record;
use axum::extract::State;
use uuid::Uuid;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Problem, may};

/// Writes down a health insight.
#[utoipa::path(post, path = "/v1/insights", tag = "insights",
    request_body = NewInsight, responses(CommandAnswers))]
pub(crate) async fn generate_insight(State(app): State<App>, may: May<may::WriteInsights>, body: Body<NewInsight>) -> Result<Accepted, Problem> {
    let now = may.call.now;
    app.known::<Patient>(&may.call, "patient_id", [body.value.patient_id]).await?;
    let records = body.value.record_ids.iter().copied();
    app.known_of(&may.call, "record_ids", body.value.patient_id, records, Record::patient_id).await?;
    let command = InsightCommand::Generate { now, insight: Box::new(body.value) };
    app.create::<Insight>(COLLECTION, Uuid::now_v7(), command, &may.call, &body.bytes).await
}
