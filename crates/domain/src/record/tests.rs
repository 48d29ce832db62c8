use super::*;
use crate::testing::{Given, given};
use crate::{Code, Coding, Date, JsonText, Line};

/// 2026-01-31T09:30:00Z
fn now() -> Instant {
    Instant::from_micros(1_769_851_800_000_000)
}

fn text(text: &str) -> Text {
    text.try_into().unwrap()
}

fn line(line: &str) -> Line {
    line.try_into().unwrap()
}

fn note() -> NewRecord {
    serde_json::from_str(
        r#"{"patient_id": "00000000-0000-0000-0000-000000000001", "record_type": "CLINICAL_NOTE", "record_date": "2026-01-30T08:00:00Z",
            "title": "Visit note", "source": {"system": "lab.example", "external_id": "7"}}"#,
    )
    .unwrap()
}

fn create(record: NewRecord) -> RecordCommand {
    RecordCommand::Create { now: now(), record: Box::new(record), status: RecordStatus::Pending }
}

fn amend(record: NewRecord) -> RecordCommand {
    RecordCommand::Amend { now: now(), record: Box::new(record), reason: text("typing error") }
}

const START: fn() -> RecordCommand = || RecordCommand::StartProcessing { now: now() };
const COMPLETE: fn() -> RecordCommand = || RecordCommand::CompleteProcessing { now: now() };
const FAIL: fn() -> RecordCommand = || RecordCommand::FailProcessing { now: now(), processing_error: text("unreadable") };
const SIGN: fn() -> RecordCommand = || RecordCommand::Sign { now: now(), provider_id: ProviderId(Uuid::from_u128(2)) };
const ARCHIVE: fn() -> RecordCommand = || RecordCommand::Archive { now: now(), reason: None };
const SUMMARIZE: fn() -> RecordCommand =
    || RecordCommand::Summarize { now: now(), summary_id: SummaryId(Uuid::from_u128(5)), summary: Box::new(summary()) };
const RESTORE: fn() -> RecordCommand = || RecordCommand::Restore { now: now(), reason: text("asked for") };
const MARK: fn() -> RecordCommand = || RecordCommand::MarkEnteredInError { now: now(), reason: text("another patient's") };
const AMEND: fn() -> RecordCommand = || amend(corrected());

fn corrected() -> NewRecord {
    NewRecord { diagnosis: Some(text("hypertension")), ..note() }
}

fn created(status: RecordStatus) -> RecordEvent {
    RecordCreated { record: Box::new(note()), status, created_at: now() }.into()
}

fn started() -> RecordEvent {
    RecordProcessingStarted { started_at: now() }.into()
}

fn completed() -> RecordEvent {
    RecordProcessingCompleted { completed_at: now() }.into()
}

fn failed() -> RecordEvent {
    RecordProcessingFailed { processing_error: text("unreadable"), failed_at: now() }.into()
}

fn archived() -> RecordEvent {
    RecordArchived { reason: None, archived_at: now() }.into()
}

fn signed(version: u16) -> RecordEvent {
    let content_sha256 = Some(if version == 1 { note() } else { corrected() }.digest());
    RecordSigned { version, provider_id: ProviderId(Uuid::from_u128(2)), signed_at: now(), content_sha256 }.into()
}

fn summary() -> NewSummary {
    let json =
        r#"{"summary_type": "GENERAL", "text": "All is well.", "llm_provider": "anthropic", "llm_model": "claude-3", "processing_time_ms": 812}"#;
    serde_json::from_str(json).unwrap()
}

fn summarized(version: u16) -> RecordEvent {
    RecordSummarized { summary_id: SummaryId(Uuid::from_u128(5)), version, summary: Box::new(summary()), summarized_at: now() }.into()
}

fn restored(status: RecordStatus) -> RecordEvent {
    RecordRestored { status, reason: text("asked for"), restored_at: now() }.into()
}

fn amended(version: u16) -> RecordEvent {
    RecordAmended { version, record: Box::new(corrected()), reason: text("typing error"), amended_at: now() }.into()
}

fn marked() -> RecordEvent {
    RecordEnteredInError { reason: text("another patient's"), marked_at: now() }.into()
}

fn a_record(status: RecordStatus) -> Given<Record> {
    let pending = created(RecordStatus::Pending);
    let events = match status {
        RecordStatus::Pending => vec![pending],
        RecordStatus::Processing => vec![pending, started()],
        RecordStatus::Completed => vec![pending, started(), completed()],
        RecordStatus::Failed => vec![pending, started(), failed()],
        RecordStatus::Archived => vec![pending, started(), completed(), archived()],
    };
    let state = events.iter().fold(Record::default(), Record::evolve);
    assert_eq!(state.status(), Some(status));
    given(events)
}

