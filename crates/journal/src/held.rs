//! When is somebody's time taken?

use anamnesis_domain::Instant;
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::Journal;
use crate::failure::Failure;
use crate::outcome::{CommandError, SlotKind};

/// The spans of time that one resource's appointments hold.
pub type HeldTimes = Vec<(Instant, Instant)>;

impl Journal {
    /// The times that are held of a resource and touch the span from `from` to `to`, in order. Whose they are isn't told.
    pub async fn held_times<E>(&self, organization_id: Uuid, of: (SlotKind, Uuid), from: Instant, to: Instant) -> Result<HeldTimes, CommandError<E>> {
        held(&self.0.pool, organization_id, of, (from.into(), to.into())).await.map_err(|error| Failure::from(error).told())
    }
}

async fn held(
    pool: &PgPool,
    organization_id: Uuid,
    (kind, resource): (SlotKind, Uuid),
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> sqlx::Result<HeldTimes> {
    let spans: Vec<(DateTime<Utc>, DateTime<Utc>)> = sqlx::query_as(
        "select lower(during), upper(during)
         from journal.slots
         where organization_id = $1 and kind = $2 and resource_id = $3 and during && tstzrange($4, $5)
         order by during",
    )
    .bind(organization_id)
    .bind(kind.as_str())
    .bind(resource)
    .bind(from)
    .bind(to)
    .fetch_all(pool)
    .await?;
    Ok(spans.into_iter().map(|(from, to)| (from.into(), to.into())).collect())
}
