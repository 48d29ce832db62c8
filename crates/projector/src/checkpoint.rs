//! How far has a projection come, and who may move it on?
//!
//! A checkpoint belongs to a projection and a partition: 0 is the log itself, the others are Kafka's
//! ([`TopicPartition::number`]). What holds between them: `migrations/0007_projecting.sql`.

use std::collections::{BTreeMap, HashMap};

use anamnesis_journal::transaction;
use anamnesis_projections::kernel::Projection;
use anamnesis_stream::{Topic, TopicPartition};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::schema;

/// The partition of the log itself.
pub(crate) const LOG: u32 = 0;

/// A projection's place in what it follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, sqlx::FromRow)]
pub(crate) struct Checkpoint {
    /// Who may move it: whoever took it over last.
    pub(crate) epoch: i64,
    position: i64,
    /// Rises whenever what is parked changes.
    pub(crate) parking: i64,
}

impl Checkpoint {
    /// The last position that is folded in; 0 before the first.
    pub(crate) fn position(self) -> u64 {
        self.position.cast_unsigned()
    }
}

#[derive(sqlx::FromRow)]
struct Named {
    consumer: String,
    #[sqlx(flatten)]
    checkpoint: Checkpoint,
}

fn by_name(rows: Vec<Named>) -> HashMap<String, Checkpoint> {
    rows.into_iter().map(|row| (row.consumer, row.checkpoint)).collect()
}

/// The topics that have a projection's events.
pub(crate) fn topics_of(projection: &Projection) -> Vec<Topic> {
    let mut topics: Vec<_> = projection.aggregate_types().into_iter().filter_map(Topic::of).collect();
    topics.sort_unstable();
    topics.dedup();
    topics
}

/// The partitions that have a projection's events.
pub(crate) fn partitions_of(projection: &Projection) -> Vec<u32> {
    topics_of(projection).into_iter().flat_map(Topic::all_partitions).map(TopicPartition::number).collect()
}

/// Which events are folded in: everything up to a position, and of some partitions more.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Frontier {
    /// Everything up to here.
    pub(crate) base: u64,
    /// Partitions of which everything up to a later position is.
    ahead: BTreeMap<u32, u64>,
}

impl Frontier {
    /// Everything up to a position.
    pub(crate) fn at(base: u64) -> Self {
        Self { base, ahead: BTreeMap::new() }
    }

    fn of(base: u64, partitions: impl IntoIterator<Item = (u32, u64)>) -> Self {
        Self { base, ahead: partitions.into_iter().filter(|(_, position)| *position > base).collect() }
    }

    /// Whether that event is folded in.
    pub(crate) fn holds(&self, position: u64, aggregate_type: &str, aggregate_id: Uuid) -> bool {
        let of_partition = || self.ahead.get(&TopicPartition::of(aggregate_type, aggregate_id)?.number());
        position <= self.base || (!self.ahead.is_empty() && of_partition().is_some_and(|ahead| position <= *ahead))
    }

    /// The last position of which anything is folded in.
    pub(crate) fn end(&self) -> u64 {
        self.ahead.values().copied().max().unwrap_or_default().max(self.base)
    }

    /// The checkpoints of a projection that reflect this.
    pub(crate) fn rows(&self, projection: &Projection) -> Vec<(u32, u64)> {
        let ahead = |partition| self.ahead.get(&partition).copied().unwrap_or(self.base);
        [(LOG, self.base)].into_iter().chain(partitions_of(projection).into_iter().map(|partition| (partition, ahead(partition)))).collect()
    }

    /// What is in this or in the other.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let mut ahead = self.ahead.clone();
        for (partition, position) in &other.ahead {
            let furthest = ahead.entry(*partition).or_default();
            *furthest = (*furthest).max(*position);
        }
        Self::of(self.base.max(other.base), ahead)
    }
}

/// Where a projection is; `None` if it never began. `lock`: what is added to the statement, as `for update`.
pub(crate) async fn frontier(connection: &mut PgConnection, name: &str, lock: &str) -> sqlx::Result<Option<Frontier>> {
    let sql = format!("select partition, position from journal.checkpoints where consumer = $1 order by partition {lock}");
    let rows: Vec<(i32, i64)> = sqlx::query_as(&sql).bind(name).fetch_all(connection).await?;
    let rows: Vec<_> = rows.into_iter().map(|(partition, position)| (partition.cast_unsigned(), position.cast_unsigned())).collect();
    Ok((!rows.is_empty()).then(|| reflected(&rows)))
}

/// The same as the view `journal.reached`, and what is beyond it.
pub(crate) fn reflected(rows: &[(u32, u64)]) -> Frontier {
    let of_log = rows.iter().find(|(partition, _)| *partition == LOG).map_or(0, |(_, position)| *position);
    let partitions = || rows.iter().copied().filter(|(partition, _)| *partition != LOG);
    let of_partitions = partitions().map(|(_, position)| position).min().unwrap_or_default();
    Frontier::of(of_log.max(of_partitions), partitions())
}

