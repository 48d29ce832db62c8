use super::*;
use crate::testing::given;

fn at(micros: i64) -> Instant {
    Instant::from_micros(micros)
}

fn line(text: &str) -> Line {
    Line::try_from(text).unwrap()
}

fn tell(event: impl Into<SystemEvent>) -> SystemCommand {
    SystemCommand::Tell(event.into())
}

fn beat(number: u64) -> SystemEvent {
    CanaryBeat { beat_at: at(1), number }.into()
}

fn setting() -> ChangedSetting {
    ChangedSetting { name: line("listen"), secret: false, before: None, after: Some(Text::try_from("127.0.0.1:8080").unwrap()) }
}

fn changed(settings: Vec<ChangedSetting>) -> ConfigurationChanged {
    ConfigurationChanged { changed_at: at(1), settings }
}

fn verification() -> VerificationRan {
    VerificationRan {
        started_at: at(1),
        finished_at: at(2),
        outcome: VerificationOutcome::Intact,
        position: 40,
        root: None,
        first_bad_position: None,
    }
}

#[test]
fn the_diary_takes_act_after_act() {
    given::<System>([]).when(tell(beat(1))).then([beat(1)]);
    given::<System>([beat(1)]).when(tell(beat(2))).then([beat(2)]);
}

#[test]
fn an_import_counts_a_thousand_types_at_most() {
    let count = ImportCount { resource_type: line("Patient"), added: 1, unchanged: 0, refused: 0 };
    let finished = |types| ImportFinished {
        finished_at: at(2),
        sha256: Sha256::try_from("0".repeat(64)).unwrap(),
        outcome: ImportOutcome::Completed,
        counts: vec![count.clone(); types],
    };
    given::<System>([]).when(tell(finished(1_000))).then([finished(1_000).into()]);
    given::<System>([]).when(tell(finished(1_001))).then_error(SystemError::TooMany);
}

#[test]
fn a_changed_configuration_says_what_changed_but_no_secret() {
    given::<System>([]).when(tell(changed(vec![setting()]))).then([changed(vec![setting()]).into()]);
    given::<System>([]).when(tell(changed(vec![]))).then_error(SystemError::NothingChanged);
    given::<System>([]).when(tell(changed(vec![setting(); 1_001]))).then_error(SystemError::TooMany);
    let secret = ChangedSetting { secret: true, ..setting() };
    given::<System>([]).when(tell(changed(vec![secret.clone()]))).then_error(SystemError::SecretTold);
    let kept = ChangedSetting { after: None, ..secret };
    given::<System>([]).when(tell(changed(vec![kept.clone()]))).then([changed(vec![kept]).into()]);
}

#[test]
fn a_verification_names_the_damage_it_found_and_only_that() {
    let damage = VerificationRan { outcome: VerificationOutcome::Tampered, first_bad_position: Some(17), ..verification() };
    given::<System>([]).when(tell(verification())).then([verification().into()]);
    given::<System>([]).when(tell(damage.clone())).then([damage.clone().into()]);
    given::<System>([]).when(tell(VerificationRan { first_bad_position: None, ..damage })).then_error(SystemError::DamageUnnamed);
    given::<System>([]).when(tell(VerificationRan { first_bad_position: Some(17), ..verification() })).then_error(SystemError::DamageUnnamed);
}

#[test]
fn a_verification_does_not_end_before_it_begins() {
    let backwards = VerificationRan { finished_at: at(0), ..verification() };
    given::<System>([]).when(tell(backwards)).then_error(SystemError::EndsBeforeItBegins);
}

#[test]
fn the_diary_is_sealed_under_the_audit_key() {
    assert_eq!(System.subject(Uuid::nil(), &beat(1)), Subject::Audit);
}
