use anamnesis_domain::access::{AccessAction, PurposeOfUse};
use anamnesis_domain::consent::DataCategory;
use anamnesis_domain::patient::Patient;
use anamnesis_domain::{Identifier, IdentifierType, PatientId, Text};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::App;
use crate::edge::{Body, Disclosed, Disclosure, May, PathId, Problem, QueryProblems, Reason, may};

/// Which numbers, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevealIdentifiersBody {
    /// Which kind of them; what isn't asked for stays masked.
    identifier_type: IdentifierType,
    /// What they are needed for.
    purpose: PurposeOfUse,
    /// Why, in words.
    justification: Text,
}

/// A patient's numbers of one kind, as they are.
#[derive(Serialize, ToSchema)]
pub(crate) struct RevealedIdentifiers {
    items: Vec<Identifier>,
}

/// Shows a patient's numbers of one kind unmasked. Who does so, and why, is recorded first.
#[utoipa::path(post, path = "/v1/patients/{id}/reveal-identifiers", tag = "patients", params(("id" = uuid::Uuid, Path)),
    request_body = RevealIdentifiersBody, responses((status = 200, body = RevealedIdentifiers), QueryProblems))]
pub(crate) async fn reveal_patient_identifiers(
    State(app): State<App>,
    may: May<may::RevealIdentifiers>,
    PathId(id): PathId,
    body: Body<RevealIdentifiersBody>,
) -> Result<Disclosed<RevealedIdentifiers>, Problem> {
    let RevealIdentifiersBody { identifier_type, purpose, justification } = body.value;
    app.reach(&may, PatientId(id)).await?;
    let patient = app.state::<Patient>(&may.call, id).await?;
    let chart = patient.chart().ok_or_else(Problem::not_found)?;
    let items: Vec<_> = chart.patient.identifiers.iter().filter(|one| one.identifier_type == identifier_type).cloned().collect();
    let disclosure = Disclosure {
        action: AccessAction::Read,
        resource_type: "identifiers",
        resource_id: Some(id),
        subjects: [(PatientId(id), vec![DataCategory::Demographics])].into(),
        elements: vec![identifier_type.as_str()],
        as_of_position: None,
        result_count: items.len(),
    };
    Ok(Disclosed::new(RevealedIdentifiers { items }, disclosure).because(Reason { purpose, justification }))
}
