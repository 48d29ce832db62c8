//! Which tasks run in one process, and how do they end together?

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anamnesis_api::{ApiSettings, AppParts, Streams, router};
use anamnesis_journal::Elsewhere;
use anamnesis_journal::follower::{Follower, FollowerHandle, FollowerSettings};
use anamnesis_journal::sequencer::{Sequencer, SequencerHandle, SequencerSettings};
use anamnesis_loops::{Loops, MORE_PATIENCE, PATIENCE, Pulse};
use anamnesis_projections::kernel::Projection;
use anamnesis_projector::expiry::{Expiry, LOOK_EVERY};
use anamnesis_projector::reactor::{ReactorSettings, Reactors};
use anamnesis_projector::{Progress, ProjectorSettings, Watcher, Workers};
use anamnesis_stream::{KafkaSettings, Publisher, PublisherSettings};
use anyhow::Context;
use futures::FutureExt as _;
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::canary::Canary;
use crate::config::Config;
use crate::installation::Installation;
use crate::metrics::{self, Own};
use crate::serving::serve;

/// How what the edge depends on is, wherever it runs.
pub(crate) struct Watched {
    sequencing: SequencerHandle,
    following: FollowerHandle,
    projecting: Progress,
}

/// How long what still runs is waited for once something has died: it may wait for what is dead.
const LAST_WAIT: Duration = Duration::from_secs(20);

/// Everything that runs until it is told to stop.
pub(crate) struct Runtime {
    tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
    loops: Loops,
    /// What is told of them.
    own: Own,
    shutdown: CancellationToken,
}

impl Runtime {
    /// Without any task.
    pub(crate) fn new(installation: &Installation) -> Self {
        Self { tasks: JoinSet::new(), loops: installation.loops.clone(), own: Own::default(), shutdown: CancellationToken::new() }
    }

    /// Starts every role; says where HTTP is served.
    pub(crate) async fn start(config: &Config, installation: &Installation) -> anyhow::Result<(Self, SocketAddr)> {
        installation.ensure_read_models().await?;
        let mut runtime = Self::new(installation);
        if let Some(kafka) = &config.kafka {
            runtime.publish(config, installation, kafka.clone())?;
        }
        let (sequencing, following) = runtime.sequence(config, installation)?;
        runtime.project(config, installation, None);
        runtime.react(config, installation)?;
        let projecting = runtime.watch_projections(config, installation);
        let address = runtime.serve(config, installation, Watched { sequencing, following, projecting }).await?;
        runtime.tell(config, installation).await?;
        Ok((runtime, address))
    }

    /// Starts the sequencer and the tree.
    pub(crate) fn sequence(&mut self, config: &Config, installation: &Installation) -> anyhow::Result<(SequencerHandle, FollowerHandle)> {
        let sequencer = Sequencer::new(installation.writer.clone(), SequencerSettings::default());
        let signer = Arc::new(config.signer()?);
        let follower = Follower::new(installation.writer.clone(), installation.log.clone(), Some(signer), FollowerSettings::default());
        let handles = (sequencer.handle(), follower.handle());
        self.spawn("sequencer", PATIENCE, |pulse, shutdown| sequencer.with_pulse(pulse).run(shutdown));
        self.own.sequencing = Some(handles.0.clone());
        self.keep_canaries(config, installation, handles.0.clone());
        self.spawn("tree", PATIENCE, |pulse, shutdown| follower.with_pulse(pulse).run(shutdown));
        Ok(handles)
    }

    /// Has an event written now and then while this process leads.
    fn keep_canaries(&mut self, config: &Config, installation: &Installation, sequencing: SequencerHandle) {
        if config.canary_every_ms == 0 {
            return;
        }
        let (every, within) = (Duration::from_millis(config.canary_every_ms), Duration::from_millis(config.canary_within_ms));
        let (installation, is_published, latency) = (installation.clone(), config.kafka.is_some(), self.own.canary.clone());
        let canary = Canary { installation, sequencing, every, within, is_published, latency };
        self.spawn("canary", within + PATIENCE, |pulse, shutdown| canary.run(pulse, shutdown));
    }

