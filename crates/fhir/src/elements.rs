//! What are resources made of? FHIR's data types, as far as they are taken over.

use anamnesis_domain::{ClinicalValue, Code, Coding, Comparator, Quantity};
use serde::Deserialize;

use crate::{text, time::Span};

/// Declares a closed list of codes, spelled as in FHIR.
macro_rules! codes {
    ($($(#[$meta:meta])* $name:ident { $($code:ident),+ $(,)? })+) => {
        $($(#[$meta])*
        #[derive(Clone, Copy, PartialEq, serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub(crate) enum $name { $($code),+ })+
    };
}
pub(crate) use codes;

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CodeableConcept {
    pub(crate) coding: Vec<FhirCoding>,
    pub(crate) text: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename = "Coding")]
pub(crate) struct FhirCoding {
    pub(crate) system: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) display: Option<String>,
}

impl FhirCoding {
    pub(crate) fn coding(&self) -> Option<Coding> {
        let code = self.code.clone()?;
        Some(Coding { system: self.system.clone(), code, display: self.display.as_deref().map(text::short) })
    }
}

impl CodeableConcept {
    /// The notion. A coding without a code is only words. None: it names nothing.
    pub(crate) fn code(&self) -> Option<Code> {
        let codings: Vec<_> = self.coding.iter().filter_map(FhirCoding::coding).collect();
        let display = || self.coding.iter().filter(|coding| coding.code.is_none()).find_map(|coding| coding.display.as_ref());
        let words = self.text.as_ref().or_else(display).map(|words| text::short(words));
        let code = Code { codings, text: words.filter(|words| !words.trim().is_empty()) };
        (!code.is_empty()).then_some(code)
    }

    /// In words, or by its first code.
    pub(crate) fn words(&self) -> Option<&str> {
        let display = || self.coding.iter().find_map(|coding| coding.display.as_deref());
        let code = || self.coding.iter().find_map(|coding| coding.code.as_deref());
        self.text.as_deref().or_else(display).or_else(code).filter(|words| !words.trim().is_empty())
    }

    /// Its codes, whatever their system.
    pub(crate) fn codes(&self) -> impl Iterator<Item = &str> {
        self.coding.iter().filter_map(|coding| coding.code.as_deref())
    }

    /// Its codes in a system.
    pub(crate) fn codes_of(&self, system: &str) -> impl Iterator<Item = &str> {
        self.coding.iter().filter(move |coding| coding.system.as_deref() == Some(system)).filter_map(|coding| coding.code.as_deref())
    }
}

pub(crate) fn codes_of_all(concepts: &[CodeableConcept]) -> Vec<Code> {
    concepts.iter().filter_map(CodeableConcept::code).collect()
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Reference {
    #[serde(rename = "reference")]
    pub(crate) target: Option<String>,
    pub(crate) r#type: Option<String>,
    pub(crate) identifier: Option<ReferenceIdentifier>,
    pub(crate) display: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename = "Identifier")]
pub(crate) struct ReferenceIdentifier {
    pub(crate) system: Option<String>,
    pub(crate) value: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Annotation {
    pub(crate) text: Option<String>,
}

pub(crate) fn notes(annotations: &[Annotation]) -> impl Iterator<Item = &str> {
    annotations.iter().filter_map(|annotation| annotation.text.as_deref())
}

#[derive(Default, Deserialize)]
#[serde(default, rename = "Quantity")]
pub(crate) struct FhirQuantity {
    value: Option<f64>,
    comparator: Option<FhirComparator>,
    unit: Option<String>,
    system: Option<String>,
    code: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
enum FhirComparator {
    #[serde(rename = "<")]
    Less,
    #[serde(rename = "<=")]
    LessOrEqual,
    #[serde(rename = ">=")]
    GreaterOrEqual,
    #[serde(rename = ">")]
    Greater,
}

impl FhirQuantity {
    fn quantity(&self) -> Option<Quantity> {
        let line = |text: &Option<String>| text.as_deref().and_then(text::line);
        let comparator = self.comparator.map(|comparator| match comparator {
            FhirComparator::Less => Comparator::Less,
            FhirComparator::LessOrEqual => Comparator::LessOrEqual,
            FhirComparator::GreaterOrEqual => Comparator::GreaterOrEqual,
            FhirComparator::Greater => Comparator::Greater,
        });
        Some(Quantity { value: self.value?, unit: line(&self.unit), system: line(&self.system), code: line(&self.code), comparator })
    }

    fn words(&self) -> String {
        let number = self.value.map(|value| value.to_string()).unwrap_or_default();
        let unit = self.unit.as_deref().or(self.code.as_deref()).unwrap_or_default();
        format!("{number} {unit}").trim().to_owned()
    }
}

/// What an observation, or a part of it, found: `value[x]`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Value {
    #[serde(rename = "valueQuantity")]
    quantity: Option<FhirQuantity>,
    #[serde(rename = "valueCodeableConcept")]
    concept: Option<CodeableConcept>,
    #[serde(rename = "valueString")]
    string: Option<String>,
    #[serde(rename = "valueBoolean")]
    boolean: Option<bool>,
    #[serde(rename = "valueInteger")]
    integer: Option<i64>,
    #[serde(rename = "valueRange")]
    range: Option<Range>,
    #[serde(rename = "valueRatio")]
    ratio: Option<Ratio>,
    #[serde(rename = "valueTime")]
    time: Option<String>,
    #[serde(rename = "valueDateTime")]
    date_time: Option<String>,
    #[serde(rename = "valuePeriod")]
    period: Option<Span>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Range {
    low: FhirQuantity,
    high: FhirQuantity,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Ratio {
    numerator: FhirQuantity,
    denominator: FhirQuantity,
}

impl Value {
    pub(crate) fn value(&self) -> Option<ClinicalValue> {
        let quantity = self.quantity.as_ref().and_then(FhirQuantity::quantity);
        let number = || self.integer.map(integer);
        let code = || self.concept.as_ref().and_then(CodeableConcept::code).map(ClinicalValue::Code);
        quantity.or_else(number).map(ClinicalValue::Quantity).or_else(code).or_else(|| text::text(&self.words()?).map(ClinicalValue::Text))
    }

    fn words(&self) -> Option<String> {
        let text = [&self.string, &self.time, &self.date_time].into_iter().find_map(Clone::clone);
        let range = || self.range.as_ref().map(|range| format!("{} – {}", range.low.words(), range.high.words()));
        let ratio = || self.ratio.as_ref().map(|ratio| format!("{} : {}", ratio.numerator.words(), ratio.denominator.words()));
        let unitless = || self.quantity.as_ref().map(FhirQuantity::words);
        text.or_else(|| self.boolean.map(|yes| yes.to_string())).or_else(range).or_else(ratio).or_else(unitless).or_else(|| self.period())
    }

    fn period(&self) -> Option<String> {
        let end = |when: Option<crate::time::When>| when.map(|when| when.start.to_string()).unwrap_or_default();
        self.period.map(|period| format!("{} – {}", end(period.start), end(period.end)))
    }
}

#[expect(clippy::cast_precision_loss, reason = "FHIR's integers have 32 bits; a longer one is kept exactly in the record's content")]
fn integer(value: i64) -> Quantity {
    Quantity { value: value as f64, unit: None, system: None, code: None, comparator: None }
}
