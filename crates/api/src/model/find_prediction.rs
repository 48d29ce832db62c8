use anamnesis_cache::Key;
use anamnesis_domain::model::ModelVersion;
use anamnesis_domain::{JsonText, ModelId, PatientId};
use anamnesis_projections::predictions::{PredictionRow, Predictions, asked};
use anamnesis_projector::query::{Order, Query};
use anamnesis_projector::read::blind;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::App;
use crate::edge::{After, Body, Disclosed, Item, May, PathId, Problem, RowAnswers, Whole, may};

/// How often the same question may have been answered to be answered from the cache.
const MOST_CACHED: usize = 50;

/// What the model was asked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FindPredictionBody {
    /// Which version of it.
    model_version: ModelVersion,
    /// About whom.
    patient_id: PatientId,
    /// With what, byte for byte as it was logged.
    input: JsonText,
}

/// Shows what a version of an AI model predicted last of a patient on the same input, so that it needn't be asked again.
#[utoipa::path(post, path = "/v1/models/{id}/find-prediction", tag = "models", params(("id" = uuid::Uuid, Path), After),
    request_body = FindPredictionBody, responses(RowAnswers<PredictionRow>))]
pub(crate) async fn find_prediction(
    State(app): State<App>,
    may: May<may::ReadInsights>,
    PathId(id): PathId,
    after: After,
    body: Body<FindPredictionBody>,
) -> Result<Disclosed<Item>, Problem> {
    let FindPredictionBody { model_version, patient_id, input } = body.value;
    let (asked, keys) = (asked(patient_id, &model_version, &input), app.index(&may).await?);
    let latest = |limit| {
        Query::new(Order::newest_first("prediction_timestamp"), limit)
            .is("model_id", Some(ModelId(id)))
            .is("patient_id", Some(patient_id))
            .is("model_version", Some(model_version.clone()))
            .hashed("input_index", Some(blind::<PredictionRow>(&keys, "input_index", &asked)))
    };
    // keyed, and with the patient in it: the same input of two people is told by nothing
    let key = Key::ai_prediction(may.call.actor.organization_id, id, keys.claim("ai-prediction", &asked));
    let whole = Whole { key, rows: latest(MOST_CACHED), span: None };
    app.show_first::<Predictions, _>(&may, patient_id, &latest(1), whole, after).await
}
