//! How is a table filled with more rows than anybody could append? By COPY, with invented rows that the program takes for its own.
//!
//! Nothing here knows a table: a column's type says what stands in it, and where that is a choice, the row's own reader says which
//! words it knows. What is sealed is sealed under a key that was destroyed, so that the program answers as for somebody who was erased.

use anamnesis_projections::kernel::{Class, ColumnInfo, Projection, Table, Unreadable};
use anyhow::{Context as _, Result, ensure};
use chrono::DateTime;
use sqlx::PgPool;
use uuid::Uuid;

/// Sent at once.
const PART: usize = 1 << 20;
/// 2024-01-01, when the first row was made; each is 10 seconds later than the one before.
const FIRST: i64 = 1_704_067_200_000_000;
const STEP: i64 = 10_000_000;
/// Microseconds.
const DAY: i64 = 86_400_000_000;
/// 2100-01-01: what the program would have ended by itself isn't over.
const LATER: i64 = 4_102_444_800_000_000;
/// Beyond every position that the installation itself comes to.
const POSITIONS: u64 = 1_000_000_000;
/// Of how many rows one is about another patient or by another account; about another of anything else.
const ROWS_OF_A_PERSON: u64 = 20;
const ROWS_OF_A_THING: u64 = 1_000;
/// So many words of a text that may say anything.
const WORDS: usize = 8;
/// The shortest sealed value (`docs/formats.md`), and a keyed hash.
const SEALED: usize = 354;
const HASH: usize = 16;

/// Whose rows, how many, under which key, and which words may stand in texts.
pub(crate) struct Filling {
    pub(crate) organization: Uuid,
    /// A key that is known to be destroyed.
    pub(crate) key: Uuid,
    pub(crate) rows: u64,
    pub(crate) words: Vec<String>,
}

/// The id of the thing of that number: of a patient, of an appointment, …
pub(crate) fn id(number: u64) -> Uuid {
    Uuid::from_u64_pair(mixed(number), number)
}

/// A day in the middle of the time in which rows were made.
pub(crate) fn a_day_of(rows: u64) -> i64 {
    (FIRST + rows.cast_signed() / 2 * STEP) / DAY * DAY
}

/// What stands in a column.
enum Cell {
    Null,
    Text(String),
    Time(i64),
    /// Days since 1970.
    Date(i64),
    Bytes(Vec<u8>),
    List(Vec<String>),
    Tokens([i64; 2]),
}

/// A column, and the words that may stand in it.
struct Made {
    info: ColumnInfo,
    number: u64,
    words: Vec<String>,
}

impl Filling {
    /// Fills a table.
    pub(crate) async fn fill(&self, pool: &PgPool, projection: &Projection, table: &dyn Table) -> Result<()> {
        let columns = self.columns(table)?;
        let names: Vec<_> = columns.iter().map(|column| column.info.name).collect();
        let name = format!("{}.{}", projection.schema.name(), table.info().name);
        let mut connection = pool.acquire().await?;
        let mut copy = connection.copy_in_raw(&format!("copy {name} ({}) from stdin", names.join(", "))).await?;
        let mut part = String::with_capacity(PART + PART / 8);
        for row in 0..self.rows {
            for (i, column) in columns.iter().enumerate() {
                part.push_str(if i == 0 { "" } else { "\t" });
                self.cell(table, column, row).copied(&mut part);
            }
            part.push('\n');
            if part.len() >= PART {
                copy.send(part.as_bytes()).await?;
                part.clear();
            }
        }
        copy.send(part.as_bytes()).await?;
        copy.finish().await.with_context(|| format!("filling {name}"))?;
        sqlx::raw_sql(&format!("vacuum analyze {name}")).execute(&mut *connection).await?;
        Ok(())
    }

