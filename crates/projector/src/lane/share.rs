//! What does one projection take of a batch?

use anamnesis_domain::Recorded;
use anamnesis_journal::log::Unopened;

use super::{Batch, Member};
use crate::error::ProjectorError;
use crate::parking::Parking;

/// What one projection takes of a batch.
pub(super) struct Share<'a> {
    /// What it hasn't seen and can fold.
    pub(super) events: Vec<&'a Recorded>,
    /// Where its checkpoint is afterwards.
    pub(super) reaches: u64,
    /// What is parked afterwards.
    pub(super) parking: Parking,
    /// What it can't get past.
    pub(super) stuck: Option<ProjectorError>,
}

impl<'a> Share<'a> {
    /// Drops what the checkpoint says was seen, and lets wait what comes of a parked stream. An event that concerns it and
    /// couldn't be opened parks its stream; a projection that doesn't park ends before it. If the checkpoint was set back,
    /// so that the batch begins too late for it, it takes nothing and stays: the next batch is read from there.
    pub(super) fn of(member: &Member, checkpoint: u64, from: u64, batch: &'a Batch, parking: Parking) -> Self {
        let mut share = Self { events: Vec::new(), reaches: checkpoint, parking, stuck: None };
        if checkpoint < from {
            return share;
        }
        for entry in batch {
            let (position, aggregate_type, aggregate_id) = match entry {
                Ok(event) => (event.position, event.aggregate_type, event.aggregate_id),
                Err(unopened) => (unopened.position, &*unopened.aggregate_type, unopened.aggregate_id),
            };
            if position <= checkpoint {
                continue;
            }
            let concerns = member.projection.takes(aggregate_type) && !member.folded.holds(position, aggregate_type, aggregate_id);
            if concerns && !share.parking.skips(position) {
                match entry {
                    _ if member.parks() && share.parking.holds(aggregate_type, aggregate_id) => share.parking.wait(position),
                    Ok(event) => share.events.push(event),
                    Err(unopened) => {
                        share.parking.park_unopened(unopened);
                        if !member.parks() {
                            share.stuck = Some(Box::<Unopened>::new(unopened.clone()).into());
                            return share;
                        }
                    }
                }
            }
            share.reaches = position;
        }
        share
    }
}
