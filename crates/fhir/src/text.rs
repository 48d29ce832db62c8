//! How does a text of any form become one that may be stored? Only where the original is kept beside it.

use anamnesis_domain::{Line, Text};

const MAX_LINE_CHARS: usize = 500;
const MAX_CODING_BYTES: usize = 2_000;

/// One line, cut where it is too long. None: nothing in it.
pub(crate) fn line(text: &str) -> Option<Line> {
    let words: Vec<_> = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    Line::try_from(words.join(" ").chars().take(MAX_LINE_CHARS).collect::<String>()).ok()
}

/// A text without control characters. None: nothing in it, or more than a text may hold.
pub(crate) fn text(text: &str) -> Option<Text> {
    let plain = |c: char| if c.is_control() && !matches!(c, '\n' | '\r' | '\t') { ' ' } else { c };
    Text::try_from(text.chars().map(plain).collect::<String>()).ok()
}

/// Several texts as one, an empty line between them.
pub(crate) fn paragraphs<'t>(texts: impl IntoIterator<Item = &'t str>) -> Option<Text> {
    text(&joined(texts, "\n\n"))
}

/// Several short texts as one: `a; b`.
pub(crate) fn listed<'t>(texts: impl IntoIterator<Item = &'t str>) -> Option<Text> {
    text(&joined(texts, "; "))
}

fn joined<'t>(texts: impl IntoIterator<Item = &'t str>, separator: &str) -> String {
    texts.into_iter().filter(|text| !text.trim().is_empty()).collect::<Vec<_>>().join(separator)
}

/// The words of a code, cut where they are too long.
pub(crate) fn short(text: &str) -> String {
    let end = (0..=MAX_CODING_BYTES.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    text[..end].to_owned()
}
