use anamnesis_projections::documents::{DocumentRow, Documents};
use axum::extract::State;

use crate::App;
use crate::edge::{After, AsOfParams, Disclosed, Item, May, Params, PathId, Problem, RowAnswers, When, may};

/// Shows what is known of a document.
#[utoipa::path(get, path = "/v1/documents/{id}", tag = "documents", params(("id" = uuid::Uuid, Path), AsOfParams, After),
    responses(RowAnswers<DocumentRow>))]
pub(crate) async fn get_document(
    State(app): State<App>,
    may: May<may::ReadRecords>,
    PathId(id): PathId,
    after: After,
    Params(AsOfParams { as_of }): Params<AsOfParams>,
) -> Result<Disclosed<Item>, Problem> {
    app.show::<Documents, _>(&may, id, When { after, as_of }).await
}
