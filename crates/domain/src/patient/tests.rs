use super::*;
use crate::testing::given;
use crate::{Address, Code, Coding, Date, Gender, HumanName, IdentifierType, Line, Period, PhoneContact};

mod amendments;
mod merging;

fn line(text: &str) -> Line {
    text.try_into().unwrap()
}

fn text(text: &str) -> Text {
    text.try_into().unwrap()
}

fn day(year: i32, month: u32, day: u32) -> Date {
    chrono::NaiveDate::from_ymd_opt(year, month, day).unwrap().into()
}

fn code(text: &str) -> Code {
    Code { codings: vec![], text: Some(text.to_owned()) }
}

fn name(family: &str) -> HumanName {
    HumanName { family: Some(line(family)), given: vec![line("Ada")], ..HumanName::default() }
}

fn ada() -> NewPatient {
    serde_json::from_str(
        r#"{"patient_number": "p-1", "name": {"family": "Quill", "given": ["Ada"]}, "birth_date": "1951-03-09", "gender": "FEMALE"}"#,
    )
    .unwrap()
}

/// 2026-01-31T09:30:00Z
fn now() -> Instant {
    Instant::from_micros(1_769_851_800_000_000)
}

fn register(patient: NewPatient) -> PatientCommand {
    PatientCommand::Register { now: now(), patient: Box::new(patient) }
}

fn registered() -> PatientEvent {
    PatientRegistered { patient: Box::new(ada()), registered_at: now() }.into()
}

fn deactivated() -> PatientEvent {
    PatientDeactivated { reason: Some(text("moved away")), deactivated_at: now() }.into()
}

fn a_registered_patient() -> crate::testing::Given<Patient> {
    given([registered()])
}

fn ssn(value: &str) -> Identifier {
    Identifier { system: None, identifier_type: IdentifierType::SocialSecurity, value: line(value) }
}

fn entry(id: u128) -> EntryId {
    EntryId(Uuid::from_u128(id))
}

fn asthma() -> Condition {
    Condition {
        code: Code {
            codings: vec![Coding { system: Some("http://snomed.info/sct".into()), code: "195967001".into(), display: Some("Asthma".into()) }],
            text: None,
        },
        status: ConditionStatus::Active,
        severity: None,
        onset: Some(day(1999, 5, 1)),
        ended: None,
        note: None,
        record_id: None,
    }
}

fn record_condition(condition: Condition) -> PatientCommand {
    PatientCommand::RecordCondition { now: now(), entry_id: entry(1), condition }
}

#[test]
fn a_patient_is_registered_once() {
    given::<Patient>([]).when(register(ada())).then([registered()]);
    a_registered_patient().when(register(ada())).then_error(PatientError::AlreadyRegistered);
}

#[test]
fn a_patient_has_a_name() {
    let nameless = NewPatient { name: HumanName { prefix: vec![line("Dr.")], ..HumanName::default() }, ..ada() };
    given::<Patient>([]).when(register(nameless)).then_error(PatientError::NameMissing);
    let other_is_nameless = NewPatient { other_names: vec![HumanName::default()], ..ada() };
    given::<Patient>([]).when(register(other_is_nameless)).then_error(PatientError::NameMissing);
}

#[test]
fn nobody_is_born_tomorrow_but_somewhere_it_is_tomorrow_already() {
    // 09:30 UTC on the 31st: 23:30 of the same day in Kiribati
    given::<Patient>([]).when(register(NewPatient { birth_date: day(2026, 2, 1), ..ada() })).then_error(PatientError::BornInTheFuture);
    let evening = Instant::from_micros(now().micros() + 3_600_000_000);
    let born = NewPatient { birth_date: day(2026, 2, 1), ..ada() };
    given::<Patient>([]).when(PatientCommand::Register { now: evening, patient: Box::new(born.clone()) }).then([PatientRegistered {
        patient: Box::new(born),
        registered_at: evening,
    }
    .into()]);
}

