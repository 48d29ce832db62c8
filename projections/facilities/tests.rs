use anamnesis_domain::facility::{FacilityChanged, FacilityClosed, FacilityRegistered, FacilityReopened};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::kernel::testing::{Log, log, told};

const FACILITY: Uuid = Uuid::from_u128(0xfa);

fn given(events: impl IntoIterator<Item = FacilityEvent>) -> Log {
    events.into_iter().fold(log(), |log, event| log.audit_event("facility", FACILITY, event))
}

fn registered() -> FacilityEvent {
    let facility = told(json!({ "name": "St. Mary's", "kind": "HOSPITAL", "identifiers": [{ "value": "1-2" }] }));
    FacilityRegistered { registered_at: Instant::from_micros(1), facility }.into()
}

#[test]
fn a_facility_is_found_by_the_words_of_its_name_and_by_its_numbers() {
    assert_eq!(given([registered()]).says::<Facilities>("found_by").as_deref(), Some("name:mary name:s name:st identifier:12"));
}

#[test]
fn a_facility_is_described_anew_as_a_whole_and_closed() {
    let changed = FacilityChanged { changed_at: Instant::from_micros(2), facility: told(json!({ "name": "Mary", "kind": "PRACTICE" })) };
    let closed = FacilityClosed { closed_at: Instant::from_micros(3), reason: None };
    let facility = given([registered(), changed.into(), closed.into()]).rows::<Facilities>().remove(0).row;
    assert_eq!((facility.kind, facility.status), (FacilityKind::Practice, FacilityStatus::Closed));
    assert!(facility.identifiers.is_none());
    assert_eq!(facility.registered_at.micros(), 1);
}

#[test]
fn a_facility_that_goes_on_is_open_again() {
    let closed = FacilityClosed { closed_at: Instant::from_micros(3), reason: Some(told(json!("a flood"))) };
    let reopened = FacilityReopened { reopened_at: Instant::from_micros(4), reason: None };
    let facility = given([registered(), closed.into(), reopened.into()]).rows::<Facilities>().remove(0).row;
    assert_eq!((facility.status, facility.closed_at), (FacilityStatus::Open, None));
    assert!(facility.closing_reason.is_none());
}
