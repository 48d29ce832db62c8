//! How does a changed definition get its tables, while those of the old one go on being read?
//!
//! Beside everything else that a process does: the old tables are kept up by whoever knows their definition, and read by
//! everybody, until the new ones have caught up and take over. Of several processes that want the same one builds, the others
//! find it done. What fails is tried again; it holds up its own read model and nothing else. A newer definition's tables stay:
//! a program of the old version that still runs, or is started again, leaves them alone.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anamnesis_projections::kernel::{AtPoison, Projection};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::error::{Fault, ProjectorError};
use crate::lane::described;
use crate::projector::ProjectorSettings;
use crate::rebuild::Rebuild;
use crate::versions::Live;
use crate::{parking, presence, schema};

/// How soon it looks again whether another process has finished.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// What failed is tried again after this pause, doubled each time up to the last.
const FIRST_RETRY_AFTER: Duration = Duration::from_secs(2);
const LAST_RETRY_AFTER: Duration = Duration::from_mins(1);

/// Brings the tables of projections to this program's definition.
pub struct Deployment {
    rebuild: Rebuild,
    projections: Vec<&'static Projection>,
    /// What is to be told of those that aren't there yet.
    told: Mutex<BTreeMap<&'static str, String>>,
}

impl Deployment {
    /// Of all of these whose live tables are of an older definition.
    pub fn new(rebuild: Rebuild, projections: &[&'static Projection]) -> Self {
        Self { rebuild, projections: projections.to_vec(), told: Mutex::default() }
    }

    /// Ends when none are of an older definition than this program's, or with `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        tokio::select! {
            () = self.deploy_all() => {}
            () = self.keep_telling() => {}
            () = shutdown.cancelled() => {}
        }
    }

    async fn deploy_all(&self) {
        let (mut left, mut retry_after) = (self.projections.clone(), FIRST_RETRY_AFTER);
        loop {
            let (mut still, mut has_failed) = (Vec::new(), false);
            for projection in left {
                match self.deploy(projection).await {
                    Ok(()) => self.tell(projection, None),
                    Err(problem) => {
                        has_failed |= !matches!(problem, ProjectorError::Rebuilding { .. });
                        self.failed(projection, &problem).await;
                        still.push(projection);
                    }
                }
            }
            if still.is_empty() {
                return;
            }
            left = still;
            sleep(if has_failed { retry_after } else { LOOK_AGAIN_AFTER }).await;
            if has_failed {
                retry_after = (retry_after * 2).min(LAST_RETRY_AFTER);
            }
        }
    }

    async fn deploy(&self, projection: &'static Projection) -> Result<(), ProjectorError> {
        let name = projection.name;
        match schema::whose(&self.rebuild.owner, projection).await? {
            Live::Ours => return Ok(()),
            Live::Anothers => {
                warn!(
                    projection = name,
                    "the tables of projection `{name}` are of a version of the program that isn't older: this one leaves them alone, and doesn't \
                     project it (`anamnesis projection rollback {name}` would go back)"
                );
                return Ok(());
            }
            Live::Olders | Live::Nobodys => {}
        }
        info!(projection = name, "the definition of projection `{name}` has changed: building it beside the old one");
        self.tell(projection, Some("its tables are being built anew, for its definition has changed".to_owned()));
        let told = |done, of| self.tell(projection, Some(format!("its tables are being built anew: {done} of {of} events")));
        self.rebuild.deploy(projection, told).await?;
        Ok(())
    }

    async fn failed(&self, projection: &'static Projection, problem: &ProjectorError) {
        let name = projection.name;
        if let ProjectorError::Rebuilding { .. } = problem {
            return self.tell(projection, Some("another process is building its tables anew".to_owned()));
        }
        error!(projection = name, error = %described(problem), "the tables of projection `{name}` can't be built anew: trying again");
        self.tell(projection, Some(format!("its tables can't be built anew: {}", described(problem))));
        if let Err(error) = self.note_poison(projection, problem).await {
            warn!(%error, "what can't be taken isn't noted");
        }
    }

    /// What stands still before an event is to be found among all that is parked, so that it can be mended or left out.
    async fn note_poison(&self, projection: &Projection, problem: &ProjectorError) -> sqlx::Result<()> {
        match (problem.fault(), problem.position()) {
            (Fault::OfEvent(reason), Some(position)) if projection.at_poison() != AtPoison::ParksTheStream => {
                parking::note(&self.rebuild.projector, projection.name, position, reason).await
            }
            _ => Ok(()),
        }
    }

    fn tell(&self, projection: &Projection, problem: Option<String>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match problem {
            Some(problem) => drop(told.insert(projection.name, problem)),
            None => drop(told.remove(projection.name)),
        }
    }

    /// Tells in the place of a projector, where there is none that runs the old definition.
    async fn keep_telling(&self) {
        let ProjectorSettings { beat, silence, .. } = ProjectorSettings::default();
        loop {
            sleep(beat).await;
            let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).clone();
            for (name, problem) in told {
                if let Err(error) = presence::tell_of_deployment(&self.rebuild.projector, name, &problem, silence).await {
                    warn!(%error, "what is being built anew can't be told");
                }
            }
        }
    }
}
