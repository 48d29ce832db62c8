use anamnesis_domain::document::{ChecksumStatus, DocumentKind, DocumentStatus};
use anamnesis_domain::{Instant, PatientId};
use anamnesis_projections::documents::{DocumentRow, Documents};
use anamnesis_projector::history::ORDERS;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::edge::{After, AsOf, Asked, Cursor, Disclosed, Limit, ListAnswers, Listed, May, Paging, Params, Problem, Sort, When, may};

/// Which documents: all that is given must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DocumentFilter {
    /// Whose.
    #[param(inline)]
    patient: Option<PatientId>,
    /// Of which kind.
    #[param(inline)]
    kind: Option<DocumentKind>,
    /// How it stands.
    #[param(inline)]
    status: Option<DocumentStatus>,
    /// Whether the stored file is the one that was declared.
    #[param(inline)]
    checksum: Option<ChecksumStatus>,
    /// Only those that were removed, or only those that were not.
    removed: Option<bool>,
    /// Registered not earlier than this.
    #[param(inline)]
    from: Option<Instant>,
    /// Registered earlier than this.
    #[param(inline)]
    to: Option<Instant>,
    /// As it was then; with `patient`.
    #[param(inline)]
    as_of: Option<AsOf>,
    /// Which come first; the oldest unless said otherwise.
    #[param(inline)]
    sort: Option<Sort>,
    /// How many at most.
    #[param(inline)]
    limit: Option<Limit>,
    /// Where to go on.
    #[param(inline)]
    cursor: Option<Cursor>,
}

/// Lists documents, in the order in which they were registered.
#[utoipa::path(get, path = "/v1/documents", tag = "documents", params(DocumentFilter, After), responses(ListAnswers<DocumentRow>))]
pub(crate) async fn list_documents(
    State(app): State<App>,
    may: May<may::ReadRecords>,
    after: After,
    Params(filter): Params<DocumentFilter>,
) -> Result<Disclosed<Listed>, Problem> {
    let order = Sort::of(filter.sort, ORDERS.documents);
    let query = Paging { limit: filter.limit, cursor: filter.cursor }
        .query::<DocumentRow>(order)?
        .is("kind", filter.kind)
        .is("status", filter.status)
        .is("checksum_status", filter.checksum)
        .is("is_removed", filter.removed)
        .from("registered_at", filter.from)
        .before("registered_at", filter.to);
    app.list::<Documents, _>(&may, Asked { query, order, patient: filter.patient, when: When { after, as_of: filter.as_of } }).await
}
