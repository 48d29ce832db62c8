use super::*;
use crate::testing::{Given, given};
use crate::{Code, Date, FacilityId, Line, Text, TimeZone};

/// 2026-01-31T09:30:00Z
fn now() -> Instant {
    Instant::from_micros(1_769_851_800_000_000)
}

fn text(text: &str) -> Text {
    text.try_into().unwrap()
}

fn day(year: i32, month: u32, day: u32) -> Date {
    chrono::NaiveDate::from_ymd_opt(year, month, day).unwrap().into()
}

fn tomorrow() -> Instant {
    now().plus_minutes(24 * 60)
}

fn control() -> NewAppointment {
    NewAppointment {
        patient_id: PatientId(Uuid::from_u128(1)),
        provider_id: ProviderId(Uuid::from_u128(2)),
        facility_id: Some(FacilityId(Uuid::from_u128(3))),
        appointment_type: AppointmentType::FollowUp,
        scheduled_at: tomorrow(),
        duration_minutes: DurationMinutes::default(),
        time_zone: TimeZone::UTC,
        location: None,
        reason: Some(text("blood pressure")),
    }
}

fn schedule(appointment: NewAppointment) -> AppointmentCommand {
    AppointmentCommand::Schedule { now: now(), appointment: Box::new(appointment) }
}

fn reschedule(scheduled_at: Instant) -> AppointmentCommand {
    reschedule_to(at(scheduled_at))
}

fn reschedule_to(time: NewTime) -> AppointmentCommand {
    AppointmentCommand::Reschedule { now: now(), time: Box::new(time) }
}

fn at(scheduled_at: Instant) -> NewTime {
    NewTime { scheduled_at, duration_minutes: None, time_zone: None, provider_id: None, location: None, reason: None }
}

const CONFIRM: fn() -> AppointmentCommand = || AppointmentCommand::Confirm { now: now() };
const CHECK_IN: fn() -> AppointmentCommand = || AppointmentCommand::CheckIn { now: now() };
const START: fn() -> AppointmentCommand = || AppointmentCommand::Start { now: now() };
const COMPLETE: fn() -> AppointmentCommand = || AppointmentCommand::Complete { now: now(), outcome: outcome() };
const CANCEL: fn() -> AppointmentCommand = || AppointmentCommand::Cancel { now: now(), cancellation: snow() };
const NO_SHOW: fn() -> AppointmentCommand = || AppointmentCommand::RecordNoShow { now: tomorrow() };

fn outcome() -> Outcome {
    Outcome { diagnosis: Some(text("hypertension")), follow_up_date: Some(day(2026, 4, 30)), ..Outcome::default() }
}

fn snow() -> Cancellation {
    Cancellation { reason: text("snow"), cancelled_by: CancelledBy::Patient }
}

fn scheduled() -> AppointmentEvent {
    AppointmentScheduled { appointment: control(), booked_at: now() }.into()
}

fn confirmed() -> AppointmentEvent {
    AppointmentConfirmed { confirmed_at: now() }.into()
}

fn checked_in() -> AppointmentEvent {
    AppointmentCheckedIn { checked_in_at: now() }.into()
}

fn started() -> AppointmentEvent {
    AppointmentStarted { started_at: now() }.into()
}

fn completed() -> AppointmentEvent {
    AppointmentCompleted { outcome: outcome(), completed_at: now() }.into()
}

fn cancelled() -> AppointmentEvent {
    AppointmentCancelled { cancellation: snow(), cancelled_at: now() }.into()
}

fn missed() -> AppointmentEvent {
    AppointmentMissed { missed_at: tomorrow() }.into()
}

fn moved(scheduled_at: Instant) -> AppointmentRescheduled {
    AppointmentRescheduled {
        provider_id: control().provider_id,
        scheduled_at,
        duration_minutes: DurationMinutes::default(),
        time_zone: TimeZone::UTC,
        location: None,
        reason: None,
        rescheduled_at: now(),
    }
}

fn visit() -> NewVisit {
    NewVisit {
        patient_id: PatientId(Uuid::from_u128(1)),
        provider_id: None,
        facility_id: None,
        status: VisitStatus::Finished,
        class: None,
        types: vec![],
        reasons: vec![],
        started_at: Instant::from_micros(0),
        ended_at: Some(Instant::from_micros(1)),
    }
}

