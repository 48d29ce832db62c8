use anamnesis_domain::record::{RecordStatus, RecordType, SummaryType};
use anamnesis_domain::{DocumentId, Instant, Line, PatientId, ProviderId};
use anamnesis_projections::records::documents::RecordDocumentRow;
use anamnesis_projections::records::summaries::RecordSummaryRow;
use anamnesis_projections::records::words::RecordWordsRow;
use anamnesis_projections::records::{RecordRow, Records};
use anamnesis_projections::words::Kind;
use anamnesis_projector::history::ORDERS;
use anamnesis_projector::query::Order;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::edge::{
    After, AsOf, Asked, CodeFilter, Cursor, Disclosed, Limit, ListAnswers, Listed, May, Paging, Params, Problem, Sort, When, may, search_words,
};

/// Which records: all that is given must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RecordFilter {
    /// Whose.
    #[param(inline)]
    patient: Option<PatientId>,
    /// Whose responsibility.
    #[param(inline)]
    provider: Option<ProviderId>,
    /// Of which kind.
    #[param(inline)]
    r#type: Option<RecordType>,
    /// How it stands.
    #[param(inline)]
    status: Option<RecordStatus>,
    /// What it is about: `system|code`, as in `http://loinc.org|4548-4`.
    #[param(inline)]
    code: Option<CodeFilter>,
    /// A document that is attached to it.
    #[param(inline)]
    document: Option<DocumentId>,
    /// A kind of summary that it has.
    #[param(inline)]
    summary_type: Option<SummaryType>,
    /// Words that are all in it, whole, in any case and with or without accents: in its title, texts, displays of codes, or any
    /// string of its JSON. At most 8; not with `as_of`.
    #[param(inline)]
    words: Option<Line>,
    /// About a time not earlier than this.
    #[param(inline)]
    from: Option<Instant>,
    /// About a time earlier than this.
    #[param(inline)]
    to: Option<Instant>,
    /// As it was then; with `patient`.
    #[param(inline)]
    as_of: Option<AsOf>,
    /// Which come first; the oldest unless said otherwise.
    #[param(inline)]
    sort: Option<Sort>,
    /// How many at most.
    #[param(inline)]
    limit: Option<Limit>,
    /// Where to go on.
    #[param(inline)]
    cursor: Option<Cursor>,
}

/// Lists medical records: those of one patient by the time they are about, others in the order in which they were written.
#[utoipa::path(get, path = "/v1/records", tag = "records", params(RecordFilter, After), responses(ListAnswers<RecordRow>))]
pub(crate) async fn list_records(
    State(app): State<App>,
    may: May<may::ReadRecords>,
    after: After,
    Params(filter): Params<RecordFilter>,
) -> Result<Disclosed<Listed>, Problem> {
    let words = search_words(filter.words.as_ref())?;
    if !words.is_empty() && filter.as_of.is_some() {
        return Err(Problem::field("words", "can't be searched for in the past: leave out `as_of`"));
    }
    // the past has no words: there the codes in the row must do
    let codes = filter.code.iter().filter(|_| filter.as_of.is_none()).map(|code| (Kind::Code, code.as_str().to_owned()));
    let tokens = app.tokens::<RecordWordsRow, _>(&may, words.into_iter().map(|word| (Kind::Text, word)).chain(codes)).await?;
    let is_of_one = filter.patient.or(may.own()).is_some();
    let order = Sort::of(filter.sort, if is_of_one { ORDERS.records } else { Order::oldest_first("created_at") });
    let query = Paging { limit: filter.limit, cursor: filter.cursor }
        .query::<RecordRow>(order)?
        .is("provider_id", filter.provider)
        .is("record_type", filter.r#type)
        .is("status", filter.status)
        .holds("codes", filter.code)
        .linked::<RecordDocumentRow>("attachments", filter.document)
        .linked::<RecordSummaryRow>("summary_types", filter.summary_type)
        .from("record_date", filter.from)
        .before("record_date", filter.to)
        .worded_beside::<RecordWordsRow>(tokens);
    app.list::<Records, _>(&may, Asked { query, order, patient: filter.patient, when: When { after, as_of: filter.as_of } }).await
}
