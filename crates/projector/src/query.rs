//! How are many rows asked for, so that a table and the past give the same answer?
//!
//! A [`Query`] is conditions on columns, an order and a page. [`Query::read`] asks a table, [`Query::pick`] the rows of a
//! fold: what was answered at a position can be answered again at any time.

use std::cmp::Ordering;

use anamnesis_domain::Instant;
use anamnesis_projections::kernel::{ColumnInfo, KeyPart, Row, Stamped, TableInfo};
use anamnesis_projections::schema_of;
use anamnesis_projections::words::array;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::error::ProjectorError;
use crate::read;

/// How long the rows of a page are together, sealed and as text, if one alone isn't longer: 8 MiB.
const MOST_BYTES: usize = 8 << 20;

/// Which rows, in which order, how many.
#[derive(Clone, PartialEq, Debug)]
pub struct Query {
    conditions: Vec<Condition>,
    order: Order,
    limit: usize,
    after: Option<Mark>,
    words: Option<Words>,
}

/// The words that rows must have. The policy of the table that keeps them shows only what has them: the rows' own, or one
/// beside it that has the same keys.
#[derive(Clone, PartialEq)]
struct Words {
    beside: Option<TableInfo>,
    tokens: Vec<i64>,
}

/// Hashes of what was asked for are no more for a log than the words.
impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.tokens.len())
    }
}

/// In which order rows stand: by a time or a whole number, and where that is the same by their keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Order {
    column: &'static str,
    /// From the latest or the largest back.
    is_backwards: bool,
    by: By,
}

/// What a column holds that rows stand in the order of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum By {
    Time,
    Number,
}

impl Order {
    /// From the earliest time in that column on.
    pub const fn oldest_first(column: &'static str) -> Self {
        Self { column, is_backwards: false, by: By::Time }
    }

    /// From the latest time in that column back.
    pub const fn newest_first(column: &'static str) -> Self {
        Self { column, is_backwards: true, by: By::Time }
    }

    /// From the largest number in that column back.
    pub const fn largest_first(column: &'static str) -> Self {
        Self { column, is_backwards: true, by: By::Number }
    }

    /// The same from its other end, if it isn't that already: the earliest or smallest first.
    #[must_use]
    pub const fn forwards(self) -> Self {
        Self { is_backwards: false, ..self }
    }

    /// The same from its other end, if it isn't that already: the latest or largest first.
    #[must_use]
    pub const fn backwards(self) -> Self {
        Self { is_backwards: true, ..self }
    }

    /// Whether the latest or largest come first.
    pub const fn is_backwards(self) -> bool {
        self.is_backwards
    }

    /// The column.
    pub const fn column(self) -> &'static str {
        self.column
    }
}

/// A place between two rows of an [`Order`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Mark {
    /// The time, in microseconds, or the number by which the row before it stands there.
    pub at: i64,
    /// That row's key.
    pub key: Vec<Uuid>,
}

