use super::*;
use crate::testing::{Given, given};

/// 2026-01-31T09:30:00Z
fn now() -> Instant {
    Instant::from_micros(1_769_851_800_000_000)
}

fn text(text: &str) -> Text {
    text.try_into().unwrap()
}

fn tomorrow() -> Instant {
    now().plus_minutes(24 * 60)
}

fn somebody() -> AccountId {
    AccountId(Uuid::from_u128(5))
}

fn risk() -> NewInsight {
    serde_json::from_str(
        r#"{"patient_id": "00000000-0000-0000-0000-000000000001", "insight_type": "RISK_ASSESSMENT", "title": "Fall risk",
            "data": {"score": 0.80}, "confidence": 0.8, "expires_at": "2026-02-01T09:30:00Z", "is_actionable": true}"#,
    )
    .unwrap()
}

fn generate(insight: NewInsight) -> InsightCommand {
    InsightCommand::Generate { now: now(), insight: Box::new(insight) }
}

const REVIEW: fn() -> InsightCommand = || InsightCommand::Review { now: now(), account_id: somebody(), note: None };
const ACT: fn() -> InsightCommand = || InsightCommand::ActOn { now: now(), account_id: somebody(), note: Some(text("rails mounted")) };
const DISMISS: fn() -> InsightCommand = || InsightCommand::Dismiss { now: now(), account_id: somebody(), reason: text("wrong sensor") };
const EXPIRE: fn() -> InsightCommand = || InsightCommand::Expire { now: tomorrow() };

fn generated() -> InsightEvent {
    InsightGenerated { insight: risk(), generated_at: now() }.into()
}

fn reviewed() -> InsightEvent {
    InsightReviewed { account_id: somebody(), note: None, reviewed_at: now() }.into()
}

fn acted_on() -> InsightEvent {
    InsightActedOn { account_id: somebody(), note: Some(text("rails mounted")), acted_at: now() }.into()
}

fn dismissed() -> InsightEvent {
    InsightDismissed { account_id: somebody(), reason: text("wrong sensor"), dismissed_at: now() }.into()
}

fn expired() -> InsightEvent {
    InsightExpired { expired_at: tomorrow() }.into()
}

fn an_insight(status: InsightStatus) -> Given<Insight> {
    let events = match status {
        InsightStatus::Generated => vec![generated()],
        InsightStatus::Reviewed => vec![generated(), reviewed()],
        InsightStatus::ActedOn => vec![generated(), acted_on()],
        InsightStatus::Dismissed => vec![generated(), dismissed()],
        InsightStatus::Expired => vec![generated(), expired()],
    };
    let state = events.iter().fold(Insight::default(), Insight::evolve);
    assert_eq!(state.status(), Some(status));
    given(events)
}

/// What a command leads to in every status, in the order of the statuses.
fn in_every_status(command: fn() -> InsightCommand, expected: [Result<Option<InsightEvent>, InsightError>; 5]) {
    for (status, expected) in InsightStatus::ALL.iter().zip(expected) {
        let when = an_insight(*status).when(command());
        match expected {
            Ok(event) => when.then(event),
            Err(refusal) => when.then_error(refusal),
        }
    }
    given::<Insight>([]).when(command()).then_error(InsightError::NotGenerated);
}

#[test]
fn an_insight_is_generated_once() {
    given::<Insight>([]).when(generate(risk())).then([generated()]);
    an_insight(InsightStatus::Generated).when(generate(risk())).then_error(InsightError::AlreadyGenerated);
}

#[test]
fn an_insight_expires_later_or_never_and_names_at_most_100_records() {
    given::<Insight>([]).when(generate(NewInsight { expires_at: Some(now()), ..risk() })).then_error(InsightError::ExpiresTooSoon);
    let for_good = NewInsight { expires_at: None, ..risk() };
    given::<Insight>([]).when(generate(for_good.clone())).then([InsightGenerated { insight: for_good, generated_at: now() }.into()]);
    let record_ids = vec![RecordId(Uuid::from_u128(1)); 101];
    given::<Insight>([]).when(generate(NewInsight { record_ids, ..risk() })).then_error(InsightError::TooMany);
}

#[test]
fn confidence_lies_between_0_and_1() {
    for wrong in [-0.01, 1.01, f64::NAN, f64::INFINITY] {
        assert!(Confidence::try_from(wrong).is_err(), "{wrong}");
    }
    assert!([0.0, 0.5, 1.0].into_iter().all(|right| Confidence::try_from(right).is_ok()));
    let refused = serde_json::from_str::<Confidence>("1.5").err().unwrap();
    assert!(refused.to_string().starts_with("must "), "the edge shows only messages that begin so");
}

