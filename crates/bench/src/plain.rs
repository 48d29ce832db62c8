//! What would postgres-es do, as it comes? Its table, its pool, its event store; nothing sealed, no receipts, no claims.

use std::sync::Arc;

use anamnesis_domain::{Aggregate, Event};
use anyhow::{Result, anyhow};
use cqrs_es::DomainEvent;
use cqrs_es::event_sink::EventSink;
use postgres_es::{PostgresCqrs, default_postgress_pool, postgres_cqrs};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use uuid::Uuid;

use crate::server::{Database, Server};

/// As in postgres-es's `db/init.sql`.
const EVENTS: &str = "
    create table events (
        aggregate_type text                         not null,
        aggregate_id   text                         not null,
        sequence       bigint check (sequence >= 0) not null,
        event_type     text                         not null,
        event_version  text                         not null,
        payload        json                         not null,
        metadata       json                         not null,
        primary key (aggregate_type, aggregate_id, sequence)
    )";

/// An aggregate of ours, stored by postgres-es.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(bound = "", transparent)]
struct Plain<A: Aggregate>(A);

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(bound = "", transparent)]
struct PlainEvent<E: Event>(E);

impl<A: Aggregate> cqrs_es::Aggregate for Plain<A> {
    const TYPE: &'static str = A::TYPE;
    type Command = A::Command;
    type Event = PlainEvent<A::Event>;
    type Error = A::Error;
    type Services = ();

    async fn handle(&mut self, command: A::Command, (): &(), sink: &EventSink<Self>) -> Result<(), A::Error> {
        for event in self.0.decide(command)? {
            sink.write(PlainEvent(event), self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: Self::Event) {
        self.0 = std::mem::take(&mut self.0).evolve(&event.0);
    }
}

impl<E: Event> DomainEvent for PlainEvent<E> {
    fn event_type(&self) -> String {
        self.0.kind().name.to_owned()
    }

    fn event_version(&self) -> String {
        self.0.kind().version.to_string()
    }
}

/// A database as postgres-es wants it.
pub(crate) struct PlainDatabase {
    /// postgres-es's own pool.
    pool: PgPool,
    /// A pool with more connections that asks less.
    wide_pool: PgPool,
    _database: Database,
}

impl PlainDatabase {
    pub(crate) async fn new(server: &Server) -> Result<Self> {
        let database = server.database().await?;
        let wide_pool = database.superuser(64).await?;
        sqlx::raw_sql(EVENTS).execute(&wide_pool).await?;
        Ok(Self { pool: default_postgress_pool(&database.url()).await, wide_pool, _database: database })
    }

    pub(crate) fn store<A: Aggregate>(&self) -> PlainStore<A> {
        PlainStore(Arc::new(postgres_cqrs(self.pool.clone(), Vec::new(), ())))
    }

    pub(crate) fn wide_store<A: Aggregate>(&self) -> PlainStore<A> {
        PlainStore(Arc::new(postgres_cqrs(self.wide_pool.clone(), Vec::new(), ())))
    }
}

/// Executes commands the way postgres-es does.
pub(crate) struct PlainStore<A: Aggregate>(Arc<PostgresCqrs<Plain<A>>>);

impl<A: Aggregate> Clone for PlainStore<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A: Aggregate> PlainStore<A> {
    pub(crate) async fn execute(&self, id: Uuid, command: A::Command) -> Result<()> {
        self.0.execute(&id.to_string(), command).await.map_err(|error| anyhow!("postgres-es: {error}"))
    }
}
