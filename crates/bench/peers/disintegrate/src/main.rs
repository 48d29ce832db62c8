//! How many events a second does disintegrate append? Its event store as its README makes it: sqlx's pool of 10 connections, events as JSON.
//!
//! A process that measures a round for each line it is sent, and answers with appends a second, as `../rounds.js` does.
//! An append that it refuses as concurrent is made again, which its documentation leaves to the caller.

use std::env;
use std::io::stdin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use disintegrate::serde::json::Json;
use disintegrate::{Event, EventStore as _, query};
use disintegrate_postgres::{Error, PgEventStore};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::PgPool;
use tokio::task::JoinSet;
use uuid::Uuid;

/// The version of a stream without events.
const NOTHING_YET: i64 = 0;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, Event)]
#[stream(PatientEvent, [PatientRegistered])]
enum DomainEvent {
    PatientRegistered {
        #[id]
        patient_id: Uuid,
        patient: Map<String, Value>,
        registered_at: String,
    },
}

/// What every event is made from.
#[derive(Clone, Deserialize)]
struct Registration {
    patient: Map<String, Value>,
    registered_at: String,
}

impl Registration {
    /// Of a new patient, under a number that nobody else has.
    fn of(&self, patient_id: Uuid) -> DomainEvent {
        let Self { mut patient, registered_at } = self.clone();
        patient.insert("patient_number".to_owned(), Value::String(patient_id.to_string()));
        DomainEvent::PatientRegistered { patient_id, patient, registered_at }
    }
}

#[derive(Clone)]
struct Peer {
    store: PgEventStore<DomainEvent, Json<DomainEvent>>,
    registration: Registration,
    appended: Arc<AtomicU32>,
    refused: Arc<AtomicU32>,
}

impl Peer {
    /// Ids at random: those in the order of time meet on one page of the index, and Postgres takes almost all of them for conflicts.
    async fn append(&self) -> Result<()> {
        let patient_id = Uuid::new_v4();
        while let Err(error) = self.append_first(patient_id).await {
            if !is_concurrency(&error) {
                return Err(error.into());
            }
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        self.appended.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn append_first(&self, patient_id: Uuid) -> Result<(), Error> {
        let stream = query!(DomainEvent; patient_id == patient_id);
        self.store.append(vec![self.registration.of(patient_id)], stream, NOTHING_YET).await?;
        Ok(())
    }
}

/// Postgres finds a conflict when it commits, or already when it inserts: disintegrate 4.0 gives only the first a name of its own.
fn is_concurrency(error: &Error) -> bool {
    match error {
        Error::Concurrency => true,
        Error::Database(sqlx::Error::Database(error)) => error.code().as_deref() == Some("40001"),
        _ => false,
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let pool = PgPool::connect(&var("DATABASE_URL")?).await?;
    let (store, registration) = (PgEventStore::try_new(pool, Json::default()).await?, serde_json::from_str(&var("EVENT")?)?);
    let peer = Peer { store, registration, appended: Arc::default(), refused: Arc::default() };
    let (callers, warm_up, round) = (var("CALLERS")?.parse()?, milliseconds("WARM_UP_MS")?, milliseconds("ROUND_MS")?);
    println!("ready");
    for asked in stdin().lines() {
        asked?;
        println!("{}", appends_a_second(&peer, callers, warm_up, round).await?);
    }
    let (appended, refused) = (peer.appended.load(Ordering::Relaxed), peer.refused.load(Ordering::Relaxed));
    eprintln!("  disintegrate appended {appended} events, and refused {refused} attempts as concurrent, which were repeated");
    Ok(())
}

fn var(name: &str) -> Result<String> {
    env::var(name).with_context(|| format!("{name} is not set"))
}

fn milliseconds(name: &str) -> Result<Duration> {
    Ok(Duration::from_millis(var(name)?.parse()?))
}

/// Each of the callers sends its next one as soon as it has the answer to the one before, as in harness.rs.
async fn appends_a_second(peer: &Peer, callers: usize, warm_up: Duration, round: Duration) -> Result<f64> {
    let began = Instant::now();
    let mut calling = JoinSet::new();
    for _ in 0..callers {
        let peer = peer.clone();
        calling.spawn(async move {
            let mut done: u32 = 0;
            while began.elapsed() < warm_up {
                peer.append().await?;
            }
            while began.elapsed() < warm_up + round {
                peer.append().await?;
                done += 1;
            }
            anyhow::Ok(done)
        });
    }
    let mut done = 0;
    while let Some(one) = calling.join_next().await {
        done += one??;
    }
    Ok(f64::from(done) / began.elapsed().saturating_sub(warm_up).as_secs_f64())
}
