//! How is it made sure that no read of a person's data goes unseen?
//!
//! A handler that answers with a person's data returns [`Disclosed`]. As a response by itself that is an error: the
//! data sits beside it and only [`record_disclosures`], which wraps every route, lets it out, once the access event is in the
//! journal. If it can't be written, the answer isn't given.

use std::collections::BTreeMap;

use anamnesis_domain::access::{
    Access, AccessAction, AccessCommand, AccessDenied, AccessKind, AccessMethod, AccessedSubject, DataAccessed, PurposeOfUse,
};
use anamnesis_domain::consent::DataCategory;
use anamnesis_domain::{AccountId, Line, PatientId, SessionId, Text};
use anamnesis_journal::Caller;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use uuid::Uuid;

use super::call::{Call, is_safe};
use super::{Item, Listed, Problem};
use crate::App;

/// Data of persons, with who they are and what is shown of them.
pub(crate) struct Disclosed<T> {
    answer: T,
    headers: HeaderMap,
    disclosure: Disclosure,
    reason: Option<Reason>,
}

/// Why something is asked for, where its caller has to say so.
#[derive(Clone)]
pub(crate) struct Reason {
    pub(crate) purpose: PurposeOfUse,
    pub(crate) justification: Text,
}

/// What is recorded of an answer.
#[derive(Clone)]
pub(crate) struct Disclosure {
    pub(crate) action: AccessAction,
    pub(crate) resource_type: &'static str,
    pub(crate) resource_id: Option<Uuid>,
    /// By patient: which parts of their data.
    pub(crate) subjects: BTreeMap<PatientId, Vec<DataCategory>>,
    /// The names of the fields shown.
    pub(crate) elements: Vec<&'static str>,
    pub(crate) as_of_position: Option<u64>,
    pub(crate) result_count: usize,
}

impl<T> Disclosed<T> {
    pub(crate) fn new(answer: T, disclosure: Disclosure) -> Self {
        Self { answer, headers: HeaderMap::new(), disclosure, reason: None }
    }

    /// Changes how something is told, and not what.
    pub(crate) fn map(mut self, change: impl FnOnce(&mut T)) -> Self {
        change(&mut self.answer);
        self
    }

    /// Records this reason, and not what the headers say.
    pub(crate) fn because(self, reason: Reason) -> Self {
        Self { reason: Some(reason), ..self }
    }

    /// Tells of that patient too, if one was asked for: also that there is nothing.
    pub(crate) fn and_of(mut self, patient: Option<PatientId>) -> Self {
        if let Some(patient) = patient {
            self.disclosure.subjects.entry(patient).or_insert_with(|| vec![DataCategory::All]);
        }
        self
    }

    /// Says which position the answer reflects.
    pub(crate) fn at(self, position: u64) -> Self {
        self.header("anamnesis-position", position.to_string())
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Ok(value) = HeaderValue::try_from(value.into()) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }
}

impl Disclosed<Listed> {
    /// The only one of a list, if it is there.
    pub(crate) fn only(self) -> Result<Disclosed<Item>, Problem> {
        let (answer, etag) = self.answer.only()?;
        Ok(Disclosed { answer, headers: self.headers, disclosure: self.disclosure, reason: self.reason }.header("etag", etag))
    }
}

/// What waits for its access event.
#[derive(Clone)]
struct Pending {
    json: Vec<u8>,
    headers: HeaderMap,
    disclosure: Disclosure,
    reason: Option<Reason>,
}

impl<T: Serialize> IntoResponse for Disclosed<T> {
    fn into_response(self) -> Response {
        let Ok(json) = serde_json::to_vec(&self.answer) else { return Problem::internal().into_response() };
        let mut response = Problem::internal().into_response();
        response.extensions_mut().insert(Pending { json, headers: self.headers, disclosure: self.disclosure, reason: self.reason });
        response
    }
}

/// Records what an answer discloses, then releases it.
pub(crate) async fn record_disclosures(State(app): State<App>, request: Request, next: Next) -> Response {
    let call = request.extensions().get::<Call>().cloned();
    let mut response = next.run(request).await;
    let Some(pending) = response.extensions_mut().remove::<Pending>() else { return response };
    let Some(mut call) = call else { return Problem::internal().into_response() };
    if let Some(Reason { purpose, justification }) = pending.reason.clone() {
        (call.purpose, call.justification) = (purpose, Some(justification));
    }
    match record(&app, &call, &pending.disclosure).await {
        Ok(()) => release(pending),
        Err(problem) => problem.into_response(),
    }
}

