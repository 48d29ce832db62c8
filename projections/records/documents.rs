//! Which records hold a document?

use anamnesis_domain::record::RecordEvent;
use anamnesis_domain::{AnyEvent, DocumentId, RecordId, Recorded};

use crate::kernel::{Fold, Key, Rows, Streams, row};

row! {
    /// A document that is attached to a record; the record's row has them all as a list.
    pub struct RecordDocumentRow in "record_documents" key (record_id, document_id) {
        record_id: RecordId,
        document_id: DocumentId,
    }
}

/// The fold of `record_documents`.
pub struct RecordDocuments;

impl Fold for RecordDocuments {
    type Row = RecordDocumentRow;
    const STREAMS: Streams = Streams::Of(&["record"]);

    fn keys(event: &Recorded) -> Vec<Key> {
        moved(event).map(|(document_id, _)| (event.aggregate_id, document_id).into()).into_iter().collect()
    }

    fn apply(rows: &mut Rows<RecordDocumentRow>, event: &Recorded) {
        match moved(event) {
            Some((document_id, true)) => rows.put(RecordDocumentRow { record_id: event.aggregate_id.into(), document_id }),
            Some((document_id, false)) => rows.remove((event.aggregate_id, document_id)),
            None => {}
        }
    }
}

/// Which document came, or went.
fn moved(event: &Recorded) -> Option<(DocumentId, bool)> {
    let Some(AnyEvent::Record(happened)) = event.event.value() else { return None };
    match happened {
        RecordEvent::DocumentAttached(attached) => Some((attached.document_id, true)),
        RecordEvent::DocumentDetached(detached) => Some((detached.document_id, false)),
        RecordEvent::RecordCreated(_)
        | RecordEvent::RecordAmended(_)
        | RecordEvent::RecordProcessingStarted(_)
        | RecordEvent::RecordProcessingCompleted(_)
        | RecordEvent::RecordProcessingFailed(_)
        | RecordEvent::RecordSigned(_)
        | RecordEvent::RecordSummarized(_)
        | RecordEvent::RecordArchived(_)
        | RecordEvent::RecordRestored(_)
        | RecordEvent::RecordEnteredInError(_) => None,
    }
}
