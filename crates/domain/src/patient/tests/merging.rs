use super::*;

const DUPLICATE: Uuid = Uuid::from_u128(2);

fn survivor() -> PatientId {
    PatientId(Uuid::from_u128(1))
}

fn another() -> PatientId {
    PatientId(Uuid::from_u128(3))
}

fn clerk() -> AccountId {
    AccountId(Uuid::from_u128(0xac))
}

fn merge_into(survivor_id: PatientId) -> PatientCommand {
    PatientCommand::MergeInto { now: now(), id: DUPLICATE, survivor_id, reason: text("registered twice"), account_id: clerk() }
}

fn merged() -> PatientEvent {
    PatientMerged { survivor_id: survivor(), reason: text("registered twice"), merged_by: clerk(), merged_at: now() }.into()
}

fn absorb() -> PatientCommand {
    PatientCommand::AbsorbDuplicate { now: now(), duplicate_id: PatientId(DUPLICATE), account_id: clerk() }
}

fn absorbed() -> PatientEvent {
    PatientDuplicateAbsorbed { duplicate_id: PatientId(DUPLICATE), absorbed_by: clerk(), absorbed_at: now() }.into()
}

fn undo(survivor_id: PatientId) -> PatientCommand {
    PatientCommand::UndoMerge { now: now(), survivor_id, reason: text("twins"), account_id: clerk() }
}

fn undone() -> PatientEvent {
    PatientMergeUndone { survivor_id: survivor(), reason: text("twins"), undone_by: clerk(), undone_at: now() }.into()
}

fn release() -> PatientCommand {
    PatientCommand::ReleaseDuplicate { now: now(), duplicate_id: PatientId(DUPLICATE), account_id: clerk() }
}

fn released() -> PatientEvent {
    PatientDuplicateReleased { duplicate_id: PatientId(DUPLICATE), released_by: clerk(), released_at: now() }.into()
}

#[test]
fn a_duplicate_is_merged_into_another_patient_once() {
    given::<Patient>([]).when(merge_into(survivor())).then_error(PatientError::NotRegistered);
    a_registered_patient().when(merge_into(PatientId(DUPLICATE))).then_error(PatientError::OwnSurvivor);
    a_registered_patient().when(merge_into(survivor())).then([merged()]);
    given::<Patient>([registered(), deactivated()]).when(merge_into(survivor())).then([merged()]);
    given::<Patient>([registered(), merged()]).when(merge_into(survivor())).then([]);
    given::<Patient>([registered(), merged()]).when(merge_into(another())).then_error(PatientError::Merged);
}

#[test]
fn a_patient_who_is_looked_after_takes_a_duplicate_in_once() {
    given::<Patient>([]).when(absorb()).then_error(PatientError::NotRegistered);
    given::<Patient>([registered(), deactivated()]).when(absorb()).then_error(PatientError::Deactivated);
    a_registered_patient().when(absorb()).then([absorbed()]);
    given::<Patient>([registered(), absorbed()]).when(absorb()).then([]);
}

#[test]
fn merges_make_no_chains() {
    given::<Patient>([registered(), merged()]).when(absorb()).then_error(PatientError::Merged);
    given::<Patient>([registered(), absorbed()]).when(merge_into(another())).then_error(PatientError::HasDuplicates);
    given::<Patient>([registered(), absorbed(), released()]).when(merge_into(survivor())).then([merged()]);
}

#[test]
fn who_was_merged_changes_no_more_but_for_their_right_to_a_true_record() {
    let of_a_merged = || given::<Patient>([registered(), merged()]);
    of_a_merged().when(PatientCommand::Deactivate { now: now(), reason: None }).then_error(PatientError::Merged);
    of_a_merged().when(PatientCommand::Reactivate { now: now() }).then_error(PatientError::Merged);
    of_a_merged().when(PatientCommand::LinkAccount { now: now(), account_id: clerk() }).then_error(PatientError::Merged);
    of_a_merged().when(register(ada())).then_error(PatientError::AlreadyRegistered);
    let command = AmendmentCommand::Accept { amendment: text("she is") };
    let decide = PatientCommand::Amendment { now: now(), request_id: AmendmentRequestId(Uuid::from_u128(7)), command };
    of_a_merged().when(decide).then_error(PatientError::NoSuchRequest);
}

#[test]
fn a_merge_is_undone_and_each_is_again_what_they_were() {
    a_registered_patient().when(undo(survivor())).then_error(PatientError::NotMerged);
    given::<Patient>([registered(), merged()]).when(undo(another())).then_error(PatientError::OtherSurvivor);
    given::<Patient>([registered(), merged()]).when(undo(survivor())).then([undone()]);
    given::<Patient>([registered(), absorbed()]).when(release()).then([released()]);
    given::<Patient>([registered(), absorbed(), deactivated()]).when(release()).then([released()]);
    a_registered_patient().when(release()).then([]);
    let folded = |events: &[PatientEvent]| events.iter().fold(Patient::default(), Patient::evolve);
    for before in [vec![registered()], vec![registered(), deactivated()]] {
        let after = [before.clone(), vec![merged(), undone()]].concat();
        assert!(folded(&before) == folded(&after));
    }
    assert!(folded(&[registered()]) == folded(&[registered(), absorbed(), released()]));
}