/// What a command leads to in every status, in the order of the statuses.
fn in_every_status(command: fn() -> RecordCommand, expected: [Result<Option<RecordEvent>, RecordError>; 5]) {
    for (status, expected) in RecordStatus::ALL.iter().zip(expected) {
        let when = a_record(*status).when(command());
        match expected {
            Ok(event) => when.then(event),
            Err(refusal) => when.then_error(refusal),
        }
    }
    given::<Record>([]).when(command()).then_error(RecordError::NotCreated);
}

#[test]
fn a_record_is_created_once() {
    given::<Record>([]).when(create(note())).then([created(RecordStatus::Pending)]);
    a_record(RecordStatus::Pending).when(create(note())).then_error(RecordError::AlreadyCreated);
    given::<Record>([created(RecordStatus::Pending), marked()]).when(create(note())).then_error(RecordError::AlreadyCreated);
}

#[test]
fn a_record_begins_pending_or_completed() {
    let create = |status| RecordCommand::Create { now: now(), record: Box::new(note()), status };
    given::<Record>([]).when(create(RecordStatus::Completed)).then([created(RecordStatus::Completed)]);
    for status in [RecordStatus::Processing, RecordStatus::Failed, RecordStatus::Archived] {
        given::<Record>([]).when(create(status)).then_error(RecordError::WrongFirstStatus);
    }
}

#[test]
fn a_record_is_not_of_tomorrow() {
    let ahead = NewRecord { record_date: now().plus_minutes(1), ..note() };
    given::<Record>([]).when(create(ahead)).then_error(RecordError::InTheFuture);
    let day: Date = chrono::NaiveDate::from_ymd_opt(2026, 2, 1).unwrap().into();
    given::<Record>([]).when(create(NewRecord { visit_date: Some(day), ..note() })).then_error(RecordError::InTheFuture);
}

#[test]
fn codes_name_something_and_lists_keep_within_their_limits() {
    let nothing = Code { codings: vec![], text: None };
    let blank = Code { codings: vec![Coding { system: None, code: " ".to_owned(), display: None }], text: Some(String::new()) };
    for nothing in [&nothing, &blank] {
        given::<Record>([]).when(create(NewRecord { codes: vec![nothing.clone()], ..note() })).then_error(RecordError::CodeMissing);
    }
    let components = vec![Finding { code: nothing, value: None }];
    given::<Record>([]).when(create(NewRecord { components, ..note() })).then_error(RecordError::CodeMissing);
    given::<Record>([]).when(create(NewRecord { symptoms: vec![text("cough"); 101], ..note() })).then_error(RecordError::TooMany);
    let amendment = NewRecord { symptoms: vec![text("cough"); 101], ..note() };
    a_record(RecordStatus::Completed).when(amend(amendment)).then_error(RecordError::TooMany);
}

#[test]
fn processing_starts_on_what_waits_or_failed() {
    use RecordError::{AlreadyProcessed, Archived};
    in_every_status(START, [Ok(Some(started())), Ok(None), Err(AlreadyProcessed), Ok(Some(started())), Err(Archived)]);
}

#[test]
fn processing_completes_what_is_processed() {
    use RecordError::{Archived, NotProcessing};
    in_every_status(COMPLETE, [Err(NotProcessing), Ok(Some(completed())), Ok(None), Err(NotProcessing), Err(Archived)]);
}

#[test]
fn processing_fails_only_while_it_goes_on() {
    use RecordError::{AlreadyProcessed, Archived, NotProcessing};
    in_every_status(FAIL, [Err(NotProcessing), Ok(Some(failed())), Err(AlreadyProcessed), Ok(None), Err(Archived)]);
}

#[test]
fn what_was_processed_is_archived_whether_it_failed_or_not() {
    use RecordError::NotProcessed;
    in_every_status(ARCHIVE, [Err(NotProcessed), Err(NotProcessed), Ok(Some(archived())), Ok(Some(archived())), Ok(None)]);
}

