//! What is in a file? The entries of a FHIR bundle, the resources of an NDJSON file (one a line), or a single resource.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::error::FieldError;

/// The entries of one file. Borrows the file's bytes and copies none of them.
pub struct Bundle<'a> {
    entries: Vec<Entry<'a>>,
}

/// One entry: a resource as it stands in the file, or what is wrong with it.
pub struct Entry<'a> {
    index: usize,
    pub(crate) full_url: Option<String>,
    pub(crate) resource: Result<&'a RawValue, FieldError>,
    pub(crate) head: Option<Head>,
}

/// A file that is neither a bundle nor a resource nor lines of resources.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unreadable {
    /// Something else than text.
    #[error("must be JSON in UTF-8")]
    NotUtf8,
    /// Not JSON, as far as that line.
    #[error("must be JSON; it isn't in line {line}, column {column}")]
    NotJson {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// JSON of another kind.
    #[error("must be a FHIR bundle, a FHIR resource or lines of FHIR resources")]
    NotFhir,
}

/// What tells resources apart: enough to say which id each has and what refers to it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Head {
    pub(crate) resource_type: String,
    #[serde(default)]
    id: Value,
    #[serde(default)]
    identifier: Value,
    #[serde(default)]
    status: Value,
}

impl Head {
    /// The identifiers that name a system and a value.
    pub(crate) fn identifiers(&self) -> Vec<(&str, &str)> {
        let identifiers = self.identifier.as_array().map(Vec::as_slice).unwrap_or_default();
        identifiers.iter().filter_map(|one| Some((one.get("system")?.as_str()?, one.get("value")?.as_str()?))).collect()
    }
}

#[derive(Deserialize)]
struct BundleJson<'a> {
    #[serde(borrow, default)]
    entry: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryJson<'a> {
    #[serde(default)]
    full_url: Option<String>,
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
}

impl<'a> Bundle<'a> {
    /// Reads a file. Broken entries, and broken lines of an NDJSON file, are kept as such and planned to an error.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let text = std::str::from_utf8(bytes).map_err(|_| Unreadable::NotUtf8)?;
        let text = text.trim_start_matches('\u{feff}');
        match serde_json::from_str::<&RawValue>(text) {
            Ok(whole) => Self::of(whole),
            Err(_) if is_lines(text) => Ok(Self::of_lines(text)),
            Err(error) => Err(Unreadable::NotJson { line: error.line(), column: error.column() }),
        }
    }

    fn of(whole: &'a RawValue) -> Result<Self, Unreadable> {
        let head: Head = serde_json::from_str(whole.get()).map_err(|_| Unreadable::NotFhir)?;
        if head.resource_type != "Bundle" {
            return Ok(Self { entries: vec![Entry::new(0, None, Ok(whole))] });
        }
        let bundle: BundleJson = serde_json::from_str(whole.get()).map_err(|_| Unreadable::NotFhir)?;
        Ok(Self { entries: bundle.entry.iter().enumerate().map(|(index, entry)| Entry::of(index, entry)).collect() })
    }

    fn of_lines(text: &'a str) -> Self {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let entry = |(index, line)| Entry::new(index, None, serde_json::from_str(line).map_err(|_| FieldError::new("", "must be JSON")));
        Self { entries: lines.map(entry).collect() }
    }

    /// The entries, those first that others need: facilities, providers, patients, visits, and then what was found.
    pub fn entries(&self) -> Vec<&Entry<'a>> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by_key(|entry| entry.rank());
        entries
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Which of several files comes first: the one with the lower rank, since others may need what is in it.
    pub fn rank(&self) -> u8 {
        self.entries.iter().map(Entry::rank).min().unwrap_or(u8::MAX)
    }
}

/// Whether it looks like a resource's type: so much of what stands in a file may stand in a report.
pub(crate) fn is_type(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphabetic())
}

/// Whether it is an id as FHIR spells them.
pub(crate) fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

/// Whether the first line is whole by itself, as in NDJSON.
fn is_lines(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().is_some_and(|line| serde_json::from_str::<Head>(line).is_ok());
    first && lines.next().is_some()
}

impl<'a> Entry<'a> {
    fn of(index: usize, entry: &'a RawValue) -> Self {
        match serde_json::from_str::<EntryJson>(entry.get()) {
            Ok(EntryJson { full_url, resource: Some(resource) }) => Self::new(index, full_url, Ok(resource)),
            Ok(EntryJson { full_url, resource: None }) => Self::new(index, full_url, Err(FieldError::new("", "resource must be given"))),
            Err(_) => Self::new(index, None, Err(FieldError::new("", "must be an object with fullUrl and resource"))),
        }
    }

    fn new(index: usize, full_url: Option<String>, resource: Result<&'a RawValue, FieldError>) -> Self {
        let head = resource.as_ref().ok().and_then(|resource| serde_json::from_str(resource.get()).ok());
        Self { index, full_url, resource, head }
    }

    /// Its place in the bundle, or its line in an NDJSON file: from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// What it says it is, if that looks like a type: `Observation`.
    pub fn resource_type(&self) -> Option<&str> {
        Some(self.head.as_ref()?.resource_type.as_str()).filter(|name| is_type(name))
    }

    /// The resource, byte for byte; for the fingerprint of the request.
    pub fn json(&self) -> Option<&'a str> {
        self.resource.as_ref().ok().map(|resource| resource.get())
    }

    /// What the source calls the resource by; where it gave no id, the UUID that the bundle gave it.
    pub(crate) fn id(&self) -> Option<&str> {
        let given = self.head.as_ref()?.id.as_str();
        let id = given.or_else(|| self.full_url.as_ref()?.strip_prefix("urn:uuid:"));
        id.filter(|id| is_id(id))
    }

    /// Whether its time is free again for others: they come after it, or it couldn't be told any more.
    fn is_called_off(&self) -> bool {
        let status = self.head.as_ref().and_then(|head| head.status.as_str());
        matches!(status, Some("cancelled" | "noshow" | "entered-in-error"))
    }

    fn rank(&self) -> u8 {
        match self.resource_type() {
            Some("Organization") => 0,
            Some("Location") => 1,
            Some("Practitioner") => 2,
            Some("PractitionerRole") => 3,
            Some("Patient") => 4,
            Some("Encounter") => 5,
            Some("Appointment") if self.is_called_off() => 6,
            Some("Appointment") => 7,
            _ => 8,
        }
    }
}
