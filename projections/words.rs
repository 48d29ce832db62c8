//! By which words is what is sealed found?
//!
//! A row keeps a keyed hash of each word, cut to eight bytes: who has the key can ask for a word, and nobody can read one
//! back (docs/decisions/0024-words.md). Such rows stand apart from those that they lead to, in a table whose policy shows a
//! reader nothing but what has the words that were asked for.

use std::fmt;

use anamnesis_vault::IndexKeys;
use serde_json::Value;

use crate::kernel::{Class, Column, Place, Row};

/// What a word is kept as: the same in every row of an organization's table `R`, and another one in any other.
pub fn word_token<R: Row>(keys: &IndexKeys, word: &str) -> i64 {
    token(keys, R::TABLE.name, word)
}

fn token(keys: &IndexKeys, table: &str, word: &str) -> i64 {
    let hash = keys.blind(&format!("{table}.words"), word);
    i64::from_be_bytes(*hash.first_chunk().expect("a hash has 16 bytes"))
}

/// The words of a text, hashed when the row is written. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Words(State);

#[derive(Clone, PartialEq, Eq)]
enum State {
    /// As a fold sets them.
    Of(Vec<String>),
    /// As they stand in the table.
    Stored(Vec<i64>),
}

impl Words {
    /// Those words, which are normalised already.
    pub(crate) fn of(words: Vec<String>) -> Self {
        Self(State::Of(words))
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
        let mut tokens = match &self.0 {
            State::Of(_) if place.row.keys.subject.is_none() => Vec::new(),
            State::Of(words) => words.iter().map(|word| token(&place.row.keys.index, place.row.table, word)).collect(),
            State::Stored(tokens) => tokens.clone(),
        };
        tokens.sort_unstable();
        tokens.dedup();
        Some(array(&tokens))
    }

    fn read(cell: Option<&str>) -> Option<Self> {
        serde_json::from_str(cell?).ok().map(|tokens| Self(State::Stored(tokens)))
    }

    fn plain(&self) -> Option<Vec<u8>> {
        Some(match &self.0 {
            State::Of(words) => words.join(" ").into_bytes(),
            State::Stored(tokens) => array(tokens).into_bytes(),
        })
    }

    fn json(&self) -> Option<Value> {
        None
    }
}

/// As Postgres reads an array of numbers.
pub fn array(tokens: &[i64]) -> String {
    format!("{{{}}}", tokens.iter().map(i64::to_string).collect::<Vec<_>>().join(","))
}
