//! How is a read model computed anew, while the live one is read and written?
//!
//! Beside the live tables, in a schema of its own: first all streams of the log one after another, each folded whole and
//! written with COPY ([`Filling`]). Then indexes and policies; then what was logged meanwhile, as the live projector
//! would; what can't be taken parks its stream again. Both copies are compared at the same position by their digests. At last, with the live checkpoint locked so
//! that nobody writes, the new tables take the place of the old ones in one transaction; a running projector goes on with
//! them without noticing.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anamnesis_domain::Recorded;
use anamnesis_journal::log::{Log, SealedEntry, open};
use anamnesis_projections::kernel::{AtPoison, Class, ColumnInfo, Projection, Schema};
use anamnesis_stream::FeedError;
use anamnesis_vault::Vault;
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};
use tokio::time::sleep;
use tracing::{info, warn};
use uuid::Uuid;

use crate::checkpoint::Frontier;
use crate::digest::digest_without;
use crate::error::{Fault, ProjectorError};
use crate::filling::{Aside, Filling};
use crate::parking::Parking;
use crate::projector::MOST_PARKED;
use crate::{batch, checkpoint, parking, schema};

/// Entries in a page of the usual size.
const PAGE: u32 = 1_000;
/// Keys in memory: those of the pages under way, so that a row finds the key that its events were opened with.
const KEYS: u64 = 4_000;
/// Events folded in one transaction while catching up.
const CATCH_UP: u32 = 500;
/// How long the swap waits for readers to let the old tables go: the live projector waits with it. Then it lets that one
/// pass, and tries again; so often at most.
const SWAP_PATIENCE: &str = "300ms";
const BETWEEN_SWAPS: Duration = Duration::from_millis(700);
const SWAP_ATTEMPTS: u32 = 60;

/// Builds a projection anew.
#[derive(Clone)]
pub struct Rebuild {
    /// A pool that may create schemas and tables.
    pub owner: PgPool,
    /// A pool of the role `anamnesis_projector`.
    pub projector: PgPool,
    /// The keys.
    pub vault: Vault,
    /// The log.
    pub log: Log,
    /// Entries in a page at most. Several are in memory at once: one is read while another is opened, folded, written.
    pub page: u32,
}

/// What a rebuild did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rebuilt {
    /// The position at which the new tables took over.
    pub position: u64,
    /// Events folded.
    pub events: u64,
    /// The digest that both copies had; none when there was nothing to compare with.
    pub digest: Option<String>,
    /// Streams that weren't compared: what is parked of the one copy isn't of the other.
    pub not_compared: usize,
    /// Streams that are parked now.
    pub parked: usize,
    /// How long it took.
    pub took: Duration,
}

impl Rebuild {
    /// With pages of the usual size.
    pub fn new(owner: PgPool, projector: PgPool, vault: Vault, log: Log) -> Self {
        Self { owner, projector, vault, log, page: PAGE }
    }

    /// Builds a projection anew and puts it in the live one's place, if both say the same. `told` hears how many events
    /// of how many are folded.
    ///
    /// Live tables of another definition aren't compared. When the copies differ ([`ProjectorError::Differs`]) the live
    /// tables stay as they are: [`Rebuild::replace`] doesn't ask.
    pub async fn run(&self, projection: &'static Projection, told: impl Fn(u64, u64) + Send) -> Result<Rebuilt, ProjectorError> {
        self.build(projection, true, told).await
    }

    /// As [`Rebuild::run`], whatever the live tables say: they may be damaged.
    pub async fn replace(&self, projection: &'static Projection, told: impl Fn(u64, u64) + Send) -> Result<Rebuilt, ProjectorError> {
        self.build(projection, false, told).await
    }

    async fn build(&self, projection: &'static Projection, compare: bool, told: impl Fn(u64, u64) + Send) -> Result<Rebuilt, ProjectorError> {
        let began = Instant::now();
        let lock = self.lock(projection).await?;
        let rebuild = Self { vault: self.vault.apart(KEYS), ..self.clone() };
        let schema = format!("{}_new_{}", projection.schema.name(), projection.name);
        let mut fresh = Fresh { rebuild, projection, schema, parking: Parking::default(), not_compared: 0 };
        let built = fresh.build(compare, told).await;
        if built.is_err() {
            // what is half built is of no use; if this fails too, the next rebuild drops it
            let _ = fresh.drop_schema().await;
        }
        unlock(lock).await;
        let (position, events, digest) = built?;
        let took = began.elapsed();
        info!(projection = projection.name, position, events, took_ms = took.as_millis(), "projection `{}` was rebuilt", projection.name);
        Ok(Rebuilt { position, events, digest, not_compared: fresh.not_compared, parked: fresh.parking.count(), took })
    }