    /// Finds out which words each column takes, one column after another: a reader stops at the first that it can't read.
    fn columns(&self, table: &dyn Table) -> Result<Vec<Made>> {
        let mut columns: Vec<_> = table.info().all_columns().zip(0..).map(|(info, number)| Made { info: *info, number, words: Vec::new() }).collect();
        for at in 0..columns.len() {
            if !columns[at].info.sql.starts_with("text") {
                continue;
            }
            let mut taken = Vec::new();
            for word in &self.words {
                columns[at].words = vec![word.clone()];
                if self.stops_at(table, &columns) != Some(columns[at].info.name) {
                    taken.push(word.clone());
                }
            }
            taken.truncate(WORDS);
            ensure!(
                !taken.is_empty() || columns[at].info.nullable,
                "no word is known that may stand in {}.{}",
                table.info().name,
                columns[at].info.name
            );
            columns[at].words = taken;
        }
        let stops_at = self.stops_at(table, &columns);
        ensure!(stops_at.is_none(), "what is made up for {}.{} can't be read", table.info().name, stops_at.unwrap_or_default());
        Ok(columns)
    }

    fn stops_at(&self, table: &dyn Table, columns: &[Made]) -> Option<&'static str> {
        let cells: Vec<_> = columns.iter().map(|column| self.cell(table, column, 1).selected()).collect();
        table.rows().load(&cells).err().map(|Unreadable { column, .. }| column)
    }

    fn cell(&self, table: &dyn Table, column: &Made, row: u64) -> Cell {
        let ColumnInfo { name, sql, nullable, class } = column.info;
        let chance = mixed(row ^ mixed(column.number + 1));
        let person = id(mixed(row ^ mixed(0)) % (self.rows / ROWS_OF_A_PERSON).max(1));
        let is_key = |name| table.info().key.contains(&name);
        // the row of a patient is theirs alone, other tables have several rows of one
        let is_of_patient = table.info().columns.iter().any(|column| column.name == "patient_id") && table.info().key != ["patient_id"];
        match (name, class, sql) {
            ("organization_id", ..) => Cell::Text(self.organization.to_string()),
            ("patient_id" | "subject_id", ..) if is_of_patient => Cell::Text(person.to_string()),
            (name, _, "uuid") if name == "subject_id" || is_key(name) => Cell::Text(id(row).to_string()),
            ("user_id" | "account_id" | "resource_id", ..) => Cell::Text(id(chance % (self.rows / ROWS_OF_A_PERSON).max(1)).to_string()),
            ("position", ..) => Cell::Text((POSITIONS + row).to_string()),
            ("sequence", ..) => Cell::Text("1".to_owned()),
            ("created_at", ..) => Cell::Time(FIRST + row.cast_signed() * STEP),
            ("expires_at", ..) => Cell::Time(LATER),
            (_, Class::Sealed, _) if nullable => Cell::Null,
            (_, Class::Sealed, _) => Cell::Bytes(self.sealed(chance)),
            (_, Class::Blind, "bigint[]") => Cell::Tokens([chance, !chance].map(u64::cast_signed)),
            (_, Class::Blind, _) => Cell::Bytes(hash(chance)),
            (_, Class::Clear, "uuid") => Cell::Text(id(chance % (self.rows / ROWS_OF_A_THING).max(1)).to_string()),
            (_, Class::Clear, "uuid[]") => Cell::List(vec![id(chance % (self.rows / ROWS_OF_A_THING).max(1)).to_string()]),
            (_, Class::Clear, "timestamptz") => Cell::Time(FIRST + (chance % self.rows).cast_signed() * STEP),
            (_, Class::Clear, "date") => Cell::Date((FIRST + (chance % self.rows).cast_signed() * STEP) / DAY),
            (_, Class::Clear, "boolean") => Cell::Text(chance.is_multiple_of(2).to_string()),
            (_, Class::Clear, "integer" | "bigint") => Cell::Text((1 + chance % 100).to_string()),
            (_, Class::Clear, "double precision") => Cell::Text(format!("0.{}", 1 + chance % 9)),
            (_, Class::Clear, kind) => match (column.word(chance), kind) {
                (word, "text[]") => Cell::List(word.into_iter().cloned().collect()),
                (Some(word), _) => Cell::Text(word.clone()),
                (None, _) => Cell::Null,
            },
        }
    }

    /// As a sealed value looks from outside: a version, a suite, a key's id, and what nobody can read.
    fn sealed(&self, chance: u64) -> Vec<u8> {
        let mut bytes = vec![0x01, 0x01];
        bytes.extend_from_slice(self.key.as_bytes());
        bytes.extend(chance.to_be_bytes().into_iter().cycle().take(SEALED - bytes.len()));
        bytes
    }
}

