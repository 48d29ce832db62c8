//! What becomes of a parked stream when an operator, or a new version of the program, wants it to be tried again?
//!
//! The lane does it that moves the checkpoint, between two batches and under the same lock: so nothing comes in between,
//! and nothing of the stream is folded twice. What waits is read from the log, wherever it came from.

use std::collections::HashMap;
use std::time::Duration;

use anamnesis_domain::Recorded;
use anamnesis_journal::log::{LogError, SealedEntry, Unopened, open};
use anamnesis_journal::transaction;
use anamnesis_stream::{FeedError, TopicPartition};
use sqlx::{Connection as _, PgConnection};
use tracing::{info, warn};

use super::{Batch, Crew, LOOK_AT_REST, LOOK_WHILE_PARKED, Member};
use crate::batch::{Poison, Touched};
use crate::checkpoint::LOG;
use crate::error::{Fault, ProjectorError, Reason, reason};
use crate::parking::{Parking, Stream, Tried};
use crate::{batch, checkpoint, parking};

impl Crew {
    /// When it looks again whether anything is to be tried.
    pub(super) fn look_again_after(&self) -> Duration {
        if self.members.iter().any(|member| member.parking.count() > 0) { LOOK_WHILE_PARKED } else { LOOK_AT_REST }
    }

    /// Tries what somebody wants to be tried again.
    pub(super) async fn try_parked_again(&mut self) -> Result<(), ProjectorError> {
        self.learn_what_is_parked().await?;
        let names: Vec<_> = self.members.iter().filter(|member| member.parks()).map(|member| member.projection.name).collect();
        if names.is_empty() {
            return Ok(());
        }
        let asked = parking::asked(&mut *self.works.pool.acquire().await?, &names).await?;
        for (name, stream) in asked {
            while self.is_here(&stream) && self.try_again(&name, &stream).await? {}
        }
        Ok(())
    }

    fn is_here(&self, stream: &Stream) -> bool {
        let partition = || TopicPartition::of(&stream.aggregate_type, stream.aggregate_id).map(TopicPartition::number);
        self.reporter.partition() == LOG || partition() == Some(self.reporter.partition())
    }

    /// What was parked before it began, or by a rebuild. To lock something is to write, and there seldom is anything new.
    async fn learn_what_is_parked(&mut self) -> Result<(), ProjectorError> {
        let names: Vec<_> = self.members.iter().map(|member| member.projection.name).collect();
        let seen = checkpoint::look(&mut *self.works.pool.acquire().await?, &names, self.reporter.partition()).await?;
        let is_known = |member: &Member| seen.get(member.projection.name).is_none_or(|checkpoint| member.parking.is_of(checkpoint.parking));
        if self.members.iter().all(is_known) {
            return Ok(());
        }
        let mut tx = transaction::begin(&self.works.pool).await?;
        let checkpoints = checkpoint::lock(&mut tx, &names, self.reporter.partition()).await?;
        for member in &mut self.members {
            if let Some(checkpoint) = checkpoints.get(member.projection.name) {
                if member.parking.is_outdated(checkpoint.parking) {
                    self.keepers.doubt();
                }
                member.parking = member.parking.as_of(&mut tx, member.projection.name, checkpoint.parking).await?;
            }
        }
        tx.commit().await?;
        Ok(())
    }

    /// Tries as many events of a parked stream as a batch has; whether there are more to be tried.
    async fn try_again(&mut self, name: &str, stream: &Stream) -> Result<bool, ProjectorError> {
        let Some(member) = self.members.iter().find(|member| member.projection.name == name).cloned() else { return Ok(false) };
        let (name, limit) = (member.projection.name, self.works.settings.batch);
        let waiting = parking::waiting(&mut *self.works.pool.acquire().await?, name, stream, limit).await?;
        let events = match self.works.log.at(&waiting).await {
            Ok(entries) => open(entries, &self.works.vault).await?,
            Err(error @ LogError::Database(_)) => return Err(FeedError::from(error).into()),
            // one isn't even an event any more
            Err(LogError::Gap { .. } | LogError::StreamGap { .. } | LogError::Altered { .. }) => self.read_one_by_one(&waiting).await?,
        };
        let tried = self.try_events(&member, stream, &waiting, &events).await.inspect_err(|_| self.keepers.doubt())?;
        let Some((tried, touched, parking)) = tried else { return Ok(false) };
        // the position is the same as before: whatever was read up to now may be older than that
        self.keepers.doubt();
        self.keepers.moved(name, &touched, member.reached).await;
        self.reporter.running(name, member.reached, parking.count());
        let goes_on = tried.poison.is_none() && parking.holds(&stream.aggregate_type, stream.aggregate_id);
        tell(name, &tried);
        for member in self.members.iter_mut().filter(|member| member.projection.name == name) {
            member.parking = parking.clone();
        }
        Ok(goes_on)
    }

