//! How is Redis asked so that it can be slow, gone, empty or full of nonsense, and nobody is the worse for it?
//!
//! Every step is one command or script, so that it happens wholly or not at all. Each ends in time; after a failure
//! nobody asks for a while. The scripts name several keys of several slots: a Redis Cluster isn't supported.

use std::future::Future;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisResult, Script, TlsCertificates, cmd};
use secrecy::ExposeSecret;
use tokio::time::timeout;
use tracing::{info, warn};

use super::breaker::Breaker;
use super::memory::Counters;
use super::{Counted, Fill, Found};
use crate::cache::{CacheError, RedisSettings};
use crate::{Key, Lane};

static ADVANCE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("advance.lua")));
static FILL: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("fill.lua")));
static COUNT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("count.lua")));

/// How long a generation is remembered: far longer than anybody computes between a miss and a fill.
const GENERATION_S: u32 = 3600;

pub(crate) struct Redis {
    connections: Vec<ConnectionManager>,
    next: AtomicUsize,
    prefix: String,
    timeout: Duration,
    breaker: Breaker,
    /// For while Redis doesn't answer.
    counters: Counters,
}

impl Redis {
    pub(crate) fn new(settings: &RedisSettings) -> Result<Self, CacheError> {
        let client = client(settings)?;
        let config = || {
            ConnectionManagerConfig::new()
                .set_number_of_retries(0)
                .set_connection_timeout(Some(settings.timeout))
                .set_response_timeout(Some(settings.timeout))
        };
        let connections = available_parallelism().map_or(1, usize::from).min(settings.max_connections.max(1));
        let connections = (0..connections).map(|_| ConnectionManager::new_lazy_with_config(client.clone(), config()));
        Ok(Self {
            connections: connections.collect::<RedisResult<_>>().map_err(|_| CacheError::Url)?,
            next: AtomicUsize::new(0),
            prefix: settings.prefix.clone(),
            timeout: settings.timeout,
            breaker: Breaker::new(),
            counters: Counters::new(),
        })
    }

    pub(crate) async fn look(&self, key: &Key, lanes: &[Lane]) -> Option<Found> {
        let mut get = cmd("MGET");
        get.arg(self.entry(key)).arg(self.generation(key)).arg(lanes.iter().map(|lane| self.lane(lane)).collect::<Vec<_>>());
        let found: Vec<Option<Vec<u8>>> = self.ask(get.query_async(&mut self.connection())).await?;
        let mut found = found.into_iter();
        Some(Found { entry: found.next()?, generation: found.next()?, lanes: found.collect() })
    }

    pub(crate) async fn fill(&self, fill: &Fill<'_>) -> Option<bool> {
        let mut script = FILL.prepare_invoke();
        script.key(self.entry(fill.key)).key(self.generation(fill.key));
        for lane in fill.lanes {
            script.key(self.lane(lane));
        }
        script.arg(fill.generation.unwrap_or_default()).arg(milliseconds(fill.key.ttl())).arg(fill.sealed);
        for epoch in fill.epochs {
            script.arg(epoch);
        }
        self.ask(script.invoke_async(&mut self.connection())).await
    }

    pub(crate) async fn advance(&self, lane: &Lane, from: &str, to: &str, outdated: &[Key], nonce: u64) -> Option<bool> {
        let mut script = ADVANCE.prepare_invoke();
        script.key(self.lane(lane)).arg(from).arg(to).arg(nonce).arg(GENERATION_S);
        for key in outdated {
            script.key(self.entry(key)).key(self.generation(key));
        }
        self.ask(script.invoke_async(&mut self.connection())).await
    }

    pub(crate) async fn put_lane(&self, lane: &Lane, state: &str) -> Option<()> {
        self.ask(cmd("SET").arg(self.lane(lane)).arg(state).query_async(&mut self.connection())).await
    }

    pub(crate) async fn forget(&self, key: &Key, nonce: u64) -> Option<()> {
        let mut both = redis::pipe();
        both.atomic().del(self.entry(key)).ignore().set_ex(self.generation(key), nonce, GENERATION_S.into()).ignore();
        self.ask(both.query_async(&mut self.connection())).await
    }

    pub(crate) async fn forget_lane(&self, lane: &Lane) -> Option<()> {
        self.ask(cmd("DEL").arg(self.lane(lane)).query_async(&mut self.connection())).await
    }

    pub(crate) async fn count(&self, key: &Key) -> Counted {
        let mut script = COUNT.prepare_invoke();
        script.key(self.entry(key)).arg(milliseconds(key.ttl()));
        let counted: Option<(u64, u64)> = self.ask(script.invoke_async(&mut self.connection())).await;
        counted.map_or_else(|| self.counters.count(key), |(count, left)| Counted { count, starts_anew_in: Duration::from_millis(left) })
    }

    /// Asks even if nobody else may: an operator wants to know.
    pub(crate) async fn answers(&self) -> bool {
        self.await_answer::<String>(cmd("PING").query_async(&mut self.connection())).await.is_some()
    }

    fn connection(&self) -> ConnectionManager {
        self.connections[self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len()].clone()
    }

    /// The answer to a question that isn't asked before this is awaited; none while it isn't to be asked, or fails.
    async fn ask<T>(&self, question: impl Future<Output = RedisResult<T>> + Send) -> Option<T> {
        if self.breaker.may_ask() { self.await_answer(question).await } else { None }
    }

    async fn await_answer<T>(&self, question: impl Future<Output = RedisResult<T>> + Send) -> Option<T> {
        let failure = match timeout(self.timeout, question).await {
            Ok(Ok(answer)) => {
                if self.breaker.answered() {
                    info!("Redis answers again");
                }
                return Some(answer);
            }
            Ok(Err(error)) => error.category().to_owned(),
            Err(_) => format!("no answer within {} ms", self.timeout.as_millis()),
        };
        if self.breaker.failed() {
            // the kind only: Redis's own words may repeat what it was sent
            warn!(failure, "Redis can't be used now: going on without");
        }
        None
    }

    fn entry(&self, key: &Key) -> String {
        format!("{}{key}", self.prefix)
    }

    fn generation(&self, key: &Key) -> String {
        format!("{}{key}:generation", self.prefix)
    }

    fn lane(&self, lane: &Lane) -> String {
        format!("{}{lane}", self.prefix)
    }
}

fn client(settings: &RedisSettings) -> Result<Client, CacheError> {
    let url = settings.url.expose_secret();
    match &settings.tls_ca {
        None => Client::open(url).map_err(|_| CacheError::Url),
        Some(path) => {
            let unreadable = || CacheError::Authority(path.clone());
            let root_cert = Some(std::fs::read(path).map_err(|_| unreadable())?);
            Client::build_with_tls(url, TlsCertificates { client_tls: None, root_cert }).map_err(|_| unreadable())
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
