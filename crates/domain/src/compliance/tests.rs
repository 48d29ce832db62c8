use super::*;
use crate::testing::given;

/// 2026-01-31T09:30:00Z
fn now() -> Instant {
    Instant::from_micros(1_769_851_800_000_000)
}

fn officer() -> AccountId {
    AccountId(Uuid::from_u128(5))
}

fn patient(n: u128) -> PatientId {
    PatientId(Uuid::from_u128(n))
}

fn told<T: serde::de::DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).unwrap()
}

fn text(text: &str) -> Text {
    text.try_into().unwrap()
}

fn breach() -> NewFinding {
    told(
        r#"{"finding_type": "BREACH", "severity": "CRITICAL", "title": "Lost laptop", "rule": "164.402",
            "patient_ids": ["00000000-0000-0000-0000-000000000001"], "discovered_at": "2026-01-30T09:30:00Z"}"#,
    )
}

fn raise(finding: NewFinding) -> ComplianceCommand {
    ComplianceCommand::RaiseFinding { now: now(), account_id: officer(), finding: Box::new(finding) }
}

fn raised() -> ComplianceEvent {
    FindingRaised { finding: breach(), raised_by: officer(), raised_at: now() }.into()
}

fn note() -> ComplianceCommand {
    ComplianceCommand::NoteFinding { now: now(), account_id: officer(), note: text("it was encrypted") }
}

fn noted() -> ComplianceEvent {
    FindingNoted { note: text("it was encrypted"), noted_by: officer(), noted_at: now() }.into()
}

fn resolve() -> ComplianceCommand {
    ComplianceCommand::ResolveFinding { now: now(), account_id: officer(), outcome: FindingOutcome::Unfounded, measures: text("none needed") }
}

fn resolved() -> ComplianceEvent {
    FindingResolved { outcome: FindingOutcome::Unfounded, measures: text("none needed"), resolved_by: officer(), resolved_at: now() }.into()
}

fn reopen() -> ComplianceCommand {
    ComplianceCommand::ReopenFinding { now: now(), account_id: officer(), reason: text("the key was with it") }
}

fn reopened() -> ComplianceEvent {
    FindingReopened { reason: text("the key was with it"), reopened_by: officer(), reopened_at: now() }.into()
}

fn lawsuit(patients: impl IntoIterator<Item = u128>) -> NewLegalHold {
    let patient_ids = patients.into_iter().map(patient).collect();
    NewLegalHold { matter: "A v. B".try_into().unwrap(), authority: None, reason: text("discovery"), patient_ids }
}

fn place(hold: NewLegalHold) -> ComplianceCommand {
    ComplianceCommand::PlaceLegalHold { now: now(), account_id: officer(), hold }
}

fn placed(patients: impl IntoIterator<Item = u128>) -> ComplianceEvent {
    LegalHoldPlaced { hold: lawsuit(patients), placed_by: officer(), placed_at: now() }.into()
}

fn widen(patients: impl IntoIterator<Item = u128>) -> ComplianceCommand {
    ComplianceCommand::WidenLegalHold { now: now(), account_id: officer(), patient_ids: patients.into_iter().map(patient).collect() }
}

fn widened(patients: impl IntoIterator<Item = u128>) -> ComplianceEvent {
    LegalHoldWidened { patient_ids: patients.into_iter().map(patient).collect(), widened_by: officer(), widened_at: now() }.into()
}

fn release() -> ComplianceCommand {
    ComplianceCommand::ReleaseLegalHold { now: now(), account_id: officer(), reason: text("settled") }
}

fn released() -> ComplianceEvent {
    LegalHoldReleased { reason: text("settled"), released_by: officer(), released_at: now() }.into()
}

fn security_officer() -> NewDesignation {
    NewDesignation { office: Office::SecurityOfficer, account_id: AccountId(Uuid::from_u128(6)) }
}

fn designate() -> ComplianceCommand {
    ComplianceCommand::DesignateOfficer { now: now(), account_id: officer(), designation: security_officer() }
}

fn designated() -> ComplianceEvent {
    OfficerDesignated { designation: security_officer(), designated_by: officer(), designated_at: now() }.into()
}

fn relieve() -> ComplianceCommand {
    ComplianceCommand::RelieveOfficer { now: now(), account_id: officer(), reason: None }
}

fn relieved() -> ComplianceEvent {
    OfficerRelieved { reason: None, relieved_by: officer(), relieved_at: now() }.into()
}

fn course(completed_on: &str, valid_until: &str) -> NewTraining {
    told(&format!(
        r#"{{"account_id": "00000000-0000-0000-0000-000000000006", "topic": "PRIVACY", "course": "HIPAA 101", "completed_on": "{completed_on}",
             "valid_until": "{valid_until}"}}"#
    ))
}

fn record(training: NewTraining) -> ComplianceCommand {
    ComplianceCommand::RecordTraining { now: now(), account_id: officer(), training }
}

fn recorded() -> ComplianceEvent {
    TrainingRecorded { training: course("2026-01-31", "2027-01-31"), recorded_by: officer(), recorded_at: now() }.into()
}

fn mark() -> ComplianceCommand {
    ComplianceCommand::MarkTrainingInError { now: now(), account_id: officer(), reason: text("somebody else") }
}

fn marked() -> ComplianceEvent {
    TrainingEnteredInError { reason: text("somebody else"), marked_by: officer(), marked_at: now() }.into()
}

