//! What becomes of tables that are made beside the live ones, until they take their place?

use std::collections::BTreeSet;

use anamnesis_domain::Recorded;
use anamnesis_journal::log::{SealedEntry, open};
use anamnesis_journal::transaction;
use anamnesis_projections::kernel::{AtPoison, Class, ColumnInfo, Projection, Schema};
use anamnesis_stream::FeedError;
use futures::FutureExt as _;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{KEYS, Rebuild};
use crate::cached::all_lanes_of;
use crate::checkpoint::Frontier;
use crate::digest::digest_without;
use crate::error::{Fault, ProjectorError};
use crate::filling::{Aside, Filling};
use crate::parking::Parking;
use crate::patience::{self, Attempts};
use crate::projector::MOST_PARKED;
use crate::table::Target;
use crate::versions::{self, Live};
use crate::{batch, checkpoint, parking, schema};

/// Events folded in one transaction while catching up.
const CATCH_UP: u32 = 500;
/// How often a try is made to drop what was being built, about once a second.
const DROP_ATTEMPTS: u32 = 10;

/// Makes empty tables beside the others; what somebody began to build and didn't finish is dropped.
async fn make_empty(tx: &mut PgConnection, projection: &Projection) -> Result<versions::Aside, ProjectorError> {
    versions::clear(tx, projection).await?;
    let tables = versions::begin(tx, projection).await?;
    schema::run_in(tx, &tables.schema, projection.tables_sql()).await?;
    if projection.schema == Schema::Read {
        // whoever is erased while they are filled is to be gone from them as well
        schema::script(tx, &format!("grant select, delete on all tables in schema {} to anamnesis_projector", tables.schema)).await?;
    }
    Ok(tables)
}

async fn discard(tx: &mut PgConnection, projection: &Projection, tables: versions::Aside) -> Result<(), ProjectorError> {
    Ok(versions::discard(tx, projection, &tables).await?)
}

async fn take_kept(tx: &mut PgConnection, projection: &Projection) -> Result<versions::Kept, ProjectorError> {
    versions::clear(tx, projection).await?;
    versions::take_kept(tx, projection).await
}

/// Tables that aren't read yet.
pub(super) struct Fresh {
    rebuild: Rebuild,
    projection: &'static Projection,
    tables: versions::Aside,
    /// What is folded into them.
    pub(super) folded: Frontier,
    /// How many events were.
    pub(super) events: u64,
    /// What is still poison is parked again.
    pub(super) parking: Parking,
    /// Streams that weren't compared: what is parked of the one copy isn't of the other.
    pub(super) not_compared: usize,
}

impl Fresh {
    /// Empty tables, without indexes and policies.
    pub(super) async fn begin(rebuild: Rebuild, projection: &'static Projection) -> Result<Self, ProjectorError> {
        let tables = patience::change(&rebuild.owner, projection, rebuild.swap_attempts, |tx| make_empty(tx, projection).boxed()).await?;
        Self::of(rebuild, projection, tables, Frontier::default(), BTreeSet::new()).await
    }

    /// The tables that were kept, with what waited in them tried again.
    pub(super) async fn take_kept(rebuild: Rebuild, projection: &'static Projection) -> Result<Self, ProjectorError> {
        let kept = patience::change(&rebuild.owner, projection, rebuild.swap_attempts, |tx| take_kept(tx, projection).boxed()).await?;
        let versions::Kept { tables, folded, waiting, left_out } = kept;
        let mut fresh = Self::of(rebuild, projection, tables, folded, left_out).await?;
        fresh.take_at(&waiting).await?;
        fresh.events = waiting.len() as u64;
        Ok(fresh)
    }

    async fn of(
        rebuild: Rebuild,
        projection: &'static Projection,
        tables: versions::Aside,
        folded: Frontier,
        left_out: BTreeSet<u64>,
    ) -> Result<Self, ProjectorError> {
        let skipped = parking::skipped(&mut *rebuild.owner.acquire().await?, projection.name).await?;
        Ok(Self { rebuild, projection, tables, folded, events: 0, parking: Parking::empty(skipped, left_out), not_compared: 0 })
    }

    /// Folds all streams as of a position into the empty tables.
    pub(super) async fn fill(&mut self, up_to: u64, told: impl Fn(u64, u64) + Send) -> Result<(), ProjectorError> {
        let schema = self.tables.schema.clone();
        let filling = Filling { rebuild: self.rebuild.clone(), projection: self.projection, schema, up_to };
        let (events, aside) = filling.run(told).await?;
        self.guard().await?;
        self.settle(aside, up_to).await?;
        (self.folded, self.events) = (Frontier::at(up_to), events);
        Ok(())
    }

