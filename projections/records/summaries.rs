//! Which records were summarized, and how?

use anamnesis_domain::record::{RecordEvent, SummaryType};
use anamnesis_domain::{AnyEvent, RecordId, Recorded};

use crate::kernel::{Fold, Key, KeyPart, Rows, Streams, row};

row! {
    /// A kind of summary that a record has; the record's row has them all as a list, and the summaries themselves sealed.
    pub struct RecordSummaryRow in "record_summaries" key (record_id, summary_type) {
        record_id: RecordId,
        summary_type: SummaryType,
    }
}

impl From<SummaryType> for KeyPart {
    fn from(summary_type: SummaryType) -> Self {
        summary_type.as_str().into()
    }
}

/// The fold of `record_summaries`.
pub struct RecordSummaries;

impl Fold for RecordSummaries {
    type Row = RecordSummaryRow;
    const STREAMS: Streams = Streams::Of(&["record"]);

    fn keys(event: &Recorded) -> Vec<Key> {
        summarized(event).map(|summary_type| (event.aggregate_id, summary_type).into()).into_iter().collect()
    }

    fn apply(rows: &mut Rows<RecordSummaryRow>, event: &Recorded) {
        if let Some(summary_type) = summarized(event) {
            rows.put(RecordSummaryRow { record_id: event.aggregate_id.into(), summary_type });
        }
    }
}

fn summarized(event: &Recorded) -> Option<SummaryType> {
    if let Some(AnyEvent::Record(RecordEvent::RecordSummarized(summarized))) = event.event.value() {
        Some(summarized.summary.summary_type)
    } else {
        None
    }
}
