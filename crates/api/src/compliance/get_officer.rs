use anamnesis_projections::compliance::{DesignationRow, Designations};
use axum::extract::State;

use crate::App;
use crate::edge::{After, Disclosed, Item, May, NoParams, Params, PathId, Problem, RowAnswers, may};

/// Shows a designation.
#[utoipa::path(get, path = "/v1/compliance/officers/{id}", tag = "compliance", params(("id" = uuid::Uuid, Path), After),
    responses(RowAnswers<DesignationRow>))]
pub(crate) async fn get_officer(
    State(app): State<App>,
    may: May<may::ReadAudit>,
    PathId(id): PathId,
    after: After,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Disclosed<Item>, Problem> {
    app.compliance_matter::<Designations>(&may, id, after).await
}
