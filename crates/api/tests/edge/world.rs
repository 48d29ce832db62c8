//! A whole system in one process, for one test.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anamnesis_access::{Access, AccessSettings};
use anamnesis_api::{ApiSettings, AppParts, StreamSettings, Streams, TrustedProxies, router};
use anamnesis_cache::Cache;
use anamnesis_domain::account::{AccountLinks, AccountProfile, NewAccount, Role as AccountRole, RoleGrant};
use anamnesis_domain::organization::{NewOrganization, Organization, OrganizationCommand};
use anamnesis_domain::{Email, Instant, Line, Origin, PatientId, ProviderId};
use anamnesis_journal::follower::{Follower, FollowerSettings};
use anamnesis_journal::log::Log;
use anamnesis_journal::sequencer::{Sequencer, SequencerSettings};
use anamnesis_journal::testing::TestDatabase;
use anamnesis_journal::tree::Signer;
use anamnesis_journal::{Caller, Role};
use anamnesis_loops::Loops;
use anamnesis_projections::ALL;
use anamnesis_projector::{Projector, ProjectorSettings, ensure_schema};
use anamnesis_stream::LogFeed;
use anamnesis_vault::Vault;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::Response;
use chrono::Utc;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt as _;
use uuid::Uuid;

/// What everybody signs in with at first.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// What all clients connect through.
const PROXY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// Everything that runs, until it is dropped.
pub(crate) struct World {
    pub(crate) app: AppParts,
    pub(crate) router: Router,
    pub(crate) organization: Uuid,
    pub(crate) database: TestDatabase,
    /// Stops the projector when it is dropped.
    pub(crate) projecting: Option<DropGuard>,
    _running: DropGuard,
    _folder: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(ApiSettings { after_wait_ms: 10_000, position_wait_ms: 2_000, ..ApiSettings::default() }).await
    }

    pub(crate) async fn with(settings: ApiSettings) -> Self {
        Self::of(settings, AccessSettings::default(), |vault| Cache::in_memory(vault.clone(), 1 << 26)).await
    }

    pub(crate) async fn of(settings: ApiSettings, access_settings: AccessSettings, make_cache: impl FnOnce(&Vault) -> Cache) -> Self {
        let (database, folder) = (TestDatabase::new().await, tempfile::tempdir().unwrap());
        ensure_schema(&database.superuser(), ALL).await.unwrap();
        let (vault, writer) = (database.vault().await, database.pool(Role::Writer));
        let journal = database.journal().await;
        let log = Log::new(writer.clone());
        let shutdown = CancellationToken::new();

        let cache = make_cache(&vault);
        let sequencer = Sequencer::new(writer.clone(), SequencerSettings::default());
        let sequencing = sequencer.handle();
        tokio::spawn(sequencer.run(shutdown.clone()));
        let following = follow(&log, writer.clone(), folder.path(), &shutdown);
        let projector = Projector::new(database.pool(Role::Projector), vault.clone(), ALL, ProjectorSettings::default()).with_cache(cache.clone());
        let progress = projector.progress();
        let projector_shutdown = shutdown.child_token();
        tokio::spawn({
            let (feed, shutdown) = (LogFeed::new(log.clone()), projector_shutdown.clone());
            async move { projector.run(feed, shutdown).await }
        });

        let access = Access::new(writer, journal.clone(), vault.clone(), cache.clone(), access_settings, &Loops::default());
        let streams = Streams::new(StreamSettings { heartbeat_ms: 500, per_account: 3, at_once: 5 }, shutdown.child_token());
        let reader = database.pool(Role::Reader);
        let app = AppParts {
            journal,
            access,
            vault,
            cache,
            reader,
            log,
            sequencing,
            following,
            projecting: progress,
            streams,
            loops: Loops::default(),
            proxies: TrustedProxies::at(&[PROXY.to_string()]).unwrap(),
            settings,
        };
        let mut world = Self {
            router: router(app.clone()),
            app,
            organization: Uuid::nil(),
            database,
            projecting: Some(projector_shutdown.drop_guard()),
            _running: shutdown.drop_guard(),
            _folder: folder,
        };
        world.organization = world.found("First House").await;
        world
    }

    /// Another tenant.
    pub(crate) async fn found(&self, name: &str) -> Uuid {
        let id = Uuid::now_v7();
        let organization = NewOrganization { name: Line::try_from(name).unwrap(), slug: None };
        let register = OrganizationCommand::Register { now: now(), organization };
        self.app.journal.create::<Organization>(id, register, &caller(id)).await.unwrap();
        id
    }

    /// Somebody of the first organization who has signed in.
    pub(crate) async fn sign_in(&self, role: AccountRole) -> Client {
        self.sign_in_to(self.organization, role, None).await
    }

    /// A patient who has signed in.
    pub(crate) async fn sign_in_as_patient(&self, patient: Uuid) -> Client {
        self.sign_in_to(self.organization, AccountRole::Patient, Some(patient)).await
    }

    pub(crate) async fn sign_in_to(&self, organization: Uuid, role: AccountRole, patient: Option<Uuid>) -> Client {
        self.sign_in_linked(organization, role, AccountLinks { patient_id: patient.map(PatientId), provider_id: None }).await
    }

    /// A provider who has signed in.
    pub(crate) async fn sign_in_as_provider(&self, provider: Uuid) -> Client {
        let links = AccountLinks { patient_id: None, provider_id: Some(ProviderId(provider)) };
        self.sign_in_linked(self.organization, AccountRole::Provider, links).await
    }

    /// A provider who is a patient as well, and has signed in.
    pub(crate) async fn sign_in_as_both(&self, provider: Uuid, patient: Uuid) -> Client {
        let links = AccountLinks { patient_id: Some(PatientId(patient)), provider_id: Some(ProviderId(provider)) };
        self.sign_in_linked(self.organization, AccountRole::Provider, links).await
    }

    async fn sign_in_linked(&self, organization: Uuid, role: AccountRole, links: AccountLinks) -> Client {
        let (account_id, email) = (Uuid::now_v7(), format!("{}@example.org", Uuid::now_v7().simple()));
        let profile = AccountProfile {
            email: Email::try_from(email.as_str()).unwrap(),
            display_name: Line::try_from("Somebody").unwrap(),
            phone: None,
            time_zone: None,
        };
        let account = NewAccount { profile, roles: vec![RoleGrant { role, facility_id: None, expires_at: None }], links };
        self.app.access.create_account(account_id, account, PASSWORD.into(), &caller(organization)).await.unwrap();
        Client { router: self.router.clone(), token: None, account_id, email }.signed_in(PASSWORD).await
    }

    /// Somebody who hasn't signed in.
    pub(crate) fn nobody(&self) -> Client {
        Client { router: self.router.clone(), token: None, account_id: Uuid::nil(), email: String::new() }
    }

    /// How many rows a table has, seen by a superuser.
    pub(crate) async fn count(&self, what: &str) -> i64 {
        sqlx::query_scalar(&format!("select count(*) from {what}")).fetch_one(&self.database.superuser()).await.unwrap()
    }
}