    /// Those that are still there.
    async fn read_one_by_one(&self, positions: &[u64]) -> Result<Batch, ProjectorError> {
        let mut entries: Vec<SealedEntry> = Vec::new();
        for position in positions {
            match self.works.log.at(&[*position]).await {
                Ok(entry) => entries.extend(entry),
                Err(error @ LogError::Database(_)) => return Err(FeedError::from(error).into()),
                Err(LogError::Gap { .. } | LogError::StreamGap { .. } | LogError::Altered { .. }) => {}
            }
        }
        Ok(open(entries, &self.works.vault).await?)
    }

    /// One transaction. `None`: the checkpoint is another's by now, or something else waits.
    async fn try_events(
        &self,
        member: &Member,
        stream: &Stream,
        waiting: &[u64],
        events: &Batch,
    ) -> Result<Option<(Tried, Vec<Touched>, Parking)>, ProjectorError> {
        let (name, partition) = (member.projection.name, self.reporter.partition());
        let mut tx = transaction::begin(&self.works.pool).await?;
        let checkpoints = checkpoint::lock(&mut tx, &[name], partition).await?;
        let Some(checkpoint) = checkpoints.get(name).filter(|checkpoint| checkpoint.epoch == member.epoch) else { return Ok(None) };
        // anew: what is to be left out may have been said since
        let mut parking = Parking::afresh(&mut tx, name, checkpoint.parking).await?;
        if waiting.is_empty() || parking::waiting(&mut tx, name, stream, self.works.settings.batch).await? != waiting {
            return Ok(None);
        }
        let (tried, touched) = self.fold_waiting(&mut tx, member, stream, waiting, events, &parking).await?;
        parking.retried(&mut tx, name, partition, &tried).await?;
        tx.commit().await?;
        Ok(Some((tried, touched, parking)))
    }

    /// Folds what waits up to the first event that still can't be taken, without what is to be left out.
    async fn fold_waiting(
        &self,
        tx: &mut PgConnection,
        member: &Member,
        stream: &Stream,
        waiting: &[u64],
        events: &Batch,
        parking: &Parking,
    ) -> Result<(Tried, Vec<Touched>), ProjectorError> {
        let (to_fold, mut poison) = until_unopened(waiting, events, parking);
        let (touched, unfolded) = self.fold_or_one_by_one(tx, member, &to_fold).await?;
        if let Some(Poison { index, reason, .. }) = unfolded {
            poison = Some((to_fold[index].position, reason));
        }
        let done = waiting.iter().copied().take_while(|position| poison.is_none_or(|(poison, _)| *position < poison)).collect();
        Ok((Tried { stream: stream.clone(), done, poison: poison.map(|(_, reason)| reason) }, touched))
    }

    async fn fold_or_one_by_one(
        &self,
        tx: &mut PgConnection,
        member: &Member,
        events: &[&Recorded],
    ) -> Result<(Vec<Touched>, Option<Poison>), ProjectorError> {
        let (vault, projection, schema) = (&self.works.vault, member.projection, member.projection.schema.name());
        let mut savepoint = tx.begin().await?;
        match batch::fold(&mut savepoint, vault, projection, schema, events).await {
            Ok(touched) => {
                savepoint.commit().await?;
                Ok((touched, None))
            }
            Err(error) => {
                let Fault::OfEvent(_) = error.fault() else { return Err(error) };
                savepoint.rollback().await?;
                batch::fold_until_poison(tx, vault, projection, schema, events).await
            }
        }
    }
}

fn tell(name: &str, Tried { stream, done, poison }: &Tried) {
    let events = done.len();
    if let Some(reason) = poison.map(Reason::as_str) {
        warn!(projection = name, %stream, reason, "projection `{name}` still can't take an event of {stream}: {reason}");
    } else {
        info!(projection = name, %stream, events, "projection `{name}` has taken {events} events of {stream} that waited");
    }
}

/// The events that wait, up to the first that isn't there or doesn't open, and that.
fn until_unopened<'a>(waiting: &[u64], events: &'a Batch, parking: &Parking) -> (Vec<&'a Recorded>, Option<(u64, Reason)>) {
    let position = |event: &Result<Recorded, Unopened>| event.as_ref().map_or_else(|unopened| unopened.position, |event| event.position);
    let by_position: HashMap<_, _> = events.iter().map(|event| (position(event), event)).collect();
    let mut to_fold = Vec::with_capacity(waiting.len());
    for position in waiting.iter().copied().filter(|position| !parking.skips(*position)) {
        match by_position.get(&position) {
            Some(Ok(event)) => to_fold.push(event),
            Some(Err(unopened)) => return (to_fold, Some((position, reason(&unopened.why)))),
            None => return (to_fold, Some((position, Reason::Altered))),
        }
    }
    (to_fold, None)
}
