//! What does a process measure of itself and of the journal, and who is told?
//!
//! `GET /metrics` in Prometheus's text format (OpenMetrics 1.0), on a listener of its own. What is counted all the time are
//! atomics where it happens; everything else is looked up when somebody asks. No label names a person, an account, a stream or
//! anything else that grows: `docs/operations.md` lists them all.

mod gauges;
mod http;
mod journal;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use anamnesis_api::Live;
use anamnesis_journal::sequencer::{SequencerHandle, SequencerState};
use anamnesis_projector::Applied;
use anamnesis_stream::{PublisherHandle, PublisherState};
use anyhow::bail;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::installation::Installation;
use crate::serving::{self, Bounds};
use gauges::Gauges;
pub(crate) use http::Requests;

/// How long the database may take to answer; without it, what the process knows by itself is told.
const PATIENCE: Duration = Duration::from_secs(5);
/// OpenMetrics, which every Prometheus of the last years understands.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Seconds: an event is through in a few hundred milliseconds, and given up after half a minute.
const CANARY_BUCKETS: [f64; 11] = [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// What this process counts and how it is.
#[derive(Clone, Default)]
pub(crate) struct Own {
    pub(crate) requests: Requests,
    pub(crate) canary: CanaryLatency,
    pub(crate) sequencing: Option<SequencerHandle>,
    pub(crate) publishing: Option<PublisherHandle>,
    pub(crate) applied: Option<Applied>,
}

/// How long canaries were on their way.
#[derive(Clone)]
pub(crate) struct CanaryLatency(Family<[(&'static str, &'static str); 1], Histogram>);

impl Default for CanaryLatency {
    fn default() -> Self {
        Self(Family::new_with_constructor(|| Histogram::new(CANARY_BUCKETS)))
    }
}

impl CanaryLatency {
    pub(crate) fn logged(&self, after: Duration) {
        self.observe("logged", after);
    }

    pub(crate) fn published(&self, after: Duration) {
        self.observe("published", after);
    }

    pub(crate) fn visible(&self, after: Duration) {
        self.observe("visible", after);
    }

    fn observe(&self, stage: &'static str, after: Duration) {
        self.0.get_or_create(&[("stage", stage)]).observe(after.as_secs_f64());
    }
}

/// Whom it is told, and from where.
struct Teller {
    token: Option<[u8; 32]>,
    installation: Installation,
    own: Own,
    /// What is counted all the time.
    counted: Registry,
}

/// Where it is told: bound, or the reason why not. A port that another process has is no reason not to work.
pub(crate) async fn listener(config: &Config) -> anyhow::Result<Option<TcpListener>> {
    let address = config.metrics_listen;
    if !address.ip().is_loopback() && config.metrics_token.is_none() {
        bail!("metrics_listen is {address}, which isn't this machine alone: set metrics_token too");
    }
    match TcpListener::bind(address).await {
        Ok(listener) => {
            tracing::info!("metrics at http://{}/metrics", listener.local_addr()?);
            Ok(Some(listener))
        }
        Err(error) => {
            tracing::warn!("nothing is told at {address} (set metrics_listen to another port): {error}");
            Ok(None)
        }
    }
}

/// Serves what is measured.
pub(crate) async fn serve(listener: TcpListener, token: Option<&SecretString>, bounds: Bounds, installation: Installation, own: Own) {
    let mut counted = Registry::default();
    counted.register("anamnesis_http_request_duration_seconds", "Until an answer began", own.requests.durations());
    counted.register("anamnesis_canary_latency_seconds", "How long a canary took to a stage of its way", own.canary.0.clone());
    let token = token.map(|token| digest(token.expose_secret()));
    let teller = Arc::new(Teller { token, installation, own, counted });
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/health/live", get(live))
        .layer(from_fn_with_state(Arc::clone(&teller), only_with_token))
        .with_state(teller);
    // whoever asks isn't waited for in the end
    serving::serve(listener, router, bounds, CancellationToken::new()).await;
}

async fn only_with_token(State(teller): State<Arc<Teller>>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer ").map(digest));
    // digests are compared, so the time that it takes says nothing of the token
    if teller.token.is_none() || teller.token == shown {
        next.run(request).await
    } else {
        (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")]).into_response()
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

async fn live(State(teller): State<Arc<Teller>>) -> (StatusCode, Json<Live>) {
    Live::of(&teller.installation.loops)
}

async fn metrics(State(teller): State<Arc<Teller>>) -> Result<Response, StatusCode> {
    let mut gauges = Gauges::default();
    teller.own.tell(&teller.installation, &mut gauges);
    let looked = timeout(PATIENCE, journal::tell(&teller.installation, &mut gauges)).await.unwrap_or(Err(sqlx::Error::PoolTimedOut));
    gauges.set("anamnesis_database_up", "Whether the database answered: without it nothing is known of the journal", [], u8::from(looked.is_ok()));
    let mut text = String::new();
    let registry = gauges.registry();
    let encoded =
        encode_registry(&mut text, &teller.counted).and_then(|()| encode_registry(&mut text, &registry)).and_then(|()| encode_eof(&mut text));
    encoded.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

impl Own {
    /// What the process knows by itself.
    fn tell(&self, installation: &Installation, gauges: &mut Gauges) {
        loops(installation, gauges);
        connections(installation, gauges);
        let appends = installation.journal.appends();
        gauges.count("anamnesis_append_statements", "Statements that this process appended with", [], appends.statements);
        gauges.count("anamnesis_append_commands", "Commands in them", [], appends.commands);
        for (projection, events) in self.applied.iter().flat_map(Applied::counts) {
            gauges.count("anamnesis_projection_events", "Events that this process folded into rows", [("projection", projection)], events);
        }
        let leads = "Whether this process holds the lease";
        if let Some(sequencing) = &self.sequencing {
            let is_leading = matches!(sequencing.health().state, SequencerState::Leading { .. });
            gauges.set("anamnesis_leads", leads, [("lease", "log")], u8::from(is_leading));
        }
        if let Some(publishing) = &self.publishing {
            let is_leading = publishing.health().state == PublisherState::Publishing;
            gauges.set("anamnesis_leads", leads, [("lease", "publication")], u8::from(is_leading));
        }
    }
}

/// By kind: there are as many lanes as partitions.
fn loops(installation: &Installation, gauges: &mut Gauges) {
    use anamnesis_loops::Condition::{Alive, Dead, Stuck};
    for state in installation.loops.states() {
        for (condition, name) in [(Alive, "alive"), (Stuck, "stuck"), (Dead, "dead")] {
            let is_so = u8::from(state.condition == condition);
            gauges.add("anamnesis_loops", "Loops of this process, by condition", [("loop", state.kind()), ("condition", name)], is_so);
        }
    }
}

fn connections(installation: &Installation, gauges: &mut Gauges) {
    let Installation { owner, writer, projector, reader, .. } = installation;
    for (name, pool) in [("owner", owner), ("writer", writer), ("projector", projector), ("reader", reader)] {
        let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
        for (state, connections) in [("idle", idle), ("busy", pool.size().saturating_sub(idle))] {
            let labels = [("pool", name), ("state", state)];
            gauges.set("anamnesis_database_connections", "Connections of this process to the database", labels, connections);
        }
        let most = pool.options().get_max_connections();
        gauges.set("anamnesis_database_connections_max", "How many there may be", [("pool", name)], most);
    }
}