fn record_visit(visit: NewVisit) -> AppointmentCommand {
    AppointmentCommand::RecordVisit { now: now(), visit: Box::new(visit) }
}

fn an_appointment(status: AppointmentStatus) -> Given<Appointment> {
    let events = match status {
        AppointmentStatus::Scheduled => vec![scheduled()],
        AppointmentStatus::Confirmed => vec![scheduled(), confirmed()],
        AppointmentStatus::CheckedIn => vec![scheduled(), checked_in()],
        AppointmentStatus::InProgress => vec![scheduled(), checked_in(), started()],
        AppointmentStatus::Completed => vec![scheduled(), checked_in(), started(), completed()],
        AppointmentStatus::Cancelled => vec![scheduled(), cancelled()],
        AppointmentStatus::NoShow => vec![scheduled(), missed()],
    };
    let state = events.iter().fold(Appointment::default(), Appointment::evolve);
    assert_eq!(state.status(), Some(status));
    given(events)
}

/// What a command leads to in every status, in the order of the statuses.
fn in_every_status(command: impl Fn() -> AppointmentCommand, expected: [Result<Option<AppointmentEvent>, AppointmentError>; 7]) {
    for (status, expected) in AppointmentStatus::ALL.iter().zip(expected) {
        let when = an_appointment(*status).when(command());
        match expected {
            Ok(event) => when.then(event),
            Err(refusal) => when.then_error(refusal),
        }
    }
    given::<Appointment>([]).when(command()).then_error(AppointmentError::NotScheduled);
    given::<Appointment>([VisitRecorded { visit: visit(), recorded_at: now() }.into()]).when(command()).then_error(AppointmentError::OnlyAVisit);
}

#[test]
fn an_appointment_is_scheduled_once() {
    given::<Appointment>([]).when(schedule(control())).then([scheduled()]);
    an_appointment(AppointmentStatus::Scheduled).when(schedule(control())).then_error(AppointmentError::AlreadyScheduled);
    an_appointment(AppointmentStatus::Cancelled).when(schedule(control())).then_error(AppointmentError::AlreadyScheduled);
}

#[test]
fn an_appointment_lies_in_the_next_five_years() {
    let at = |scheduled_at| NewAppointment { scheduled_at, ..control() };
    let this_moment = AppointmentScheduled { appointment: at(now()), booked_at: now() };
    given::<Appointment>([]).when(schedule(at(now()))).then([this_moment.into()]);
    given::<Appointment>([]).when(schedule(at(Instant::from_micros(now().micros() - 1)))).then_error(AppointmentError::InThePast);
    given::<Appointment>([]).when(schedule(at(now().plus_minutes(6 * 366 * 24 * 60)))).then_error(AppointmentError::TooFarAhead);
}

#[test]
fn an_appointment_takes_5_minutes_to_a_day() {
    assert!(DurationMinutes::try_from(4).is_err() && DurationMinutes::try_from(1_441).is_err());
    assert!([5, 1_440].into_iter().all(|minutes| DurationMinutes::try_from(minutes).is_ok()));
    assert_eq!(DurationMinutes::default().get(), 30);
}

#[test]
fn a_patient_confirms_before_coming() {
    use AppointmentError::{AlreadyCheckedIn, NotOpen};
    in_every_status(
        CONFIRM,
        [Ok(Some(confirmed())), Ok(None), Err(AlreadyCheckedIn), Err(AlreadyCheckedIn), Err(NotOpen), Err(NotOpen), Err(NotOpen)],
    );
}

#[test]
fn a_patient_checks_in_with_or_without_having_confirmed() {
    use AppointmentError::{NotOpen, UnderWay};
    let checks_in = Ok(Some(checked_in()));
    in_every_status(CHECK_IN, [checks_in.clone(), checks_in, Ok(None), Err(UnderWay), Err(NotOpen), Err(NotOpen), Err(NotOpen)]);
}

#[test]
fn an_appointment_starts_when_the_patient_is_there() {
    use AppointmentError::{NotCheckedIn, NotOpen};
    in_every_status(START, [Err(NotCheckedIn), Err(NotCheckedIn), Ok(Some(started())), Ok(None), Err(NotOpen), Err(NotOpen), Err(NotOpen)]);
}

