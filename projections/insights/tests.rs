use anamnesis_domain::insight::{InsightAccepted, InsightActedOn, InsightExpired, InsightOverridden};
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

#[test]
fn what_was_last_said_of_it_stands_and_its_status_stays() {
    let account_id = AccountId(Uuid::from_u128(0xac));
    let accepted = InsightAccepted { account_id, reason: Some("seen".try_into().unwrap()), accepted_at: Instant::from_micros(2) };
    let overridden = InsightOverridden { account_id, reason: "moved".try_into().unwrap(), overridden_at: Instant::from_micros(3) };
    let log = given([generated(), accepted.clone().into(), overridden.into()]);
    assert_eq!(log.says::<Insights>("feedback").as_deref(), Some("OVERRIDDEN"));
    assert_eq!(log.says::<Insights>("feedback_reason").as_deref(), Some("\"moved\""));
    assert_eq!(log.says::<Insights>("status").as_deref(), Some("GENERATED"));
    let insight = given([generated(), InsightAccepted { reason: None, ..accepted }.into()]).rows::<Insights>().remove(0).row;
    assert_eq!((insight.feedback_by, insight.feedback_at), (Some(account_id), Some(Instant::from_micros(2))));
    assert!(insight.feedback_reason.is_none());
}
