use anamnesis_domain::AccountId;
use anamnesis_domain::prediction::{Outcome, Prediction, PredictionCommand};
use axum::extract::State;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Tells what came of a prediction; once more, if that turns out otherwise.
#[utoipa::path(post, path = "/v1/predictions/{id}/record-outcome", tag = "predictions", params(("id" = uuid::Uuid, Path)),
    request_body = Outcome, responses(CommandAnswers))]
pub(crate) async fn record_prediction_outcome(
    State(app): State<App>,
    may: May<may::ReviewInsights>,
    PathId(id): PathId,
    body: Body<Outcome>,
) -> Result<Accepted, Problem> {
    let account_id = AccountId(may.call.actor.account_id);
    let command = PredictionCommand::RecordOutcome { now: may.call.now, account_id, outcome: body.value };
    app.act::<Prediction>(COLLECTION, id, command, &may.call, &body.bytes).await
}
