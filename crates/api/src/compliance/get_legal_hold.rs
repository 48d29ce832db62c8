use anamnesis_projections::compliance::{LegalHoldRow, LegalHolds};
use axum::extract::State;

use crate::App;
use crate::edge::{After, Disclosed, Item, May, NoParams, Params, PathId, Problem, RowAnswers, may};

/// Shows a legal hold.
#[utoipa::path(get, path = "/v1/compliance/legal-holds/{id}", tag = "compliance", params(("id" = uuid::Uuid, Path), After),
    responses(RowAnswers<LegalHoldRow>))]
pub(crate) async fn get_legal_hold(
    State(app): State<App>,
    may: May<may::ReadAudit>,
    PathId(id): PathId,
    after: After,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Disclosed<Item>, Problem> {
    app.compliance_matter::<LegalHolds>(&may, id, after).await
}