#[test]
fn an_insight_is_reviewed_before_somebody_decides() {
    use InsightError::{AlreadyActedOn, AlreadyDismissed, Expired};
    in_every_status(REVIEW, [Ok(Some(reviewed())), Ok(None), Err(AlreadyActedOn), Err(AlreadyDismissed), Err(Expired)]);
}

#[test]
fn an_insight_is_acted_on_reviewed_or_not() {
    use InsightError::{AlreadyDismissed, Expired};
    let acts = Ok(Some(acted_on()));
    in_every_status(ACT, [acts.clone(), acts, Ok(None), Err(AlreadyDismissed), Err(Expired)]);
}

#[test]
fn nobody_acts_on_what_is_not_actionable() {
    let idle = InsightGenerated { insight: NewInsight { is_actionable: false, ..risk() }, generated_at: now() };
    given::<Insight>([idle.into()]).when(ACT()).then_error(InsightError::NotActionable);
}

#[test]
fn an_insight_is_dismissed_before_somebody_acts() {
    use InsightError::{AlreadyActedOn, Expired};
    let dismisses = Ok(Some(dismissed()));
    in_every_status(DISMISS, [dismisses.clone(), dismisses, Err(AlreadyActedOn), Ok(None), Err(Expired)]);
}

#[test]
fn an_insight_that_nobody_decided_on_expires() {
    use InsightError::{AlreadyActedOn, AlreadyDismissed};
    let expires = Ok(Some(expired()));
    in_every_status(EXPIRE, [expires.clone(), expires, Err(AlreadyActedOn), Err(AlreadyDismissed), Ok(None)]);
    let early = InsightCommand::Expire { now: Instant::from_micros(tomorrow().micros() - 1) };
    an_insight(InsightStatus::Generated).when(early).then_error(InsightError::NotExpired);
    let for_good = InsightGenerated { insight: NewInsight { expires_at: None, ..risk() }, generated_at: now() };
    given::<Insight>([for_good.into()]).when(EXPIRE()).then_error(InsightError::NotExpired);
}

#[test]
fn what_has_expired_is_over_even_before_somebody_notices() {
    let late = [
        InsightCommand::Review { now: tomorrow(), account_id: somebody(), note: None },
        InsightCommand::ActOn { now: tomorrow(), account_id: somebody(), note: None },
        InsightCommand::Dismiss { now: tomorrow(), account_id: somebody(), reason: text("late") },
        InsightCommand::Accept { now: tomorrow(), account_id: somebody(), reason: None },
        InsightCommand::Override { now: tomorrow(), account_id: somebody(), reason: text("late") },
    ];
    for command in late {
        an_insight(InsightStatus::Generated).when(command).then_error(InsightError::Expired);
    }
}

fn accepted() -> InsightEvent {
    InsightAccepted { account_id: somebody(), reason: None, accepted_at: now() }.into()
}

fn overridden() -> InsightEvent {
    InsightOverridden { account_id: somebody(), reason: text("the sensor was loose"), overridden_at: now() }.into()
}

const ACCEPT: fn() -> InsightCommand = || InsightCommand::Accept { now: now(), account_id: somebody(), reason: None };
const OVERRIDE: fn() -> InsightCommand = || InsightCommand::Override { now: now(), account_id: somebody(), reason: text("the sensor was loose") };

#[test]
fn an_insight_is_accepted_or_overridden_until_it_has_expired() {
    let accepts = Ok(Some(accepted()));
    in_every_status(ACCEPT, [accepts.clone(), accepts.clone(), accepts.clone(), accepts, Err(InsightError::Expired)]);
    let overrides = Ok(Some(overridden()));
    in_every_status(OVERRIDE, [overrides.clone(), overrides.clone(), overrides.clone(), overrides, Err(InsightError::Expired)]);
}

#[test]
fn the_same_said_twice_is_said_once_and_a_mind_may_change() {
    given::<Insight>([generated(), accepted()]).when(ACCEPT()).then([]);
    given::<Insight>([generated(), overridden()]).when(OVERRIDE()).then([]);
    given::<Insight>([generated(), accepted()]).when(OVERRIDE()).then([overridden()]);
    given::<Insight>([generated(), accepted(), overridden()]).when(ACCEPT()).then([accepted()]);
}

#[test]
fn what_is_said_of_an_insight_decides_nothing() {
    let state = Insight::default().evolve(&generated()).evolve(&overridden());
    assert_eq!(state.status(), Some(InsightStatus::Generated));
    given::<Insight>([generated(), overridden()]).when(ACT()).then([acted_on()]);
}

#[test]
fn every_event_of_an_insight_is_sealed_under_the_patients_key() {
    let state = Insight::default().evolve(&generated()).evolve(&acted_on());
    assert_eq!(state.subject(Uuid::nil(), &acted_on()), Subject::Person(Uuid::from_u128(1)));
}
