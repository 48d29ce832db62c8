//! What holds of a compliance matter whatever people ask for, and in whatever order?

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::testing::live;
use crate::testing::strategies::{date, id, instant, line, now, text};

fn finding() -> impl Strategy<Value = NewFinding> {
    let kind = prop::sample::select(FindingType::ALL.to_vec());
    let severity = prop::sample::select(FindingSeverity::ALL.to_vec());
    (kind, severity, line(), option::of(text()), vec(id(), 0..3), vec(id(), 0..3), instant()).prop_map(
        |(finding_type, severity, title, description, account_ids, patient_ids, discovered_at)| NewFinding {
            finding_type,
            severity,
            title,
            description,
            rule: None,
            account_ids,
            patient_ids,
            discovered_at,
        },
    )
}

fn command() -> impl Strategy<Value = ComplianceCommand> {
    use ComplianceCommand::*;
    let hold =
        (line(), text(), vec(id(), 0..4)).prop_map(|(matter, reason, patient_ids)| NewLegalHold { matter, authority: None, reason, patient_ids });
    let outcome = prop::sample::select(FindingOutcome::ALL.to_vec());
    let office = prop::sample::select(Office::ALL.to_vec());
    let topic = prop::sample::select(TrainingTopic::ALL.to_vec());
    let training = (id(), topic, line(), date(), option::of(date())).prop_map(|(account_id, topic, course, completed_on, valid_until)| NewTraining {
        account_id,
        topic,
        course,
        given_by: None,
        completed_on,
        valid_until,
    });
    prop_oneof![
        (now(), id(), finding()).prop_map(|(now, account_id, finding)| RaiseFinding { now, account_id, finding: Box::new(finding) }),
        (now(), id(), text()).prop_map(|(now, account_id, note)| NoteFinding { now, account_id, note }),
        (now(), id(), outcome, text()).prop_map(|(now, account_id, outcome, measures)| ResolveFinding { now, account_id, outcome, measures }),
        (now(), id(), text()).prop_map(|(now, account_id, reason)| ReopenFinding { now, account_id, reason }),
        (now(), id(), hold).prop_map(|(now, account_id, hold)| PlaceLegalHold { now, account_id, hold }),
        (now(), id(), vec(id(), 0..4)).prop_map(|(now, account_id, patient_ids)| WidenLegalHold { now, account_id, patient_ids }),
        (now(), id(), text()).prop_map(|(now, account_id, reason)| ReleaseLegalHold { now, account_id, reason }),
        (now(), id(), office, id()).prop_map(|(now, by, office, account_id)| DesignateOfficer {
            now,
            account_id: by,
            designation: NewDesignation { office, account_id }
        }),
        (now(), id(), training).prop_map(|(now, account_id, training)| RecordTraining { now, account_id, training }),
        (now(), id(), text()).prop_map(|(now, account_id, reason)| MarkTrainingInError { now, account_id, reason }),
        (now(), id(), option::of(text())).prop_map(|(now, account_id, reason)| RelieveOfficer { now, account_id, reason }),
    ]
}

proptest! {
    #[test]
    fn a_matter_stays_what_it_began_as(commands in vec(command(), 0..25)) {
        let life = live::<Compliance>(Uuid::from_u128(42), commands);
        let mut claimed = 0_i32;
        for (before, event) in &life.events {
            let after = before.clone().evolve(event);
            prop_assert!(*before == Compliance::Absent || std::mem::discriminant(before) == std::mem::discriminant(&after));
            for reservation in before.reservations(Uuid::from_u128(42), event) {
                claimed += if matches!(reservation, Reservation::Claim { .. }) { 1 } else { -1 };
                prop_assert!((0..=1).contains(&claimed));
            }
        }
    }
}