#[test]
fn what_is_completed_is_signed_once_by_each_provider() {
    use RecordError::{Archived, NotProcessed};
    in_every_status(SIGN, [Err(NotProcessed), Err(NotProcessed), Ok(Some(signed(1))), Err(NotProcessed), Err(Archived)]);
    let signed_once = [created(RecordStatus::Completed), signed(1)];
    given::<Record>(signed_once.clone()).when(SIGN()).then([]);
    let somebody_else = RecordCommand::Sign { now: now(), provider_id: ProviderId(Uuid::from_u128(3)) };
    let content_sha256 = Some(note().digest());
    let event = RecordSigned { version: 1, provider_id: ProviderId(Uuid::from_u128(3)), signed_at: now(), content_sha256 };
    given::<Record>(signed_once).when(somebody_else).then([event.into()]);
}

#[test]
fn what_was_archived_comes_back_to_where_it_was() {
    in_every_status(RESTORE, [Ok(None), Ok(None), Ok(None), Ok(None), Ok(Some(restored(RecordStatus::Completed)))]);
    let failed_before = [created(RecordStatus::Pending), started(), failed(), archived()];
    given::<Record>(failed_before.clone()).when(RESTORE()).then([restored(RecordStatus::Failed)]);
    let back = failed_before.into_iter().chain([restored(RecordStatus::Failed)]);
    given::<Record>(back).when(START()).then([started()]);
}

#[test]
fn a_summary_is_of_the_newest_version_and_kept_once() {
    let keeps = || Ok(Some(summarized(1)));
    in_every_status(SUMMARIZE, [keeps(), keeps(), keeps(), keeps(), Err(RecordError::Archived)]);
    given::<Record>([created(RecordStatus::Completed), amended(2)]).when(SUMMARIZE()).then([summarized(2)]);
    given::<Record>([created(RecordStatus::Completed), summarized(1)]).when(SUMMARIZE()).then_error(RecordError::AlreadySummarized);
    let another =
        |n| RecordSummarized { summary_id: SummaryId(Uuid::from_u128(n)), version: 1, summary: Box::new(summary()), summarized_at: now() }.into();
    let full = std::iter::once(created(RecordStatus::Completed)).chain((10..110).map(another));
    given::<Record>(full).when(SUMMARIZE()).then_error(RecordError::TooManySummaries);
}

