use anamnesis_domain::ProviderId;
use anamnesis_domain::record::{Record, RecordCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Who signs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignRecordBody {
    /// The provider.
    provider_id: ProviderId,
}

/// Signs a record's newest version. Nobody signs as somebody else.
#[utoipa::path(post, path = "/v1/records/{id}/sign", tag = "records", params(("id" = uuid::Uuid, Path)),
    request_body = SignRecordBody, responses(CommandAnswers))]
pub(crate) async fn sign_record(
    State(app): State<App>,
    may: May<may::WriteRecords>,
    PathId(id): PathId,
    body: Body<SignRecordBody>,
) -> Result<Accepted, Problem> {
    let (now, provider_id) = (may.call.now, body.value.provider_id);
    if may.call.actor.provider_id != Some(provider_id) {
        return Err(Problem::field("provider_id", "must be the provider that your account is linked to").with_rule("not_yourself"));
    }
    let command = RecordCommand::Sign { now, provider_id };
    app.act::<Record>(COLLECTION, id, command, &may.call, &body.bytes).await
}
