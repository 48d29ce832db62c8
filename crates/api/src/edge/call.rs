//! Who calls, with what right, and how is that told to the journal?

use std::marker::PhantomData;
use std::net::SocketAddr;

use anamnesis_access::{AccessError, Actor, Permission, Scope};
use anamnesis_domain::access::PurposeOfUse;
use anamnesis_domain::{Instant, Origin, PatientId, Text};
use anamnesis_journal::Caller;
use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Problem;
use super::accepted::refused;
use super::disclosed::record_denial;
use crate::App;

/// A request by somebody who has signed in.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) actor: Actor,
    pub(crate) now: Instant,
    pub(crate) origin: Origin,
    pub(crate) purpose: PurposeOfUse,
    pub(crate) justification: Option<Text>,
    pub(crate) request_id: Uuid,
    /// The method and the path with its ids: part of what an idempotency key stands for.
    request: String,
    /// The path with its ids and parameters. Parameters may name people.
    pub(crate) asked: String,
    command_id: Option<Uuid>,
    /// `If-Match`: the sequence that the caller has seen.
    pub(crate) expected: Option<u64>,
}

impl Call {
    async fn of(app: &App, parts: &Parts) -> Result<Self, Problem> {
        let token = bearer(&parts.headers).ok_or_else(Problem::unauthenticated)?;
        let now = app.now();
        let actor = app.access.authenticate(token, now).await.map_err(|error| of_access(&error))?;
        let request_id = Uuid::now_v7();
        let (purpose, justification) = (purpose(&parts.headers)?, justification(&parts.headers)?);
        let origin = Origin {
            session_id: Some(actor.session_id),
            request_id: Some(request_id),
            purpose: Some(purpose.as_str().to_owned()),
            justification: justification.clone().map(String::from),
            ..origin(app, parts)
        };
        let request = format!("{} {}", parts.method, parts.uri.path());
        let asked = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
        let (command_id, expected) = (idempotency_key(&parts.headers)?, if_match(&parts.headers)?);
        Ok(Self { actor, now, origin, purpose, justification, request_id, request, asked, command_id, expected })
    }

    /// The method and the path as it is mounted.
    fn route(&self) -> &str {
        self.origin.route.as_deref().unwrap_or_default()
    }

    /// The path as it is mounted.
    pub(crate) fn endpoint(&self) -> &str {
        self.route().split_once(' ').map_or("", |(_, path)| path)
    }

    /// The caller of the command that `body` asks for.
    pub(crate) fn caller(&self, body: &[u8]) -> Caller {
        let mut request = self.request.clone().into_bytes();
        request.push(b'\n');
        request.extend_from_slice(body);
        Caller {
            organization_id: self.actor.organization_id,
            actor_id: self.actor.account_id,
            command_id: self.command_id.unwrap_or(self.request_id),
            correlation_id: self.request_id,
            causation_id: None,
            now: self.now,
            origin: self.origin.clone(),
            request,
        }
    }
}

/// Where any request comes from, signed in or not.
pub(crate) fn origin(app: &App, parts: &Parts) -> Origin {
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(|value| value.chars().take(300).collect());
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    Origin {
        ip_address: peer.map(|ConnectInfo(peer)| app.proxies.origin(peer.ip(), &parts.headers).to_string()),
        user_agent: text(header::USER_AGENT),
        route: Some(format!("{} {route}", parts.method)),
        ..Origin::default()
    }
}

/// Lets through who has signed in, and tells the handlers who it is.
pub(crate) async fn authenticate(State(app): State<App>, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let call = Call::of(&app, &parts).await?;
    app.access.may_ask(&call.actor, call.route()).await.map_err(|error| of_access(&error))?;
    parts.extensions.insert(call);
    Ok(next.run(Request::from_parts(parts, body)).await)
}

/// What an operation needs, as a type, so that its signature says it.
pub(crate) trait Needs: Send + Sync + 'static {
    const PERMISSION: Permission;
}

macro_rules! needs {
    ($($name:ident),+ $(,)?) => {
        /// One type a permission.
        pub(crate) mod may {
            $(pub(crate) struct $name;
            impl super::Needs for $name {
                const PERMISSION: anamnesis_access::Permission = anamnesis_access::Permission::$name;
            })+
        }
    };
}

needs!(
    ReadPatients,
    WritePatients,
    RevealIdentifiers,
    RequestAmendments,
    DecideAmendments,
    ReadAppointments,
    WriteAppointments,
    ConductAppointments,
    ReadRecords,
    WriteRecords,
    ReadInsights,
    WriteInsights,
    ReviewInsights,
    ReadModels,
    WriteModels,
    ReadConsents,
    WriteConsents,
    ReadHistory,
    ReadDirectory,
    WriteDirectory,
    ManageAccounts,
    RateProviders,
    ReadDisclosures,
    ReadAudit,
    ManageCompliance,
    ReadLog,
    ReadStreams,
);

