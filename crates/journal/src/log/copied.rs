//! What do the bytes say that COPY sends?
//!
//! Its binary format (PostgreSQL's manual, "COPY"): a header; rows of columns, each with its length in front; an end. All numbers
//! are big-endian. The columns are those of `copy_after.sql`.

use anamnesis_domain::Instant;
use uuid::Uuid;

use super::entry::{Stored, StoredEvent};

/// What the header begins with; flags and the length of an extension come after it.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
const HEADER: usize = 19;
/// In the place of a row's number of columns: there are no more rows.
const END: i16 = -1;
/// In the place of a column's length.
const NULL: i32 = -1;
/// The head, and what `journal.entries` has.
const COLUMNS: usize = 21;
/// Where timestamps begin: the year 2000, in microseconds since 1970.
const YEAR_2000: i64 = 946_684_800_000_000;

type Columns<'a> = [Option<&'a [u8]>; COLUMNS];

/// What has come, and what was taken of it.
#[derive(Default)]
pub(super) struct Rows {
    received: Vec<u8>,
    taken: usize,
    has_begun: bool,
}

impl Rows {
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        self.received.drain(..self.taken);
        self.taken = 0;
        self.received.extend_from_slice(bytes);
    }

    /// The next row: the log's head and an entry. `None`: more has to be received, or that was the end.
    pub(super) fn next(&mut self) -> sqlx::Result<Option<(u64, Stored)>> {
        let mut left = &self.received[self.taken..];
        if !self.has_begun {
            let Some(header) = array::<HEADER>(&mut left) else { return Ok(None) };
            if !header.starts_with(SIGNATURE) {
                return Err(unreadable());
            }
            self.has_begun = true;
            self.taken = self.received.len() - left.len();
        }
        let row = columns(&mut left)?.map(|columns| stored(Values(columns.into_iter()))).transpose()?;
        if row.is_some() {
            self.taken = self.received.len() - left.len();
        }
        Ok(row)
    }
}

fn unreadable() -> sqlx::Error {
    sqlx::Error::Protocol("what was copied isn't what was asked for".to_owned())
}

/// The columns of the next row, if all of it is there, and if it isn't the end.
fn columns<'a>(bytes: &mut &'a [u8]) -> sqlx::Result<Option<Columns<'a>>> {
    let Some(count) = array(bytes).map(i16::from_be_bytes).filter(|count| *count != END) else { return Ok(None) };
    if usize::try_from(count) != Ok(COLUMNS) {
        return Err(unreadable());
    }
    let mut columns = [None; COLUMNS];
    for column in &mut columns {
        let Some(length) = array(bytes).map(i32::from_be_bytes) else { return Ok(None) };
        if length != NULL {
            let length = usize::try_from(length).map_err(|_| unreadable())?;
            let Some((value, left)) = bytes.split_at_checked(length) else { return Ok(None) };
            (*column, *bytes) = (Some(value), left);
        }
    }
    Ok(Some(columns))
}

fn array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (array, left) = bytes.split_first_chunk()?;
    *bytes = left;
    Some(*array)
}

/// Columns that are still to be read.
struct Values<'a>(std::array::IntoIter<Option<&'a [u8]>, COLUMNS>);

impl Values<'_> {
    /// The next column, which is null only where there is no event.
    fn next<T>(&mut self, decode: impl Fn(&[u8]) -> Option<T>) -> sqlx::Result<T> {
        self.0.next().flatten().and_then(decode).ok_or_else(unreadable)
    }
}

fn stored(mut values: Values<'_>) -> sqlx::Result<(u64, Stored)> {
    let head = values.next(long)?.cast_unsigned();
    let entry = Stored {
        position: values.next(long)?,
        logged_at: values.next(time)?,
        organization_id: values.next(uuid)?,
        aggregate_type: values.next(text)?,
        aggregate_id: values.next(uuid)?,
        sequence: values.next(long)?,
        subject_id: values.next(uuid)?,
        row_hash: values.next(bytes)?,
        event: None,
    };
    let has_event = values.0.as_slice().first().is_some_and(Option::is_some);
    Ok((head, Stored { event: has_event.then(|| event(values)).transpose()?, ..entry }))
}