fn release(pending: Pending) -> Response {
    let mut response = Response::new(Body::from(pending.json));
    *response.headers_mut() = pending.headers;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    *response.status_mut() = StatusCode::OK;
    response
}

/// Records what is disclosed. If this fails, it must not be.
pub(super) async fn record(app: &App, call: &Call, disclosure: &Disclosure) -> Result<(), Problem> {
    let Disclosure { action, resource_type, resource_id, as_of_position, result_count, .. } = *disclosure;
    let subjects = disclosure.subjects.iter().map(|(&patient_id, categories)| AccessedSubject {
        patient_id,
        categories: categories.clone(),
        elements: disclosure.elements.iter().filter_map(|name| Line::try_from(*name).ok()).collect(),
    });
    let released = Released { action, resource_type, resource_id, as_of_position, result_count };
    record_released(app, call, released, subjects.collect()).await
}

/// What is released, but for whom it tells of.
pub(crate) struct Released<'a> {
    pub(crate) action: AccessAction,
    pub(crate) resource_type: &'a str,
    pub(crate) resource_id: Option<Uuid>,
    pub(crate) as_of_position: Option<u64>,
    pub(crate) result_count: usize,
}

/// Records what is about to be released of these persons. If this fails, it must not be.
pub(crate) async fn record_released(app: &App, call: &Call, released: Released<'_>, subjects: Vec<AccessedSubject>) -> Result<(), Problem> {
    let accessed = DataAccessed {
        accessed_at: call.now,
        account_id: AccountId(call.actor.account_id),
        session_id: Some(SessionId(call.actor.session_id)),
        kind: AccessKind::ApiAccess,
        action: released.action,
        subjects,
        resource_type: line(released.resource_type)?,
        resource_id: released.resource_id,
        purpose_of_use: call.purpose,
        justification: call.justification.clone(),
        method: AccessMethod::Api,
        request_id: Some(call.request_id),
        as_of_position: released.as_of_position,
        result_count: released.result_count as u64,
    };
    tell(app, call, AccessCommand::Tell(accessed)).await
}

/// Records that a call was refused because no role allows it.
pub(crate) async fn record_denial(app: &App, call: &Call, method: &Method, rule: &'static str) -> Result<(), Problem> {
    let action = if is_safe(method) { AccessAction::Read } else { AccessAction::Write };
    tell(app, call, AccessCommand::Deny(denied(call, action, Vec::new(), rule)?)).await
}

/// Records that a call asked for a patient's data that its roles don't reach.
pub(crate) async fn record_reach(app: &App, call: &Call, patient: PatientId) -> Result<(), Problem> {
    tell(app, call, AccessCommand::Deny(denied(call, AccessAction::Read, vec![patient], "out_of_reach")?)).await
}

fn denied(call: &Call, action: AccessAction, patient_ids: Vec<PatientId>, rule: &'static str) -> Result<AccessDenied, Problem> {
    Ok(AccessDenied {
        denied_at: call.now,
        account_id: Some(AccountId(call.actor.account_id)),
        session_id: Some(SessionId(call.actor.session_id)),
        kind: AccessKind::ApiAccess,
        action,
        patient_ids,
        resource_type: line(call.origin.route.as_deref().unwrap_or("unknown route"))?,
        resource_id: None,
        purpose_of_use: Some(call.purpose),
        justification: call.justification.clone(),
        method: AccessMethod::Api,
        request_id: Some(call.request_id),
        rule: line(rule)?,
    })
}

/// An access has a stream of its own, and a command id of its own: the request's idempotency key isn't for it.
async fn tell(app: &App, call: &Call, command: AccessCommand) -> Result<(), Problem> {
    let caller = Caller { command_id: Uuid::now_v7(), ..call.caller(&[]) };
    match app.journal.create::<Access>(Uuid::now_v7(), command, &caller).await {
        Ok(_) => Ok(()),
        Err(error) => {
            tracing::error!(%error, "an access could not be recorded, so nothing was released");
            Err(Problem::unavailable("the access can't be recorded now, so nothing is released; try again"))
        }
    }
}

fn line(text: &str) -> Result<Line, Problem> {
    Line::try_from(text).map_err(|_| Problem::internal())
}
