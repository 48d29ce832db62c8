use anamnesis_domain::Text;
use anamnesis_domain::record::{NewRecord, Record, RecordCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// The new version.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AmendRecordBody {
    /// What it says now, whole.
    record: NewRecord,
    /// Why.
    reason: Text,
}

/// Writes a new version of a record; every version is kept.
#[utoipa::path(post, path = "/v1/records/{id}/amend", tag = "records", params(("id" = uuid::Uuid, Path)),
    request_body = AmendRecordBody, responses(CommandAnswers))]
pub(crate) async fn amend_record(
    State(app): State<App>,
    may: May<may::WriteRecords>,
    PathId(id): PathId,
    body: Body<AmendRecordBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    app.rests_on_known(&may, &body.value.record).await?;
    let command = RecordCommand::Amend { now, record: Box::new(body.value.record), reason: body.value.reason };
    app.act::<Record>(COLLECTION, id, command, &may.call, &body.bytes).await
}
