use anamnesis_domain::insight::{Insight, InsightCommand};
use anamnesis_domain::{AccountId, Text};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Why it was right.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptInsightBody {
    /// In words.
    reason: Option<Text>,
}

/// Says that an insight was right.
#[utoipa::path(post, path = "/v1/insights/{id}/accept", tag = "insights", params(("id" = uuid::Uuid, Path)),
    request_body = AcceptInsightBody, responses(CommandAnswers))]
pub(crate) async fn accept_insight(
    State(app): State<App>,
    may: May<may::ReviewInsights>,
    PathId(id): PathId,
    body: Body<AcceptInsightBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = InsightCommand::Accept { now, account_id: AccountId(may.call.actor.account_id), reason: body.value.reason };
    app.act::<Insight>(COLLECTION, id, command, &may.call, &body.bytes).await
}