#[test]
fn nobody_alive_was_born_before_1850() {
    given::<Patient>([]).when(register(NewPatient { birth_date: day(1849, 12, 31), ..ada() })).then_error(PatientError::BornTooLongAgo);
    let old = NewPatient { birth_date: day(1850, 1, 1), ..ada() };
    let event = PatientRegistered { patient: Box::new(old.clone()), registered_at: now() };
    given::<Patient>([]).when(register(old)).then([event.into()]);
}

#[test]
fn death_lies_between_birth_and_now() {
    let died = |deceased_at| PatientCommand::RecordDeath { now: now(), deceased_at };
    let yesterday = Instant::from_micros(now().micros() - 86_400_000_000);
    let event = PatientEvent::from(PatientDied { deceased_at: yesterday, recorded_at: now() });
    a_registered_patient().when(died(yesterday)).then([event.clone()]);
    given::<Patient>([registered(), event]).when(died(yesterday)).then([]);
    a_registered_patient().when(died(now().plus_minutes(1))).then_error(PatientError::DiedInTheFuture);
    a_registered_patient().when(died(day(1951, 3, 7).start())).then_error(PatientError::DiedBeforeBirth);
    given::<Patient>([]).when(register(NewPatient { deceased_at: Some(now().plus_minutes(1)), ..ada() })).then_error(PatientError::DiedInTheFuture);
    given::<Patient>([]).when(register(NewPatient { deceased_at: Some(day(1950, 1, 1).start()), ..ada() })).then_error(PatientError::DiedBeforeBirth);
}

#[test]
fn demographics_are_corrected_as_a_whole() {
    let correct = |demographics| PatientCommand::CorrectDemographics { now: now(), demographics: Box::new(demographics) };
    let corrected = Demographics { gender: Gender::Other, ..ada().demographics() };
    a_registered_patient()
        .when(correct(corrected.clone()))
        .then([PatientDemographicsCorrected { demographics: corrected, corrected_at: now() }.into()]);
    a_registered_patient().when(correct(ada().demographics())).then([]);
    a_registered_patient()
        .when(correct(Demographics { birth_date: day(2030, 1, 1), ..ada().demographics() }))
        .then_error(PatientError::BornInTheFuture);
    a_registered_patient().when(correct(Demographics { name: HumanName::default(), ..ada().demographics() })).then_error(PatientError::NameMissing);
}

#[test]
fn a_correction_does_not_move_birth_behind_death() {
    let died = PatientDied { deceased_at: day(2001, 1, 1).start(), recorded_at: now() }.into();
    given::<Patient>([registered(), died])
        .when(PatientCommand::CorrectDemographics {
            now: now(),
            demographics: Box::new(Demographics { birth_date: day(2002, 1, 1), ..ada().demographics() }),
        })
        .then_error(PatientError::DiedBeforeBirth);
}

