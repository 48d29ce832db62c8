use anamnesis_domain::insight::{Insight, InsightCommand};
use anamnesis_domain::{AccountId, Text};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Why it was wrong.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OverrideInsightBody {
    /// In words.
    reason: Text,
}

/// Says that an insight was wrong, and why.
#[utoipa::path(post, path = "/v1/insights/{id}/override", tag = "insights", params(("id" = uuid::Uuid, Path)),
    request_body = OverrideInsightBody, responses(CommandAnswers))]
pub(crate) async fn override_insight(
    State(app): State<App>,
    may: May<may::ReviewInsights>,
    PathId(id): PathId,
    body: Body<OverrideInsightBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = InsightCommand::Override { now, account_id: AccountId(may.call.actor.account_id), reason: body.value.reason };
    app.act::<Insight>(COLLECTION, id, command, &may.call, &body.bytes).await
}
