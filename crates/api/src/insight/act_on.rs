use anamnesis_domain::insight::{Insight, InsightCommand};
use anamnesis_domain::{AccountId, Text};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// What they did.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActOnInsightBody {
    /// In words.
    note: Option<Text>,
}

/// Says that somebody acted on an insight.
#[utoipa::path(post, path = "/v1/insights/{id}/act-on", tag = "insights", params(("id" = uuid::Uuid, Path)),
    request_body = ActOnInsightBody, responses(CommandAnswers))]
pub(crate) async fn act_on_insight(
    State(app): State<App>,
    may: May<may::ReviewInsights>,
    PathId(id): PathId,
    body: Body<ActOnInsightBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = InsightCommand::ActOn { now, account_id: AccountId(may.call.actor.account_id), note: body.value.note };
    app.act::<Insight>(COLLECTION, id, command, &may.call, &body.bytes).await
}
