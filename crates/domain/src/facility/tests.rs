use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::testing::{given, live};

fn at(micros: i64) -> Instant {
    Instant::from_micros(micros)
}

fn id() -> FacilityId {
    FacilityId(Uuid::from_u128(7))
}

fn ward() -> FacilityDetails {
    FacilityDetails {
        name: Line::try_from("Cardiology").unwrap(),
        kind: FacilityKind::Department,
        parent_id: Some(FacilityId(Uuid::from_u128(1))),
        types: vec![],
        identifiers: vec![],
        phones: vec![],
        emails: vec![],
        addresses: vec![],
    }
}

fn moved() -> FacilityDetails {
    FacilityDetails { addresses: vec![Address { city: Some(Line::try_from("Fitchburg").unwrap()), ..Address::default() }], ..ward() }
}

fn registered() -> FacilityEvent {
    FacilityRegistered { registered_at: at(1), facility: ward() }.into()
}

fn closed() -> FacilityEvent {
    FacilityClosed { closed_at: at(3), reason: None }.into()
}

fn register(facility: FacilityDetails) -> FacilityCommand {
    FacilityCommand::Register { now: at(1), id: id(), facility }
}

fn change(facility: FacilityDetails) -> FacilityCommand {
    FacilityCommand::Change { now: at(2), id: id(), facility }
}

fn close() -> FacilityCommand {
    FacilityCommand::Close { now: at(3), reason: None }
}

#[test]
fn a_facility_is_registered_once() {
    given::<Facility>([]).when(register(ward())).then([registered()]);
    given::<Facility>([registered()]).when(register(ward())).then_error(FacilityError::AlreadyRegistered);
}

#[test]
fn a_facility_changes_when_something_differs() {
    given::<Facility>([registered()]).when(change(moved())).then([FacilityChanged { changed_at: at(2), facility: moved() }.into()]);
    given::<Facility>([registered()]).when(change(ward())).then([]);
    given::<Facility>([]).when(change(ward())).then_error(FacilityError::NotRegistered);
}

#[test]
fn a_facility_is_not_a_part_of_itself() {
    let own = FacilityDetails { parent_id: Some(id()), ..ward() };
    given::<Facility>([]).when(register(own.clone())).then_error(FacilityError::OwnParent);
    given::<Facility>([registered()]).when(change(own)).then_error(FacilityError::OwnParent);
}

#[test]
fn a_facility_has_no_more_than_a_hundred_of_anything() {
    let nowhere = Address::default();
    let full = FacilityDetails { addresses: vec![nowhere.clone(); 100], ..ward() };
    given::<Facility>([]).when(register(full.clone())).then([FacilityRegistered { registered_at: at(1), facility: full }.into()]);
    let more = FacilityDetails { addresses: vec![nowhere; 101], ..ward() };
    given::<Facility>([]).when(register(more.clone())).then_error(FacilityError::TooLong);
    given::<Facility>([registered()]).when(change(more)).then_error(FacilityError::TooLong);
    let nothing = Code { codings: vec![], text: None };
    given::<Facility>([]).when(register(FacilityDetails { types: vec![nothing; 101], ..ward() })).then_error(FacilityError::TooLong);
}

#[test]
fn a_closed_facility_stays_as_it_is() {
    given::<Facility>([registered()]).when(close()).then([closed()]);
    given::<Facility>([registered(), closed()]).when(close()).then([]);
    given::<Facility>([registered(), closed()]).when(change(moved())).then_error(FacilityError::Closed);
    given::<Facility>([registered(), closed()]).when(register(ward())).then_error(FacilityError::AlreadyRegistered);
    given::<Facility>([]).when(close()).then_error(FacilityError::NotRegistered);
}

#[test]
fn a_facility_goes_on_as_it_was() {
    let reopen = || FacilityCommand::Reopen { now: at(4), reason: None };
    let reopened: FacilityEvent = FacilityReopened { reopened_at: at(4), reason: None }.into();
    given::<Facility>([registered(), closed()]).when(reopen()).then([reopened.clone()]);
    given::<Facility>([registered()]).when(reopen()).then([]);
    given::<Facility>([registered(), closed(), reopened.clone()]).when(reopen()).then([]);
    given::<Facility>([registered(), closed(), reopened.clone()]).when(change(ward())).then([]);
    given::<Facility>([registered(), closed(), reopened])
        .when(change(moved()))
        .then([FacilityChanged { changed_at: at(2), facility: moved() }.into()]);
    given::<Facility>([]).when(reopen()).then_error(FacilityError::NotRegistered);
}

#[test]
fn in_a_closed_organization_nothing_opens() {
    let reopen = FacilityCommand::Reopen { now: at(4), reason: None };
    let no_more = || Grounds { organization: Organization::Closed, ..Grounds::default() };
    given::<Facility>([]).on(no_more()).when(register(ward())).then_error(FacilityError::OrganizationClosed);
    given::<Facility>([registered(), closed()]).on(no_more()).when(reopen).then_error(FacilityError::OrganizationClosed);
    given::<Facility>([registered()]).on(no_more()).when(close()).then([closed()]);
}

proptest! {
    #[test]
    fn a_facility_is_what_it_was_last_said_to_be(choices in vec(0..6_u8, 0..20)) {
        let command = |choice: &u8| match choice {
            0 => register(ward()),
            1 => change(ward()),
            2 => change(moved()),
            3 => change(FacilityDetails { parent_id: Some(id()), ..ward() }),
            4 => close(),
            _ => FacilityCommand::Reopen { now: at(4), reason: None },
        };
        let life = live::<Facility>(id().0, choices.iter().map(command));
        let mut told = None;
        for (before, event) in &life.events {
            match event {
                FacilityEvent::FacilityRegistered(registered) => told = Some(registered.facility.clone()),
                FacilityEvent::FacilityChanged(changed) => {
                    prop_assert!(matches!(before, Facility::Open(_)), "what is closed doesn't change");
                    told = Some(changed.facility.clone());
                }
                FacilityEvent::FacilityClosed(_) | FacilityEvent::FacilityReopened(_) => {}
            }
        }
        let now = match &life.state {
            Facility::Absent => None,
            Facility::Open(details) | Facility::Closed(details) => Some((**details).clone()),
        };
        prop_assert!(now == told);
    }
}

#[test]
fn a_facility_is_sealed_under_the_audit_key() {
    assert_eq!(Facility::default().subject(id().0, &registered()), Subject::Audit);
}
