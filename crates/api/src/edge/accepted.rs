//! What does a command's caller get back?

use anamnesis_domain::{Aggregate, Broken};
use anamnesis_journal::{AnyRefusal, CommandError, Committed, Group, GroupError};
use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};
use uuid::Uuid;

use super::Problem;
use super::call::Call;
use super::page::etag;
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

/// The answers of every command, for the description.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described")]
pub(crate) enum CommandAnswers {
    /// Created.
    #[response(status = 201)]
    Created(Accepted),
    /// Done, or it held already.
    #[response(status = 200)]
    Done(Accepted),
    /// The body is not JSON.
    #[response(status = 400)]
    NotJson(Problem),
    /// Not signed in.
    #[response(status = 401)]
    Unauthenticated(Problem),
    /// Not allowed.
    #[response(status = 403)]
    Forbidden(Problem),
    /// Not there, or not to be seen.
    #[response(status = 404)]
    NotFound(Problem),
    /// The present state, a unique value or a time doesn't allow it.
    #[response(status = 409)]
    Conflict(Problem),
    /// `If-Match` names another sequence.
    #[response(status = 412)]
    Changed(Problem),
    /// The body is too large.
    #[response(status = 413)]
    TooLarge(Problem),
    /// A field is invalid, or a rule refuses it at any time.
    #[response(status = 422)]
    Invalid(Problem),
    /// Asked for too often: wait as long as Retry-After says.
    #[response(status = 429)]
    TooMany(Problem),
    /// Try again, with the same idempotency key.
    #[response(status = 503)]
    Unavailable(Problem),
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
        set(header::ETAG, etag(self.sequence));
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
    pub(crate) async fn create<A: Aggregate>(
        &self,
        collection: &'static str,
        id: Uuid,
        command: A::Command,
        call: &Call,
        body: &[u8],
    ) -> Result<Accepted, Problem> {
        let committed = self.journal.create::<A>(id, command, &call.caller(body)).await.map_err(of_command)?;
        Ok(self.accepted::<A>(collection, true, committed).await)
    }

    /// Acts on something that is there, if it still is as the caller has seen it.
    pub(crate) async fn act<A: Aggregate>(
        &self,
        collection: &'static str,
        id: Uuid,
        command: A::Command,
        call: &Call,
        body: &[u8],
    ) -> Result<Accepted, Problem> {
        match self.journal.execute::<A>(id, command, &call.caller(body), call.expected).await {
            Ok(committed) => Ok(self.accepted::<A>(collection, false, committed).await),
            Err(error) => Err(self.of_act::<A, _>(call, id, error).await),
        }
    }

    /// Acts on several things at once, or on none of them; the answer is about that one.
    pub(crate) async fn act_on_all<A: Aggregate>(
        &self,
        collection: &'static str,
        id: Uuid,
        group: &Group,
        call: &Call,
        body: &[u8],
    ) -> Result<Accepted, Problem> {
        let committed = match self.journal.group(group, &call.caller(body)).await {
            Ok(committed) => committed,
            Err(GroupError { error, .. }) => return Err(self.of_act::<A, _>(call, id, error).await),
        };
        let sequence = committed.steps.iter().rfind(|step| step.aggregate_id == id).ok_or_else(Problem::internal)?.sequence;
        let mut position = None;
        for step in &committed.steps {
            position = self.position_soon(step.aggregate_type, step.aggregate_id, step.sequence).await.max(position);
        }
        Ok(Accepted { id, sequence, position, events: committed.events, aggregate: A::TYPE, collection, created: false })
    }

    /// The rules say what is wrong with a state; that there is none is no rule's business.
    async fn of_act<A: Aggregate, E: Into<AnyRefusal>>(&self, call: &Call, id: Uuid, error: CommandError<E>) -> Problem {
        let is_of_rules = matches!(error, CommandError::Refused(_) | CommandError::Expected { .. });
        let none_there = if is_of_rules { self.state::<A>(call, id).await.err() } else { None };
        none_there.unwrap_or_else(|| of_command(error))
    }

    /// The present state of something in the caller's organization.
    pub(crate) async fn state<A: Aggregate>(&self, call: &Call, id: Uuid) -> Result<A, Problem> {
        let loaded = self.journal.load::<A>(call.actor.organization_id, id).await.map_err(of_command)?;
        loaded.map(|(state, _)| state).ok_or_else(Problem::not_found)
    }

    pub(crate) async fn accepted<A: Aggregate>(&self, collection: &'static str, created: bool, committed: Committed<A>) -> Accepted {
        let position = self.position_soon(A::TYPE, committed.aggregate_id, committed.sequence).await;
        let events = committed.events.iter().map(|event| anamnesis_domain::Event::kind(&event.event).name).collect();
        Accepted { id: committed.aggregate_id, sequence: committed.sequence, position, events, aggregate: A::TYPE, collection, created }
    }
}

/// The problem that a broken rule is.
pub(crate) fn refused(refusal: impl Into<AnyRefusal>) -> Problem {
    let AnyRefusal { rule, broken, field, sentence } = refusal.into();
    let status = if broken == Broken::State { StatusCode::CONFLICT } else { StatusCode::UNPROCESSABLE_ENTITY };
    Problem::new(status, "refused", "The rules say no", sentence).with_rule(rule).about(field)
}

/// The problem that a command's error is.
pub(crate) fn of_command<E: Into<AnyRefusal>>(error: CommandError<E>) -> Problem {
    match error {
        CommandError::Refused(refusal) => refused(refusal),
        CommandError::Taken { kind } => Problem::new(StatusCode::CONFLICT, "taken", "Not unique", format!("this {kind} belongs to another already")),
        CommandError::SlotTaken { kind } => {
            Problem::new(StatusCode::CONFLICT, "slot-taken", "The time is not free", format!("the {kind} has another appointment at that time"))
        }
        CommandError::Expected { actual } => Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "changed-since",
            "It has changed since",
            format!("If-Match names another sequence than {actual}, where it is now: read it again"),
        ),
        CommandError::SameKeyOtherRequest => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency-key-reused",
            "The idempotency key was used before",
            "Idempotency-Key was used for another request: use a new key for a new request",
        ),
        CommandError::Erased => Problem::new(StatusCode::GONE, "erased", "Erased", "its subject's data was erased"),
        CommandError::NotFound => Problem::not_found(),
        CommandError::Conflict => Problem::unavailable("others are changing the same thing; try again"),
        CommandError::Unavailable(_) => Problem::unavailable("the journal doesn't answer; repeat the request with the same Idempotency-Key"),
        CommandError::Internal(cause) => {
            tracing::error!(error = format!("{cause:#}"), "a command failed");
            Problem::internal()
        }
    }
}
