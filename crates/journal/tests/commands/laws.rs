//! What nobody can do, whoever they are.

use anamnesis_domain::consent::Consent;
use anamnesis_journal::Role;
use anamnesis_journal::testing::{TestDatabase, caller};
use sqlx::PgPool;
use uuid::Uuid;

use crate::consents::grant;

async fn refusal(pool: &PgPool, sql: &str) -> String {
    let error = sqlx::query(sql).execute(pool).await.expect_err(sql);
    error.as_database_error().expect(sql).message().to_owned()
}

#[tokio::test]
async fn nobody_changes_or_deletes_an_event_or_a_receipt() {
    let database = TestDatabase::new().await;
    database.journal().await.create::<Consent>(Uuid::now_v7(), grant(Uuid::now_v7()), &caller()).await.unwrap();
    let (superuser, writer) = (database.superuser(), database.pool(Role::Writer));
    for table in ["events", "commands"] {
        for sql in [
            format!("update journal.{table} set aggregate_id = aggregate_id"),
            format!("delete from journal.{table}"),
            format!("truncate journal.{table}"),
        ] {
            assert_eq!(refusal(&superuser, &sql).await, format!("journal.{table} is append-only"), "{sql}, as the owner");
            assert_eq!(refusal(&writer, &sql).await, format!("permission denied for table {table}"), "{sql}, as the writer");
        }
    }
}

#[tokio::test]
async fn only_the_writer_appends_and_stays_the_writer() {
    let database = TestDatabase::new().await;
    for role in [Role::Projector, Role::Reader, Role::Auditor] {
        assert!(refusal(&database.pool(role), "insert into journal.commands select").await.starts_with("permission denied"));
        let append = &format!("select journal.append({})", ["null"; 48].join(", "));
        assert!(refusal(&database.pool(role), append).await.starts_with("permission denied"));
    }
    let writer = database.pool(Role::Writer);
    let mut connection = writer.acquire().await.unwrap();
    sqlx::query("reset role").execute(&mut *connection).await.unwrap();
    let role: String = sqlx::query_scalar("select current_user::text").fetch_one(&mut *connection).await.unwrap();
    assert_eq!(role, "anamnesis_writer");
}

#[tokio::test]
async fn nothing_of_a_command_is_stored_in_the_clear() {
    let database = TestDatabase::new().await;
    let (mut caller, canary) = (caller(), "canary-4711-Weisskirchen");
    caller.origin.user_agent = Some(canary.to_owned());
    caller.request = canary.as_bytes().to_vec();
    let words = format!("say {canary}\nclaim number {canary}");
    database.journal().await.execute::<crate::scripted::Scripted>(Uuid::now_v7(), words, &caller, None).await.unwrap();
    for table in ["events", "unsequenced", "commands", "claims", "streams", "keys"] {
        let rows: Vec<String> =
            sqlx::query_scalar(&format!("select t::text from journal.{table} as t")).fetch_all(&database.superuser()).await.unwrap();
        let hex = hex::encode(canary);
        assert!(!rows.is_empty() && rows.iter().all(|row| !row.contains(canary) && !row.contains(&hex)), "{table}");
    }
}
