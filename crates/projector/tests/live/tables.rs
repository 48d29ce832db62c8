//! Are the tables what the folds and the list of data classes say?

use std::collections::BTreeMap;

use anamnesis_projections::ALL;
use anamnesis_projector::ensure_schema;

use crate::support::Clinic;

#[tokio::test]
async fn the_catalogue_has_the_columns_that_the_rows_declare() {
    let clinic = Clinic::new().await;
    let catalogue: Vec<(String, String, String, bool)> = sqlx::query_as(
        "select n.nspname || '.' || c.relname, a.attname::text, format_type(a.atttypid, a.atttypmod), not a.attnotnull
         from pg_attribute a
         join pg_class c on c.oid = a.attrelid
         join pg_namespace n on n.oid = c.relnamespace
         where n.nspname in ('read', 'audit')
           and c.relkind = 'r'
           and c.relname <> 'versions'
           and a.attnum > 0
           and not a.attisdropped",
    )
    .fetch_all(&clinic.owner)
    .await
    .unwrap();
    let mut found: BTreeMap<_, _> =
        catalogue.into_iter().map(|(table, column, sql, nullable)| (format!("{table}.{column}"), (sql, nullable))).collect();
    for projection in ALL {
        for table in projection.tables {
            for column in table.info().all_columns() {
                let name = format!("{}.{}.{}", projection.schema.name(), table.info().name, column.name);
                let sql = found.remove(&name).unwrap_or_else(|| panic!("{name} is not in {}/table.sql", projection.name)).0;
                let type_of = |sql: &str| sql.replace("timestamp with time zone", "timestamptz");
                assert_eq!(type_of(&sql), column.sql, "{name} has another type in table.sql than in its row");
            }
        }
    }
    assert!(found.is_empty(), "table.sql has columns that no row declares: {found:?}");
}

#[tokio::test]
async fn nullable_columns_are_those_that_may_be_empty() {
    let clinic = Clinic::new().await;
    for projection in ALL {
        for table in projection.tables {
            for column in table.info().all_columns() {
                let name = format!("{}.{}", projection.schema.name(), table.info().name);
                let sql = "select not attnotnull from pg_attribute where attrelid = $1::regclass and attname = $2";
                let nullable: bool = sqlx::query_scalar(sql).bind(&name).bind(column.name).fetch_one(&clinic.owner).await.unwrap();
                assert_eq!(nullable, column.nullable, "{name}.{} is null in table.sql and not in its row, or the other way round", column.name);
            }
        }
    }
}

#[tokio::test]
async fn every_table_forces_row_level_security() {
    let clinic = Clinic::new().await;
    let open: Vec<String> = sqlx::query_scalar(
        "select relname::text from pg_class join pg_namespace n on n.oid = relnamespace
         where nspname in ('read', 'audit') and relkind = 'r' and relname <> 'versions' and not (relrowsecurity and relforcerowsecurity)",
    )
    .fetch_all(&clinic.owner)
    .await
    .unwrap();
    assert_eq!(open, Vec::<String>::new());
}

#[tokio::test]
async fn making_the_tables_twice_is_once() {
    let clinic = Clinic::without_tables().await;
    let first = ensure_schema(&clinic.owner, ALL).await.unwrap();
    assert_eq!(first.created.len(), ALL.len());
    let second = ensure_schema(&clinic.owner, ALL).await.unwrap();
    assert!(second.created.is_empty() && second.changed.is_empty());
}

#[tokio::test]
async fn tables_of_another_definition_must_be_rebuilt() {
    let clinic = Clinic::new().await;
    clinic.age("consents").await;
    let ensured = ensure_schema(&clinic.owner, ALL).await.unwrap();
    assert_eq!((ensured.created.len(), ensured.changed), (0, vec!["consents"]));
}
