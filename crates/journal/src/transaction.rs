//! How does a transaction begin, so that nobody who stops waiting for it leaves it open?
//!
//! What sqlx begins isn't known as begun until the server has answered (`docs/decisions/0026-beginning.md`). Dropped before, the
//! connection goes back to the pool inside a transaction: locks stay, and what its next user writes is told as written and lost.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use sqlx::{PgPool, Postgres, Transaction};
use tokio::runtime::Handle;

type Begun = sqlx::Result<Transaction<'static, Postgres>>;

/// Begins one on a connection of the pool. Dropped while it is under way, it is rolled back as soon as it has begun.
pub async fn begin(pool: &PgPool) -> Begun {
    begin_as(pool, "begin").await
}

/// As [`begin`], as `statement` says. A single one: were it to fail after it had begun, nobody would roll it back.
pub async fn begin_as(pool: &PgPool, statement: &'static str) -> Begun {
    let connection = pool.acquire().await?;
    Beginning(Some(Transaction::begin(connection, Some(statement.into())))).await
}

/// One under way; `None` once it has begun or failed.
struct Beginning(Option<BoxFuture<'static, Begun>>);

impl Future for Beginning {
    type Output = Begun;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Begun> {
        let Some(under_way) = &mut self.0 else { return Poll::Pending };
        let begun = ready!(under_way.poll_unpin(context));
        self.0 = None;
        Poll::Ready(begun)
    }
}

impl Drop for Beginning {
    fn drop(&mut self) {
        // where nothing runs any more, the connection ends with the process
        if let (Some(under_way), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            // its transaction is dropped, which rolls it back
            runtime.spawn(under_way.map(drop));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::poll;
    use sqlx::postgres::PgPoolOptions;

    use super::*;
    use crate::testing::TestDatabase;

    async fn pool_of_one(database: &TestDatabase) -> PgPool {
        PgPoolOptions::new().max_connections(1).connect(&database.url()).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_written_after_somebody_stopped_waiting_for_a_transaction_is_there() {
        let database = TestDatabase::new().await;
        let (only, other) = (pool_of_one(&database).await, pool_of_one(&database).await);
        sqlx::raw_sql("create table written (number bigint)").execute(&only).await.unwrap();
        for number in 0..50_i64 {
            let mut beginning = Box::pin(begin(&only));
            // the connection is had at once, and asked to begin; sometimes it has answered
            for _ in 0..number % 4 {
                if poll!(&mut beginning).is_ready() {
                    break;
                }
                tokio::time::sleep(Duration::from_micros(number.cast_unsigned())).await;
            }
            drop(beginning);
            sqlx::query("insert into written values ($1)").bind(number).execute(&only).await.unwrap();
            let written: i64 = sqlx::query_scalar("select count(*) from written").fetch_one(&other).await.unwrap();
            assert_eq!(written, number + 1, "told as written");
        }
    }
}