fn follow(log: &Log, writer: sqlx::PgPool, folder: &Path, shutdown: &CancellationToken) -> anamnesis_journal::follower::FollowerHandle {
    let signer = Signer::open_or_create(folder.join("signer.toml"), "example.org/log").unwrap();
    let follower = Follower::new(writer, log.clone(), Some(Arc::new(signer)), FollowerSettings::default());
    let following = follower.handle();
    tokio::spawn(follower.run(shutdown.clone()));
    following
}

fn now() -> Instant {
    Utc::now().into()
}

pub(crate) fn caller(organization_id: Uuid) -> Caller {
    let command_id = Uuid::now_v7();
    Caller {
        organization_id,
        actor_id: Uuid::now_v7(),
        command_id,
        correlation_id: command_id,
        causation_id: None,
        now: now(),
        origin: Origin::default(),
        request: Vec::new(),
    }
}

/// Somebody at a client.
#[derive(Clone)]
pub(crate) struct Client {
    router: Router,
    token: Option<String>,
    pub(crate) account_id: Uuid,
    email: String,
}

/// What they get back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("{name} is missing in {:?}", self.headers)).to_str().unwrap()
    }

    pub(crate) fn position(&self) -> u64 {
        self.header("anamnesis-position").parse().unwrap()
    }

    pub(crate) fn id(&self) -> Uuid {
        self.body["id"].as_str().unwrap().parse().unwrap()
    }

    /// What stands in that field of each item of a list.
    pub(crate) fn items(&self, field: &str) -> Vec<Value> {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        self.body["items"].as_array().unwrap().iter().map(|item| item[field].clone()).collect()
    }

    /// Asserts which problem it is, and with which field.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, field: Option<&str>) {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["errors"][0]["field"].as_str(), field, "{}", self.body);
    }
}

impl Client {
    /// The same person at another process.
    pub(crate) fn at(&self, router: Router) -> Self {
        Self { router, ..self.clone() }
    }

    /// Tries to open another session.
    pub(crate) async fn sign_in(&self, password: &str) -> Answer {
        self.post("/v1/auth/login", &json!({ "email": self.email, "password": password })).await
    }

    /// The same person in another session.
    pub(crate) async fn signed_in(&self, password: &str) -> Self {
        let login = self.sign_in(password).await;
        assert_eq!(login.status, StatusCode::OK, "{}", login.body);
        Self { token: Some(login.body["access_token"].as_str().unwrap().to_owned()), ..self.clone() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], Body::empty()).await
    }

    /// A query that must reflect what an earlier answer told.
    pub(crate) async fn get_after(&self, path: &str, seen: &Answer) -> Answer {
        self.send(Method::GET, path, &[("anamnesis-after", seen.header("anamnesis-token"))], Body::empty()).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(Method::GET, path, headers, Body::empty()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_with(path, body, &[]).await
    }

    pub(crate) async fn post_with(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let headers = [&[("content-type", "application/json")], headers].concat();
        self.send(Method::POST, path, &headers, Body::from(body.to_string())).await
    }

    /// A command that must succeed.
    pub(crate) async fn must(&self, path: &str, body: &Value) -> Answer {
        let answer = self.post(path, body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.body);
        answer
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Body) -> Answer {
        let (parts, body) = self.ask(method, path, headers, body).await.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null), bytes }
    }

    /// A query whose answer hasn't been read yet.
    pub(crate) async fn listen(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        self.ask(Method::GET, path, headers, Body::empty()).await
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Body) -> Response {
        let mut request = Request::builder().method(method).uri(path).extension(ConnectInfo(SocketAddr::from((PROXY, 4711))));
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap()
    }
}

/// A patient as they are registered, with what tells them apart.
pub(crate) fn patient(number: &str, family: &str, given: &str) -> Value {
    json!({
        "patient_number": number,
        "name": { "family": family, "given": [given] },
        "birth_date": "1970-05-17",
        "gender": "FEMALE",
    })
}

/// The query string of those parameters.
pub(crate) fn query(parameters: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (i, (name, value)) in parameters.iter().enumerate() {
        let encoded: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
        write!(text, "{}{name}={encoded}", if i == 0 { '?' } else { '&' }).unwrap();
    }
    text
}