/// What a projection that follows the log begins with.
pub(crate) struct Start {
    pub(crate) epoch: i64,
    pub(crate) folded: Frontier,
}

/// Takes projections over that are to follow the log: from now on whoever had any checkpoint of theirs moves it no more. Of
/// those whose tables aren't of this program's definition none is taken over and none answered: who swaps tables holds the
/// checkpoints, and so a program that asked before that may come to the tables of another.
pub(crate) async fn follow_log(pool: &PgPool, projections: &[&'static Projection]) -> sqlx::Result<HashMap<String, Start>> {
    let names: Vec<_> = projections.iter().map(|projection| projection.name).collect();
    let mut tx = transaction::begin(pool).await?;
    sqlx::query("insert into journal.checkpoints (consumer, partition) select name, 0 from unnest($1) as name order by name on conflict do nothing")
        .bind(&names)
        .execute(&mut *tx)
        .await?;
    let locked = "select from journal.checkpoints where consumer = any($1) order by consumer, partition for update";
    sqlx::query(locked).bind(&names).execute(&mut *tx).await?;
    let names = fit(&mut tx, projections).await?;
    let relieved = "update journal.checkpoints set epoch = epoch + 1 where consumer = any($1) and partition > 0";
    sqlx::query(relieved).bind(&names).execute(&mut *tx).await?;
    let mut starts = HashMap::with_capacity(names.len());
    for name in names {
        let folded = frontier(&mut tx, name, "").await?.unwrap_or_default();
        let epoch = "update journal.checkpoints set epoch = epoch + 1, position = $2 where consumer = $1 and partition = 0 returning epoch";
        let epoch = sqlx::query_scalar(epoch).bind(name).bind(folded.base.cast_signed()).fetch_one(&mut *tx).await?;
        starts.insert(name.to_owned(), Start { epoch, folded });
    }
    tx.commit().await?;
    Ok(starts)
}

/// Takes one partition of projections over: from now on whoever had it, or ran them from the log, moves it no more. Makes
/// the rows of all their partitions, so that one that nobody has begun holds back what they reflect. As to definitions:
/// [`follow_log`].
pub(crate) async fn follow_partition(
    pool: &PgPool,
    projections: &[&'static Projection],
    partition: u32,
) -> sqlx::Result<HashMap<String, Checkpoint>> {
    let names: Vec<_> = projections.iter().map(|projection| projection.name).collect();
    let rows = projections.iter().flat_map(|projection| partitions_of(projection).into_iter().map(|number| (projection.name, number.cast_signed())));
    let (consumers, numbers): (Vec<_>, Vec<_>) = rows.unzip();
    let mut tx = transaction::begin(pool).await?;
    sqlx::query(
        "insert into journal.checkpoints (consumer, partition)
         select consumer, partition from unnest($1, $2) as row (consumer, partition) order by consumer, partition
         on conflict do nothing",
    )
    .bind(consumers)
    .bind(numbers)
    .execute(&mut *tx)
    .await?;
    let locked = "select from journal.checkpoints where consumer = any($1) and partition in (0, $2) order by consumer, partition for update";
    sqlx::query(locked).bind(&names).bind(partition.cast_signed()).execute(&mut *tx).await?;
    let names = fit(&mut tx, projections).await?;
    let relieved = "update journal.checkpoints set epoch = epoch + 1 where consumer = any($1) and partition = 0";
    sqlx::query(relieved).bind(&names).execute(&mut *tx).await?;
    let taken = sqlx::query_as(
        "update journal.checkpoints as own
         set epoch = own.epoch + 1,
             position = greatest(own.position, (
                 select position from journal.checkpoints as of_log where of_log.consumer = own.consumer and of_log.partition = 0))
         where consumer = any($1)
           and partition = $2
         returning consumer, epoch, position, parking",
    )
    .bind(&names)
    .bind(partition.cast_signed())
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(by_name(taken))
}

/// The names of those whose tables are of this program's definition.
async fn fit(tx: &mut PgConnection, projections: &[&'static Projection]) -> sqlx::Result<Vec<&'static str>> {
    let (fit, _) = schema::divide_by_definition(tx, projections).await?;
    Ok(fit.into_iter().map(|projection| projection.name).collect())
}

/// Locks checkpoints until the transaction ends, in the order of their names, so that two never wait for each other.
pub(crate) async fn lock(tx: &mut PgConnection, names: &[&str], partition: u32) -> sqlx::Result<HashMap<String, Checkpoint>> {
    select(tx, names, partition, "for update").await
}

/// Looks at checkpoints, which may be others' in a moment.
pub(crate) async fn look(connection: &mut PgConnection, names: &[&str], partition: u32) -> sqlx::Result<HashMap<String, Checkpoint>> {
    select(connection, names, partition, "").await
}

async fn select(connection: &mut PgConnection, names: &[&str], partition: u32, lock: &str) -> sqlx::Result<HashMap<String, Checkpoint>> {
    sqlx::query_as(&format!(
        "select consumer, epoch, position, parking
         from journal.checkpoints
         where consumer = any($1)
           and partition = $2
         order by consumer
         {lock}",
    ))
    .bind(names)
    .bind(partition.cast_signed())
    .fetch_all(connection)
    .await
    .map(by_name)
}

/// Moves locked checkpoints on.
pub(crate) async fn advance(tx: &mut PgConnection, moved: &[(&str, u64)], partition: u32) -> sqlx::Result<()> {
    let (names, positions): (Vec<_>, Vec<_>) = moved.iter().map(|(name, position)| (*name, position.cast_signed())).unzip();
    sqlx::query(
        "update journal.checkpoints
         set position = moved.position
         from unnest($1, $2) as moved (consumer, position)
         where checkpoints.consumer = moved.consumer
           and checkpoints.partition = $3",
    )
    .bind(names)
    .bind(positions)
    .bind(partition.cast_signed())
    .execute(tx)
    .await?;
    Ok(())
}

/// Moves the checkpoints of a partition up to where the log is published, if it has nothing between: otherwise one quiet
/// partition would hold back what its projection reflects. Answers where those are that it moved.
///
/// A checkpoint that is being moved is passed over. Nothing is lost if this one is: so nobody waits for the disk.
pub(crate) async fn pass_nothing(pool: &PgPool, held: &[(&str, i64)], partition: TopicPartition) -> sqlx::Result<HashMap<String, u64>> {
    let (names, epochs): (Vec<_>, Vec<_>) = held.iter().copied().unzip();
    // one statement, and so one answer to wait for: every partition does this for every transaction of the publisher
    let moved: Vec<(String, i64)> = sqlx::query_as(
        "with unhurried as materialized (select set_config('synchronous_commit', 'off', true)),
         free as (
             select mine.consumer, published.up_to
             from unhurried
             cross join journal.checkpoints as mine
             join unnest($1, $2) as held (consumer, epoch) using (consumer, epoch)
             cross join (
                 select position as up_to, coalesce((select position from journal.published where topic = $4 and partition = $5), 0) as last
                 from journal.publisher) as published
             where mine.partition = $3
               and mine.position >= published.last
               and mine.position < published.up_to
             order by mine.consumer
             for update of mine skip locked)
         update journal.checkpoints
         set position = free.up_to
         from free
         where checkpoints.consumer = free.consumer
           and checkpoints.partition = $3
         returning checkpoints.consumer, checkpoints.position",
    )
    .bind(names)
    .bind(epochs)
    .bind(partition.number().cast_signed())
    .bind(partition.topic.name())
    .bind(partition.index.cast_signed())
    .fetch_all(pool)
    .await?;
    Ok(moved.into_iter().map(|(name, position)| (name, position.cast_unsigned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream_of(partition: TopicPartition) -> Uuid {
        let mut ids = (0_u128..).map(Uuid::from_u128);
        ids.find(|id| TopicPartition::of("patient", *id) == Some(partition)).unwrap()
    }

    #[test]
    fn a_partition_may_be_further_than_the_others() {
        let [first, second] = [0, 1].map(|index| TopicPartition { topic: Topic::Patient, index });
        let folded = reflected(&[(LOG, 5), (first.number(), 0), (second.number(), 9)]);
        assert_eq!((folded.base, folded.end()), (5, 9));
        let holds = |position, partition| folded.holds(position, "patient", stream_of(partition));
        assert!(holds(5, first) && !holds(6, first) && holds(9, second) && !holds(10, second));
        assert!(!folded.holds(6, "appointment", stream_of(second)), "another topic");
    }

    #[test]
    fn what_all_partitions_have_is_reflected() {
        assert_eq!(reflected(&[(LOG, 2), (1000, 4), (1001, 7)]).base, 4);
        assert_eq!(reflected(&[(1000, 4), (1001, 4)]), Frontier::at(4));
        assert_eq!(reflected(&[(LOG, 7)]), Frontier::at(7));
    }

    #[test]
    fn what_checkpoints_reflect_can_be_written_as_checkpoints() {
        for folded in [Frontier::at(0), Frontier::at(7), Frontier::of(5, [(1000, 9), (1001, 6)])] {
            assert_eq!(reflected(&folded.rows(&anamnesis_projections::patients::PATIENTS)), folded);
        }
    }

    #[test]
    fn two_frontiers_together_hold_what_either_holds() {
        let (one, other) = (reflected(&[(LOG, 3), (1000, 9), (1001, 3)]), reflected(&[(LOG, 5), (1000, 6), (1001, 5)]));
        assert_eq!(one.and(&other), reflected(&[(LOG, 5), (1000, 9), (1001, 5)]));
        assert_eq!(one.and(&Frontier::at(9)), Frontier::at(9));
    }
}
