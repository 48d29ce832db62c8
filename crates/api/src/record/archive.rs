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
pub(crate) struct ArchiveRecordBody {
    /// In words.
    reason: Option<Text>,
}

/// Archives a record.
#[utoipa::path(post, path = "/v1/records/{id}/archive", tag = "records", params(("id" = uuid::Uuid, Path)),
    request_body = ArchiveRecordBody, responses(CommandAnswers))]
pub(crate) async fn archive_record(
    State(app): State<App>,
    may: May<may::WriteRecords>,
    PathId(id): PathId,
    body: Body<ArchiveRecordBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = RecordCommand::Archive { now, reason: body.value.reason };
    app.act::<Record>(COLLECTION, id, command, &may.call, &body.bytes).await
}