#[test]
fn an_appointment_is_completed_once_it_was_started() {
    use AppointmentError::{NotOpen, NotStarted};
    in_every_status(COMPLETE, [Err(NotStarted), Err(NotStarted), Err(NotStarted), Ok(Some(completed())), Ok(None), Err(NotOpen), Err(NotOpen)]);
}

#[test]
fn completing_again_with_another_outcome_is_refused() {
    let other = AppointmentCommand::Complete { now: now(), outcome: Outcome { diagnosis: Some(text("healthy")), ..outcome() } };
    an_appointment(AppointmentStatus::Completed).when(other).then_error(AppointmentError::NotOpen);
}

#[test]
fn an_appointment_is_called_off_before_it_starts() {
    use AppointmentError::{NotOpen, UnderWay};
    let calls_off = Ok(Some(cancelled()));
    in_every_status(CANCEL, [calls_off.clone(), calls_off.clone(), calls_off, Err(UnderWay), Err(NotOpen), Ok(None), Err(NotOpen)]);
}

#[test]
fn a_patient_who_never_came_is_a_no_show() {
    use AppointmentError::{AlreadyCheckedIn, NotOpen};
    let misses = Ok(Some(missed()));
    in_every_status(NO_SHOW, [misses.clone(), misses, Err(AlreadyCheckedIn), Err(AlreadyCheckedIn), Err(NotOpen), Err(NotOpen), Ok(None)]);
}

#[test]
fn a_patient_is_no_no_show_before_the_appointment() {
    let early = AppointmentCommand::RecordNoShow { now: Instant::from_micros(tomorrow().micros() - 1) };
    an_appointment(AppointmentStatus::Confirmed).when(early).then_error(AppointmentError::TooEarlyForNoShow);
}

#[test]
fn an_appointment_is_moved_before_the_patient_is_there() {
    use AppointmentError::{AlreadyCheckedIn, NotOpen};
    let later = Ok(Some(moved(tomorrow().plus_minutes(60)).into()));
    in_every_status(
        || reschedule(tomorrow().plus_minutes(60)),
        [later.clone(), later, Err(AlreadyCheckedIn), Err(AlreadyCheckedIn), Err(NotOpen), Err(NotOpen), Err(NotOpen)],
    );
}

#[test]
fn moving_to_the_same_time_moves_nothing() {
    an_appointment(AppointmentStatus::Scheduled).when(reschedule(tomorrow())).then([]);
    an_appointment(AppointmentStatus::Confirmed).when(reschedule(tomorrow())).then([]);
}

#[test]
fn a_moved_appointment_lies_ahead_and_is_confirmed_again() {
    an_appointment(AppointmentStatus::Scheduled).when(reschedule(Instant::from_micros(0))).then_error(AppointmentError::InThePast);
    let events = [scheduled(), confirmed(), moved(tomorrow().plus_minutes(60)).into()];
    given::<Appointment>(events).when(CONFIRM()).then([confirmed()]);
}

#[test]
fn moving_may_change_the_provider_the_length_and_the_place() {
    let place = Location { room: Some(Line::try_from("C-214").unwrap()), ..Location::default() };
    let to = NewTime {
        provider_id: Some(ProviderId(Uuid::from_u128(9))),
        duration_minutes: Some(60.try_into().unwrap()),
        time_zone: Some("America/New_York".try_into().unwrap()),
        location: Some(place.clone()),
        reason: Some(text("on call")),
        ..at(tomorrow())
    };
    let event = AppointmentRescheduled {
        provider_id: ProviderId(Uuid::from_u128(9)),
        duration_minutes: 60.try_into().unwrap(),
        time_zone: "America/New_York".try_into().unwrap(),
        location: Some(place),
        reason: Some(text("on call")),
        ..moved(tomorrow())
    };
    an_appointment(AppointmentStatus::Scheduled).when(reschedule_to(to.clone())).then([event.clone().into()]);
    given::<Appointment>([scheduled(), event.into()]).when(reschedule_to(to)).then([]);
}

#[test]
fn a_follow_up_lies_ahead_or_is_today_somewhere() {
    let complete = |date| AppointmentCommand::Complete { now: now(), outcome: Outcome { follow_up_date: Some(date), ..outcome() } };
    an_appointment(AppointmentStatus::InProgress).when(complete(day(2026, 1, 29))).then_error(AppointmentError::FollowUpInThePast);
    let today_in_hawaii = Outcome { follow_up_date: Some(day(2026, 1, 30)), ..outcome() };
    an_appointment(AppointmentStatus::InProgress).when(complete(day(2026, 1, 30))).then([AppointmentCompleted {
        outcome: today_in_hawaii,
        completed_at: now(),
    }
    .into()]);
}