impl Made {
    fn word(&self, chance: u64) -> Option<&String> {
        let count = u64::try_from(self.words.len()).ok()?;
        self.words.get(usize::try_from(chance.checked_rem(count)?).ok()?)
    }
}

impl Cell {
    /// As COPY takes it. No text has anything in it that would have to be marked.
    fn copied(&self, to: &mut String) {
        match self {
            Self::Null => to.push_str("\\N"),
            Self::Text(text) => to.push_str(text),
            Self::Time(micros) => to.push_str(&DateTime::from_timestamp_micros(*micros).unwrap_or_default().to_rfc3339()),
            Self::Date(days) => to.push_str(&DateTime::from_timestamp_micros(days * DAY).unwrap_or_default().date_naive().to_string()),
            Self::Bytes(bytes) => {
                to.push_str("\\\\x");
                hex(bytes, to);
            }
            Self::Tokens([one, two]) => to.extend(["{", &one.to_string(), ",", &two.to_string(), "}"]),
            Self::List(words) => {
                let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
                to.push('{');
                to.push_str(&quoted.join(","));
                to.push('}');
            }
        }
    }

    /// As a row's reader takes it.
    fn selected(&self) -> Option<String> {
        let mut text = String::new();
        match self {
            Self::Null => return None,
            Self::Text(plain) => text.push_str(plain),
            Self::Time(number) | Self::Date(number) => text = number.to_string(),
            Self::Bytes(bytes) => hex(bytes, &mut text),
            Self::Tokens([one, two]) => text = format!("[{one},{two}]"),
            Self::List(words) => text = serde_json::json!(words).to_string(),
        }
        Some(text)
    }
}

fn hash(chance: u64) -> Vec<u8> {
    id(chance).as_bytes()[..HASH].to_vec()
}

fn hex(bytes: &[u8], to: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        to.push(DIGITS[usize::from(byte >> 4)].into());
        to.push(DIGITS[usize::from(byte & 15)].into());
    }
}

/// A number that looks as if it had nothing to do with this one (splitmix64).
fn mixed(number: u64) -> u64 {
    let one = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let two = (one ^ (one >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let three = (two ^ (two >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    three ^ (three >> 31)
}

#[cfg(test)]
mod tests {
    use anamnesis_projections::ALL;

    use super::*;

    #[test]
    fn cells_are_written_as_copy_and_readers_take_them() {
        let copied = |cell: Cell| {
            let mut text = String::new();
            cell.copied(&mut text);
            text
        };
        assert_eq!(copied(Cell::Null), "\\N");
        assert_eq!(copied(Cell::Time(FIRST)), "2024-01-01T00:00:00+00:00");
        assert_eq!(copied(Cell::Date(FIRST / DAY)), "2024-01-01");
        assert_eq!(copied(Cell::Bytes(vec![1, 255])), r"\\x01ff");
        assert_eq!(copied(Cell::List(vec!["a".to_owned(), "b".to_owned()])), r#"{"a","b"}"#);
        assert_eq!(copied(Cell::Tokens([1, -2])), "{1,-2}");
        assert_eq!(Cell::Tokens([1, -2]).selected().as_deref(), Some("[1,-2]"));
    }

    #[test]
    fn ids_of_different_numbers_differ() {
        assert_ne!(id(1), id(2));
        assert_eq!(id(1), id(1));
    }

    #[test]
    fn no_table_without_words_for_its_choices_is_filled() {
        let filling = Filling { organization: id(0), key: id(1), rows: 10, words: Vec::new() };
        let patients = ALL.iter().find(|projection| projection.name == "patients").unwrap();
        let error = filling.columns(patients.tables[0]).err().unwrap();
        assert_eq!(error.to_string(), "no word is known that may stand in patients.status");
    }
}