/// What must hold of a row. All of a query's conditions must.
#[derive(Clone, PartialEq)]
enum Condition {
    /// The column is that.
    Is(&'static str, String),
    /// The column is that, or has nothing.
    IsOrNone(&'static str, String),
    /// The list in the column holds that.
    Holds(&'static str, String),
    /// The list in the column holds that; a table beside has a row for each, under the same key and an index.
    Linked(&'static str, Link, String),
    /// The column is one of those.
    Among(&'static str, Vec<String>),
    /// The number in the column is at least that.
    AtLeast(&'static str, u64),
    /// The number in the column is at most that.
    UpTo(&'static str, u64),
    /// The time in the column is that or later.
    From(&'static str, Instant),
    /// The time in the column is earlier than that.
    Before(&'static str, Instant),
    /// The time in the column is later than that, or there is none.
    NotOver(&'static str, Instant),
    /// The time in the column is that or earlier.
    Over(&'static str, Instant),
    /// The keyed hash in the column is that, or its list of keyed hashes holds it.
    Hashed(&'static str, Vec<u8>),
}

/// A table that has a row for each element of a list, with a column for it.
#[derive(Clone, Copy, PartialEq)]
struct Link {
    table: &'static str,
    element: &'static str,
}

/// The columns only: what is asked for may be about a person.
impl std::fmt::Debug for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.column())
    }
}

/// One page of what was found.
#[derive(Clone, PartialEq, Debug)]
pub struct Page<R> {
    /// The rows, in order.
    pub rows: Vec<Stamped<R>>,
    /// Where the next page begins, if there is more.
    pub next: Option<Mark>,
}

impl<R: Row> Page<R> {
    /// The page up to so many of its rows; the next one goes on there.
    #[must_use]
    pub fn ending_after(mut self, rows: usize, order: Order) -> Self {
        if rows < self.rows.len() {
            self.rows.truncate(rows);
            self.next = self.rows.last().and_then(|row| mark_of(row, order));
        }
        self
    }
}

impl Query {
    /// Every row in an order, `limit` at a time.
    pub fn new(order: Order, limit: usize) -> Self {
        Self { conditions: Vec::new(), order, limit, after: None, words: None }
    }

    /// From a mark on.
    #[must_use]
    pub fn after(mut self, mark: Option<Mark>) -> Self {
        self.after = mark;
        self
    }

    /// Only rows whose column is that, if it is given.
    #[must_use]
    pub fn is(self, column: &'static str, value: Option<impl Serialize>) -> Self {
        self.also(value.map(|value| Condition::Is(column, written(value))))
    }

    /// Only rows whose column is that, or has nothing, if it is given.
    #[must_use]
    pub fn is_or_none(self, column: &'static str, value: Option<impl Serialize>) -> Self {
        self.also(value.map(|value| Condition::IsOrNone(column, written(value))))
    }

    /// Only rows whose list holds that, if it is given.
    #[must_use]
    pub fn holds(self, column: &'static str, value: Option<impl Serialize>) -> Self {
        self.also(value.map(|value| Condition::Holds(column, written(value))))
    }

    /// As [`Query::holds`], where each element stands in a row of `L` as well, whose key is this row's and the element: an index
    /// over the list itself would be of no use behind row-level security.
    #[must_use]
    pub fn linked<L: Row>(self, column: &'static str, value: Option<impl Serialize>) -> Self {
        let link = L::TABLE.key.last().map(|element| Link { table: L::TABLE.name, element });
        self.also(link.zip(value).map(|(link, value)| Condition::Linked(column, link, written(value))))
    }

    /// Only rows whose column is one of those.
    #[must_use]
    pub fn among(self, column: &'static str, values: impl IntoIterator<Item = impl Serialize>) -> Self {
        self.also(Some(Condition::Among(column, values.into_iter().map(written).collect())))
    }

    /// Only rows whose number is at least that, if it is given.
    #[must_use]
    pub fn at_least(self, column: &'static str, number: Option<u64>) -> Self {
        self.also(number.map(|number| Condition::AtLeast(column, number)))
    }

    /// Only rows whose number is at most that.
    #[must_use]
    pub fn up_to(self, column: &'static str, number: u64) -> Self {
        self.also(Some(Condition::UpTo(column, number)))
    }

    /// Only rows whose time isn't earlier than that, if it is given.
    #[must_use]
    pub fn from(self, column: &'static str, time: Option<Instant>) -> Self {
        self.also(time.map(|time| Condition::From(column, time)))
    }

    /// Only rows whose time is earlier than that, if it is given.
    #[must_use]
    pub fn before(self, column: &'static str, time: Option<Instant>) -> Self {
        self.also(time.map(|time| Condition::Before(column, time)))
    }

    /// Only rows whose time, if they have one, lies after that, if it is given.
    #[must_use]
    pub fn not_over(self, column: &'static str, now: Option<Instant>) -> Self {
        self.also(now.map(|now| Condition::NotOver(column, now)))
    }

    /// Only rows whose time has come by then, if it is given.
    #[must_use]
    pub fn over(self, column: &'static str, now: Option<Instant>) -> Self {
        self.also(now.map(|now| Condition::Over(column, now)))
    }

    /// Only rows that are found by that keyed hash ([`read::blind`]), if it is given. Folded rows have none: they aren't searched so.
    #[must_use]
    pub fn hashed(self, column: &'static str, hash: Option<Vec<u8>>) -> Self {
        self.also(hash.map(|hash| Condition::Hashed(column, hash)))
    }

    /// Only rows that have all of these words, if there are any. Folded rows have none: they aren't searched so.
    #[must_use]
    pub fn worded(self, tokens: Vec<i64>) -> Self {
        Self { words: (!tokens.is_empty()).then_some(Words { beside: None, tokens }), ..self }
    }

    /// As [`Query::worded`], where the words of a row stand in a row of `W` that has its key.
    #[must_use]
    pub fn worded_beside<W: Row>(self, tokens: Vec<i64>) -> Self {
        Self { words: (!tokens.is_empty()).then_some(Words { beside: Some(W::TABLE), tokens }), ..self }
    }

    fn also(mut self, condition: Option<Condition>) -> Self {
        self.conditions.extend(condition);
        self
    }

    /// How many rows at most.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// What of it is in the table, unopened; a page of long rows ends early. The transaction was begun ([`read::begin`]) for that organization.
    pub async fn read<R: Row>(&self, tx: &mut PgConnection, organization: Uuid) -> Result<Page<R>, ProjectorError> {
        self.say_words(tx).await?;
        let (rows, fits) = read::rows_up_to(tx, MOST_BYTES, |sql| self.write::<R>(sql, organization)).await?;
        Ok(Page { rows, next: None }.ending_after(fits.min(self.limit), self.order))
    }

    /// As [`Query::read`], as the rows were selected; one more than its limit if there are more.
    pub async fn select<R: Row>(&self, tx: &mut PgConnection, organization: Uuid) -> Result<Vec<read::Selected>, ProjectorError> {
        self.say_words(tx).await?;
        read::selected::<R>(tx, |sql| self.write::<R>(sql, organization)).await
    }

    /// Before the query is planned, so that it is known how rare they are.
    async fn say_words(&self, tx: &mut PgConnection) -> Result<(), ProjectorError> {
        if let Some(words) = &self.words {
            sqlx::query("select set_config('anamnesis.words', $1, true)").bind(array(&words.tokens)).execute(tx).await?;
        }
        Ok(())
    }

    /// The same for rows that `whole` has found: what that asked for holds of them, and keyed hashes can't be looked at again.
    #[must_use]
    pub fn within(&self, whole: &Self) -> Self {
        let more = self.conditions.iter().filter(|condition| !whole.conditions.contains(condition)).cloned();
        Self { conditions: more.collect(), ..self.clone() }
    }

    /// What of it is among the rows of a fold.
    pub fn pick<R: Row>(&self, rows: Vec<Stamped<R>>) -> Page<R> {
        let places = self.places(rows.iter());
        let mut rows: Vec<_> = rows.into_iter().map(Some).collect();
        // one row more than the page shows that there is another page
        let rows = places.into_iter().take(self.limit + 1).filter_map(|place| rows[place].take()).collect();
        Page { rows, next: None }.ending_after(self.limit, self.order)
    }

    /// Where what of it is among the rows of a fold stands among them, in its order.
    pub(crate) fn places<'a, R: Row>(&self, rows: impl Iterator<Item = &'a Stamped<R>>) -> Vec<usize> {
        let fits = |row: &Stamped<R>| self.words.is_none() && self.conditions.iter().all(|condition| condition.fits(row));
        let marks = rows.enumerate().filter(|(_, row)| fits(row)).filter_map(|(place, row)| Some((mark_of(row, self.order)?, place)));
        let mut marked: Vec<_> = marks.filter(|(mark, _)| self.is_after(mark)).collect();
        marked.sort_by(|(one, _), (other, _)| self.compare(one, other));
        marked.into_iter().map(|(_, place)| place).collect()
    }

    fn is_after(&self, mark: &Mark) -> bool {
        self.after.as_ref().is_none_or(|after| self.compare(mark, after) == Ordering::Greater)
    }

    fn compare(&self, one: &Mark, other: &Mark) -> Ordering {
        if self.order.is_backwards { other.cmp(one) } else { one.cmp(other) }
    }

    fn write<R: Row>(&self, sql: &mut QueryBuilder<'_, Postgres>, organization: Uuid) {
        sql.push("organization_id = ").push_bind(organization);
        for condition in &self.conditions {
            sql.push(" and ");
            condition.write::<R>(sql, organization);
        }
        if let Some(TableInfo { name, key, .. }) = self.words.as_ref().and_then(|words| words.beside) {
            let key = key.join(", ");
            sql.push(format!(" and ({key}) in (select {key} from {}.{name})", schema_of::<R>().name()));
        }
        let (sign, direction) = if self.order.is_backwards { ("<", " desc") } else { (">", "") };
        let columns: Vec<_> = std::iter::once(self.order.column).chain(R::TABLE.key.iter().copied()).collect();
        if let Some(mark) = &self.after {
            sql.push(format!(" and ({}) {sign} (", columns.join(", ")));
            match self.order.by {
                By::Time => sql.push_bind(DateTime::<Utc>::from(Instant::from_micros(mark.at))),
                By::Number => sql.push_bind(mark.at),
            };
            for part in &mark.key {
                sql.push(", ").push_bind(*part);
            }
            sql.push(")");
        }
        let mut ordered: Vec<_> = columns.iter().map(|column| format!("{column}{direction}")).collect();
        if self.words.as_ref().is_some_and(|words| words.beside.is_none()) {
            // behind row-level security Postgres guesses that one row in 200 has any words: of a million that is so many that it would
            // sooner go through all of them in order than look the words up. This is the same order, and no index's.
            let same = match self.order.by {
                By::Time => "interval '0'",
                By::Number => "0",
            };
            ordered[0] = format!("{} + {same}{direction}", self.order.column);
        }
        sql.push(format!(" order by {} limit ", ordered.join(", "))).push_bind(i64::try_from(self.limit + 1).unwrap_or(i64::MAX));
    }
}

impl Condition {
    fn column(&self) -> &'static str {
        match self {
            Self::Is(column, _)
            | Self::IsOrNone(column, _)
            | Self::Holds(column, _)
            | Self::Linked(column, ..)
            | Self::Among(column, _)
            | Self::AtLeast(column, _)
            | Self::UpTo(column, _)
            | Self::From(column, _)
            | Self::Before(column, _)
            | Self::NotOver(column, _)
            | Self::Over(column, _)
            | Self::Hashed(column, _) => column,
        }
    }

    fn write<R: Row>(&self, sql: &mut QueryBuilder<'_, Postgres>, organization: Uuid) {
        let ColumnInfo { name, sql: kind, .. } = column_of(R::TABLE, self.column());
        match self {
            Self::Is(_, value) => sql.push(format!("{name} = ")).push_bind(value.clone()).push(format!("::{kind}")),
            Self::IsOrNone(_, value) => sql.push(format!("({name} is null or {name} = ")).push_bind(value.clone()).push(format!("::{kind})")),
            Self::Holds(_, value) => sql.push(format!("{name} @> array[")).push_bind(value.clone()).push(format!("]::{kind}")),
            Self::Linked(_, Link { table, element }, value) => {
                let (key, schema) = (R::TABLE.key.join(", "), schema_of::<R>().name());
                sql.push(format!("({key}) in (select {key} from {schema}.{table} where organization_id = ")).push_bind(organization);
                sql.push(format!(" and {element} = ")).push_bind(value.clone()).push(format!("::{})", kind.trim_end_matches("[]")))
            }
            Self::Among(_, values) => sql.push(format!("{name} = any(")).push_bind(values.clone()).push(format!("::{kind}[])")),
            Self::AtLeast(_, number) => sql.push(format!("{name} >= ")).push_bind(i64::try_from(*number).unwrap_or(i64::MAX)),
            Self::UpTo(_, number) => sql.push(format!("{name} <= ")).push_bind(i64::try_from(*number).unwrap_or(i64::MAX)),
            Self::From(_, time) => sql.push(format!("{name} >= ")).push_bind(DateTime::<Utc>::from(*time)),
            Self::Before(_, time) => sql.push(format!("{name} < ")).push_bind(DateTime::<Utc>::from(*time)),
            Self::NotOver(_, now) => sql.push(format!("({name} is null or {name} > ")).push_bind(DateTime::<Utc>::from(*now)).push(")"),
            Self::Over(_, now) => sql.push(format!("{name} <= ")).push_bind(DateTime::<Utc>::from(*now)),
            Self::Hashed(_, hash) => sql.push(format!("{name} = ")).push_bind(hash.clone()),
        };
    }

    fn fits<R: Row>(&self, row: &Stamped<R>) -> bool {
        let Some(value) = &row.cell(self.column()) else { return false };
        match self {
            Self::Is(_, wanted) => text_of(value).is_some_and(|text| text == *wanted),
            Self::IsOrNone(_, wanted) => value.is_null() || text_of(value).is_some_and(|text| text == *wanted),
            Self::Holds(_, wanted) | Self::Linked(_, _, wanted) => {
                value.as_array().is_some_and(|list| list.iter().filter_map(text_of).any(|text| text == *wanted))
            }
            Self::Among(_, wanted) => text_of(value).is_some_and(|text| wanted.contains(&text)),
            Self::AtLeast(_, least) => value.as_u64().is_some_and(|number| number >= *least),
            Self::UpTo(_, most) => value.as_u64().is_some_and(|number| number <= *most),
            Self::From(_, from) => time_of(value).is_some_and(|time| time >= *from),
            Self::Before(_, before) => time_of(value).is_some_and(|time| time < *before),
            Self::NotOver(_, now) => value.is_null() || time_of(value).is_some_and(|time| time > *now),
            Self::Over(_, now) => time_of(value).is_some_and(|time| time <= *now),
            Self::Hashed(..) => false,
        }
    }
}

fn column_of(table: TableInfo, name: &str) -> ColumnInfo {
    *table.all_columns().find(|column| column.name == name).expect("a query asks for columns that the table has")
}

/// `None` for a row that has nothing in that column.
fn mark_of<R: Row>(row: &Stamped<R>, order: Order) -> Option<Mark> {
    let key = row.row.key();
    let ids = key.parts().iter().map(|part| if let KeyPart::Uuid(id) = part { Some(*id) } else { None });
    Some(Mark { at: row.ordinal(order.column)?, key: ids.collect::<Option<_>>()? })
}

/// As it stands in a column: what columns hold is written as text, numbers and truths.
fn written(value: impl Serialize) -> String {
    let text = serde_json::to_value(value).ok().as_ref().and_then(text_of);
    text.expect("only ids, choices, texts, numbers and truths stand in columns in the clear")
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn time_of(value: &Value) -> Option<Instant> {
    serde_json::from_value(value.clone()).ok()
}

#[cfg(test)]
mod tests;