#[test]
fn a_visit_is_recorded_once_and_after_it_began() {
    let recorded = VisitRecorded { visit: visit(), recorded_at: now() };
    given::<Appointment>([]).when(record_visit(visit())).then([recorded.clone().into()]);
    given::<Appointment>([recorded.into()]).when(record_visit(visit())).then_error(AppointmentError::AlreadyScheduled);
    given::<Appointment>([scheduled()]).when(record_visit(visit())).then_error(AppointmentError::AlreadyScheduled);
    let ahead = NewVisit { started_at: now().plus_minutes(1), ended_at: None, ..visit() };
    given::<Appointment>([]).when(record_visit(ahead)).then_error(AppointmentError::VisitInTheFuture);
    let reversed = NewVisit { ended_at: Some(Instant::from_micros(-1)), ..visit() };
    given::<Appointment>([]).when(record_visit(reversed)).then_error(AppointmentError::EndsBeforeItBegins);
}

#[test]
fn lists_and_codes_keep_within_their_limits() {
    let tired = Outcome { symptoms: vec![text("tired"); 101], ..outcome() };
    an_appointment(AppointmentStatus::InProgress)
        .when(AppointmentCommand::Complete { now: now(), outcome: tired })
        .then_error(AppointmentError::TooMany);
    let reasons = vec![Code { codings: vec![], text: Some("x".repeat(2_001)) }];
    given::<Appointment>([]).when(record_visit(NewVisit { reasons, ..visit() })).then_error(AppointmentError::TooMany);
}

#[test]
fn an_open_appointment_holds_the_time_of_the_patient_and_the_provider() {
    let slot = |start: Instant, provider: u128, minutes| Reservation::Slot {
        resources: vec![("patient", Uuid::from_u128(1)), ("provider", Uuid::from_u128(provider))],
        start,
        end: start.plus_minutes(minutes),
    };
    let nothing = Appointment::default();
    assert!(nothing.reservations(Uuid::nil(), &scheduled()) == [slot(tomorrow(), 2, 30)]);
    let booked = nothing.evolve(&scheduled());
    let later = AppointmentRescheduled {
        provider_id: ProviderId(Uuid::from_u128(9)),
        duration_minutes: 60.try_into().unwrap(),
        ..moved(tomorrow().plus_minutes(60))
    };
    assert!(booked.reservations(Uuid::nil(), &later.into()) == [slot(tomorrow().plus_minutes(60), 9, 60)]);
    for over in [cancelled(), missed(), completed()] {
        assert!(booked.reservations(Uuid::nil(), &over) == [Reservation::ReleaseSlots], "{over:?}");
    }
    for holding in [confirmed(), checked_in(), started()] {
        assert!(booked.reservations(Uuid::nil(), &holding).is_empty(), "{holding:?}");
    }
}

#[test]
fn a_visit_holds_nobodys_time() {
    let recorded = VisitRecorded { visit: visit(), recorded_at: now() }.into();
    assert!(Appointment::default().reservations(Uuid::nil(), &recorded).is_empty());
}

#[test]
fn every_event_of_an_appointment_is_sealed_under_the_patients_key() {
    let patient = Subject::Person(Uuid::from_u128(1));
    let booked = Appointment::default().evolve(&scheduled());
    assert_eq!(booked.subject(Uuid::nil(), &scheduled()), patient);
    assert_eq!(booked.evolve(&cancelled()).subject(Uuid::nil(), &cancelled()), patient);
    let recorded = VisitRecorded { visit: visit(), recorded_at: now() }.into();
    assert_eq!(Appointment::default().evolve(&recorded).subject(Uuid::nil(), &recorded), patient);
}

fn remind(reminder: Reminder) -> AppointmentCommand {
    AppointmentCommand::RecordReminder { now: now(), reminder }
}

fn reminded(reminder: Reminder) -> AppointmentEvent {
    AppointmentReminderSent { reminder, sent_at: now() }.into()
}

