//! Who takes away the rows of the queue that are gone?
//!
//! A row that was taken stays in the table until a vacuum comes, and every look into the queue passes over all of them; autovacuum comes once a
//! minute, after which time they may be a million. So the leader vacuums the queue itself. It does nothing else that autovacuum wouldn't, so where
//! the login doesn't own the table (Postgres then only warns) or something fails, looking is slower and nothing else.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{SequencerHealth, SequencerState};

/// As long as it takes for the rows that are gone to cost a look about a millisecond.
const EVERY: Duration = Duration::from_secs(1);
/// Fewer rows cost a look less than taking them away.
const WORTH_IT: u64 = 2_000;
/// After so long a vacuum is given up: somebody has locked the table.
const PATIENCE: Duration = Duration::from_secs(30);

/// Vacuums the queue of the database that `pool` leads to, whenever the sequencer has taken much from it, until `shutdown`.
pub(super) async fn run(pool: &PgPool, health: watch::Receiver<SequencerHealth>, shutdown: &CancellationToken) {
    let (mut connection, mut swept) = (None, 0);
    while shutdown.run_until_cancelled(sleep(EVERY)).await.is_some() {
        let Some(head) = head_led_to(&health.borrow()) else { continue };
        if head.saturating_sub(swept) < WORTH_IT {
            continue;
        }
        swept = head;
        let sweeping = timeout(PATIENCE, sweep(pool, connection.take()));
        match shutdown.run_until_cancelled(sweeping).await {
            Some(Ok(Ok(kept))) => connection = Some(kept),
            Some(Ok(Err(error))) => debug!(%error, "the queue wasn't vacuumed"),
            Some(Err(_)) | None => {}
        }
    }
}

fn head_led_to(health: &SequencerHealth) -> Option<u64> {
    let is_leading = matches!(health.state, SequencerState::Leading { .. });
    health.head.as_ref().filter(|_| is_leading).map(|head| head.position)
}

/// As the login itself: the table's owner may vacuum it, the role that empties it may not.
async fn sweep(pool: &PgPool, kept: Option<PgConnection>) -> sqlx::Result<PgConnection> {
    let mut connection = if let Some(kept) = kept {
        kept
    } else {
        let options = (*pool.connect_options()).clone().application_name("anamnesis sequencer's vacuum");
        PgConnection::connect_with(&options.options([("role", "none"), ("client_min_messages", "error")])).await?
    };
    sqlx::query("vacuum (skip_locked) journal.unsequenced").execute(&mut connection).await?;
    Ok(connection)
}
