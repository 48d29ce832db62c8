use anamnesis_domain::insight::{Insight, InsightCommand};
use axum::extract::State;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Nothing, PathId, Problem, may};

/// Ends an insight whose time is over.
#[utoipa::path(post, path = "/v1/insights/{id}/expire", tag = "insights", params(("id" = uuid::Uuid, Path)),
    request_body = Nothing, responses(CommandAnswers))]
pub(crate) async fn expire_insight(
    State(app): State<App>,
    may: May<may::WriteInsights>,
    PathId(id): PathId,
    body: Body<Nothing>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = InsightCommand::Expire { now };
    app.act::<Insight>(COLLECTION, id, command, &may.call, &body.bytes).await
}
