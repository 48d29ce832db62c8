//! Which tasks run in one process, and how do they end together?

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use anamnesis_api::{ApiSettings, App, router};
use anamnesis_journal::follower::{Follower, FollowerSettings};
use anamnesis_journal::sequencer::{Sequencer, SequencerSettings};
use anamnesis_projector::{Projector, ProjectorSettings};
use anamnesis_stream::{KafkaSettings, LogFeed, Publisher, PublisherSettings};
use anyhow::Context;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::config::Config;
use crate::installation::Installation;

/// Everything that runs until it is told to stop.
pub(crate) struct Runtime {
    tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
    shutdown: CancellationToken,
}

impl Runtime {
    /// Without any task.
    pub(crate) fn new() -> Self {
        Self { tasks: JoinSet::new(), shutdown: CancellationToken::new() }
    }

    /// Starts the sequencer, the tree, the projectors, the edge, and the publisher if there is a Kafka; says where HTTP is served.
    pub(crate) async fn start(config: &Config, installation: &Installation) -> anyhow::Result<(Self, SocketAddr)> {
        installation.ensure_read_models().await?;
        let listener = TcpListener::bind(config.listen).await.with_context(|| format!("listen on {}", config.listen))?;
        let address = listener.local_addr()?;
        let mut runtime = Self::new();
        if let Some(kafka) = &config.kafka {
            runtime.publish(installation, kafka.clone());
        }

        let sequencer = Sequencer::new(installation.writer.clone(), SequencerSettings::default());
        let sequencing = sequencer.handle();
        let shutdown = runtime.shutdown.clone();
        runtime.spawn("sequencer", async move {
            sequencer.run(shutdown).await;
            Ok(())
        });

        let signer = config.signer()?;
        let follower = Follower::new(installation.writer.clone(), installation.log.clone(), Some(Arc::new(signer)), FollowerSettings::default());
        let following = follower.handle();
        let shutdown = runtime.shutdown.clone();
        runtime.spawn("tree", async move {
            follower.run(shutdown).await;
            Ok(())
        });

        let feed = LogFeed::new(installation.log.clone());
        let projector =
            Projector::new(installation.projector.clone(), installation.vault.clone(), anamnesis_projections::ALL, ProjectorSettings::default())
                .with_cache(installation.cache.clone());
        let projecting = projector.progress();
        let shutdown = runtime.shutdown.clone();
        runtime.spawn("projector", async move {
            projector.run(feed, shutdown).await;
            Ok(())
        });

        let app = App {
            journal: installation.journal.clone(),
            log: installation.log.clone(),
            access: installation.access.clone(),
            vault: installation.vault.clone(),
            cache: installation.cache.clone(),
            reader: installation.reader.clone(),
            sequencing,
            following,
            projecting,
            settings: ApiSettings {
                max_body_bytes: config.max_body_bytes,
                request_timeout_ms: config.request_timeout_ms,
                position_wait_ms: config.position_wait_ms,
                ..ApiSettings::default()
            },
        };
        let service = router(app).into_make_service_with_connect_info::<SocketAddr>();
        let shutdown = runtime.shutdown.clone();
        runtime.spawn("http", async move {
            axum::serve(listener, service).with_graceful_shutdown(shutdown.cancelled_owned()).await.context("serve HTTP")
        });
        Ok((runtime, address))
    }

    /// Starts the publisher.
    pub(crate) fn publish(&mut self, installation: &Installation, kafka: KafkaSettings) {
        let publisher = Publisher::new(installation.writer.clone(), installation.log.clone(), kafka, PublisherSettings::default());
        let shutdown = self.shutdown.clone();
        self.spawn("publisher", async move {
            publisher.run(shutdown).await;
            Ok(())
        });
    }

    fn spawn(&mut self, name: &'static str, task: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        self.tasks.spawn(async move { (name, task.await) });
    }

    /// Waits for a signal to stop, or for a task that ended by itself (which it must not).
    pub(crate) async fn run_to_the_end(mut self) -> anyhow::Result<()> {
        let ended = tokio::select! {
            ended = self.tasks.join_next() => ended,
            () = told_to_stop() => None,
        };
        info!("stopping");
        self.shutdown.cancel();
        let mut outcome = match ended {
            Some(Ok((name, Ok(())))) => Err(anyhow::anyhow!("the {name} ended by itself")),
            Some(Ok((name, Err(cause)))) => Err(cause.context(format!("the {name} failed"))),
            Some(Err(panicked)) => Err(anyhow::Error::new(panicked).context("a task panicked")),
            None => Ok(()),
        };
        while let Some(task) = self.tasks.join_next().await {
            if let Ok((name, Err(cause))) = task {
                error!("the {name} failed while stopping");
                outcome = outcome.and(Err(cause));
            }
        }
        outcome
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
