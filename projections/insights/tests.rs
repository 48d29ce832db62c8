use anamnesis_domain::insight::{InsightActedOn, InsightExpired};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::kernel::testing::{Log, log, told};

const INSIGHT: Uuid = Uuid::from_u128(0x11);
const PATIENT: Uuid = Uuid::from_u128(0xb1);

fn generated() -> InsightEvent {
    let insight = told(json!({
        "patient_id": PATIENT, "insight_type": "CARE_GAP", "title": "No eye exam", "data": { "months": 14 }, "confidence": 0.75,
        "model_version": "3.1", "is_actionable": true,
    }));
    InsightGenerated { insight, generated_at: Instant::from_micros(1) }.into()
}

fn given(events: impl IntoIterator<Item = InsightEvent>) -> Log {
    events.into_iter().fold(log(), |log, event| log.sealed_for("insight", INSIGHT, PATIENT, event))
}

#[test]
fn an_insight_stands_as_it_was_generated() {
    let log = given([generated()]);
    assert_eq!(log.says::<Insights>("status").as_deref(), Some("GENERATED"));
    assert_eq!(log.says::<Insights>("confidence_score").as_deref(), Some("0.75"));
    assert_eq!(log.says::<Insights>("data").as_deref(), Some("{\"months\":14}"));
}

#[test]
fn whoever_acted_on_it_is_named() {
    let account_id = AccountId(Uuid::from_u128(0xac));
    let insight =
        given([generated(), InsightActedOn { account_id, note: None, acted_at: Instant::from_micros(2) }.into()]).rows::<Insights>().remove(0).row;
    assert_eq!((insight.action_taken, insight.action_taken_by), (true, Some(account_id)));
}

#[test]
fn an_expired_insight_stays() {
    let log = given([generated(), InsightExpired { expired_at: Instant::from_micros(3) }.into()]);
    assert_eq!(log.says::<Insights>("status").as_deref(), Some("EXPIRED"));
}
