use anamnesis_projections::consents::{ConsentRow, Consents};
use axum::extract::State;

use super::end_if_over;
use crate::App;
use crate::edge::{After, AsOfParams, Disclosed, Item, May, Params, PathId, Problem, RowAnswers, When, may};

/// Shows a consent.
#[utoipa::path(get, path = "/v1/consents/{id}", tag = "consents", params(("id" = uuid::Uuid, Path), AsOfParams, After),
    responses(RowAnswers<ConsentRow>))]
pub(crate) async fn get_consent(
    State(app): State<App>,
    may: May<may::ReadConsents>,
    PathId(id): PathId,
    after: After,
    Params(AsOfParams { as_of }): Params<AsOfParams>,
) -> Result<Disclosed<Item>, Problem> {
    let is_now = as_of.is_none();
    let shown = app.show::<Consents, _>(&may, id, When { after, as_of }).await?;
    Ok(shown.map(|consent| {
        if is_now {
            end_if_over(consent, may.call.now);
        }
    }))
}