    /// Keeps them again, as they are by now.
    pub(super) async fn give_back(&self) -> Result<(), ProjectorError> {
        let mut tx = transaction::begin(&self.rebuild.owner).await?;
        sqlx::query(schema::NO_TABLE_MOVES).execute(&mut *tx).await?;
        self.forget_erased().await?;
        let kept = versions::Kept {
            tables: self.tables.clone(),
            folded: self.folded.clone(),
            waiting: self.parking.all_waiting(),
            left_out: self.parking.all_left_out().clone(),
        };
        versions::give_back(&mut tx, self.projection, &kept).await?;
        Ok(tx.commit().await?)
    }

    /// Drops them, unless they are read or kept by now.
    pub(super) async fn discard(self) -> Result<(), ProjectorError> {
        let Self { rebuild, projection, tables, .. } = self;
        patience::change(&rebuild.owner, projection, DROP_ATTEMPTS, |tx| discard(tx, projection, tables.clone()).boxed()).await
    }

    /// The digest of what they say.
    pub(super) async fn digest(&self) -> Result<String, ProjectorError> {
        let mut connection = self.rebuild.projector.acquire().await?;
        digest_without(&mut connection, &self.rebuild.vault, self.projection, &self.tables.schema, &[]).await
    }

    async fn execute(&self, sql: &str) -> Result<(), ProjectorError> {
        let mut connection = self.rebuild.owner.acquire().await?;
        Ok(schema::script(&mut connection, sql).await?)
    }

