//! Are two rows of a read model the same, although their sealed columns differ by their salts?
//! (docs/formats.md, "Row digest")

use zeroize::Zeroizing;

use crate::bytes::lp;
use crate::index::{expand, hmac};
use crate::key::DataKey;

const INFO: &[u8] = b"anamnesis/digest/1";

/// The digest of an opened row under its subject's digest key; columns in any order, `None` for null.
///
/// It is keyed, so that it can be shown without giving away what the row says, and dies with the subject.
///
/// # Panics
/// When a value is 4 GiB long.
pub fn row_digest(key: &DataKey, table: &str, row_key: &[u8], columns: &[(&str, Option<&[u8]>)]) -> [u8; 32] {
    let mut columns = columns.to_vec();
    columns.sort_unstable_by_key(|(name, _)| *name);
    let mut row = Zeroizing::new(Vec::with_capacity(len(table, row_key, &columns)));
    row.push(0x01);
    lp(&mut row, table.as_bytes());
    lp(&mut row, row_key);
    row.extend_from_slice(&u32::try_from(columns.len()).expect("a table has few columns").to_be_bytes());
    for (name, value) in columns {
        lp(&mut row, name.as_bytes());
        row.push(u8::from(value.is_some()));
        lp(&mut row, value.unwrap_or_default());
    }
    hmac(&expand(key, INFO), &row)
}

/// The exact length, so that the row isn't left behind in a buffer that was too small.
fn len(table: &str, row_key: &[u8], columns: &[(&str, Option<&[u8]>)]) -> usize {
    let values: usize = columns.iter().map(|(name, value)| 9 + name.len() + value.map_or(0, <[u8]>::len)).sum();
    13 + table.len() + row_key.len() + values
}
