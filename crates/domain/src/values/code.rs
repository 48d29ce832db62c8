//! How is a clinical notion named? As a code of a system, as in HL7 FHIR's `Coding` and `CodeableConcept`.

use serde::{Deserialize, Serialize};

use crate::redact::redacted;

/// One code of one system: SNOMED CT, LOINC, `RxNorm`, ICD-10, CVX …
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Coding {
    /// The system's URI: `http://snomed.info/sct`.
    pub system: Option<String>,
    /// The code in it.
    pub code: String,
    /// The system's own words for it.
    pub display: Option<String>,
}

/// A notion, in any number of systems and in words (FHIR's `CodeableConcept`).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// The codes; may be empty when there are only words.
    #[serde(default)]
    pub codings: Vec<Coding>,
    /// The words a person would use.
    pub text: Option<String>,
}

impl Code {
    /// Whether it names nothing: no code, and no words.
    pub fn is_empty(&self) -> bool {
        let is_blank = |text: &str| text.trim().is_empty();
        self.codings.iter().all(|coding| is_blank(&coding.code)) && self.text.as_deref().is_none_or(is_blank)
    }
}

redacted!(Coding, Code);
