//! What holds of an insight whatever people ask for, and in whatever order?

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::testing::live;
use crate::testing::strategies::{id, instant, json, line, now, text};

fn new_insight() -> impl Strategy<Value = NewInsight> {
    let insight_type = prop::sample::select(InsightType::ALL.to_vec());
    let confidence = (0..=100_u8).prop_map(|percent| Confidence::try_from(f64::from(percent) / 100.0).expect("a share"));
    (id(), insight_type, line(), option::of(text()), json(), option::of(confidence), vec(id(), 0..3), option::of(instant()), any::<bool>()).prop_map(
        |(patient_id, insight_type, title, description, data, confidence, record_ids, expires_at, is_actionable)| NewInsight {
            patient_id,
            insight_type,
            title,
            description,
            data,
            confidence,
            model_name: None,
            model_version: None,
            record_ids,
            expires_at,
            is_actionable,
        },
    )
}

fn command() -> impl Strategy<Value = InsightCommand> {
    use InsightCommand::*;
    prop_oneof![
        2 => (now(), new_insight()).prop_map(|(now, insight)| Generate { now, insight: Box::new(insight) }),
        2 => (now(), id(), option::of(text())).prop_map(|(now, account_id, note)| Review { now, account_id, note }),
        1 => (now(), id(), option::of(text())).prop_map(|(now, account_id, note)| ActOn { now, account_id, note }),
        1 => (now(), id(), text()).prop_map(|(now, account_id, reason)| Dismiss { now, account_id, reason }),
        1 => now().prop_map(|now| Expire { now }),
        1 => (now(), id(), option::of(text())).prop_map(|(now, account_id, reason)| Accept { now, account_id, reason }),
        1 => (now(), id(), text()).prop_map(|(now, account_id, reason)| Override { now, account_id, reason }),
    ]
}

proptest! {
    #[test]
    fn people_decide_once_on_an_insight(commands in vec(command(), 0..25)) {
        let life = live::<Insight>(Uuid::from_u128(42), commands);
        for (before, event) in &life.events {
            let is_feedback = matches!(event, InsightEvent::InsightAccepted(_) | InsightEvent::InsightOverridden(_));
            let undecided = matches!(before.status(), None | Some(InsightStatus::Generated | InsightStatus::Reviewed));
            prop_assert!(undecided || is_feedback, "{:?} on what is decided or over", event);
            prop_assert!(!is_feedback || !matches!(before.status(), None | Some(InsightStatus::Expired)));
            prop_assert!(before.reservations(Uuid::nil(), event).is_empty());
            if let InsightEvent::InsightActedOn(_) = event {
                prop_assert!(before.is_actionable());
            }
        }
    }
}
