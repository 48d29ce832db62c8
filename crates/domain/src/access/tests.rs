use super::*;
use crate::testing::given;

fn line(text: &str) -> Line {
    Line::try_from(text).unwrap()
}

fn subject(patient: u128) -> AccessedSubject {
    AccessedSubject { patient_id: PatientId(Uuid::from_u128(patient)), categories: vec![DataCategory::Demographics], elements: vec![line("name")] }
}

fn accessed() -> DataAccessed {
    DataAccessed {
        accessed_at: Instant::from_micros(1),
        account_id: AccountId(Uuid::from_u128(9)),
        session_id: None,
        kind: AccessKind::View,
        action: AccessAction::Search,
        subjects: vec![subject(1), subject(2)],
        resource_type: line("patients"),
        resource_id: None,
        purpose_of_use: PurposeOfUse::Treatment,
        justification: None,
        method: AccessMethod::Api,
        request_id: None,
        as_of_position: None,
        result_count: 2,
    }
}

fn denied() -> AccessDenied {
    AccessDenied {
        denied_at: Instant::from_micros(1),
        account_id: None,
        session_id: None,
        kind: AccessKind::View,
        action: AccessAction::Read,
        patient_ids: vec![PatientId(Uuid::from_u128(1))],
        resource_type: line("patients"),
        resource_id: Some(Uuid::from_u128(1)),
        purpose_of_use: Some(PurposeOfUse::Emergency),
        justification: None,
        method: AccessMethod::Api,
        request_id: None,
        rule: line("no_consent"),
    }
}

fn tell(accessed: DataAccessed) -> AccessCommand {
    AccessCommand::Tell(accessed)
}

fn deny(denied: AccessDenied) -> AccessCommand {
    AccessCommand::Deny(denied)
}

#[test]
fn an_access_is_told_once_whichever_way_it_ended() {
    given::<Access>([]).when(tell(accessed())).then([accessed().into()]);
    given::<Access>([]).when(deny(denied())).then([denied().into()]);
    given::<Access>([accessed().into()]).when(deny(denied())).then_error(AccessError::AlreadyTold);
    given::<Access>([denied().into()]).when(tell(accessed())).then_error(AccessError::AlreadyTold);
}

#[test]
fn a_search_that_found_nobody_is_an_access_too() {
    let nobody = DataAccessed { subjects: vec![], result_count: 0, ..accessed() };
    given::<Access>([]).when(tell(nobody.clone())).then([nobody.into()]);
}

#[test]
fn each_person_is_named_once_and_with_what_was_shown() {
    let twice = DataAccessed { subjects: vec![subject(1), subject(2), subject(1)], ..accessed() };
    given::<Access>([]).when(tell(twice)).then_error(AccessError::NamedTwice);
    let of_nothing = AccessedSubject { categories: vec![], ..subject(1) };
    given::<Access>([]).when(tell(DataAccessed { subjects: vec![of_nothing], ..accessed() })).then_error(AccessError::NoCategory);
    let patient = PatientId(Uuid::from_u128(1));
    given::<Access>([]).when(deny(AccessDenied { patient_ids: vec![patient, patient], ..denied() })).then_error(AccessError::NamedTwice);
}

#[test]
fn an_emergency_is_justified_in_words_when_data_was_shown() {
    let emergency = DataAccessed { purpose_of_use: PurposeOfUse::Emergency, ..accessed() };
    given::<Access>([]).when(tell(emergency.clone())).then_error(AccessError::Unjustified);
    let justified = DataAccessed { justification: Some(Text::try_from("Unconscious on arrival.").unwrap()), ..emergency };
    given::<Access>([]).when(tell(justified.clone())).then([justified.into()]);
}

#[test]
fn one_access_names_a_bounded_number_of_persons_and_fields() {
    let many = |n: usize| (0..n as u128).map(subject).collect::<Vec<_>>();
    let most = DataAccessed { subjects: many(MAX_SUBJECTS), ..accessed() };
    given::<Access>([]).when(tell(most.clone())).then([most.into()]);
    given::<Access>([]).when(tell(DataAccessed { subjects: many(MAX_SUBJECTS + 1), ..accessed() })).then_error(AccessError::TooMany);
    let wordy = AccessedSubject { elements: vec![line("name"); MAX_ELEMENTS + 1], ..subject(1) };
    given::<Access>([]).when(tell(DataAccessed { subjects: vec![wordy], ..accessed() })).then_error(AccessError::TooMany);
    let patients = (0..=MAX_SUBJECTS as u128).map(|n| PatientId(Uuid::from_u128(n))).collect();
    given::<Access>([]).when(deny(AccessDenied { patient_ids: patients, ..denied() })).then_error(AccessError::TooMany);
}

#[test]
fn an_access_outlives_the_patients_erasure() {
    assert_eq!(Access::Told.subject(Uuid::nil(), &accessed().into()), Subject::Audit);
    assert_eq!(Access::Told.subject(Uuid::nil(), &denied().into()), Subject::Audit);
}
