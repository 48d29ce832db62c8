//! By which words and codes is what a record says found, though all of it is sealed?
//!
//! By keyed hashes of its words, as `crate::words` says.

use std::collections::HashSet;

use anamnesis_domain::record::{NewRecord, RecordContent, RecordEvent};
use anamnesis_domain::{AnyEvent, ClinicalValue, Code, JsonText, RecordId, Recorded, Text};
use serde_json::Value;

use crate::kernel::{Fold, Key, Rows, Streams, row};
use crate::normal;
use crate::words::{Kind, Words};

/// So many different words of a record are kept at most, those of its title first.
pub const MOST_WORDS: usize = 500;

row! {
    /// The words of a medical record in its newest version.
    pub struct RecordWordsRow in "record_words" key (record_id) {
        record_id: RecordId,
        word_tokens: Words,
    }
}

/// The fold of `record_words`.
pub struct RecordWords;

impl Fold for RecordWords {
    type Row = RecordWordsRow;
    const STREAMS: Streams = Streams::Of(&["record"]);

    /// What doesn't change what the record says leaves its words alone.
    fn keys(event: &Recorded) -> Vec<Key> {
        said(event).map(|_| event.aggregate_id.into()).into_iter().collect()
    }

    fn apply(rows: &mut Rows<RecordWordsRow>, event: &Recorded) {
        if let Some(record) = said(event) {
            rows.put(RecordWordsRow { record_id: event.aggregate_id.into(), word_tokens: tokens_of(record) });
        }
    }
}

fn said(event: &Recorded) -> Option<&NewRecord> {
    let Some(AnyEvent::Record(happened)) = event.event.value() else { return None };
    match happened {
        RecordEvent::RecordCreated(created) => Some(&created.record),
        RecordEvent::RecordAmended(amended) => Some(&amended.record),
        RecordEvent::RecordProcessingStarted(_)
        | RecordEvent::RecordProcessingCompleted(_)
        | RecordEvent::RecordProcessingFailed(_)
        | RecordEvent::RecordSigned(_)
        | RecordEvent::RecordSummarized(_)
        | RecordEvent::DocumentAttached(_)
        | RecordEvent::DocumentDetached(_)
        | RecordEvent::RecordArchived(_)
        | RecordEvent::RecordRestored(_)
        | RecordEvent::RecordEnteredInError(_) => None,
    }
}

fn tokens_of(record: &NewRecord) -> Words {
    Words::default().with(Kind::Text, words_of(record)).with(Kind::Code, normal::codes(&record.codes))
}

fn words_of(record: &NewRecord) -> Vec<String> {
    let mut words = Gathered::default();
    words.take(record.title.as_str());
    let texts = [&record.diagnosis, &record.description, &record.treatment, &record.notes];
    texts.into_iter().flatten().chain(&record.symptoms).map(Text::as_str).for_each(|text| words.take(text));
    record.codes.iter().for_each(|code| words.take_code(code));
    words.take_value(record.value.as_ref());
    for component in &record.components {
        words.take_code(&component.code);
        words.take_value(component.value.as_ref());
    }
    let lists = [&record.medications, &record.lab_results, &record.imaging_results];
    lists.into_iter().flatten().for_each(|json| words.take_json(json));
    match &record.content {
        Some(RecordContent::StructuredJson(json) | RecordContent::Fhir { resource: json, .. }) => words.take_json(json),
        Some(RecordContent::Text { text, .. }) => words.take(text.as_str()),
        None => {}
    }
    words.all
}

/// Each word once, in the order in which they came.
#[derive(Default)]
struct Gathered {
    all: Vec<String>,
    known: HashSet<String>,
}

impl Gathered {
    fn take(&mut self, text: &str) {
        for word in normal::search_words(text) {
            if self.all.len() == MOST_WORDS {
                return;
            }
            if self.known.insert(word.clone()) {
                self.all.push(word);
            }
        }
    }

    fn take_code(&mut self, code: &Code) {
        let displays = code.codings.iter().filter_map(|coding| coding.display.as_deref());
        code.text.as_deref().into_iter().chain(displays).for_each(|text| self.take(text));
    }

    fn take_value(&mut self, value: Option<&ClinicalValue>) {
        match value {
            Some(ClinicalValue::Code(code)) => self.take_code(code),
            Some(ClinicalValue::Text(text)) => self.take(text.as_str()),
            Some(ClinicalValue::Quantity(_)) | None => {}
        }
    }

    /// The strings in it, but for addresses and what names a system, which nobody searches for.
    fn take_json(&mut self, json: &JsonText) {
        if let Ok(value) = serde_json::from_str(json.as_str()) {
            self.take_strings(&value);
        }
    }

    fn take_strings(&mut self, value: &Value) {
        match value {
            Value::String(text) if !is_address(text) => self.take(text),
            Value::Array(elements) => elements.iter().for_each(|element| self.take_strings(element)),
            Value::Object(fields) => fields.values().for_each(|field| self.take_strings(field)),
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

fn is_address(text: &str) -> bool {
    ["http://", "https://", "urn:"].iter().any(|scheme| text.starts_with(scheme))
}