    /// Indexes, policies and grants, once the rows are there.
    async fn guard(&self) -> Result<(), ProjectorError> {
        let mut tx = transaction::begin(&self.rebuild.owner).await?;
        schema::run_in(&mut tx, &self.tables.schema, self.projection.guards_sql()).await?;
        tx.commit().await?;
        for table in self.projection.tables {
            // what is sealed and lists of hashes tell the planner nothing and take longest; autovacuum gets there in time
            let tells = |column: &&ColumnInfo| column.class != Class::Sealed && column.sql != "bytea[]";
            let columns: Vec<_> = table.info().all_columns().filter(tells).map(|column| column.name).collect();
            self.execute(&format!("analyze {}.{} ({})", self.tables.schema, table.info().name, columns.join(", "))).await?;
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
        self.take_at(&Vec::from_iter(aside.events)).await
    }

    /// Folds the events at these positions.
    async fn take_at(&mut self, positions: &[u64]) -> Result<(), ProjectorError> {
        for positions in positions.chunks(CATCH_UP as usize) {
            self.take(self.rebuild.log.at(positions).await.map_err(FeedError::from)?).await?;
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
        let mut tx = transaction::begin(projector).await?;
        let folded = batch::fold(&mut tx, vault, self.projection, &self.tables.schema, &events).await;
        if folded.as_ref().is_err_and(|error| matches!(error.fault(), Fault::OfEvent(_))) {
            tx.rollback().await?;
            tx = transaction::begin(projector).await?;
            let (_, stuck) = batch::fold_around_poison(&mut tx, vault, self.projection, &self.tables.schema, events, &mut self.parking).await?;
            if let Some((_, error)) = stuck {
                return Err(error);
            }
        } else {
            folded?;
        }
        Ok(tx.commit().await?)
    }

    /// Folds what the live tables have beyond these, as the live projector does.
    async fn catch_up(&mut self, live: &Frontier) -> Result<(), ProjectorError> {
        let (mut position, up_to) = (self.folded.base, live.end());
        while position < up_to {
            let limit = u32::try_from(up_to - position).unwrap_or(CATCH_UP).min(CATCH_UP);
            let mut entries = self.rebuild.log.read_after(position, limit).await.map_err(FeedError::from)?;
            let Some(last) = entries.last() else { return Err(ProjectorError::Incomplete { expected: up_to, found: position }) };
            position = last.position;
            entries.retain(|entry| {
                let is_in = |frontier: &Frontier| frontier.holds(entry.position, &entry.aggregate_type, entry.aggregate_id);
                self.projection.takes(&entry.aggregate_type) && is_in(live) && !is_in(&self.folded)
            });
            self.events += entries.len() as u64;
            self.take(entries).await?;
        }
        self.folded = self.folded.and(live);
        Ok(())
    }

    /// Compares both copies at the live one's position, in a snapshot, so that the live projector isn't held up. A stream
    /// that is parked at another event in the one than in the other can't be the same in both. The projector reads them: the
    /// tables' owner need not see any row.
    pub(super) async fn compare(&mut self) -> Result<String, ProjectorError> {
        // whoever was erased while this was built is in none of the two, whatever is still in memory
        let (projector, vault) = (self.rebuild.projector.clone(), self.rebuild.vault.apart(KEYS));
        let mut snapshot = transaction::begin(&projector).await?;
        schema::script(&mut snapshot, "set transaction isolation level repeatable read, read only").await?;
        let live = checkpoint::frontier(&mut snapshot, self.projection.name, "").await?.unwrap_or_default();
        // what stands still has parked nothing
        let parks = self.projection.at_poison() == AtPoison::ParksTheStream;
        let parked = if parks { Parking::load(&mut snapshot, self.projection.name).await? } else { Parking::default() };
        self.catch_up(&live).await?;
        let others = self.parked_otherwise(&mut snapshot, &parked, live.end()).await?;
        self.not_compared = others.len();
        let mut other = projector.acquire().await?;
        let (projection, live_schema) = (self.projection, self.projection.schema.name());
        let (live, rebuilt) = tokio::try_join!(
            digest_without(&mut snapshot, &vault, projection, live_schema, &others),
            digest_without(&mut other, &vault, projection, &self.tables.schema, &others)
        )?;
        if live == rebuilt {
            Ok(live)
        } else {
            Err(ProjectorError::Differs { projection: projection.name, position: self.folded.base, rebuilt, live })
        }
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

    /// Puts these tables in the place of the live ones, which are kept.
    pub(super) async fn swap(&mut self) -> Result<(), ProjectorError> {
        let mut attempts = Attempts::new(&self.rebuild.owner, self.projection, self.rebuild.swap_attempts);
        loop {
            // most of the way without a lock
            let mut connection = self.rebuild.owner.acquire().await?;
            let near = checkpoint::frontier(&mut connection, self.projection.name, "").await?.unwrap_or_default();
            drop(connection);
            self.catch_up(&near).await?;
            let mut tx = attempts.begin().await?;
            let swapped = self.try_swap(&mut tx).await;
            if attempts.end(tx, swapped).await?.is_some() {
                return Ok(());
            }
        }
    }

    /// The live projector waits while it waits for readers to let the old tables go.
    async fn try_swap(&mut self, tx: &mut PgConnection) -> Result<(), ProjectorError> {
        sqlx::query(schema::NO_TABLE_MOVES).execute(&mut *tx).await?;
        let live = checkpoint::frontier(tx, self.projection.name, "for update").await?;
        self.catch_up(&live.clone().unwrap_or_default()).await?;
        self.forget_erased().await?;
        let whose = versions::live(tx, self.projection).await?;
        versions::swap(tx, self.projection, &self.tables).await?;
        self.forget_cached().await;
        let end = self.folded.end();
        self.parking.clone().replace(tx, self.projection.name, &self.parking.unskipped(end), end).await?;
        if live.as_ref() != Some(&self.folded) || whose != Live::Ours {
            self.place_checkpoint(tx, self.folded.base).await?;
        }
        Ok(())
    }

    /// Whoever was erased while the rows were written leaves none: whoever is from now on waits until the tables have moved
    /// ([`schema::forget_subject`]). The projector does it: the tables' owner need not see any row.
    async fn forget_erased(&self) -> Result<(), ProjectorError> {
        if self.projection.schema == Schema::Audit {
            return Ok(());
        }
        let mut tx = transaction::begin(&self.rebuild.projector).await?;
        for table in self.projection.tables {
            let target = Target { schema: &self.tables.schema, table: table.info() };
            schema::assert_shown(&mut tx, &target).await?;
            sqlx::query(&forget_erased(&target.name())).execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }

    /// What was computed from the old tables may say something else. Nobody can read either now: so whatever is computed
    /// from here on comes from the new ones.
    async fn forget_cached(&self) {
        let Some(cache) = &self.rebuild.cache else { return };
        for lane in all_lanes_of(self.projection) {
            cache.forget_lane(&lane).await;
        }
    }

    /// The new tables are further than the old ones were, or of another definition, or there were none: whoever projected
    /// into those must stop.
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

fn forget_erased(table: &str) -> String {
    format!(
        "delete from {table} as fresh
         where exists (
             select from journal.keys
             where keys.organization_id = fresh.organization_id
               and keys.subject_id = fresh.subject_id
               and keys.purpose = 'data'
               and keys.state in ('fenced', 'destroyed'))"
    )
}
