//! How are rows of a table read and written? As text, in the one spelling of the kernel.

use std::fmt::Write as _;

use anamnesis_projections::kernel::{ColumnInfo, Key, TableInfo};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

/// Cells of one row as Postgres reads them.
pub(crate) type Cells = Vec<Option<String>>;

/// The longest statement, in bytes of its rows: a batch of large records takes several.
const LARGEST_STATEMENT: usize = 32 << 20;

/// A table in a schema: `read`, or one that is being built.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) schema: &'a str,
    pub(crate) table: TableInfo,
}

impl Target<'_> {
    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.schema, self.table.name)
    }

    /// The columns as the kernel reads them.
    pub(crate) fn selected(&self) -> String {
        self.table.all_columns().map(selected).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn column_names(&self) -> String {
        self.table.all_columns().map(|column| column.name).collect::<Vec<_>>().join(", ")
    }

    fn key_types(&self) -> Vec<&'static str> {
        let of = |name: &&'static str| self.table.columns.iter().find(|column| column.name == *name).map_or("uuid", |column| column.sql);
        self.table.key.iter().map(of).collect()
    }

    /// The rows of these keys that exist.
    pub(crate) async fn load(&self, tx: &mut PgConnection, keys: &[Key]) -> sqlx::Result<Vec<Cells>> {
        let sql = format!("select {} from {} where ({}) in ({})", self.selected(), self.name(), self.table.key.join(", "), self.given_keys());
        let mut query = sqlx::query(&sql);
        for column in key_columns(keys, self.table.key.len()) {
            query = query.bind(column);
        }
        query.fetch_all(tx).await?.iter().map(cells).collect()
    }

    /// Puts rows in, or in the place of those with the same key.
    pub(crate) async fn upsert(&self, tx: &mut PgConnection, rows: Vec<Cells>) -> sqlx::Result<()> {
        let changed = self.table.all_columns().filter(|column| !self.table.key.contains(&column.name));
        let set: Vec<_> = changed.map(|column| format!("{0} = excluded.{0}", column.name)).collect();
        let on_conflict = format!("on conflict ({}) do update set {}", self.table.key.join(", "), set.join(", "));
        self.write(tx, rows, &on_conflict).await
    }

    /// Puts rows in; one with the same key is an error.
    pub(crate) async fn insert(&self, tx: &mut PgConnection, rows: Vec<Cells>) -> sqlx::Result<()> {
        self.write(tx, rows, "").await
    }

    async fn write(&self, tx: &mut PgConnection, rows: Vec<Cells>, on_conflict: &str) -> sqlx::Result<()> {
        let typed: Vec<_> = self.table.all_columns().enumerate().map(|(i, column)| format!("c{i}::{}", column.sql)).collect();
        let (arrays, names) = numbered(typed.len());
        let sql = format!(
            "insert into {} ({}) select {} from unnest({arrays}) as given ({names}) {on_conflict}",
            self.name(),
            self.column_names(),
            typed.join(", ")
        );
        for part in parts(rows) {
            let mut query = sqlx::query(&sql);
            for column in transposed(part, typed.len()) {
                query = query.bind(column);
            }
            query.execute(&mut *tx).await?;
        }
        Ok(())
    }

    pub(crate) async fn delete(&self, tx: &mut PgConnection, keys: &[Key]) -> sqlx::Result<()> {
        let sql = format!("delete from {} where ({}) in ({})", self.name(), self.table.key.join(", "), self.given_keys());
        let mut query = sqlx::query(&sql);
        for column in key_columns(keys, self.table.key.len()) {
            query = query.bind(column);
        }
        query.execute(tx).await?;
        Ok(())
    }

    fn given_keys(&self) -> String {
        let (arrays, names) = numbered(self.table.key.len());
        let typed: Vec<_> = self.key_types().iter().enumerate().map(|(i, sql)| format!("c{i}::{sql}")).collect();
        format!("select {} from unnest({arrays}) as given ({names})", typed.join(", "))
    }
}

/// Times as microseconds and days, bytes as hex, arrays as JSON: no setting of the session changes them.
fn selected(column: &ColumnInfo) -> String {
    let name = column.name;
    match column.sql {
        "timestamptz" => format!("(extract(epoch from {name}) * 1000000)::bigint::text"),
        "date" => format!("({name} - date '1970-01-01')::text"),
        "bytea" => format!("encode({name}, 'hex')"),
        array if array.ends_with("[]") => format!("to_json({name})::text"),
        _ => format!("{name}::text"),
    }
}

pub(crate) fn cells(row: &PgRow) -> sqlx::Result<Cells> {
    (0..row.len()).map(|i| row.try_get::<Option<String>, _>(i)).collect()
}

/// `$1::text[], $2::text[]` and `c0, c1`.
fn numbered(columns: usize) -> (String, String) {
    let (mut arrays, mut names) = (String::new(), String::new());
    for i in 0..columns {
        let comma = if i == 0 { "" } else { ", " };
        let _ = write!(arrays, "{comma}${}::text[]", i + 1);
        let _ = write!(names, "{comma}c{i}");
    }
    (arrays, names)
}

fn key_columns(keys: &[Key], columns: usize) -> Vec<Vec<String>> {
    let mut arrays = vec![Vec::with_capacity(keys.len()); columns];
    for key in keys {
        for (array, cell) in arrays.iter_mut().zip(key.cells()) {
            array.push(cell);
        }
    }
    arrays
}

fn transposed(rows: Vec<Cells>, columns: usize) -> Vec<Vec<Option<String>>> {
    let mut arrays = vec![Vec::with_capacity(rows.len()); columns];
    for row in rows {
        for (array, cell) in arrays.iter_mut().zip(row) {
            array.push(cell);
        }
    }
    arrays
}

/// Rows in parts that each fit into one statement; a row that alone is larger stands alone.
fn parts(rows: Vec<Cells>) -> Vec<Vec<Cells>> {
    let (mut parts, mut bytes) = (Vec::new(), usize::MAX);
    for row in rows {
        let size: usize = row.iter().flatten().map(String::len).sum();
        if bytes.saturating_add(size) > LARGEST_STATEMENT {
            parts.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        if let Some(part) = parts.last_mut() {
            part.push(row);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_written_in_parts_that_fit_into_a_statement() {
        let row = |bytes: usize| vec![Some("x".repeat(bytes)), None];
        let sizes = |parts: &[Vec<Cells>]| parts.iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(&parts(vec![])), Vec::<usize>::new());
        assert_eq!(sizes(&parts(vec![row(1); 3])), [3]);
        assert_eq!(sizes(&parts(vec![row(LARGEST_STATEMENT / 2); 3])), [2, 1]);
        assert_eq!(sizes(&parts(vec![row(1), row(LARGEST_STATEMENT + 1), row(1)])), [1, 1, 1]);
    }
}