fn event(mut values: Values<'_>) -> sqlx::Result<StoredEvent> {
    Ok(StoredEvent {
        event_id: values.next(uuid)?,
        event_type: values.next(text)?,
        event_version: values.next(int)?,
        fingerprint: values.next(bytes)?,
        metadata_subject_id: values.next(uuid)?,
        recorded_at: values.next(time)?,
        command_id: values.next(uuid)?,
        correlation_id: values.next(uuid)?,
        causation_id: values.next(uuid)?,
        actor_id: values.next(uuid)?,
        payload: values.next(bytes)?,
        metadata: values.next(bytes)?,
    })
}

fn long(value: &[u8]) -> Option<i64> {
    value.try_into().ok().map(i64::from_be_bytes)
}

fn int(value: &[u8]) -> Option<i32> {
    value.try_into().ok().map(i32::from_be_bytes)
}

fn uuid(value: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(value).ok()
}

#[expect(clippy::unnecessary_wraps, reason = "it is one of several ways to decode")]
fn bytes(value: &[u8]) -> Option<Vec<u8>> {
    Some(value.to_vec())
}

fn text(value: &[u8]) -> Option<String> {
    String::from_utf8(value.to_vec()).ok()
}

fn time(value: &[u8]) -> Option<Instant> {
    long(value)?.checked_add(YEAR_2000).map(Instant::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(value: &[u8]) -> Vec<u8> {
        [&i32::try_from(value.len()).unwrap().to_be_bytes(), value].concat()
    }

    fn row(has_event: bool) -> Vec<u8> {
        let (id, long) = ([7; 16], 9_i64.to_be_bytes());
        let of_log: [&[u8]; 9] = [&long, &long, &long, &id, b"patient", &id, &long, &id, &[8; 32]];
        let of_event: [&[u8]; 12] = [&id, b"Registered", &[0, 0, 0, 1], &[3; 8], &id, &long, &id, &id, &id, &id, b"sealed", b""];
        let mut row = [21_i16.to_be_bytes().to_vec(), of_log.map(column).concat()].concat();
        row.extend(if has_event { of_event.map(column).concat() } else { [0xff; 4 * 12].to_vec() });
        row
    }

    fn copied(rows: &[Vec<u8>]) -> Vec<u8> {
        [SIGNATURE, &[0; HEADER - 11], &rows.concat(), &END.to_be_bytes()].concat()
    }

    #[test]
    fn rows_are_read_however_they_are_cut() {
        let all = copied(&[row(true), row(false), row(true)]);
        for size in [1, 2, 7, 100, all.len()] {
            let (mut rows, mut found) = (Rows::default(), vec![]);
            for part in all.chunks(size) {
                rows.receive(part);
                while let Some((head, stored)) = rows.next().unwrap() {
                    assert_eq!((head, stored.position, stored.logged_at), (9, 9, Instant::from_micros(YEAR_2000 + 9)));
                    found.push(stored.event.map(|event| (event.event_version, event.payload)));
                }
            }
            let event = Some((1, b"sealed".to_vec()));
            assert_eq!(found, [event.clone(), None, event], "in parts of {size} bytes");
        }
    }

    #[test]
    fn what_is_no_such_row_is_refused() {
        let good = copied(&[row(true)]);
        let (count, first_length, text) = (HEADER + 1, HEADER + 2, HEADER + 2 + 3 * (4 + 8) + (4 + 16) + 4);
        for (place, byte) in [(0, b'X'), (count, 20), (first_length, 0x80), (text, 0xff)] {
            let mut bad = good.clone();
            bad[place] = byte;
            let mut rows = Rows::default();
            rows.receive(&bad);
            assert!(rows.next().is_err(), "byte {place}");
        }
    }
}
