//! How is a value written so that equal ones are found? For blind indexes and for codes; readers and folds must agree.

use std::collections::BTreeSet;

use anamnesis_domain::{Code, Coding, Date, HumanName, Identifier, Line};

/// The longest code that can be searched for, in bytes: an index has no room for more.
const LONGEST_CODE: usize = 255;

/// The words of a name, each once, to find a person by one of them.
pub fn name_words<'a>(names: impl IntoIterator<Item = &'a HumanName>) -> BTreeSet<String> {
    names.into_iter().flat_map(|name| name.family.iter().chain(&name.given).chain(&name.text)).flat_map(|line| words(line.as_str())).collect()
}

/// The words of a title or a name: letters and digits, without regard to case.
pub fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// A family name with a birth date: whoever comes without a number is found by it.
pub fn family_and_birth(family: &Line, birth_date: Date) -> String {
    format!("{}|{birth_date}", words(family.as_str()).into_iter().collect::<Vec<_>>().join(" "))
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
        assert_eq!(words, ["anne", "brien", "marie", "müller", "o"]);
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
