//! How much, how sure? Quantities, probabilities and what an observation found.

use serde::{Deserialize, Serialize};

use super::{Code, InvalidValue, Line, Text};
use crate::{choices::choices, redact::redacted};

choices! {
    /// How the true value relates to the one given, where an instrument met its limit (FHIR's `quantity-comparator`).
    pub enum Comparator {
        Less = "LESS",
        LessOrEqual = "LESS_OR_EQUAL",
        GreaterOrEqual = "GREATER_OR_EQUAL",
        Greater = "GREATER",
    }
}

/// A measured amount with its unit.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Quantity {
    /// The number.
    pub value: f64,
    /// The unit as people write it: `mmHg`.
    #[serde(default)]
    pub unit: Option<Line>,
    /// The system of `code`: `http://unitsofmeasure.org`.
    #[serde(default)]
    pub system: Option<Line>,
    /// The unit's code in it: `mm[Hg]`.
    #[serde(default)]
    pub code: Option<Line>,
    /// How the true value relates to `value`; none: it is `value`.
    #[serde(default)]
    pub comparator: Option<Comparator>,
}

/// What an observation found: exactly one of an amount, a notion or words.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ClinicalValueFields", into = "ClinicalValueFields")]
pub enum ClinicalValue {
    /// An amount.
    Quantity(Quantity),
    /// A notion: `positive`.
    Code(Code),
    /// Words.
    Text(Text),
}

/// A [`ClinicalValue`] as it is written: one of the three is given.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ClinicalValue))]
#[serde(deny_unknown_fields, rename = "ClinicalValue")]
pub struct ClinicalValueFields {
    /// An amount.
    #[serde(default)]
    quantity: Option<Quantity>,
    /// A notion.
    #[serde(default)]
    code: Option<Code>,
    /// Words.
    #[serde(default)]
    text: Option<Text>,
}

impl TryFrom<ClinicalValueFields> for ClinicalValue {
    type Error = InvalidValue;

    fn try_from(fields: ClinicalValueFields) -> Result<Self, InvalidValue> {
        match fields {
            ClinicalValueFields { quantity: Some(quantity), code: None, text: None } => Ok(Self::Quantity(quantity)),
            ClinicalValueFields { quantity: None, code: Some(code), text: None } => Ok(Self::Code(code)),
            ClinicalValueFields { quantity: None, code: None, text: Some(text) } => Ok(Self::Text(text)),
            ClinicalValueFields { .. } => Err(InvalidValue("must have exactly one of quantity, code and text")),
        }
    }
}

impl From<ClinicalValue> for ClinicalValueFields {
    fn from(value: ClinicalValue) -> Self {
        let none = Self { quantity: None, code: None, text: None };
        match value {
            ClinicalValue::Quantity(quantity) => Self { quantity: Some(quantity), ..none },
            ClinicalValue::Code(code) => Self { code: Some(code), ..none },
            ClinicalValue::Text(text) => Self { text: Some(text), ..none },
        }
    }
}

redacted!(Quantity, ClinicalValue, ClinicalValueFields);

/// How sure a model is: 0 (not at all) to 1 (certain).
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = f64, minimum = 0, maximum = 1))]
#[serde(try_from = "f64", into = "f64")]
pub struct Confidence(f64);

impl Confidence {
    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Confidence {
    type Error = InvalidValue;

    fn try_from(confidence: f64) -> Result<Self, InvalidValue> {
        if (0.0..=1.0).contains(&confidence) { Ok(Self(confidence)) } else { Err(InvalidValue("must be a number from 0 to 1")) }
    }
}

impl From<Confidence> for f64 {
    fn from(confidence: Confidence) -> Self {
        confidence.0
    }
}
