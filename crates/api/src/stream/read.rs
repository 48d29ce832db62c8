use anamnesis_stream::Topic;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use super::body::Stream;
use super::format::Format;
use super::rights::Form;
use super::start::{LastEventId, StreamFilter};
use crate::App;
use crate::edge::{May, Params, Problem, QueryProblems, may};

/// Gives a topic's events in the log's order, those that the caller may see, and goes on if asked to.
///
/// NDJSON: a line is an event, or `{"position":N}`: everything up to there was looked at. Server-sent events have the
/// position as their `id`. Go on after a position by sending it as `Last-Event-ID`: nothing is lost and nothing comes
/// twice. If a stream can't go on, a problem document is the last that comes (a line `{"problem":{…}}`, an event `problem`).
#[utoipa::path(get, path = "/v1/streams/{topic}", tag = "streams",
    params(
        ("topic" = String, Path, description = "`patient-events`, `appointment-events`, `document-events`, `audit-events`, `notification-events` or `ai-events`"),
        StreamFilter, LastEventId),
    responses(
        (status = 200, description = "The events, and where they end.", content((String = "application/x-ndjson"), (String = "text/event-stream"))),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter or Last-Event-ID is invalid, or in the future."),
        (status = 406, body = Problem, content_type = "application/problem+json", description = "Accept names neither application/x-ndjson nor text/event-stream."),
        QueryProblems))]
pub(crate) async fn read_stream(
    State(app): State<App>,
    may: May<may::ReadStreams>,
    Path(topic): Path<String>,
    headers: HeaderMap,
    last: Result<LastEventId, Problem>,
    filter: Result<Params<StreamFilter>, Problem>,
) -> Result<Response, Problem> {
    let topic = Topic::named(&topic).ok_or_else(Problem::not_found)?;
    let format = Format::accepted(&headers)?;
    let Params(filter) = filter.map_err(Problem::malformed)?;
    let (last, form) = (last?, Form::chosen(&app, &may.call, topic, filter.identified).await?);
    let start = filter.start(&app, &may.call, form, last).await?;
    let open = app.streams.open(may.call.actor.account_id)?;
    let body = Stream { telling: form.telling(&app, &may.call).await?, app, may, topic, form, format, start, open }.into_body();
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would keep events back until it has a buffer full of them
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}
