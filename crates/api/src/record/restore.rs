use anamnesis_domain::Text;
use anamnesis_domain::record::{Record, RecordCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreRecordBody {
    /// In words.
    reason: Text,
}

/// Takes a record out of the archive again, to where it was before.
#[utoipa::path(post, path = "/v1/records/{id}/restore", tag = "records", params(("id" = uuid::Uuid, Path)),
    request_body = RestoreRecordBody, responses(CommandAnswers))]
pub(crate) async fn restore_record(
    State(app): State<App>,
    may: May<may::WriteRecords>,
    PathId(id): PathId,
    body: Body<RestoreRecordBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = RecordCommand::Restore { now, reason: body.value.reason };
    app.act::<Record>(COLLECTION, id, command, &may.call, &body.bytes).await
}
