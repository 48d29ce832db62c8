//! How is a list written? As a Postgres array; taken back as JSON, which needs no parser of our own.

use serde::Serializer;

use crate::kernel::clear::Clear;
use crate::kernel::column::{Column, Place, Shown};

impl<T: Clear> Column for Vec<T> {
    const SQL: &'static str = T::ARRAY;

    fn write(&self, _place: &Place<'_>) -> Option<String> {
        Some(literal(self.iter().map(Clear::text)))
    }

    fn read(cell: Option<&str>) -> Option<Self> {
        elements(cell?)?.iter().map(|text| T::parse(text)).collect()
    }

    fn plain(&self) -> Option<Vec<u8>> {
        Some(literal(self.iter().map(Clear::text)).into_bytes())
    }

    fn show<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter().map(Shown))
    }
}

/// `{"a","b"}`, each element quoted, so that none is taken for NULL or for two.
fn literal(elements: impl Iterator<Item = String>) -> String {
    let mut text = String::from("{");
    for (i, element) in elements.enumerate() {
        text.push_str(if i == 0 { "\"" } else { ",\"" });
        for c in element.chars() {
            if matches!(c, '"' | '\\') {
                text.push('\\');
            }
            text.push(c);
        }
        text.push('"');
    }
    text.push('}');
    text
}

/// The elements of a JSON array as texts.
fn elements(json: &str) -> Option<Vec<String>> {
    let values: Vec<serde_json::Value> = serde_json::from_str(json).ok()?;
    Some(values.into_iter().map(|value| if let serde_json::Value::String(text) = value { text } else { value.to_string() }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_with_quotes_commas_and_null_stay_one_element_each() {
        let tricky = ["a,b", "say \"yes\"", "back\\slash", "NULL", ""].map(str::to_owned);
        assert_eq!(literal(tricky.into_iter()), r#"{"a,b","say \"yes\"","back\\slash","NULL",""}"#);
        assert_eq!(literal(std::iter::empty()), "{}");
    }

    #[test]
    fn an_array_comes_back_as_json() {
        assert_eq!(Vec::<String>::read(Some(r#"["a","b\"c"]"#)), Some(vec!["a".to_owned(), "b\"c".to_owned()]));
        assert_eq!(Vec::<i32>::read(Some("[1,2]")), Some(vec![1, 2]));
        assert_eq!(Vec::<i32>::read(Some("[1,null]")), None);
    }
}