    /// One rebuild of a projection at a time: the lock goes with its connection.
    async fn lock(&self, projection: &Projection) -> Result<PoolConnection<Postgres>, ProjectorError> {
        let mut connection = self.owner.acquire().await?;
        let sql = "select pg_try_advisory_lock(hashtextextended('anamnesis rebuild of ' || $1, 0))";
        let locked: bool = sqlx::query_scalar(sql).bind(projection.name).fetch_one(&mut *connection).await?;
        if locked { Ok(connection) } else { Err(ProjectorError::Rebuilding { projection: projection.name }) }
    }
}

async fn unlock(connection: PoolConnection<Postgres>) {
    // closed, and with it the lock, whatever state the connection is in
    if let Err(error) = connection.close().await {
        warn!(%error, "the connection that held a rebuild's lock didn't close cleanly");
    }
}

/// The tables being built.
struct Fresh {
    rebuild: Rebuild,
    projection: &'static Projection,
    schema: String,
    /// What is still poison is parked again.
    parking: Parking,
    not_compared: usize,
}

impl Fresh {
    async fn build(&mut self, compare: bool, told: impl Fn(u64, u64) + Send) -> Result<(u64, u64, Option<String>), ProjectorError> {
        let live = self.live_frontier().await?;
        let head = self.rebuild.log.head().await.map_err(FeedError::from)?.position;
        let from = live.as_ref().map_or(head, |live| live.base.min(head));
        self.create().await?;
        let filling = Filling { rebuild: self.rebuild.clone(), projection: self.projection, schema: self.schema.clone(), up_to: from };
        let skipped = parking::skipped(&mut *self.rebuild.owner.acquire().await?, self.projection.name).await?;
        self.parking = Parking::empty(skipped);
        let (mut events, aside) = filling.run(told).await?;
        self.guard().await?;
        self.settle(aside, from).await?;
        let mut folded = Frontier::at(from);
        let digest = if compare && live.is_some() { Some(self.compare(&mut folded, &mut events).await?) } else { None };
        self.swap(&mut folded, &mut events).await?;
        Ok((folded.base, events, digest))
    }

    /// Where the live tables are, if there are any of this definition with anything in them.
    async fn live_frontier(&self) -> Result<Option<Frontier>, ProjectorError> {
        let (fit, _) = schema::divide_by_definition(&self.rebuild.owner, &[self.projection]).await?;
        if fit.is_empty() {
            return Ok(None);
        }
        let mut connection = self.rebuild.owner.acquire().await?;
        Ok(checkpoint::frontier(&mut connection, self.projection.name, "").await?.filter(|live| live.end() > 0))
    }