    /// Tells whoever asks on this machine what is measured: last, when everything is there that is.
    pub(crate) async fn tell(&mut self, config: &Config, installation: &Installation) -> anyhow::Result<()> {
        let Some(listener) = metrics::listener(config).await? else { return Ok(()) };
        let (token, bounds, installation, own) = (config.metrics_token.clone(), config.bounds(), installation.clone(), self.own.clone());
        self.spawn("metrics", PATIENCE, |pulse, shutdown| async move {
            tokio::select! {
                () = pulse.while_waiting(metrics::serve(listener, token.as_ref(), bounds, installation, own)) => {}
                () = shutdown.cancelled() => {}
            }
        });
        Ok(())
    }

    /// Starts the projectors, of all projections or of one.
    pub(crate) fn project(&mut self, config: &Config, installation: &Installation, only: Option<&'static Projection>) {
        let (projections, work) = match only {
            Some(only) => (vec![only], format!("projector-{}", only.name)),
            None => (anamnesis_projections::ALL.to_vec(), "projector".to_owned()),
        };
        let Installation { projector, vault, log, cache, .. } = installation;
        let workers = Workers::new(projector.clone(), vault.clone(), log.clone(), &projections, ProjectorSettings::default());
        let workers = workers.with_cache(cache.clone()).with_loops(self.loops.clone());
        let workers = match &config.kafka {
            Some(kafka) => workers.from_kafka(kafka.clone(), &work),
            None => workers,
        };
        self.own.applied = Some(workers.applied());
        self.spawn("projectors", PATIENCE, |pulse, shutdown| async move { pulse.while_waiting(workers.run(shutdown)).await });
        let deployment = installation.deployment();
        self.spawn("deployment of read models", MORE_PATIENCE, |pulse, shutdown| async move {
            pulse.while_waiting(deployment.run(shutdown.clone()).then(|()| shutdown.cancelled_owned())).await;
        });
    }

    /// Starts what acts upon the clock, and what acts upon events in the world outside, if anybody is to hear of them.
    pub(crate) fn react(&mut self, config: &Config, installation: &Installation) -> anyhow::Result<()> {
        let Installation { projector, journal, vault, .. } = installation;
        let expiry = Expiry { pool: projector.clone(), journal: journal.clone(), vault: vault.clone(), every: LOOK_EVERY };
        self.spawn("expiry of insights", PATIENCE, |pulse, shutdown| expiry.run(pulse, shutdown));
        let Some(webhook) = config.webhook()? else { return Ok(()) };
        let Installation { projector, log, .. } = installation;
        let reactors = Reactors::new(projector.clone(), log.clone(), vec![Arc::new(webhook)], ReactorSettings::default());
        let reactors = reactors.with_loops(self.loops.clone());
        self.spawn("reactors", PATIENCE, |pulse, shutdown| async move { pulse.while_waiting(reactors.run(shutdown)).await });
        Ok(())
    }

    /// Starts the edge; says where.
    pub(crate) async fn serve(&mut self, config: &Config, installation: &Installation, watched: Watched) -> anyhow::Result<SocketAddr> {
        let listener = TcpListener::bind(config.listen).await.with_context(|| format!("listen on {}", config.listen))?;
        let address = listener.local_addr()?;
        let Watched { sequencing, following, projecting } = watched;
        let parts = AppParts {
            journal: installation.journal.clone(),
            log: installation.log.clone(),
            access: installation.access.clone(),
            vault: installation.vault.clone(),
            cache: installation.cache.clone(),
            reader: installation.reader.clone(),
            sequencing,
            following,
            projecting,
            loops: self.loops.clone(),
            streams: Streams::new(config.streams(), self.shutdown.clone()),
            proxies: config.trusted_proxies()?,
            settings: ApiSettings {
                max_body_bytes: config.max_body_bytes,
                request_timeout_ms: config.request_timeout_ms,
                position_wait_ms: config.position_wait_ms,
                is_published: config.kafka.is_some(),
                canary_age_ms: config.canary_age_ms(),
                ..ApiSettings::default()
            },
        };
        let (router, bounds) = (self.own.requests.measure(router(parts)), config.bounds());
        let patience = Duration::from_millis(config.request_timeout_ms);
        self.spawn("HTTP server", PATIENCE, |pulse, shutdown| async move {
            let serving = serve(listener, router, bounds, shutdown.clone());
            // a client that takes nothing more isn't waited for any longer than a request may take
            let given_up = shutdown.cancelled_owned().then(|()| sleep(patience));
            tokio::select! {
                () = pulse.while_waiting(serving) => {}
                () = given_up => {}
            }
        });
        Ok(address)
    }

