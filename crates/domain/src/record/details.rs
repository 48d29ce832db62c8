//! What does a medical record say?

use serde::{Deserialize, Serialize};

use crate::{
    AppointmentId, ClinicalValue, Code, Date, Instant, InvalidValue, JsonText, Line, PatientId, ProviderId, Text, choices::choices, redact::redacted,
    values::Bounded,
};

choices! {
    /// What a record is.
    pub enum RecordType {
        LabResult = "LAB_RESULT",
        Imaging = "IMAGING",
        ClinicalNote = "CLINICAL_NOTE",
        Prescription = "PRESCRIPTION",
        Immunization = "IMMUNIZATION",
        Procedure = "PROCEDURE",
        Diagnosis = "DIAGNOSIS",
        VitalSigns = "VITAL_SIGNS",
        Allergy = "ALLERGY",
        CarePlan = "CARE_PLAN",
        DiagnosticReport = "DIAGNOSTIC_REPORT",
        Survey = "SURVEY",
        Other = "OTHER",
    }
}

choices! {
    /// Where a record is on its way.
    pub enum RecordStatus {
        Pending = "PENDING",
        Processing = "PROCESSING",
        Completed = "COMPLETED",
        Failed = "FAILED",
        Archived = "ARCHIVED",
    }
}

choices! {
    /// In what form a record's content is.
    pub enum ContentFormat {
        StructuredJson = "STRUCTURED_JSON",
        Fhir = "FHIR",
        Text = "TEXT",
    }
}

/// A medical record, as a whole. Everything but patient, type, date and title may be missing.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewRecord {
    /// About whom.
    pub patient_id: PatientId,
    /// What it is.
    pub record_type: RecordType,
    /// Who wrote it, ordered it or did what it tells.
    #[serde(default)]
    pub provider_id: Option<ProviderId>,
    /// The appointment or visit that it belongs to.
    #[serde(default)]
    pub appointment_id: Option<AppointmentId>,
    /// When it was made.
    pub record_date: Instant,
    /// The day of the visit; none: the day it was made.
    #[serde(default)]
    pub visit_date: Option<Date>,
    /// When what it tells was so: a sample was taken, a shot given.
    #[serde(default)]
    pub effective_at: Option<Instant>,
    /// In a few words.
    pub title: Line,
    /// In more words.
    #[serde(default)]
    pub description: Option<Text>,
    /// What it is about (LOINC, SNOMED CT, RxNorm, CVX, ICD-10).
    #[serde(default)]
    pub codes: Vec<Code>,
    /// What was found.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::ClinicalValueFields>))]
    pub value: Option<ClinicalValue>,
    /// What was found, where it has parts: systolic and diastolic.
    #[serde(default)]
    pub components: Vec<Finding>,
    /// What the patient has.
    #[serde(default)]
    pub diagnosis: Option<Text>,
    /// What the patient complained of.
    #[serde(default)]
    pub symptoms: Vec<Text>,
    /// What was or is to be done.
    #[serde(default)]
    pub treatment: Option<Text>,
    /// Medications, in the source's own form.
    #[serde(default)]
    pub medications: Option<JsonText>,
    /// Laboratory results, in the source's own form.
    #[serde(default)]
    pub lab_results: Option<JsonText>,
    /// Imaging results, in the source's own form.
    #[serde(default)]
    pub imaging_results: Option<JsonText>,
    /// More about it.
    #[serde(default)]
    pub notes: Option<Text>,
    /// The whole, as it came.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<RecordContentFields>))]
    pub content: Option<RecordContent>,
    /// Where it came from.
    #[serde(default)]
    pub source: Option<RecordSource>,
}

/// One part of what was found.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Of what.
    pub code: Code,
    /// What was found.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::ClinicalValueFields>))]
    pub value: Option<ClinicalValue>,
}

/// Where a record came from; unique together with the record's type.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RecordSource {
    /// The system's name or URI.
    pub system: Line,
    /// What that system calls the record by.
    pub external_id: Line,
}

