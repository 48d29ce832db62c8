//! The operations of those who answer for HIPAA: findings, legal holds, officers, trainings.

mod designate_officer;
mod get_finding;
mod get_legal_hold;
mod get_officer;
mod get_training;
mod list_findings;
mod list_legal_holds;
mod list_officers;
mod list_trainings;
mod mark_training_in_error;
mod note_finding;
mod place_legal_hold;
mod raise_finding;
mod record_training;
mod release_legal_hold;
mod relieve_officer;
mod reopen_finding;
mod resolve_finding;
mod widen_legal_hold;

use anamnesis_projector::query::Order;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::App;
use crate::edge::{After, Asked, Disclosed, Item, May, Problem, View, When, by_id, may};

/// The collections' names in paths.
mod collections {
    pub(super) const FINDINGS: &str = "compliance/findings";
    pub(super) const LEGAL_HOLDS: &str = "compliance/legal-holds";
    pub(super) const OFFICERS: &str = "compliance/officers";
    pub(super) const TRAININGS: &str = "compliance/trainings";
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_findings::list_findings))
        .routes(routes!(get_finding::get_finding))
        .routes(routes!(raise_finding::raise_finding))
        .routes(routes!(note_finding::note_finding))
        .routes(routes!(resolve_finding::resolve_finding))
        .routes(routes!(reopen_finding::reopen_finding))
        .routes(routes!(list_legal_holds::list_legal_holds))
        .routes(routes!(get_legal_hold::get_legal_hold))
        .routes(routes!(place_legal_hold::place_legal_hold))
        .routes(routes!(widen_legal_hold::widen_legal_hold))
        .routes(routes!(release_legal_hold::release_legal_hold))
        .routes(routes!(list_officers::list_officers))
        .routes(routes!(get_officer::get_officer))
        .routes(routes!(designate_officer::designate_officer))
        .routes(routes!(relieve_officer::relieve_officer))
        .routes(routes!(list_trainings::list_trainings))
        .routes(routes!(get_training::get_training))
        .routes(routes!(record_training::record_training))
        .routes(routes!(mark_training_in_error::mark_training_in_error))
}

impl App {
    /// Shows one compliance matter.
    async fn compliance_matter<V: View>(&self, may: &May<may::ReadAudit>, id: Uuid, after: After) -> Result<Disclosed<Item>, Problem> {
        let (query, order) = (by_id::<V::Row>(id), Order::oldest_first("created_at"));
        self.list::<V, _>(may, Asked { query, order, patient: None, when: When { after, as_of: None } }).await?.only()
    }
}
