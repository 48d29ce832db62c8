//! What does a model say of a record in short?

use serde::{Deserialize, Serialize};

use crate::{Confidence, Line, Text, choices::choices, redact::redacted};

choices! {
    /// What a summary dwells on.
    pub enum SummaryType {
        General = "GENERAL",
        Diagnostic = "DIAGNOSTIC",
        Treatment = "TREATMENT",
        Medication = "MEDICATION",
        LabInterpretation = "LAB_INTERPRETATION",
    }
}

/// A summary as a language model gives it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewSummary {
    /// What it dwells on.
    pub summary_type: SummaryType,
    /// What it says.
    pub text: Text,
    /// Whose model: `anthropic`, `google`, `openai`, …
    pub llm_provider: Line,
    /// Which model.
    pub llm_model: Line,
    /// How sure it is.
    #[serde(default)]
    pub confidence: Option<Confidence>,
    /// How long it took, in milliseconds.
    pub processing_time_ms: u32,
    /// How many tokens it read and wrote.
    #[serde(default)]
    pub token_count: Option<u32>,
}

redacted!(NewSummary);
