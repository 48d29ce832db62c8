//! How does a reader learn that the log has grown?
//!
//! The sequencer sends one NOTIFY a batch. One connection a process listens and tells everybody who waits; because
//! notifications can be lost with a connection, and some poolers pass none on, it also looks by itself now and then.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anamnesis_domain::Instant;
use anamnesis_loops::{Loops, PATIENCE, Pulse, Running};
use sqlx::PgPool;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::{CHANNEL, LogHead, head};

/// How often it looks without being notified.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long it waits before it connects again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

#[derive(Clone, Debug)]
pub(super) struct Watch(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pool: PgPool,
    loops: Loops,
    task: OnceLock<Task>,
}

#[derive(Debug)]
struct Task {
    head: watch::Receiver<LogHead>,
    /// Ends with the last who could wait.
    _listening: Running,
}

impl Watch {
    pub(super) fn new(pool: PgPool, loops: Loops) -> Self {
        Self(Arc::new(Shared { pool, loops, task: OnceLock::new() }))
    }

    pub(super) async fn reached(&self, within: Duration, condition: impl Fn(&LogHead) -> bool) -> Option<LogHead> {
        let mut head = self.task().head.clone();
        let reached = timeout(within, head.wait_for(|head| condition(head))).await;
        reached.ok()?.ok().map(|head| *head)
    }

    /// The head as it was last seen.
    pub(super) fn latest(&self) -> LogHead {
        *self.task().head.borrow()
    }

    fn task(&self) -> &Task {
        self.0.task.get_or_init(|| Task::spawn(self.0.pool.clone(), &self.0.loops))
    }
}

impl Task {
    fn spawn(pool: PgPool, loops: &Loops) -> Self {
        let (sender, head) = watch::channel(LogHead { position: 0, logged_at: Instant::from_micros(i64::MIN) });
        let listening = loops.spawn("listening to the log", PATIENCE, |pulse| follow(pool, sender, pulse));
        Self { head, _listening: listening }
    }
}

async fn follow(pool: PgPool, sender: watch::Sender<LogHead>, pulse: Pulse) {
    loop {
        pulse.beat();
        if let Err(error) = listen(&pool, &sender, &pulse).await {
            warn!(%error, "the connection that waits for the log is lost; connecting again");
        }
        sleep(RETRY_AFTER).await;
    }
}

async fn listen(pool: &PgPool, sender: &watch::Sender<LogHead>, pulse: &Pulse) -> sqlx::Result<()> {
    // a connection of its own: one that is held for ever mustn't be taken from the pool that answers requests
    let own = PgPoolOptions::new().max_connections(1).connect_lazy_with((*pool.connect_options()).clone());
    let mut listener = PgListener::connect_with(&own).await?;
    listener.ignore_pool_close_event(true);
    listener.listen(CHANNEL).await?;
    loop {
        let now = head(&mut listener).await?;
        pulse.beat();
        sender.send_if_modified(|last| std::mem::replace(last, now) != now);
        let _ = timeout(LOOK_EVERY, listener.recv()).await;
    }
}