    /// Watches what other processes run.
    pub(crate) fn watch(&mut self, config: &Config, installation: &Installation) -> anyhow::Result<Watched> {
        let elsewhere = Elsewhere::new(installation.writer.clone(), config.verifying_key()?);
        let (sequencing, following) = (elsewhere.sequencing(), elsewhere.following());
        self.spawn("watch over the log", PATIENCE, |pulse, shutdown| elsewhere.with_pulse(pulse).run(shutdown));
        Ok(Watched { sequencing, following, projecting: self.watch_projections(config, installation) })
    }

    fn watch_projections(&mut self, config: &Config, installation: &Installation) -> Progress {
        let silence = ProjectorSettings::default().silence;
        let watcher = Watcher::new(installation.reader.clone(), anamnesis_projections::ALL, config.kafka.is_some(), silence);
        let projecting = watcher.progress();
        self.spawn("watch over the projections", PATIENCE, |pulse, shutdown| watcher.with_pulse(pulse).run(shutdown));
        projecting
    }

    /// Starts the publisher, which signs what it proves about Kafka's copy.
    pub(crate) fn publish(&mut self, config: &Config, installation: &Installation, kafka: KafkaSettings) -> anyhow::Result<()> {
        let publisher = Publisher::new(installation.writer.clone(), installation.log.clone(), kafka, PublisherSettings::default());
        let publisher = publisher.with_signer(Arc::new(config.signer()?));
        self.own.publishing = Some(publisher.handle());
        let loops = self.loops.clone();
        self.spawn("publisher", MORE_PATIENCE, |pulse, shutdown| publisher.with_pulse(loops, pulse).run(shutdown));
        Ok(())
    }

    /// Starts a loop that must not end before it is told to.
    fn spawn<T, W>(&mut self, name: &'static str, bound: Duration, work: impl FnOnce(Pulse, CancellationToken) -> W)
    where
        T: Outcome,
        W: Future<Output = T> + Send + 'static,
    {
        let shutdown = self.shutdown.clone();
        self.loops.spawn_on(&mut self.tasks, name, bound, |pulse| {
            let work = work(pulse.clone(), shutdown.clone());
            async move {
                let outcome = work.await.outcome();
                if shutdown.is_cancelled() {
                    pulse.ends();
                }
                (name, outcome)
            }
        });
    }

    /// Waits for a signal to stop, or for a loop that ended by itself (which none may): then the process ends, and whoever
    /// runs it starts it anew.
    pub(crate) async fn run_to_the_end(mut self) -> anyhow::Result<()> {
        let outcome = tokio::select! {
            ended = self.tasks.join_next() => Err(why(ended)),
            died = self.loops.died() => Err(anyhow::anyhow!("the {died} died")),
            () = told_to_stop() => Ok(()),
        };
        info!("stopping");
        self.shutdown.cancel();
        let wait = if outcome.is_ok() { Duration::MAX } else { LAST_WAIT };
        let stopped = timeout(wait, self.stop()).await.unwrap_or_else(|_| Err(anyhow::anyhow!("not everything has stopped")));
        outcome.and(stopped)
    }

    async fn stop(&mut self) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        while let Some(task) = self.tasks.join_next().await {
            if let Ok((name, Err(cause))) = task {
                error!("the {name} failed while stopping");
                outcome = outcome.and(Err(cause));
            }
        }
        outcome
    }
}

/// How a loop may end.
trait Outcome: Send + 'static {
    fn outcome(self) -> anyhow::Result<()>;
}

impl Outcome for () {
    fn outcome(self) -> anyhow::Result<()> {
        Ok(())
    }
}

impl Outcome for anyhow::Result<()> {
    fn outcome(self) -> anyhow::Result<()> {
        self
    }
}

/// Why a task ended that nobody had told to.
fn why(ended: Option<Result<(&'static str, anyhow::Result<()>), JoinError>>) -> anyhow::Error {
    match ended {
        Some(Ok((name, Ok(())))) => anyhow::anyhow!("the {name} ended by itself"),
        Some(Ok((name, Err(cause)))) => cause.context(format!("the {name} failed")),
        Some(Err(died)) => anyhow::Error::new(died).context("a task died"),
        None => anyhow::anyhow!("there is nothing to run"),
    }
}

/// Ctrl-C or SIGTERM.
async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(test)]
mod tests;
