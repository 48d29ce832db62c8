//! What do several lists let be searched for, and how is it written?

use std::collections::BTreeSet;

use anamnesis_domain::Line;
use anamnesis_projections::normal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Problem;

/// A code with its system: `http://loinc.org|4548-4`; nothing before the bar: a code without a system.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, examples("http://loinc.org|4548-4"))]
pub(crate) struct CodeFilter(String);

impl TryFrom<String> for CodeFilter {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let has_code = text.split_once('|').is_some_and(|(_, code)| !code.is_empty());
        if has_code && !text.contains('\0') { Ok(Self(text)) } else { Err("must be a code with its system: `system|code`") }
    }
}

impl CodeFilter {
    /// `system|code`.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// So many words are searched for at once, at most.
const MOST_WORDS: usize = 8;

/// The words that a text must have, each once.
pub(crate) fn search_words(text: Option<&Line>) -> Result<BTreeSet<String>, Problem> {
    let Some(text) = text else { return Ok(BTreeSet::new()) };
    let words = normal::words(text.as_str());
    match words.len() {
        0 => Err(Problem::field("words", "must have a letter or a digit")),
        1..=MOST_WORDS => Ok(words),
        _ => Err(Problem::field("words", "must be at most 8 words")),
    }
}

/// The words by which a name is searched for.
pub(crate) fn name_words(name: Option<&Line>) -> Result<BTreeSet<String>, Problem> {
    let Some(name) = name else { return Ok(BTreeSet::new()) };
    let words = normal::words(name.as_str());
    if words.is_empty() { Err(Problem::field("name", "must have a letter or a digit")) } else { Ok(words) }
}
