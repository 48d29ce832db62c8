//! What does a command's caller get back?

use anamnesis_domain::{Aggregate, Broken, Refusal};
use anamnesis_journal::{Caller, CommandError, Committed};
use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Problem;
use super::call::Call;
use crate::App;

/// What a command led to.
#[derive(Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// The id of what was created or changed.
    id: Uuid,
    /// How many events it has now; also the `ETag`.
    sequence: u64,
    /// The last event's place in the log, when the log has it already.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    /// What happened, by the events' names; empty if it already held.
    events: Vec<&'static str>,
    #[serde(skip)]
    aggregate: &'static str,
    #[serde(skip)]
    collection: &'static str,
    #[serde(skip)]
    created: bool,
}

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        let mut headers = HeaderMap::new();
        let mut set = |name: header::HeaderName, value: String| {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        };
        set(header::LOCATION, format!("/v1/{}/{}", self.collection, self.id));
        set(header::ETAG, format!("\"{}\"", self.sequence));
        set(header::HeaderName::from_static("anamnesis-token"), format!("{}/{}@{}", self.aggregate, self.id, self.sequence));
        if let Some(position) = self.position {
            set(header::HeaderName::from_static("anamnesis-position"), position.to_string());
        }
        let status = if self.created { StatusCode::CREATED } else { StatusCode::OK };
        (status, headers, Json(self)).into_response()
    }
}

impl App {
    /// Creates something new.
    pub(crate) async fn create<A: Aggregate>(&self, collection: &'static str, id: Uuid, command: A::Command, caller: &Caller) -> Result<Accepted, Problem> {
        let committed = self.journal.create::<A>(id, command, caller).await.map_err(of_command)?;
        Ok(self.accepted::<A>(collection, true, committed).await)
    }

    /// Acts on something that is there, if it still is as the caller has seen it.
    pub(crate) async fn act<A: Aggregate>(&self, collection: &'static str, id: Uuid, command: A::Command, call: &Call, body: &[u8]) -> Result<Accepted, Problem> {
        let committed = self.journal.execute::<A>(id, command, &call.caller(body), call.expected).await.map_err(of_command)?;
        Ok(self.accepted::<A>(collection, false, committed).await)
    }

    async fn accepted<A: Aggregate>(&self, collection: &'static str, created: bool, committed: Committed<A>) -> Accepted {
        let position = self.position_soon(committed.id, committed.sequence).await;
        let events = committed.events.iter().map(|event| anamnesis_domain::Event::kind(&event.event).name).collect();
        Accepted { id: committed.id, sequence: committed.sequence, position, events, aggregate: A::TYPE, collection, created }
    }
}

/// The problem that a command's error is.
pub(crate) fn of_command<E: Refusal>(error: CommandError<E>) -> Problem {
    match error {
        CommandError::Refused(refusal) => {
            let status = if refusal.broken() == Broken::State { StatusCode::CONFLICT } else { StatusCode::UNPROCESSABLE_ENTITY };
            Problem::new(status, "refused", "The rules say no", refusal.to_string()).with_rule(refusal.rule())
        }
        _ => Problem::internal(),
    }
}