#[test]
fn a_finding_is_raised_once_and_not_before_it_was_discovered() {
    given::<Compliance>([]).when(raise(breach())).then([raised()]);
    given::<Compliance>([raised()]).when(raise(breach())).then_error(ComplianceError::AlreadyThere);
    let later = NewFinding { discovered_at: now().plus_minutes(1), ..breach() };
    given::<Compliance>([]).when(raise(later)).then_error(ComplianceError::DiscoveredLater);
    let wide = NewFinding { patient_ids: (0..101).map(patient).collect(), ..breach() };
    given::<Compliance>([]).when(raise(wide)).then_error(ComplianceError::TooMany);
}

#[test]
fn a_finding_is_looked_into_until_it_is_resolved_and_again_when_it_is_reopened() {
    given::<Compliance>([raised()]).when(note()).then([noted()]);
    given::<Compliance>([raised(), noted()]).when(note()).then([]);
    given::<Compliance>([raised(), noted()]).when(resolve()).then([resolved()]);
    given::<Compliance>([raised(), resolved()]).when(note()).then_error(ComplianceError::FindingResolved);
    given::<Compliance>([raised(), resolved()]).when(resolve()).then_error(ComplianceError::FindingResolved);
    given::<Compliance>([raised()]).when(reopen()).then([]);
    given::<Compliance>([raised(), resolved()]).when(reopen()).then([reopened()]);
    given::<Compliance>([raised(), resolved(), reopened()]).when(note()).then([noted()]);
}

#[test]
fn a_finding_takes_only_so_many_notes() {
    let full = (0..200).fold(Compliance::default().evolve(&raised()), |finding, _| finding.evolve(&noted()));
    let more = ComplianceCommand::NoteFinding { now: now(), account_id: officer(), note: text("one more") };
    assert_eq!(full.decide(more), Err(ComplianceError::TooManyNotes));
    assert_eq!(full.decide(note()), Ok(vec![]));
    let of_length = |length| ComplianceCommand::NoteFinding { now: now(), account_id: officer(), note: text(&"x".repeat(length)) };
    given::<Compliance>([raised()]).when(of_length(10_001)).then_error(ComplianceError::NoteTooLong);
    assert!(Compliance::default().evolve(&raised()).decide(of_length(10_000)).is_ok());
}

#[test]
fn a_legal_hold_covers_each_patient_once_until_it_is_released() {
    given::<Compliance>([]).when(place(lawsuit([2, 1, 2]))).then([placed([1, 2])]);
    given::<Compliance>([]).when(place(lawsuit([]))).then_error(ComplianceError::NobodyHeld);
    given::<Compliance>([]).when(place(lawsuit(0..101))).then_error(ComplianceError::TooMany);
    given::<Compliance>([placed([1])]).when(widen([1, 3, 3])).then([widened([3])]);
    given::<Compliance>([placed([1])]).when(widen([1])).then([]);
    given::<Compliance>([placed([1])]).when(release()).then([released()]);
    given::<Compliance>([placed([1]), released()]).when(release()).then([]);
    given::<Compliance>([placed([1]), released()]).when(widen([2])).then_error(ComplianceError::HoldReleased);
}

#[test]
fn a_legal_hold_has_a_limit() {
    let full = (0..10).fold(Compliance::default().evolve(&placed([0])), |hold, n| hold.evolve(&widened(n * 100..(n + 1) * 100)));
    assert_eq!(full.decide(widen([2_000])), Err(ComplianceError::HoldTooWide));
    assert_eq!(full.decide(widen([999])), Ok(vec![]));
}

#[test]
fn a_patients_data_is_kept_while_a_hold_covers_them() {
    let hold = Compliance::default().evolve(&placed([1])).evolve(&widened([2]));
    assert!(hold.holds(patient(1)) && hold.holds(patient(2)) && !hold.holds(patient(3)));
    assert!(!hold.evolve(&released()).holds(patient(1)));
}

#[test]
fn an_office_is_claimed_by_who_holds_it_and_given_back() {
    given::<Compliance>([]).when(designate()).then([designated()]);
    given::<Compliance>([designated()]).when(relieve()).then([relieved()]);
    given::<Compliance>([designated(), relieved()]).when(relieve()).then([]);
    let claim = |of: Compliance, event| of.reservations(Uuid::nil(), &event);
    let value = || "SECURITY_OFFICER".to_owned();
    assert!(claim(Compliance::Absent, designated()) == [Reservation::Claim { kind: "office", value: value() }]);
    assert!(claim(Compliance::Absent.evolve(&designated()), relieved()) == [Reservation::Release { kind: "office", value: value() }]);
}

#[test]
fn a_training_lies_in_the_past_and_is_valid_after_it() {
    given::<Compliance>([]).when(record(course("2026-01-31", "2027-01-31"))).then([recorded()]);
    given::<Compliance>([]).when(record(course("2026-02-01", "2027-01-31"))).then_error(ComplianceError::CompletedLater);
    given::<Compliance>([]).when(record(course("2026-01-31", "2026-01-31"))).then_error(ComplianceError::ValidBeforeCompleted);
    given::<Compliance>([recorded()]).when(mark()).then([marked()]);
    given::<Compliance>([recorded(), marked()]).when(mark()).then([]);
}

#[test]
fn what_is_one_kind_of_matter_is_never_another() {
    for (event, wrong) in [(raised(), release()), (raised(), relieve()), (raised(), mark()), (placed([1]), note()), (designated(), resolve())] {
        assert!(Compliance::default().evolve(&event).decide(wrong).is_err());
    }
    given::<Compliance>([]).when(note()).then_error(ComplianceError::NotAFinding);
    given::<Compliance>([]).when(widen([1])).then_error(ComplianceError::NotALegalHold);
    given::<Compliance>([]).when(relieve()).then_error(ComplianceError::NotADesignation);
    given::<Compliance>([]).when(mark()).then_error(ComplianceError::NotATraining);
}