    async fn create(&self) -> Result<(), ProjectorError> {
        self.drop_schema().await?;
        let mut tx = self.rebuild.owner.begin().await?;
        schema::script(&mut tx, &format!("create schema {0}; grant usage on schema {0} to anamnesis_projector", self.schema)).await?;
        schema::run_in(&mut tx, &self.schema, self.projection.tables_sql()).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn execute(&self, sql: &str) -> Result<(), ProjectorError> {
        let mut connection = self.rebuild.owner.acquire().await?;
        Ok(schema::script(&mut connection, sql).await?)
    }

    async fn drop_schema(&self) -> Result<(), ProjectorError> {
        self.execute(&format!("drop schema if exists {} cascade", self.schema)).await
    }

    /// Indexes, policies and grants, once the rows are there.
    async fn guard(&self) -> Result<(), ProjectorError> {
        let mut tx = self.rebuild.owner.begin().await?;
        schema::run_in(&mut tx, &self.schema, self.projection.guards_sql()).await?;
        tx.commit().await?;
        for table in self.projection.tables {
            // what is sealed and lists of hashes tell the planner nothing and take longest; autovacuum gets there in time
            let tells = |column: &&ColumnInfo| column.class != Class::Sealed && column.sql != "bytea[]";
            let columns: Vec<_> = table.info().all_columns().filter(tells).map(|column| column.name).collect();
            self.execute(&format!("analyze {}.{} ({})", self.schema, table.info().name, columns.join(", "))).await?;
        }
        Ok(())
    }

    /// Folds what was set aside, one event after another.
    async fn settle(&mut self, aside: Aside, up_to: u64) -> Result<(), ProjectorError> {
        let log = self.rebuild.log.clone();
        for id in aside.streams {
            for aggregate_type in self.projection.aggregate_types() {
                let mut after = 0;
                loop {
                    let entries = log.of_stream(aggregate_type, id, after, CATCH_UP).await.map_err(FeedError::from)?;
                    let Some(last) = entries.last() else { break };
                    after = last.sequence;
                    self.take(entries.into_iter().filter(|entry| entry.position <= up_to).collect()).await?;
                }
            }
        }
        for events in Vec::from_iter(aside.events).chunks(CATCH_UP as usize) {
            self.take(log.at(events).await.map_err(FeedError::from)?).await?;
        }
        Ok(())
    }

    /// Folds entries as the live projector does: what can't be taken parks its stream.
    async fn take(&mut self, entries: Vec<SealedEntry>) -> Result<(), ProjectorError> {
        let opened = open(entries, &self.rebuild.vault).await?;
        let mut events = Vec::with_capacity(opened.len());
        for event in &opened {
            match event {
                Ok(event) if self.parking.holds(event.aggregate_type, event.aggregate_id) => self.parking.wait(event.position),
                Ok(event) => events.push(event),
                Err(unopened) if self.parking.skips(unopened.position) => self.parking.leave_out(unopened.position),
                Err(unopened) if self.projection.at_poison() == AtPoison::ParksTheStream => self.parking.park_unopened(unopened),
                Err(unopened) => return Err(Box::new(unopened.clone()).into()),
            }
        }
        self.fold(events).await?;
        let parked = self.parking.count();
        if parked > MOST_PARKED { Err(ProjectorError::TooManyParked { parked }) } else { Ok(()) }
    }

    async fn fold(&mut self, events: Vec<&Recorded>) -> Result<(), ProjectorError> {
        let Rebuild { projector, vault, .. } = &self.rebuild;
        let mut tx = projector.begin().await?;
        let folded = batch::fold(&mut tx, vault, self.projection, &self.schema, &events).await;
        if folded.as_ref().is_err_and(|error| matches!(error.fault(), Fault::OfEvent(_))) {
            tx.rollback().await?;
            tx = projector.begin().await?;
            let (_, stuck) = batch::fold_around_poison(&mut tx, vault, self.projection, &self.schema, events, &mut self.parking).await?;
            if let Some((_, error)) = stuck {
                return Err(error);
            }
        } else {
            folded?;
        }
        Ok(tx.commit().await?)
    }

    /// Folds what the live tables have beyond what is `folded`, as the live projector does, and moves that along.
    async fn catch_up(&mut self, folded: &mut Frontier, live: &Frontier, events: &mut u64) -> Result<(), ProjectorError> {
        let (mut position, up_to) = (folded.base, live.end());
        while position < up_to {
            let limit = u32::try_from(up_to - position).unwrap_or(CATCH_UP).min(CATCH_UP);
            let mut entries = self.rebuild.log.read_after(position, limit).await.map_err(FeedError::from)?;
            let Some(last) = entries.last() else { return Err(ProjectorError::Incomplete { expected: up_to, found: position }) };
            position = last.position;
            entries.retain(|entry| {
                let is_in = |frontier: &Frontier| frontier.holds(entry.position, &entry.aggregate_type, entry.aggregate_id);
                self.projection.takes(&entry.aggregate_type) && is_in(live) && !is_in(folded)
            });
            *events += entries.len() as u64;
            self.take(entries).await?;
        }
        *folded = folded.and(live);
        Ok(())
    }

    /// Compares both copies at the live one's position, in a snapshot, so that the live projector isn't held up. A stream
    /// that is parked at another event in the one than in the other can't be the same in both.
    async fn compare(&mut self, folded: &mut Frontier, events: &mut u64) -> Result<String, ProjectorError> {
        let (owner, vault) = (self.rebuild.owner.clone(), self.rebuild.vault.clone());
        let mut snapshot = owner.begin().await?;
        schema::script(&mut snapshot, "set transaction isolation level repeatable read, read only").await?;
        let live = checkpoint::frontier(&mut snapshot, self.projection.name, "").await?.unwrap_or_default();
        // what stands still has parked nothing
        let parks = self.projection.at_poison() == AtPoison::ParksTheStream;
        let parked = if parks { Parking::load(&mut snapshot, self.projection.name).await? } else { Parking::default() };
        self.catch_up(folded, &live, events).await?;
        let others = self.parked_otherwise(&mut snapshot, &parked, live.end()).await?;
        self.not_compared = others.len();
        let mut other = owner.acquire().await?;
        let (projection, live_schema) = (self.projection, self.projection.schema.name());
        let (live, rebuilt) = tokio::try_join!(
            digest_without(&mut snapshot, &vault, projection, live_schema, &others),
            digest_without(&mut other, &vault, projection, &self.schema, &others)
        )?;
        if live == rebuilt { Ok(live) } else { Err(ProjectorError::Differs { projection: projection.name, position: folded.base, rebuilt, live }) }
    }

    /// The streams of which the two copies don't have the same events.
    async fn parked_otherwise(&self, connection: &mut PgConnection, live: &Parking, up_to: u64) -> Result<Vec<Uuid>, ProjectorError> {
        let (live, fresh) = (live.poison(), self.parking.poison());
        let differ = live.keys().chain(fresh.keys()).filter(|stream| live.get(stream) != fresh.get(stream));
        let mut ids: BTreeSet<_> = differ.map(|stream| stream.aggregate_id).collect();
        let unskipped: Vec<_> = self.parking.unskipped(up_to).into_iter().map(u64::cast_signed).collect();
        let sql = "select aggregate_id from journal.log where position = any($1)";
        let unskipped: Vec<Uuid> = sqlx::query_scalar(sql).bind(unskipped).fetch_all(connection).await?;
        ids.extend(unskipped);
        Ok(Vec::from_iter(ids))
    }

    /// Puts the new tables in the place of the old ones.
    async fn swap(&mut self, folded: &mut Frontier, events: &mut u64) -> Result<(), ProjectorError> {
        for _ in 0..SWAP_ATTEMPTS {
            // most of the way without a lock
            let mut connection = self.rebuild.owner.acquire().await?;
            let near = checkpoint::frontier(&mut connection, self.projection.name, "").await?.unwrap_or_default();
            drop(connection);
            self.catch_up(folded, &near, events).await?;
            match self.try_swap(folded, events).await {
                Err(ProjectorError::Database(error)) if is_lock_timeout(&error) => sleep(BETWEEN_SWAPS).await,
                swapped_or_failed => return swapped_or_failed,
            }
        }
        Err(ProjectorError::StillRead { projection: self.projection.name })
    }

    async fn try_swap(&mut self, folded: &mut Frontier, events: &mut u64) -> Result<(), ProjectorError> {
        let mut tx = self.rebuild.owner.begin().await?;
        sqlx::query("select set_config('lock_timeout', $1, true)").bind(SWAP_PATIENCE).execute(&mut *tx).await?;
        let live = checkpoint::frontier(&mut tx, self.projection.name, "for update").await?;
        self.catch_up(folded, &live.clone().unwrap_or_default(), events).await?;
        let (new, old) = (&self.schema, self.projection.schema.name());
        for table in self.projection.tables {
            let name = table.info().name;
            if self.projection.schema == Schema::Read {
                sqlx::query(&forget_erased(new, name)).execute(&mut *tx).await?;
            }
            schema::script(&mut tx, &format!("drop table if exists {old}.{name}; alter table {new}.{name} set schema {old}")).await?;
        }
        schema::script(&mut tx, &format!("drop schema {new}")).await?;
        schema::remember(&mut tx, self.projection).await?;
        let unskipped = self.parking.unskipped(folded.end());
        self.parking.clone().replace(&mut tx, self.projection.name, &unskipped).await?;
        if live.as_ref() != Some(folded) {
            self.place_checkpoint(&mut tx, folded.base).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The new tables are further than the old ones were, or there were none: whoever projected into those must stop.
    async fn place_checkpoint(&self, tx: &mut PgConnection, at: u64) -> sqlx::Result<()> {
        let relieved = "update journal.checkpoints set epoch = epoch + 1 where consumer = $1 and partition > 0";
        sqlx::query(relieved).bind(self.projection.name).execute(&mut *tx).await?;
        sqlx::query(
            "insert into journal.checkpoints (consumer, epoch, position)
             values ($1, 1, $2)
             on conflict (consumer, partition) do update set epoch = checkpoints.epoch + 1, position = excluded.position",
        )
        .bind(self.projection.name)
        .bind(at.cast_signed())
        .execute(tx)
        .await?;
        Ok(())
    }
}

/// Whoever was erased while the rows were written leaves none.
fn forget_erased(schema: &str, table: &str) -> String {
    format!(
        "delete from {schema}.{table} as fresh
         where exists (
             select from journal.keys
             where keys.organization_id = fresh.organization_id
               and keys.subject_id = fresh.subject_id
               and keys.purpose = 'data'
               and keys.state in ('fenced', 'destroyed'))"
    )
}

fn is_lock_timeout(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "55P03")
}
