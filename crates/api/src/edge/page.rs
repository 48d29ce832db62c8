//! How is a long answer given? In pages, each with a cursor to the next.

use std::fmt;

use anamnesis_domain::Instant;
use anamnesis_projections::kernel::{Row, Stamped, TableInfo};
use anamnesis_projector::query::{Mark, Order, Page, Query};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Problem;

/// A row as a client reads it.
pub(crate) type Item = Map<String, Value>;

/// Nobody is shown as open what the clock has ended: one of these statuses whose `expires_at` has come is told as `EXPIRED`.
pub(crate) fn expire_if_over(item: &mut Item, open: &[impl Serialize], now: Instant) {
    let end = item.get("expires_at").and_then(|end| serde_json::from_value::<Instant>(end.clone()).ok());
    if open.iter().any(|open| item.get("status") == Some(&json!(open))) && end.is_some_and(|end| end <= now) {
        item.insert("status".to_owned(), Value::from("EXPIRED"));
    }
}

/// The `ETag` of what has come to that event of its stream: `If-Match` takes it back.
pub(crate) fn etag(sequence: u64) -> String {
    format!("\"{sequence}\"")
}

const DEFAULT_LIMIT: usize = 50;
const LARGEST_LIMIT: u32 = 200;
const CURSOR_VERSION: u8 = 1;
/// Times outside of these years stand in no row, and not every database could compare with them; nor do numbers as large.
const YEARS: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

/// How many results a page holds: 1 to 200.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(try_from = "u32")]
#[schema(value_type = u32, minimum = 1, maximum = 200, default = 50)]
pub(crate) struct Limit(usize);

impl Limit {
    /// What was asked for, or 50.
    pub(crate) fn or_default(limit: Option<Self>) -> usize {
        limit.map_or(DEFAULT_LIMIT, |limit| limit.0)
    }
}

impl TryFrom<u32> for Limit {
    type Error = &'static str;

    fn try_from(limit: u32) -> Result<Self, Self::Error> {
        if (1..=LARGEST_LIMIT).contains(&limit) { Ok(Self(limit as usize)) } else { Err("must be 1 to 200") }
    }
}

/// Where a page begins: `next` of the page before.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub(crate) struct Cursor(String);

impl Cursor {
    /// Its text: the version, what it is a cursor of, the time or number, the key.
    fn of(mark: &Mark, table: TableInfo, order: Order) -> Self {
        let mut bytes = vec![CURSOR_VERSION];
        bytes.extend_from_slice(&tag(table, order));
        bytes.extend_from_slice(&mark.at.to_be_bytes());
        mark.key.iter().for_each(|part| bytes.extend_from_slice(part.as_bytes()));
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The mark in it, if it is a cursor of that list.
    fn mark(&self, table: TableInfo, order: Order) -> Option<Mark> {
        let bytes = URL_SAFE_NO_PAD.decode(&self.0).ok()?;
        let (tag_bytes, rest) = bytes.strip_prefix(&[CURSOR_VERSION])?.split_first_chunk::<4>()?;
        let (at, key) = rest.split_first_chunk::<8>()?;
        let at = i64::from_be_bytes(*at);
        let (parts, []) = key.as_chunks::<16>() else { return None };
        let fits = *tag_bytes == tag(table, order) && parts.len() == table.key.len() && YEARS.contains(&at);
        fits.then(|| Mark { at, key: parts.iter().map(|part| Uuid::from_bytes(*part)).collect() })
    }
}

/// A cursor of one list must not be taken for one of another.
fn tag(table: TableInfo, order: Order) -> [u8; 4] {
    let direction = if order.is_backwards() { " desc" } else { "" };
    let digest: [u8; 32] = Sha256::digest(format!("{}.{}{direction}", table.name, order.column())).into();
    std::array::from_fn(|i| digest[i])
}

/// Opaque: there is nothing in it for a log.
impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cursor(..)")
    }
}

/// Which of a list come first.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sort {
    OldestFirst,
    NewestFirst,
}

impl Sort {
    /// The list's own order, from the end that was asked for.
    pub(crate) fn of(asked: Option<Self>, order: Order) -> Order {
        match asked {
            None => order,
            Some(Self::OldestFirst) => order.forwards(),
            Some(Self::NewestFirst) => order.backwards(),
        }
    }
}

/// Which page of a list.
pub(crate) struct Paging {
    pub(crate) limit: Option<Limit>,
    pub(crate) cursor: Option<Cursor>,
}

impl Paging {
    /// A query for that page of the rows of `R` in an order.
    pub(crate) fn query<R: Row>(&self, order: Order) -> Result<Query, Problem> {
        let mark = match &self.cursor {
            Some(cursor) => Some(cursor.mark(R::TABLE, order).ok_or_else(|| Problem::field("cursor", "must be `next` of a page of this list"))?),
            None => None,
        };
        Ok(Query::new(order, Limit::or_default(self.limit)).after(mark))
    }
}

/// A page of a list.
#[derive(Serialize)]
pub(crate) struct Listed {
    /// What was found, in order.
    pub(crate) items: Vec<Item>,
    /// The cursor of the next page; none: there is no more.
    pub(crate) next: Option<String>,
}

impl Listed {
    /// What is shown of a page of opened rows.
    pub(crate) fn of<R: Row>(page: &Page<R>, order: Order) -> Self {
        let next = page.next.as_ref().map(|mark| Cursor::of(mark, R::TABLE, order).0);
        Self { items: page.rows.iter().map(Stamped::json).collect(), next }
    }

    /// The only item, if it is there, and its `ETag`.
    pub(crate) fn only(self) -> Result<(Item, String), Problem> {
        let item = self.items.into_iter().next().ok_or_else(Problem::not_found)?;
        let etag = etag(item.get("sequence").and_then(Value::as_u64).unwrap_or_default());
        Ok((item, etag))
    }
}

#[cfg(test)]
mod tests {
    use anamnesis_projections::patients::PatientRow;
    use anamnesis_projections::records::RecordRow;

    use super::*;

    const CREATED: Order = Order::oldest_first("created_at");

    fn mark() -> Mark {
        Mark { at: -5, key: vec![Uuid::from_u128(7)] }
    }

    #[test]
    fn a_cursor_leads_to_where_the_page_ended() {
        let cursor = Cursor::of(&mark(), PatientRow::TABLE, CREATED);
        assert_eq!(cursor.mark(PatientRow::TABLE, CREATED), Some(mark()));
    }

    #[test]
    fn a_cursor_of_another_list_or_order_or_of_nothing_is_refused() {
        let cursor = Cursor::of(&mark(), PatientRow::TABLE, CREATED);
        assert_eq!(cursor.mark(RecordRow::TABLE, CREATED), None);
        assert_eq!(cursor.mark(PatientRow::TABLE, Order::oldest_first("registered_at")), None);
        assert_eq!(cursor.mark(PatientRow::TABLE, CREATED.backwards()), None, "it leads the other way");
        for wrong in ["", "AQ", "?", &cursor.0[1..], &format!("{}AA", cursor.0), &cursor.0[..cursor.0.len() - 2]] {
            assert_eq!(Cursor(wrong.to_owned()).mark(PatientRow::TABLE, CREATED), None, "{wrong}");
        }
    }

    #[test]
    fn a_cursor_to_the_end_of_time_is_refused() {
        let cursor = Cursor::of(&Mark { at: i64::MAX, key: vec![Uuid::nil()] }, PatientRow::TABLE, CREATED);
        assert_eq!(cursor.mark(PatientRow::TABLE, CREATED), None);
    }
}
