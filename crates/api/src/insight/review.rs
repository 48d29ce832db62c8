use anamnesis_domain::insight::{Insight, InsightCommand};
use anamnesis_domain::{AccountId, Text};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// What they found.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReviewInsightBody {
    /// In words.
    note: Option<Text>,
}

/// Says that somebody looked at an insight.
#[utoipa::path(post, path = "/v1/insights/{id}/review", tag = "insights", params(("id" = uuid::Uuid, Path)),
    request_body = ReviewInsightBody, responses(CommandAnswers))]
pub(crate) async fn review_insight(
    State(app): State<App>,
    may: May<may::ReviewInsights>,
    PathId(id): PathId,
    body: Body<ReviewInsightBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = InsightCommand::Review { now, account_id: AccountId(may.call.actor.account_id), note: body.value.note };
    app.act::<Insight>(COLLECTION, id, command, &may.call, &body.bytes).await
}
