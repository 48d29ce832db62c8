//! What does the journal do with the same commands? All of it: receipts, claims, keys, sealing, the queue to the log.

use std::sync::Arc;

use anamnesis_domain::Origin;
use anamnesis_domain::patient::Patient;
use anamnesis_journal::sequencer::{Sequencer, SequencerSettings};
use anamnesis_journal::{Caller, Journal, Role, pool_as};
use anyhow::{Context as _, Result};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::harness::commands_a_second;
use crate::patients::change_of_contact;
use crate::server::{Database, Installation, Server};
use crate::stories::{Known, Stories, now};

/// How many commands are under way while patients are registered who are to be known.
const REGISTERED_AT_ONCE: usize = 64;

/// A journal that commands are sent to.
pub(crate) struct SealedJournal {
    pub(crate) installation: Installation,
    stories: Stories,
    caller: Arc<Caller>,
    known: Arc<Known>,
}

impl SealedJournal {
    /// An empty one.
    pub(crate) async fn new(server: &Server) -> Result<Self> {
        Ok(Self { installation: Installation::new(server).await?, stories: Stories::new()?, caller: Arc::new(clerk()), known: Arc::default() })
    }

    /// One that knows patients.
    pub(crate) async fn with_known(server: &Server) -> Result<Self> {
        let (journal, known) = (Self::new(server).await?, Known::new());
        stream::iter(known.all())
            .map(|id| register(&journal.installation.journal, &journal.stories, &journal.caller, *id))
            .buffer_unordered(REGISTERED_AT_ONCE)
            .try_collect::<()>()
            .await?;
        Ok(Self { known: Arc::new(known), ..journal })
    }

    /// New patients, so a key is made for each.
    pub(crate) async fn register(&self, callers: usize) -> Result<f64> {
        let (journal, stories, caller) = (self.installation.journal.clone(), self.stories.clone(), Arc::clone(&self.caller));
        commands_a_second(callers, move || {
            let (journal, stories, caller) = (journal.clone(), stories.clone(), Arc::clone(&caller));
            async move { register(&journal, &stories, &caller, Uuid::now_v7()).await }
        })
        .await
    }

    /// Changes of known patients: their streams are read first.
    pub(crate) async fn change(&self, callers: usize) -> Result<f64> {
        let (journal, known, caller) = (self.installation.journal.clone(), Arc::clone(&self.known), Arc::clone(&self.caller));
        commands_a_second(callers, move || {
            let (journal, caller, patient) = (journal.clone(), Arc::clone(&caller), known.next());
            async move {
                journal.execute::<Patient>(patient, change_of_contact()?, &again(&caller), None).await?;
                Ok(())
            }
        })
        .await
    }

    /// As [`SealedJournal::register`], while the events get their positions in the log.
    pub(crate) async fn register_while_sequencing(&self, callers: usize) -> Result<f64> {
        while_sequencing(&self.installation.database, self.register(callers)).await
    }
}

/// Does something while the events of a database get their positions in the log.
pub(crate) async fn while_sequencing<T>(database: &Database, work: impl Future<Output = Result<T>>) -> Result<T> {
    let pool = pool_as(&database.url(), Role::Writer, 2)?;
    let shutdown = CancellationToken::new();
    let sequencing = tokio::spawn(Sequencer::new(pool, SequencerSettings::default()).run(shutdown.clone()));
    let done = work.await;
    shutdown.cancel();
    sequencing.await.context("the sequencer")?;
    done
}

/// Registers a new patient.
pub(crate) async fn register(journal: &Journal, stories: &Stories, caller: &Caller, id: Uuid) -> Result<()> {
    journal.create::<Patient>(id, stories.register(id)?, &again(caller)).await?;
    Ok(())
}

/// Somebody of an organization of their own.
pub(crate) fn clerk() -> Caller {
    Caller {
        organization_id: Uuid::now_v7(),
        actor_id: Uuid::now_v7(),
        command_id: Uuid::now_v7(),
        correlation_id: Uuid::now_v7(),
        causation_id: None,
        now: now(),
        origin: Origin { ip_address: Some("192.0.2.7".to_owned()), ..Origin::default() },
        request: include_bytes!("patient.json").to_vec(),
    }
}

/// The same with another command.
pub(crate) fn again(caller: &Caller) -> Caller {
    Caller { command_id: Uuid::now_v7(), ..caller.clone() }
}