/// A record's content as it came.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RecordContentFields", into = "RecordContentFields")]
pub enum RecordContent {
    /// JSON of the sender's making.
    StructuredJson(JsonText),
    /// A FHIR resource, every byte of it.
    Fhir {
        /// `Observation`, `Immunization`, …
        resource_type: Line,
        /// The resource's id where it came from.
        resource_id: Option<Line>,
        /// FHIR's version: `4.0.1`.
        fhir_version: Line,
        /// The resource.
        resource: JsonText,
    },
    /// Text.
    Text {
        /// `text/plain`, `text/markdown`, …
        media_type: Line,
        /// The text.
        text: Text,
    },
}

/// A [`RecordContent`] as it is written: which of the fields are given depends on `format`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RecordContent))]
#[serde(deny_unknown_fields, rename = "RecordContent")]
pub struct RecordContentFields {
    /// In what form the content is.
    format: ContentFormat,
    /// The JSON (of `STRUCTURED_JSON` and `FHIR`).
    #[serde(default)]
    json: Option<JsonText>,
    /// The resource's type (of `FHIR`).
    #[serde(default)]
    resource_type: Option<Line>,
    /// The resource's id where it came from (of `FHIR`, optional).
    #[serde(default)]
    resource_id: Option<Line>,
    /// FHIR's version (of `FHIR`).
    #[serde(default)]
    fhir_version: Option<Line>,
    /// The text's media type (of `TEXT`).
    #[serde(default)]
    media_type: Option<Line>,
    /// The text (of `TEXT`).
    #[serde(default)]
    text: Option<Text>,
}

redacted!(NewRecord, Finding, RecordSource, RecordContent, RecordContentFields);

impl TryFrom<RecordContentFields> for RecordContent {
    type Error = InvalidValue;

    fn try_from(fields: RecordContentFields) -> Result<Self, InvalidValue> {
        let RecordContentFields { format, json, resource_type, resource_id, fhir_version, media_type, text } = fields;
        match (format, json, resource_type, fhir_version, media_type, text) {
            (ContentFormat::StructuredJson, Some(json), None, None, None, None) if resource_id.is_none() => Ok(Self::StructuredJson(json)),
            (ContentFormat::Fhir, Some(resource), Some(resource_type), Some(fhir_version), None, None) => {
                Ok(Self::Fhir { resource_type, resource_id, fhir_version, resource })
            }
            (ContentFormat::Text, None, None, None, Some(media_type), Some(text)) if resource_id.is_none() => Ok(Self::Text { media_type, text }),
            (ContentFormat::StructuredJson, ..) => Err(InvalidValue("must have json and nothing else where format is STRUCTURED_JSON")),
            (ContentFormat::Fhir, ..) => {
                Err(InvalidValue("must have json, resource_type, fhir_version and perhaps resource_id where format is FHIR"))
            }
            (ContentFormat::Text, ..) => Err(InvalidValue("must have text, media_type and nothing else where format is TEXT")),
        }
    }
}

impl From<RecordContent> for RecordContentFields {
    fn from(content: RecordContent) -> Self {
        let empty = |format| Self { format, json: None, resource_type: None, resource_id: None, fhir_version: None, media_type: None, text: None };
        match content {
            RecordContent::StructuredJson(json) => Self { json: Some(json), ..empty(ContentFormat::StructuredJson) },
            RecordContent::Fhir { resource_type, resource_id, fhir_version, resource } => Self {
                json: Some(resource),
                resource_type: Some(resource_type),
                resource_id,
                fhir_version: Some(fhir_version),
                ..empty(ContentFormat::Fhir)
            },
            RecordContent::Text { media_type, text } => Self { media_type: Some(media_type), text: Some(text), ..empty(ContentFormat::Text) },
        }
    }
}

impl Bounded for NewRecord {
    fn is_bounded(&self) -> bool {
        self.codes.is_bounded() && self.value.is_bounded() && self.components.is_bounded() && self.symptoms.is_bounded()
    }
}

impl Bounded for Finding {
    fn is_bounded(&self) -> bool {
        self.code.is_bounded() && self.value.is_bounded()
    }
}