/// A call that has the permission `P`. No permission, no call; the refusal is recorded.
pub(crate) struct May<P> {
    pub(crate) call: Call,
    pub(crate) scope: Scope,
    permission: PhantomData<P>,
}

impl<P> May<P> {
    /// The patient whose data is all that the call reaches; none: it reaches the organization's.
    pub(crate) fn own(&self) -> Option<PatientId> {
        match self.scope {
            Scope::Own(patient) => Some(patient),
            Scope::Organization => None,
        }
    }

    /// Refuses data of a patient out of reach, so that it looks as if it weren't there.
    pub(crate) fn reach(&self, patient: PatientId) -> Result<(), Problem> {
        if self.scope.covers(patient) { Ok(()) } else { Err(Problem::not_found()) }
    }
}

impl<P: Needs> May<P> {
    /// The same right as it is now, for what goes on after its request was answered; an error if it is gone.
    pub(crate) async fn renewed(&self, app: &App) -> Result<Self, Problem> {
        let now = app.now();
        let actor = app.access.renew(&self.call.actor, now).await.map_err(|error| of_access(&error))?;
        let scope = actor.scope(P::PERMISSION).ok_or_else(Problem::forbidden)?;
        Ok(Self { call: Call { actor, now, ..self.call.clone() }, scope, permission: PhantomData })
    }
}

impl<P: Needs> FromRequestParts<App> for May<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let call = parts.extensions.get::<Call>().cloned().ok_or_else(Problem::unauthenticated)?;
        if let Some(scope) = call.actor.scope(P::PERMISSION) {
            return Ok(Self { call, scope, permission: PhantomData });
        }
        record_denial(app, &call, &parts.method, "role_missing").await?;
        Err(Problem::forbidden())
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

pub(crate) fn of_access(error: &AccessError) -> Problem {
    match error {
        AccessError::NoSession | AccessError::NotSignedIn => Problem::unauthenticated(),
        AccessError::NoAccount => Problem::not_found(),
        AccessError::Refused(refusal) => refused(*refusal),
        AccessError::TooOften { again_in } => Problem::too_many(*again_in),
        AccessError::Unavailable => Problem::unavailable("sessions can't be checked now; try again"),
        AccessError::WeakPassword => Problem::field("password", "must have 12 to 256 characters"),
        AccessError::EmailTaken => Problem::new(StatusCode::CONFLICT, "taken", "Not unique", error.to_string()),
        AccessError::NotTheFirst | AccessError::Broken(_) => {
            tracing::error!(%error, "a session could not be checked");
            Problem::internal()
        }
    }
}

/// Any text of up to 255 characters; the same text is the same command of the same account.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<Uuid>, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key = key.as_bytes();
    if key.is_empty() || key.len() > 255 {
        return Err(Problem::field("Idempotency-Key", "must be 1 to 255 characters"));
    }
    let digest: [u8; 32] = Sha256::digest(key).into();
    let first: [u8; 16] = std::array::from_fn(|i| digest[i]);
    Ok(Some(Uuid::new_v8(first)))
}

fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(tag) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let number = tag.to_str().ok().and_then(|tag| tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok());
    number.map(Some).ok_or_else(|| Problem::field("If-Match", "must be the ETag of an earlier answer, such as \"3\""))
}

fn purpose(headers: &HeaderMap) -> Result<PurposeOfUse, Problem> {
    let Some(text) = headers.get("anamnesis-purpose") else { return Ok(PurposeOfUse::Treatment) };
    text.to_str().ok().and_then(PurposeOfUse::named).ok_or_else(|| {
        let known: Vec<_> = PurposeOfUse::ALL.iter().map(|purpose| purpose.as_str()).collect();
        Problem::field("Anamnesis-Purpose", format!("must be one of {}", known.join(", ")))
    })
}

fn justification(headers: &HeaderMap) -> Result<Option<Text>, Problem> {
    let Some(text) = headers.get("anamnesis-justification") else { return Ok(None) };
    let text = text.to_str().map_err(|_| Problem::field("Anamnesis-Justification", "must be printable ASCII"))?;
    Text::try_from(text).map(Some).map_err(|error| Problem::field("Anamnesis-Justification", error.to_string()))
}

/// True for what only looks.
pub(crate) fn is_safe(method: &Method) -> bool {
    method.is_safe()
}