#[test]
fn a_patient_is_told_each_thing_once() {
    use AppointmentError::{AlreadyCheckedIn, NotOpen};
    let told = Ok(Some(reminded(Reminder::DayBefore)));
    in_every_status(
        || remind(Reminder::DayBefore),
        [told.clone(), told, Err(AlreadyCheckedIn), Err(AlreadyCheckedIn), Err(NotOpen), Err(NotOpen), Err(NotOpen)],
    );
    given::<Appointment>([scheduled(), reminded(Reminder::DayBefore)]).when(remind(Reminder::DayBefore)).then([]);
    given::<Appointment>([scheduled(), reminded(Reminder::DayBefore), cancelled()]).when(remind(Reminder::DayBefore)).then([]);
    given::<Appointment>([scheduled(), reminded(Reminder::Confirmation)]).when(remind(Reminder::DayBefore)).then([reminded(Reminder::DayBefore)]);
    let late = AppointmentCommand::RecordReminder { now: tomorrow(), reminder: Reminder::DayBefore };
    given::<Appointment>([scheduled()]).when(late).then_error(AppointmentError::TooLateToRemind);
}

#[test]
fn of_another_time_a_patient_is_told_again() {
    let events = [scheduled(), reminded(Reminder::DayBefore), moved(tomorrow().plus_minutes(60)).into()];
    given::<Appointment>(events).when(remind(Reminder::DayBefore)).then([reminded(Reminder::DayBefore)]);
}

#[test]
fn what_an_appointment_is_for_and_where_is_put_right_until_it_is_over() {
    use AppointmentError::NotOpen;
    let details = AppointmentDetails { appointment_type: AppointmentType::Lab, facility_id: None, reason: None };
    let change = || AppointmentCommand::ChangeDetails { now: now(), details: details.clone() };
    let put_right: AppointmentEvent = AppointmentDetailsChanged { details: details.clone(), changed_at: now() }.into();
    let yes = Ok(Some(put_right.clone()));
    in_every_status(change, [yes.clone(), yes.clone(), yes.clone(), yes, Err(NotOpen), Err(NotOpen), Err(NotOpen)]);
    given::<Appointment>([scheduled(), put_right.clone()]).when(change()).then([]);
    let kept = [scheduled(), put_right, moved(tomorrow().plus_minutes(60)).into()].iter().fold(Appointment::default(), Appointment::evolve);
    assert!(AppointmentDetails::of(kept.booked().unwrap()) == details && kept.booked().unwrap().scheduled_at == tomorrow().plus_minutes(60));
}

#[test]
fn a_visit_is_put_right_but_stays_the_same_patients() {
    let recorded: AppointmentEvent = VisitRecorded { visit: visit(), recorded_at: now() }.into();
    let correct = |visit: NewVisit| AppointmentCommand::CorrectVisit { now: now(), visit: Box::new(visit), reason: None };
    let corrected = |visit: NewVisit| -> AppointmentEvent { VisitCorrected { visit, reason: None, corrected_at: now() }.into() };
    let cancelled = NewVisit { status: VisitStatus::Cancelled, ..visit() };
    given::<Appointment>([recorded.clone()]).when(correct(cancelled.clone())).then([corrected(cancelled.clone())]);
    given::<Appointment>([recorded.clone()]).when(correct(visit())).then([]);
    given::<Appointment>([recorded.clone(), corrected(cancelled.clone())]).when(correct(visit())).then([corrected(visit())]);
    let others = NewVisit { patient_id: PatientId(Uuid::from_u128(77)), ..visit() };
    given::<Appointment>([recorded.clone()]).when(correct(others)).then_error(AppointmentError::OtherPatient);
    let ahead = NewVisit { started_at: now().plus_minutes(1), ended_at: None, ..visit() };
    given::<Appointment>([recorded.clone()]).when(correct(ahead)).then_error(AppointmentError::VisitInTheFuture);
    let reversed = NewVisit { ended_at: Some(Instant::from_micros(-1)), ..visit() };
    given::<Appointment>([recorded]).when(correct(reversed)).then_error(AppointmentError::EndsBeforeItBegins);
    given::<Appointment>([scheduled()]).when(correct(visit())).then_error(AppointmentError::NotAVisit);
    given::<Appointment>([]).when(correct(visit())).then_error(AppointmentError::NotRecorded);
}
