use anamnesis_domain::Text;
use anamnesis_domain::consent::{Consent, ConsentCommand, RevokeConsent};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevokeConsentBody {
    /// In words.
    reason: Option<Text>,
}

/// Takes a consent back, for good.
#[utoipa::path(post, path = "/v1/consents/{id}/revoke", tag = "consents", params(("id" = uuid::Uuid, Path)),
    request_body = RevokeConsentBody, responses(CommandAnswers))]
pub(crate) async fn revoke_consent(
    State(app): State<App>,
    may: May<may::WriteConsents>,
    PathId(id): PathId,
    body: Body<RevokeConsentBody>,
) -> Result<Accepted, Problem> {
    let (Consent::Active { patient_id } | Consent::Revoked { patient_id }) = app.state::<Consent>(&may.call, id).await? else {
        return Err(Problem::not_found());
    };
    app.reach(&may, patient_id).await?;
    let command = ConsentCommand::Revoke(RevokeConsent { now: may.call.now, reason: body.value.reason });
    app.act::<Consent>(COLLECTION, id, command, &may.call, &body.bytes).await
}
