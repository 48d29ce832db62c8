use super::*;

fn id() -> AmendmentRequestId {
    AmendmentRequestId(Uuid::from_u128(9))
}

fn days(days: u32) -> Instant {
    now().plus_minutes(days * 24 * 60)
}

fn ask_at(now: Instant, command: AmendmentCommand) -> PatientCommand {
    PatientCommand::Amendment { now, request_id: id(), command }
}

fn ask(command: AmendmentCommand) -> PatientCommand {
    ask_at(days(1), command)
}

fn request(amends: &str) -> AmendmentCommand {
    AmendmentCommand::Request {
        amends: text(amends),
        reason: text("I never smoked"),
        record_id: None,
        tell: vec![line("Dr. Wilson")],
        received_at: None,
    }
}

fn requested() -> PatientEvent {
    AmendmentRequested {
        request_id: id(),
        amends: text("not a smoker"),
        reason: text("I never smoked"),
        record_id: None,
        tell: vec![line("Dr. Wilson")],
        requested_at: now(),
        due_at: days(60),
    }
    .into()
}

fn extend(until: u32) -> AmendmentCommand {
    AmendmentCommand::Extend { reason: text("the author is away"), due_at: days(until) }
}

fn extended(until: u32) -> PatientEvent {
    AmendmentDeadlineExtended { request_id: id(), reason: text("the author is away"), due_at: days(until), extended_at: days(1) }.into()
}

fn accept(amendment: &str) -> AmendmentCommand {
    AmendmentCommand::Accept { amendment: text(amendment) }
}

fn accepted() -> PatientEvent {
    AmendmentAccepted { request_id: id(), amendment: text("never smoked"), accepted_at: days(1) }.into()
}

fn deny(ground: DenialGround) -> AmendmentCommand {
    AmendmentCommand::Deny { ground, explanation: text("it was measured") }
}

fn denied() -> PatientEvent {
    let (ground, explanation) = (DenialGround::AccurateAndComplete, text("it was measured"));
    AmendmentDenied { request_id: id(), ground, explanation, denied_at: days(1) }.into()
}

fn dispute(statement: &str) -> AmendmentCommand {
    AmendmentCommand::Dispute { statement: text(statement) }
}

fn disputed() -> PatientEvent {
    AmendmentDenialDisputed { request_id: id(), statement: text("measured wrongly"), disputed_at: days(1) }.into()
}

fn rebut(rebuttal: &str) -> AmendmentCommand {
    AmendmentCommand::Rebut { rebuttal: text(rebuttal) }
}

fn rebutted() -> PatientEvent {
    AmendmentDisputeRebutted { request_id: id(), rebuttal: text("measured twice"), rebutted_at: days(1) }.into()
}

fn tell() -> AmendmentCommand {
    AmendmentCommand::Tell { recipient: line("Dr. Wilson") }
}

fn told() -> PatientEvent {
    AmendmentRecipientTold { request_id: id(), recipient: line("Dr. Wilson"), told_at: days(1) }.into()
}

fn after<const N: usize>(events: [PatientEvent; N]) -> crate::testing::Given<Patient> {
    given(std::iter::once(registered()).chain(events))
}

#[test]
fn a_request_is_due_after_60_days() {
    after([]).when(ask_at(now(), request("not a smoker"))).then([requested()]);
    after([requested()]).when(ask(request("not a smoker"))).then([]);
    after([requested()]).when(ask(request("not a drinker"))).then_error(PatientError::RequestedAlready);
    given::<Patient>([]).when(ask(request("not a smoker"))).then_error(PatientError::NotRegistered);
}

#[test]
fn who_is_looked_after_no_longer_may_still_ask() {
    after([deactivated()]).when(ask_at(now(), request("not a smoker"))).then([requested()]);
}

