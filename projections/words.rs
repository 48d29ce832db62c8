//! By what is found what is sealed, and what stands in a list?
//!
//! A row keeps a keyed hash of each word, cut to eight bytes: who has the key can ask for a word, and nobody can read one
//! back (docs/decisions/0024-words.md). The table's policy shows a reader only rows that have all words which the
//! transaction said; so an index serves, which no condition of a query on a list can behind row-level security.

use std::fmt;

use anamnesis_vault::{Blinding, IndexKeys};
use serde::Serializer;

use crate::kernel::{Class, Column, Place, Row};

/// Of three bits.
const KIND_BITS: u32 = 3;

/// What a word is of: words of one kind are replaced together, and found by that kind alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// Of what is said.
    Text = 0,
    /// Of a name.
    Name = 1,
    /// A phone number.
    Phone = 2,
    /// An e-mail address.
    Email = 3,
    /// Another number of somebody.
    Identifier = 4,
    /// A language.
    Language = 5,
    /// A code in its system.
    Code = 6,
    /// Who gives care.
    Provider = 7,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Text => "words",
            Self::Name => "name",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Identifier => "identifier",
            Self::Language => "language",
            Self::Code => "code",
            Self::Provider => "provider",
        }
    }

    fn is_of(self, token: i64) -> bool {
        token.cast_unsigned() >> (u64::BITS - KIND_BITS) == u64::from(self as u8)
    }
}

/// What a word is kept as, normalised as the fold does it: the same in every row of an organization's table `R`, and another one in any other.
pub fn word_token<R: Row>(keys: &IndexKeys, kind: Kind, word: &str) -> i64 {
    token(&blinding(keys, R::TABLE.name, kind), kind, word)
}

fn blinding(keys: &IndexKeys, table: &str, kind: Kind) -> Blinding {
    keys.blinding(&format!("{table}.{}", kind.name()))
}

/// The first bits say the kind, so that those of one kind can be taken out without knowing the words.
fn token(blinding: &Blinding, kind: Kind, word: &str) -> i64 {
    let number = u64::from_be_bytes(*blinding.of(word).first_chunk().expect("a hash has 16 bytes"));
    (u64::from(kind as u8) << (u64::BITS - KIND_BITS) | number >> KIND_BITS).cast_signed()
}

/// The words by which a row is found, hashed when it is written. Never shown.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Words {
    /// As a fold sets them.
    set: Vec<(Kind, String)>,
    /// As they stand in the table.
    stored: Vec<i64>,
}

impl Words {
    /// Puts these, which are normalised already, in the place of all words of that kind.
    pub(crate) fn set(&mut self, kind: Kind, words: impl IntoIterator<Item = impl Into<String>>) {
        self.set.retain(|(other, _)| *other != kind);
        self.stored.retain(|token| !kind.is_of(*token));
        self.set.extend(words.into_iter().map(|word| (kind, word.into())));
    }

    /// As [`Words::set`] on what has none yet.
    #[must_use]
    pub(crate) fn with(mut self, kind: Kind, words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.set(kind, words);
        self
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Words(..)")
    }
}

impl Column for Words {
    const SQL: &'static str = "bigint[]";
    const CLASS: Class = Class::Blind;

    /// Of somebody who was erased nothing is written. In the order of the hashes, which tells nothing of the text's.
    fn write(&self, place: &Place<'_>) -> Option<String> {
        let mut tokens = Vec::new();
        if place.row.keys.subject.is_some() {
            tokens.extend_from_slice(&self.stored);
            for words in self.set.chunk_by(|(one, _), (next, _)| one == next) {
                let [(kind, _), ..] = words else { continue };
                let blinding = blinding(&place.row.keys.index, place.row.table, *kind);
                tokens.extend(words.iter().map(|(_, word)| token(&blinding, *kind, word)));
            }
        }
        tokens.sort_unstable();
        tokens.dedup();
        Some(array(&tokens))
    }

    fn read(cell: Option<&str>) -> Option<Self> {
        serde_json::from_str(cell?).ok().map(|stored| Self { set: Vec::new(), stored })
    }

    fn plain(&self) -> Option<Vec<u8>> {
        let words = self.set.iter().map(|(kind, word)| format!("{}:{word}", kind.name()));
        let all: Vec<_> = words.chain(self.stored.iter().map(i64::to_string)).collect();
        Some(all.join(" ").into_bytes())
    }

    fn show<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_none()
    }
}

/// As Postgres reads an array of numbers.
pub fn array(tokens: &[i64]) -> String {
    format!("{{{}}}", tokens.iter().map(i64::to_string).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_kind_take_the_place_of_those_in_the_table_and_others_stay() {
        let stored = |kind: Kind| (u64::from(kind as u8) << (u64::BITS - KIND_BITS) | 7).cast_signed();
        let (name, phone) = (stored(Kind::Name), stored(Kind::Phone));
        let mut words = Words::read(Some(&format!("[{name},{phone}]"))).unwrap();
        words.set(Kind::Name, ["curie"]);
        assert_eq!(words.plain(), Some(format!("name:curie {phone}").into_bytes()));
    }
}
