use anamnesis_domain::SummaryId;
use anamnesis_domain::record::{NewSummary, Record, RecordCommand};
use axum::extract::State;
use uuid::Uuid;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Keeps what a language model says of a record's newest version in short.
#[utoipa::path(post, path = "/v1/records/{id}/summarize", tag = "records", params(("id" = uuid::Uuid, Path)),
    request_body = NewSummary, responses(CommandAnswers))]
pub(crate) async fn summarize_record(
    State(app): State<App>,
    may: May<may::WriteRecords>,
    PathId(id): PathId,
    body: Body<NewSummary>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = RecordCommand::Summarize { now, summary_id: SummaryId(Uuid::now_v7()), summary: Box::new(body.value) };
    app.act::<Record>(COLLECTION, id, command, &may.call, &body.bytes).await
}
