use anamnesis_projections::compliance::{FindingRow, Findings};
use axum::extract::State;

use crate::App;
use crate::edge::{After, Disclosed, Item, May, NoParams, Params, PathId, Problem, RowAnswers, may};

/// Shows a finding.
#[utoipa::path(get, path = "/v1/compliance/findings/{id}", tag = "compliance", params(("id" = uuid::Uuid, Path), After),
    responses(RowAnswers<FindingRow>))]
pub(crate) async fn get_finding(
    State(app): State<App>,
    may: May<may::ReadAudit>,
    PathId(id): PathId,
    after: After,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Disclosed<Item>, Problem> {
    app.compliance_matter::<Findings>(&may, id, after).await
}