#[test]
fn the_deadline_moves_once_and_by_at_most_30_days() {
    after([requested()]).when(ask(extend(90))).then([extended(90)]);
    after([requested()]).when(ask(extend(91))).then_error(PatientError::NotThirtyDays);
    after([requested()]).when(ask(extend(60))).then_error(PatientError::NotThirtyDays);
    after([requested()]).when(ask_at(days(60), extend(90))).then([AmendmentDeadlineExtended {
        request_id: id(),
        reason: text("the author is away"),
        due_at: days(90),
        extended_at: days(60),
    }
    .into()]);
    after([requested()]).when(ask_at(days(61), extend(90))).then_error(PatientError::DeadlineMissed);
    after([requested(), extended(80)]).when(ask(extend(80))).then([]);
    after([requested(), extended(80)]).when(ask(extend(90))).then_error(PatientError::ExtendedAlready);
    after([requested(), accepted()]).when(ask(extend(90))).then_error(PatientError::DecidedAlready);
    let chart = chart_after(&[registered(), requested(), extended(80)]);
    assert_eq!(chart.amendments[&id()].due_at(), days(80));
}

#[test]
fn a_request_is_decided_once_even_after_its_deadline() {
    after([requested()]).when(ask(accept("never smoked"))).then([accepted()]);
    after([requested()]).when(ask(deny(DenialGround::AccurateAndComplete))).then([denied()]);
    after([requested(), accepted()]).when(ask(accept("never smoked"))).then([]);
    after([requested(), denied()]).when(ask(deny(DenialGround::AccurateAndComplete))).then([]);
    after([requested(), denied()]).when(ask(deny(DenialGround::NotCreatedHere))).then_error(PatientError::DecidedAlready);
    after([requested(), denied()]).when(ask(accept("never smoked"))).then_error(PatientError::DecidedAlready);
    after([requested(), accepted()]).when(ask(deny(DenialGround::AccurateAndComplete))).then_error(PatientError::DecidedAlready);
    after([]).when(ask(accept("never smoked"))).then_error(PatientError::NoSuchRequest);
    let late = AmendmentAccepted { request_id: id(), amendment: text("never smoked"), accepted_at: days(100) };
    after([requested()]).when(ask_at(days(100), accept("never smoked"))).then([late.into()]);
}

#[test]
fn a_denial_is_disputed_and_the_dispute_answered() {
    after([requested(), denied()]).when(ask(dispute("measured wrongly"))).then([disputed()]);
    after([requested(), denied(), disputed()]).when(ask(dispute("measured wrongly"))).then([]);
    after([requested(), denied(), disputed()]).when(ask(dispute("and more"))).then_error(PatientError::DisputedAlready);
    after([requested()]).when(ask(dispute("measured wrongly"))).then_error(PatientError::NotDenied);
    after([requested(), denied()]).when(ask(rebut("measured twice"))).then_error(PatientError::NotDisputed);
    after([requested(), denied(), disputed()]).when(ask(rebut("measured twice"))).then([rebutted()]);
    after([requested(), denied(), disputed(), rebutted()]).when(ask(rebut("measured twice"))).then([]);
    let chart = chart_after(&[registered(), requested(), denied(), disputed(), rebutted()]);
    assert_eq!(chart.amendments[&id()].status(), AmendmentStatus::Rebutted);
}

#[test]
fn whoever_relies_on_the_record_is_told_of_an_amendment() {
    after([requested(), accepted()]).when(ask(tell())).then([told()]);
    after([requested(), accepted(), told()]).when(ask(tell())).then([]);
    after([requested(), denied()]).when(ask(tell())).then_error(PatientError::NotAccepted);
}

#[test]
fn the_sixty_days_begin_when_the_request_is_received() {
    let received = |received_at| {
        let (amends, reason, tell) = (text("not a smoker"), text("I never smoked"), vec![line("Dr. Wilson")]);
        AmendmentCommand::Request { amends, reason, record_id: None, tell, received_at }
    };
    let noted_later = ask_at(days(9), received(Some(now())));
    given::<Patient>([registered()]).when(noted_later).then([requested()]);
    for wrong in [days(10), Instant::from_micros(0)] {
        given::<Patient>([registered()]).when(ask_at(days(9), received(Some(wrong)))).then_error(PatientError::ReceivedAtWrong);
    }
}