#[test]
fn a_signature_covers_every_digit_of_what_is_written_and_nothing_else() {
    // computed from the text of the fields with another program: what is signed keeps its digest for ever
    assert_eq!(note().digest().as_str(), "c93819e87fd81ecf20fd848c1c8535945cf91b49227528828c499326b2d51846");
    let content = |json: &str| NewRecord { content: Some(RecordContent::StructuredJson(JsonText::try_from(json).unwrap())), ..note() };
    assert_ne!(content(r#"{"value": 1.10}"#).digest(), content(r#"{"value": 1.1}"#).digest());
    assert_ne!(note().digest(), corrected().digest());
}

#[test]
fn a_signature_of_before_names_its_version_alone() {
    let old = RecordSignedV1 { version: 1, provider_id: ProviderId(Uuid::from_u128(2)), signed_at: now() };
    let lifted = RecordSigned::from(old);
    assert!(lifted.version == 1 && lifted.content_sha256.is_none());
    given::<Record>([created(RecordStatus::Completed), lifted.into()]).when(SIGN()).then([]);
}

#[test]
fn an_amendment_is_the_next_version() {
    let amends = || Ok(Some(amended(2)));
    in_every_status(AMEND, [amends(), amends(), amends(), amends(), Err(RecordError::Archived)]);
    let third = NewRecord { notes: Some(text("see the letter")), ..corrected() };
    let event = RecordAmended { version: 3, record: Box::new(third.clone()), reason: text("typing error"), amended_at: now() };
    given::<Record>([created(RecordStatus::Completed), amended(2)]).when(amend(third)).then([event.into()]);
}

#[test]
fn an_amendment_that_changes_nothing_is_none() {
    a_record(RecordStatus::Completed).when(amend(note())).then([]);
    given::<Record>([created(RecordStatus::Completed), amended(2)]).when(amend(corrected())).then([]);
}

#[test]
fn an_amended_record_is_signed_again() {
    let events = [created(RecordStatus::Completed), signed(1), amended(2)];
    given::<Record>(events).when(SIGN()).then([signed(2)]);
}

#[test]
fn an_amendment_keeps_patient_type_and_source() {
    let other_patient = NewRecord { patient_id: PatientId(Uuid::from_u128(9)), ..note() };
    a_record(RecordStatus::Completed).when(amend(other_patient)).then_error(RecordError::OtherPatient);
    a_record(RecordStatus::Completed).when(amend(NewRecord { source: None, ..note() })).then_error(RecordError::OtherSource);
    a_record(RecordStatus::Completed).when(amend(NewRecord { record_type: RecordType::Other, ..note() })).then_error(RecordError::OtherSource);
}

#[test]
fn a_record_has_at_most_10000_versions() {
    let last = RecordAmended { version: 10_000, record: Box::new(corrected()), reason: text("typing error"), amended_at: now() };
    given::<Record>([created(RecordStatus::Completed), last.into()]).when(amend(note())).then_error(RecordError::TooManyVersions);
}

#[test]
fn what_is_entered_in_error_is_marked_from_everywhere_and_stays_so() {
    let marks = || Ok(Some(marked()));
    in_every_status(MARK, [marks(), marks(), marks(), marks(), marks()]);
    let wrong = || given::<Record>([created(RecordStatus::Completed), marked()]);
    wrong().when(MARK()).then([]);
    for command in [START, COMPLETE, FAIL, SIGN, SUMMARIZE, ARCHIVE, RESTORE, AMEND] {
        wrong().when(command()).then_error(RecordError::EnteredInError);
    }
}

#[test]
fn a_record_of_another_system_claims_its_id_there() {
    let claims = Record::default().reservations(Uuid::nil(), &created(RecordStatus::Pending));
    assert!(claims == [Reservation::Claim { kind: "record-source", value: "lab.example|CLINICAL_NOTE|7".into() }]);
    let of_our_own = RecordCreated { record: Box::new(NewRecord { source: None, ..note() }), status: RecordStatus::Pending, created_at: now() };
    assert!(Record::default().reservations(Uuid::nil(), &of_our_own.into()).is_empty());
}

#[test]
fn every_event_of_a_record_is_sealed_under_the_patients_key() {
    let patient = Subject::Person(Uuid::from_u128(1));
    let written = Record::default().evolve(&created(RecordStatus::Pending));
    assert_eq!(written.subject(Uuid::nil(), &created(RecordStatus::Pending)), patient);
    assert_eq!(written.evolve(&marked()).subject(Uuid::nil(), &marked()), patient);
}

#[test]
fn a_fhir_resource_is_kept_byte_for_byte() {
    let resource = "{\"resourceType\" : \"Observation\",\n \"valueQuantity\": {\"value\": 7.40, \"unit\":\"\\u0025\"}, \"id\": \"1\"}";
    let written = format!(r#"{{"format": "FHIR", "resource_type": "Observation", "resource_id": "1", "fhir_version": "4.0.1", "json": {resource}}}"#);
    let content: RecordContent = serde_json::from_str(&written).unwrap();
    let RecordContent::Fhir { resource: kept, .. } = &content else { panic!("FHIR is FHIR") };
    assert_eq!(kept.as_str(), resource);
    assert!(serde_json::to_string(&content).unwrap().contains(resource));
    let again: RecordContent = serde_json::from_str(&serde_json::to_string(&content).unwrap()).unwrap();
    assert!(again == content);
}

#[test]
fn content_has_the_fields_of_its_format_and_no_others() {
    let reads = |json: &str| serde_json::from_str::<RecordContent>(json).is_ok();
    assert!(reads(r#"{"format": "STRUCTURED_JSON", "json": [1, 2]}"#));
    assert!(reads(r#"{"format": "TEXT", "text": "well", "media_type": "text/plain"}"#));
    assert!(!reads(r#"{"format": "STRUCTURED_JSON"}"#), "JSON without JSON");
    assert!(!reads(r#"{"format": "STRUCTURED_JSON", "json": 1, "text": "well"}"#), "JSON with text");
    assert!(!reads(r#"{"format": "FHIR", "json": {}, "resource_type": "Patient"}"#), "FHIR of no version");
    assert!(!reads(r#"{"format": "TEXT", "text": "well"}"#), "text of no media type");
    assert!(!reads(r#"{"format": "TEXT", "text": "well", "media_type": "text/plain", "resource_id": "1"}"#), "text with an id");
    let error = serde_json::from_str::<RecordContent>(r#"{"format": "TEXT", "text": "well"}"#).err().unwrap();
    assert!(error.to_string().starts_with("must "), "the edge shows only messages that begin so");
}

#[test]
fn no_debug_text_of_a_record_tells_anything() {
    let json = RecordContent::StructuredJson(JsonText::try_from(r#"{"secret": 1}"#).unwrap());
    let said = format!("{:?} {json:?} {:?} {:?}", note(), created(RecordStatus::Pending), note().source);
    assert!(!said.contains("secret") && !said.contains("Visit note") && !said.contains("lab.example"), "{said}");
    assert_eq!(format!("{:?}", line("x")), "Line(redacted)");
}
