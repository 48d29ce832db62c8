//! How far is each projection, and what of it waits? As the database shows it to every process alike.

use sqlx::PgPool;

/// A projection.
#[derive(sqlx::FromRow)]
pub(crate) struct Standing {
    pub(crate) name: String,
    /// Up to here all its rows reflect the log.
    pub(crate) position: i64,
    /// Streams that it has parked.
    pub(crate) parked: i64,
    /// Whether it waits as a whole before an event.
    pub(crate) stands_still: bool,
}

/// All of them, in the order of [`anamnesis_projections::ALL`]. `pool` is the writer's or the reader's.
pub(crate) async fn standings(pool: &PgPool) -> sqlx::Result<Vec<Standing>> {
    sqlx::query_as(
        "select name, coalesce(reached.position, 0) as position, coalesce(parked.streams, 0) as parked,
                coalesce(parked.stands_still, false) as stands_still
         from unnest($1) with ordinality as projection (name, number)
         left join journal.reached on reached.consumer = name
         left join (select consumer, count(*) as streams, bool_or(stands_still) as stands_still from journal.parked group by consumer) as parked
             on parked.consumer = name
         order by number",
    )
    .bind(anamnesis_projections::names())
    .fetch_all(pool)
    .await
}