#[test]
fn contact_changes_as_a_whole_and_only_if_it_differs() {
    let phone = PhoneContact { number: "555-013-2477".try_into().unwrap(), r#use: None };
    let contact = Contact { phones: vec![phone], ..Contact::default() };
    let change = |contact| PatientCommand::ChangeContact { now: now(), contact };
    let changed = PatientEvent::from(PatientContactChanged { contact: contact.clone(), changed_at: now() });
    a_registered_patient().when(change(contact.clone())).then([changed.clone()]);
    given::<Patient>([registered(), changed]).when(change(contact.clone())).then([]);
    a_registered_patient()
        .when(change(Contact { phones: vec![contact.phones[0].clone(); 101], ..Contact::default() }))
        .then_error(PatientError::TooMany);
    let reversed = Period { start: Some(now()), end: Some(Instant::from_micros(0)) };
    let address = Address { period: Some(reversed), ..Address::default() };
    a_registered_patient().when(change(Contact { addresses: vec![address], ..contact })).then_error(PatientError::EndsBeforeItBegins);
}

#[test]
fn insurance_changes_as_a_whole_and_only_if_it_differs() {
    let insurance = vec![Insurance {
        payer: line("Blue Fern Mutual"),
        plan: None,
        member_number: Some(line("BF-1")),
        group_number: None,
        subscriber: None,
        relationship: None,
        valid_from: Some(day(2026, 1, 1)),
        valid_to: Some(day(2026, 12, 31)),
    }];
    let change = |insurance| PatientCommand::ChangeInsurance { now: now(), insurance };
    let changed = PatientEvent::from(PatientInsuranceChanged { insurance: insurance.clone(), changed_at: now() });
    a_registered_patient().when(change(insurance.clone())).then([changed.clone()]);
    given::<Patient>([registered(), changed]).when(change(insurance.clone())).then([]);
    let reversed = vec![Insurance { valid_to: Some(day(2025, 12, 31)), ..insurance[0].clone() }];
    a_registered_patient().when(change(reversed)).then_error(PatientError::EndsBeforeItBegins);
    a_registered_patient().when(change(vec![insurance[0].clone(); 101])).then_error(PatientError::TooMany);
}

#[test]
fn an_emergency_contact_has_a_name() {
    let bea = EmergencyContact { name: name("Quill"), relationship: Some(line("sister")), phone: None, email: None, address: None };
    let change = |contact: EmergencyContact| PatientCommand::ChangeEmergencyContacts { now: now(), emergency_contacts: vec![contact] };
    let changed = PatientEvent::from(PatientEmergencyContactsChanged { emergency_contacts: vec![bea.clone()], changed_at: now() });
    a_registered_patient().when(change(bea.clone())).then([changed.clone()]);
    given::<Patient>([registered(), changed]).when(change(bea.clone())).then([]);
    a_registered_patient().when(change(EmergencyContact { name: HumanName::default(), ..bea })).then_error(PatientError::NameMissing);
}

#[test]
fn a_number_is_added_once_and_removed_once() {
    let added = PatientEvent::from(PatientIdentifierAdded { identifier: ssn("999-12-3456"), added_at: now() });
    let removed = PatientEvent::from(PatientIdentifierRemoved { identifier: ssn("999-12-3456"), removed_at: now() });
    let add = |value| PatientCommand::AddIdentifier { now: now(), identifier: ssn(value) };
    let remove = || PatientCommand::RemoveIdentifier { now: now(), identifier: ssn("999-12-3456") };
    a_registered_patient().when(add("999-12-3456")).then([added.clone()]);
    given::<Patient>([registered(), added.clone()]).when(add("999-12-3456")).then([]);
    given::<Patient>([registered(), added.clone()]).when(remove()).then([removed.clone()]);
    given::<Patient>([registered(), added, removed]).when(remove()).then([]);
}

#[test]
fn a_social_security_number_has_nine_digits() {
    a_registered_patient().when(PatientCommand::AddIdentifier { now: now(), identifier: ssn("999-12-345") }).then_error(PatientError::NotSuchANumber);
    given::<Patient>([]).when(register(NewPatient { identifiers: vec![ssn("nine")], ..ada() })).then_error(PatientError::NotSuchANumber);
}

#[test]
fn a_patient_has_at_most_100_numbers() {
    let many = (0..100).map(|n| PatientIdentifierAdded { identifier: ssn(&format!("{n:09}")), added_at: now() }.into());
    given::<Patient>([registered()].into_iter().chain(many))
        .when(PatientCommand::AddIdentifier { now: now(), identifier: ssn("999-12-3456") })
        .then_error(PatientError::TooMany);
}

#[test]
fn a_condition_is_recorded_and_recorded_again_when_it_changes() {
    let recorded = PatientEvent::from(ConditionRecorded { entry_id: entry(1), condition: asthma(), recorded_at: now() });
    a_registered_patient().when(record_condition(asthma())).then([recorded.clone()]);
    given::<Patient>([registered(), recorded.clone()]).when(record_condition(asthma())).then([]);
    let resolved = Condition { status: ConditionStatus::Resolved, ended: Some(day(2020, 1, 1)), ..asthma() };
    given::<Patient>([registered(), recorded]).when(record_condition(resolved.clone())).then([ConditionRecorded {
        entry_id: entry(1),
        condition: resolved,
        recorded_at: now(),
    }
    .into()]);
}

#[test]
fn an_entry_of_the_history_names_what_it_is_and_ends_after_it_begins() {
    let nothing = Code { codings: vec![], text: None };
    a_registered_patient().when(record_condition(Condition { code: nothing, ..asthma() })).then_error(PatientError::CodeMissing);
    a_registered_patient()
        .when(record_condition(Condition { ended: Some(day(1999, 4, 30)), ..asthma() }))
        .then_error(PatientError::EndsBeforeItBegins);
    a_registered_patient().when(record_condition(Condition { code: code(&"x".repeat(2_001)), ..asthma() })).then_error(PatientError::TooMany);
}

#[test]
fn a_history_has_at_most_1000_entries_which_may_still_change() {
    let many = |n| ConditionRecorded { entry_id: entry(n), condition: asthma(), recorded_at: now() }.into();
    let full = || given::<Patient>([registered()].into_iter().chain((2..1_002).map(many)));
    full().when(record_condition(asthma())).then_error(PatientError::TooMany);
    let condition = Condition { note: Some(text("at night")), ..asthma() };
    full().when(PatientCommand::RecordCondition { now: now(), entry_id: entry(2), condition: condition.clone() }).then([ConditionRecorded {
        entry_id: entry(2),
        condition,
        recorded_at: now(),
    }
    .into()]);
}

fn end(list: HistoryList, ended: Date) -> PatientCommand {
    PatientCommand::EndHistoryEntry { now: now(), list, entry_id: entry(1), ended, reason: None }
}

fn ended(list: HistoryList, ended: Date) -> PatientEvent {
    HistoryEntryEnded { list, entry_id: entry(1), ended, reason: None, recorded_at: now() }.into()
}

fn in_error(list: HistoryList) -> (PatientCommand, PatientEvent) {
    let (entry_id, reason) = (entry(1), text("of another patient"));
    let command = PatientCommand::MarkHistoryEntryInError { now: now(), list, entry_id, reason: reason.clone() };
    (command, HistoryEntryEnteredInError { list, entry_id, reason, marked_at: now() }.into())
}

/// A patient with asthma, an allergy and a medication, each the entry 1 of its list.
fn with_a_history() -> Vec<PatientEvent> {
    let allergy = serde_json::from_str(r#"{"code": {"codings": [], "text": "Peanuts"}, "status": "ACTIVE"}"#).unwrap();
    let medication = serde_json::from_str(r#"{"code": {"codings": [], "text": "Salbutamol"}, "status": "ACTIVE"}"#).unwrap();
    vec![
        registered(),
        ConditionRecorded { entry_id: entry(1), condition: asthma(), recorded_at: now() }.into(),
        AllergyRecorded { entry_id: entry(1), allergy, recorded_at: now() }.into(),
        MedicationRecorded { entry_id: entry(1), medication, recorded_at: now() }.into(),
    ]
}

fn chart_after(events: &[PatientEvent]) -> Chart {
    crate::testing::folded::<Patient>(events).chart().unwrap().clone()
}

#[test]
fn an_entry_ends_in_its_own_list_and_only_there() {
    let day = day(2026, 1, 30);
    for list in HistoryList::ALL {
        let mut story = with_a_history();
        given::<Patient>(story.clone()).when(end(*list, day)).then([ended(*list, day)]);
        story.push(ended(*list, day));
        given::<Patient>(story.clone()).when(end(*list, day)).then([]);
        let chart = chart_after(&story);
        let over = [
            chart.conditions[&entry(1)].status == ConditionStatus::Resolved && chart.conditions[&entry(1)].ended == Some(day),
            chart.allergies[&entry(1)].status == AllergyStatus::Resolved && chart.allergies[&entry(1)].ended == Some(day),
            chart.medications[&entry(1)].status == MedicationStatus::Stopped && chart.medications[&entry(1)].ended == Some(day),
        ];
        assert_eq!(over, HistoryList::ALL.iter().map(|one| one == list).collect::<Vec<_>>()[..]);
    }
}

#[test]
fn an_entry_ends_after_it_began_and_not_tomorrow() {
    let conditions = HistoryList::Conditions;
    given::<Patient>(with_a_history()).when(end(conditions, day(1999, 4, 30))).then_error(PatientError::EndsBeforeItBegins);
    given::<Patient>(with_a_history()).when(end(conditions, day(2026, 2, 2))).then_error(PatientError::EndsInTheFuture);
    a_registered_patient().when(end(conditions, day(2026, 1, 30))).then_error(PatientError::NoSuchEntry);
    given::<Patient>([registered(), deactivated()]).when(end(conditions, day(2026, 1, 30))).then_error(PatientError::Deactivated);
}

#[test]
fn an_entry_that_never_was_true_does_not_end_and_is_only_put_right_whole() {
    for list in HistoryList::ALL {
        let (mark, marked) = in_error(*list);
        let mut story = with_a_history();
        given::<Patient>(story.clone()).when(mark.clone()).then([marked.clone()]);
        a_registered_patient().when(mark.clone()).then_error(PatientError::NoSuchEntry);
        story.push(marked);
        given::<Patient>(story.clone()).when(mark).then([]);
        given::<Patient>(story).when(end(*list, day(2026, 1, 30))).then_error(PatientError::EnteredInError);
    }
    let mut story = with_a_history();
    story.push(in_error(HistoryList::Conditions).1);
    assert!(chart_after(&story).conditions[&entry(1)].status == ConditionStatus::EnteredInError);
    assert!(chart_after(&story).allergies[&entry(1)].status == AllergyStatus::Active);
    let again = crate::testing::folded::<Patient>(&story).decide(record_condition(asthma())).unwrap();
    story.extend(again);
    assert!(chart_after(&story).conditions[&entry(1)] == asthma());
}

#[test]
fn a_medication_taken_as_planned_was_not_stopped() {
    assert_eq!(MedicationStatus::Completed.once_ended(), MedicationStatus::Completed);
    assert_eq!(MedicationStatus::OnHold.once_ended(), MedicationStatus::Stopped);
    assert_eq!(ConditionStatus::Remission.once_ended(), ConditionStatus::Remission);
}

#[test]
fn an_allergy_is_recorded_once() {
    let allergy = Allergy {
        code: code("Peanut"),
        status: AllergyStatus::Active,
        categories: vec![AllergyCategory::Food],
        criticality: Some(Criticality::High),
        reactions: vec![code("Wheal")],
        onset: None,
        ended: None,
        note: None,
        record_id: None,
    };
    let record = |allergy| PatientCommand::RecordAllergy { now: now(), entry_id: entry(1), allergy };
    let recorded = PatientEvent::from(AllergyRecorded { entry_id: entry(1), allergy: allergy.clone(), recorded_at: now() });
    a_registered_patient().when(record(allergy.clone())).then([recorded.clone()]);
    given::<Patient>([registered(), recorded]).when(record(allergy.clone())).then([]);
    let reversed = Allergy { onset: Some(day(2020, 1, 2)), ended: Some(day(2020, 1, 1)), ..allergy };
    a_registered_patient().when(record(reversed)).then_error(PatientError::EndsBeforeItBegins);
}

#[test]
fn a_medication_is_recorded_once() {
    let medication = Medication {
        code: code("Lisinopril 10 MG Oral Tablet"),
        status: MedicationStatus::Active,
        dosage: Some(text("one a day")),
        reasons: vec![code("Hypertension")],
        prescriber_id: None,
        onset: Some(day(2024, 2, 29)),
        ended: None,
        note: None,
        record_id: None,
    };
    let record = |medication| PatientCommand::RecordMedication { now: now(), entry_id: entry(1), medication };
    let recorded = PatientEvent::from(MedicationRecorded { entry_id: entry(1), medication: medication.clone(), recorded_at: now() });
    a_registered_patient().when(record(medication.clone())).then([recorded.clone()]);
    given::<Patient>([registered(), recorded]).when(record(medication.clone())).then([]);
    a_registered_patient().when(record(Medication { reasons: vec![code("x"); 101], ..medication })).then_error(PatientError::TooMany);
}

#[test]
fn a_patient_has_one_primary_care_provider_or_none() {
    let somebody = Some(ProviderId(Uuid::from_u128(7)));
    let assign = |provider_id| PatientCommand::AssignPrimaryCareProvider { now: now(), provider_id };
    let assigned = PatientEvent::from(PrimaryCareProviderAssigned { provider_id: somebody, assigned_at: now() });
    a_registered_patient().when(assign(somebody)).then([assigned.clone()]);
    a_registered_patient().when(assign(None)).then([]);
    given::<Patient>([registered(), assigned.clone()]).when(assign(somebody)).then([]);
    given::<Patient>([registered(), assigned])
        .when(assign(None))
        .then([PrimaryCareProviderAssigned { provider_id: None, assigned_at: now() }.into()]);
}

#[test]
fn a_care_team_names_each_provider_once() {
    let member = CareTeamMember { provider_id: ProviderId(Uuid::from_u128(7)), role: None };
    let change = |care_team| PatientCommand::ChangeCareTeam { now: now(), care_team };
    let changed = PatientEvent::from(PatientCareTeamChanged { care_team: vec![member.clone()], changed_at: now() });
    a_registered_patient().when(change(vec![member.clone()])).then([changed.clone()]);
    given::<Patient>([registered(), changed]).when(change(vec![member.clone()])).then([]);
    let twice = vec![member.clone(), CareTeamMember { role: Some(code("Cardiologist")), ..member }];
    a_registered_patient().when(change(twice)).then_error(PatientError::SameMemberTwice);
}

#[test]
fn goals_and_risks_change_only_if_they_differ() {
    let goals = vec![text("walk to the lake")];
    let risks = vec![text("smoking")];
    let change_goals = |health_goals| PatientCommand::ChangeHealthGoals { now: now(), health_goals };
    let change_risks = |risk_factors| PatientCommand::ChangeRiskFactors { now: now(), risk_factors };
    let goals_changed = PatientEvent::from(PatientHealthGoalsChanged { health_goals: goals.clone(), changed_at: now() });
    let risks_changed = PatientEvent::from(PatientRiskFactorsChanged { risk_factors: risks.clone(), changed_at: now() });
    a_registered_patient().when(change_goals(goals.clone())).then([goals_changed.clone()]);
    a_registered_patient().when(change_risks(risks.clone())).then([risks_changed.clone()]);
    given::<Patient>([registered(), goals_changed]).when(change_goals(goals.clone())).then([]);
    given::<Patient>([registered(), risks_changed]).when(change_risks(risks.clone())).then([]);
    a_registered_patient().when(change_goals(vec![goals[0].clone(); 101])).then_error(PatientError::TooMany);
    a_registered_patient().when(change_risks(vec![risks[0].clone(); 101])).then_error(PatientError::TooMany);
}

#[test]
fn an_account_is_linked_once_and_the_one_before_is_given_back() {
    let [first, second] = [1, 2].map(|n| AccountId(Uuid::from_u128(n)));
    let link = |account_id| PatientCommand::LinkAccount { now: now(), account_id };
    let linked = |account_id| PatientEvent::from(PatientAccountLinked { account_id, linked_at: now() });
    a_registered_patient().when(link(first)).then([linked(first)]);
    given::<Patient>([registered(), linked(first)]).when(link(first)).then([]);
    let state = Patient::default().evolve(&registered()).evolve(&linked(first));
    let reservations = state.reservations(Uuid::nil(), &linked(second));
    assert!(
        reservations
            == [
                Reservation::Release { kind: "patient-account", value: first.to_string() },
                Reservation::Claim { kind: "patient-account", value: second.to_string() },
            ]
    );
}

#[test]
fn registering_claims_the_number_whatever_its_case_and_the_account() {
    let account_id = Some(AccountId(Uuid::from_u128(1)));
    let event = PatientRegistered { patient: Box::new(NewPatient { account_id, ..ada() }), registered_at: now() }.into();
    let claims = Patient::default().reservations(Uuid::nil(), &event);
    assert!(
        claims
            == [
                Reservation::Claim { kind: "patient-number", value: "P-1".into() },
                Reservation::Claim { kind: "patient-account", value: Uuid::from_u128(1).to_string() },
            ]
    );
}

#[test]
fn a_deactivated_patient_changes_only_after_reactivation() {
    let deactivate = || PatientCommand::Deactivate { now: now(), reason: Some(text("moved away")) };
    let reactivate = || PatientCommand::Reactivate { now: now() };
    let reactivated = PatientEvent::from(PatientReactivated { reactivated_at: now() });
    a_registered_patient().when(deactivate()).then([deactivated()]);
    given::<Patient>([registered(), deactivated()]).when(deactivate()).then([]);
    given::<Patient>([registered(), deactivated()]).when(record_condition(asthma())).then_error(PatientError::Deactivated);
    given::<Patient>([registered(), deactivated()]).when(register(ada())).then_error(PatientError::AlreadyRegistered);
    given::<Patient>([registered(), deactivated()]).when(reactivate()).then([reactivated.clone()]);
    a_registered_patient().when(reactivate()).then([]);
    let recorded = ConditionRecorded { entry_id: entry(1), condition: asthma(), recorded_at: now() };
    given::<Patient>([registered(), deactivated(), reactivated]).when(record_condition(asthma())).then([recorded.into()]);
}

#[test]
fn nothing_happens_to_a_patient_nobody_registered() {
    given::<Patient>([]).when(PatientCommand::Deactivate { now: now(), reason: None }).then_error(PatientError::NotRegistered);
    given::<Patient>([]).when(PatientCommand::Reactivate { now: now() }).then_error(PatientError::NotRegistered);
    given::<Patient>([]).when(record_condition(asthma())).then_error(PatientError::NotRegistered);
}

#[test]
fn a_registration_keeps_within_its_limits() {
    let too_many = [
        NewPatient { other_names: vec![name("Quill"); 101], ..ada() },
        NewPatient { name: HumanName { given: vec![line("Ada"); 101], ..name("Quill") }, ..ada() },
        NewPatient { identifiers: vec![ssn("999123456"); 101], ..ada() },
        NewPatient { health_goals: vec![text("rest"); 101], ..ada() },
        NewPatient { addresses: vec![Address { lines: vec![line("1 Elm St"); 101], ..Address::default() }], ..ada() },
        NewPatient { race: Some(code(&"x".repeat(2_001))), ..ada() },
    ];
    for patient in too_many {
        given::<Patient>([]).when(register(patient)).then_error(PatientError::TooMany);
    }
}

#[test]
fn every_event_of_a_patient_is_sealed_under_the_patients_own_key() {
    let id = Uuid::from_u128(9);
    let patient = Patient::default().evolve(&registered());
    assert_eq!(patient.subject(id, &registered()), Subject::Person(id));
}
