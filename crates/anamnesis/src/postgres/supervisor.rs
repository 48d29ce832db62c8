//! Who brings the server back when it dies?

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anamnesis_loops::{Loops, PATIENCE, Pulse};
use anyhow::{Context, anyhow};
use tracing::{error, info, warn};

use super::Server;
use super::cluster::Cluster;

/// How often the server is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// The pause before the first restart; each further one doubles it.
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);

/// The longest pause between two restarts.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A server that lived this long earns the shortest pause again.
const HEALTHY: Duration = Duration::from_secs(30);

/// A thread that keeps the server running until it is told to stop it.
#[derive(Debug)]
pub(super) struct Supervisor {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Supervisor {
    pub(super) fn start(cluster: Cluster, server: Server, port: u16, loops: &Loops) -> io::Result<Self> {
        let (stop, told) = channel();
        let watch = Watch { cluster, server, port, told, pause: SHORTEST_PAUSE, since: Instant::now() };
        let thread = loops.spawn_thread("postgres supervisor", PATIENCE, move |pulse| watch.run(&pulse))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Stops the server; a second call has nothing to do.
    pub(super) fn stop(&mut self) -> anyhow::Result<()> {
        // The thread takes the closed channel as the word to stop.
        self.stop = None;
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        thread.join().map_err(|_| anyhow!("the PostgreSQL supervisor panicked"))?
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            error!("stopping the PostgreSQL server failed: {error:#}");
        }
    }
}

struct Watch {
    cluster: Cluster,
    server: Server,
    port: u16,
    told: Receiver<()>,
    pause: Duration,
    since: Instant,
}

impl Watch {
    fn run(mut self, pulse: &Pulse) -> anyhow::Result<()> {
        while !self.told_to_stop_within(LOOK) {
            pulse.beat();
            if self.server_lives() {
                continue;
            }
            let pause = self.next_pause();
            warn!(pause_ms = pause.as_millis(), "the PostgreSQL server died: restarting it");
            if self.told_to_stop_within(pause) {
                break;
            }
            self.restart();
        }
        pulse.ends();
        self.cluster.stop()?;
        if let Server::Ours(child) = &mut self.server {
            child.wait().context("wait for the PostgreSQL server")?;
        }
        Ok(())
    }

    fn told_to_stop_within(&self, limit: Duration) -> bool {
        self.told.recv_timeout(limit) == Err(RecvTimeoutError::Disconnected)
    }

    fn server_lives(&mut self) -> bool {
        match &mut self.server {
            Server::Ours(child) => matches!(child.try_wait(), Ok(None)),
            Server::Adopted => self.cluster.postmaster().is_some(),
        }
    }

    fn next_pause(&mut self) -> Duration {
        if self.since.elapsed() >= HEALTHY {
            self.pause = SHORTEST_PAUSE;
        }
        let pause = self.pause;
        self.pause = LONGEST_PAUSE.min(pause * 2);
        pause
    }

    /// On the same port, because its clients know no other.
    fn restart(&mut self) {
        self.since = Instant::now();
        match self.cluster.spawn(self.port) {
            Ok(child) => {
                info!(process.id = child.id(), "restarted the PostgreSQL server");
                self.server = Server::Ours(child);
            }
            Err(error) => error!("restarting the PostgreSQL server failed: {error:#}"),
        }
    }
}
