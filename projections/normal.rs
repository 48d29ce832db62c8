//! How is a value written so that equal ones are found? For blind indexes and for codes; readers and folds must agree.

use std::collections::BTreeSet;

use anamnesis_domain::{Code, Coding, Date, HumanName, Identifier, Language, Line};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// The longest code that can be searched for, in bytes: an index has no room for more.
const LONGEST_CODE: usize = 255;

/// The longest word that can be searched for, in letters.
const LONGEST_WORD: usize = 64;

/// The words of a name, each once, to find a person by one of them.
pub fn name_words<'a>(names: impl IntoIterator<Item = &'a HumanName>) -> BTreeSet<String> {
    names.into_iter().flat_map(|name| name.family.iter().chain(&name.given).chain(&name.text)).flat_map(|line| words(line.as_str())).collect()
}

/// The words of a name, each once, as [`search_words`].
pub fn words(text: &str) -> BTreeSet<String> {
    search_words(text).collect()
}

/// The words of a text, in its order: letters and digits, without regard to case, accents or how they are written (`ﬁ` is
/// `fi`, `ß` is `ss`). What is longer than any word is none: a digest, a picture as text.
pub fn search_words(text: &str) -> impl Iterator<Item = String> {
    let plain: String = text.nfkd().filter(|c| !is_combining_mark(*c)).collect();
    // both ways: only so do all forms of a letter become one
    let folded = plain.to_uppercase().to_lowercase();
    let words: Vec<_> = folded.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect();
    words.into_iter().filter(|word| (1..=LONGEST_WORD).contains(&word.chars().count()))
}

/// A family name with a birth date: whoever comes without a number is found by it.
pub fn family_and_birth(family: &Line, birth_date: Date) -> String {
    format!("{}|{birth_date}", words(family.as_str()).into_iter().collect::<Vec<_>>().join(" "))
}

/// The language as it is looked for: `de` finds `de-CH`, and `de-CH` doesn't find `de` (basic filtering of RFC 4647).
pub fn language(language: &Language) -> String {
    language.as_str().to_ascii_lowercase()
}

/// A number of others' making: letters and digits only, without regard to case.
pub fn identifier(value: &str) -> String {
    value.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

/// The numbers of a person, each once.
pub(crate) fn identifiers(identifiers: &[Identifier]) -> BTreeSet<String> {
    identifiers.iter().map(|one| identifier(one.value.as_str())).collect()
}

/// A code to search for: `system|code`, as in FHIR.
pub fn code(coding: &Coding) -> String {
    format!("{}|{}", coding.system.as_deref().unwrap_or_default(), coding.code)
}

/// The codes of some notions, each once; those too long for an index are left out (they stand sealed beside it).
pub(crate) fn codes<'a>(notions: impl IntoIterator<Item = &'a Code>) -> Vec<String> {
    let codes: BTreeSet<_> = notions.into_iter().flat_map(|notion| &notion.codings).map(code).filter(|code| code.len() <= LONGEST_CODE).collect();
    codes.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_by_each_of_its_words_in_any_case() {
        let name =
            HumanName { family: Some("O'Brien-Müller".try_into().unwrap()), given: vec!["ANNE Marie".try_into().unwrap()], ..HumanName::default() };
        let words: Vec<_> = name_words([&name]).into_iter().collect();
        assert_eq!(words, ["anne", "brien", "marie", "muller", "o"]);
    }

    #[test]
    fn a_word_is_found_in_any_case_with_or_without_accents() {
        let words = |text: &str| search_words(text).collect::<Vec<_>>();
        assert_eq!(words("Naïve CRÈME—brûlée, İstanbul; ﬁne Straße"), ["naive", "creme", "brulee", "istanbul", "fine", "strasse"]);
        assert_eq!(words("STRASSE"), words("straße"));
        assert_eq!(words("ΟΔΟΣ"), words("οδος"));
        assert_eq!(words("e\u{301}tude"), words("étude"));
        assert_eq!(words("HbA1c 7.2 %"), ["hba1c", "7", "2"]);
        assert_eq!(words(&format!(" … {} ", "x".repeat(65))), [""; 0]);
    }

    #[test]
    fn a_number_is_found_however_it_is_spaced() {
        assert_eq!(identifier("123-45 6789"), identifier("123456789"));
        assert_eq!(identifier("ab-1"), "AB1");
    }

    #[test]
    fn a_code_too_long_for_an_index_is_left_out() {
        let coding = |code: &str| Coding { system: Some("s".to_owned()), code: code.to_owned(), display: None };
        let notion = Code { codings: vec![coding("1"), coding("1"), coding(&"x".repeat(300))], text: None };
        assert_eq!(codes([&notion]), ["s|1"]);
    }
}
