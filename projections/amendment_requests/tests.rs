use anamnesis_domain::patient::{
    AmendmentAccepted, AmendmentDeadlineExtended, AmendmentDenialDisputed, AmendmentDenied, AmendmentDisputeRebutted, AmendmentRecipientTold,
    AmendmentRequested, PatientEvent,
};
use uuid::Uuid;

use super::*;
use crate::kernel::testing::{Log, log};

const PATIENT: Uuid = Uuid::from_u128(0xb1);
const REQUEST: AmendmentRequestId = AmendmentRequestId(Uuid::from_u128(9));

fn text(text: &str) -> Text {
    text.try_into().unwrap()
}

fn line(text: &str) -> Line {
    text.try_into().unwrap()
}

fn at(micros: i64) -> Instant {
    Instant::from_micros(micros)
}

fn requested() -> PatientEvent {
    let (amends, reason, tell) = (text("not a smoker"), text("I never smoked"), vec![line("Dr. Wilson")]);
    AmendmentRequested { request_id: REQUEST, amends, reason, record_id: None, tell, requested_at: at(1), due_at: at(60) }.into()
}

fn given(events: impl IntoIterator<Item = PatientEvent>) -> Log {
    events.into_iter().fold(log(), |log, event| log.event("patient", PATIENT, event))
}

fn row(events: impl IntoIterator<Item = PatientEvent>) -> AmendmentRequestRow {
    given(events).rows::<AmendmentRequests>().remove(0).row
}

#[test]
fn an_open_request_says_until_when_it_must_be_decided() {
    let open = row([requested()]);
    assert_eq!((open.status, open.due_at, open.decided_at), (AmendmentStatus::Open, at(60), None));
    let extended = AmendmentDeadlineExtended { request_id: REQUEST, reason: text("away"), due_at: at(90), extended_at: at(50) };
    let extended = row([requested(), extended.into()]);
    assert_eq!((extended.status, extended.due_at, extended.extended_at), (AmendmentStatus::Open, at(90), Some(at(50))));
}

#[test]
fn an_accepted_one_has_its_amendment_and_who_was_told() {
    let accepted = AmendmentAccepted { request_id: REQUEST, amendment: text("never smoked"), accepted_at: at(2) };
    let told = |who: &str| AmendmentRecipientTold { request_id: REQUEST, recipient: line(who), told_at: at(3) }.into();
    let row = row([requested(), accepted.into(), told("Dr. Wilson"), told("Mercy Hospital")]);
    assert_eq!((row.status, row.decided_at), (AmendmentStatus::Accepted, Some(at(2))));
    assert!(row.decided_by.is_some());
    assert_eq!(row.amendment.as_ref().and_then(Sealed::get), Some(&text("never smoked")));
    assert_eq!(row.told.and_then(|told| told.get().cloned()), Some(vec![line("Dr. Wilson"), line("Mercy Hospital")]));
}

#[test]
fn a_denied_one_keeps_the_ground_the_disagreement_and_the_answer() {
    let ground = DenialGround::AccurateAndComplete;
    let row = row([
        requested(),
        AmendmentDenied { request_id: REQUEST, ground, explanation: text("it was measured"), denied_at: at(2) }.into(),
        AmendmentDenialDisputed { request_id: REQUEST, statement: text("wrongly"), disputed_at: at(3) }.into(),
        AmendmentDisputeRebutted { request_id: REQUEST, rebuttal: text("twice"), rebutted_at: at(4) }.into(),
    ]);
    assert_eq!((row.status, row.denial_ground), (AmendmentStatus::Rebutted, Some(ground)));
    assert_eq!(row.disagreement.as_ref().and_then(Sealed::get), Some(&text("wrongly")));
    assert_eq!(row.rebuttal.as_ref().and_then(Sealed::get), Some(&text("twice")));
    assert_eq!((row.disagreed_at, row.rebutted_at), (Some(at(3)), Some(at(4))));
}

#[test]
fn nothing_of_an_erased_patients_requests_is_left() {
    assert_eq!(given([requested()]).erase(PATIENT).rows::<AmendmentRequests>(), []);
}
