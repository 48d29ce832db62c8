use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::testing::{given, live};

fn at(micros: i64) -> Instant {
    Instant::from_micros(micros)
}

fn name(name: &str) -> Line {
    Line::try_from(name).unwrap()
}

fn clinic() -> NewOrganization {
    NewOrganization { name: name("Fitchburg Clinic"), slug: Some(Slug::try_from("fitchburg".to_owned()).unwrap()) }
}

fn registered() -> OrganizationEvent {
    OrganizationRegistered { registered_at: at(1), organization: clinic() }.into()
}

fn closed() -> OrganizationEvent {
    OrganizationClosed { closed_at: at(3), reason: None }.into()
}

fn register() -> OrganizationCommand {
    OrganizationCommand::Register { now: at(1), organization: clinic() }
}

fn rename(to: &str) -> OrganizationCommand {
    OrganizationCommand::Rename { now: at(2), name: name(to) }
}

fn close() -> OrganizationCommand {
    OrganizationCommand::Close { now: at(3), reason: None }
}

#[test]
fn an_organization_registers_once() {
    given::<Organization>([]).when(register()).then([registered()]);
    given::<Organization>([registered()]).when(register()).then_error(OrganizationError::AlreadyRegistered);
    given::<Organization>([registered(), closed()]).when(register()).then_error(OrganizationError::AlreadyRegistered);
}

#[test]
fn an_organization_gets_another_name_but_not_the_same_again() {
    let renamed: OrganizationEvent = OrganizationRenamed { renamed_at: at(2), name: name("Leominster Clinic") }.into();
    given::<Organization>([registered()]).when(rename("Leominster Clinic")).then([renamed.clone()]);
    given::<Organization>([registered()]).when(rename("Fitchburg Clinic")).then([]);
    given::<Organization>([registered(), renamed]).when(rename("Leominster Clinic")).then([]);
}

#[test]
fn a_closed_organization_stays_as_it_is() {
    given::<Organization>([registered()]).when(close()).then([closed()]);
    given::<Organization>([registered(), closed()]).when(close()).then([]);
    given::<Organization>([registered(), closed()]).when(rename("Leominster Clinic")).then_error(OrganizationError::Closed);
}

proptest! {
    #[test]
    fn an_organization_has_the_name_it_was_given_last_and_closes_once(choices in vec(0..4_u8, 0..20)) {
        let command = |choice: &u8| match choice {
            0 => register(),
            1 => rename("Fitchburg Clinic"),
            2 => rename("Leominster Clinic"),
            _ => close(),
        };
        let life = live::<Organization>(Uuid::from_u128(1), choices.iter().map(command));
        let (mut last, mut closings) = (None, 0);
        for (before, event) in &life.events {
            prop_assert!(*before != Organization::Closed, "{event:?} after it closed");
            match event {
                OrganizationEvent::OrganizationRegistered(registered) => last = Some(registered.organization.name.clone()),
                OrganizationEvent::OrganizationRenamed(renamed) => last = Some(renamed.name.clone()),
                OrganizationEvent::OrganizationClosed(_) => closings += 1,
            }
        }
        let is_right = match life.state {
            Organization::Absent => last.is_none(),
            Organization::Open { name } => Some(name) == last,
            Organization::Closed => closings == 1,
        };
        prop_assert!(is_right);
    }
}

#[test]
fn what_was_never_registered_is_neither_renamed_nor_closed() {
    given::<Organization>([]).when(rename("Leominster Clinic")).then_error(OrganizationError::NotRegistered);
    given::<Organization>([]).when(close()).then_error(OrganizationError::NotRegistered);
}

#[test]
fn a_slug_can_stand_in_an_address() {
    for slug in ["a", "fitchburg", "st-mary-2", &"x".repeat(63)] {
        assert!(Slug::try_from(slug.to_owned()).is_ok(), "{slug}");
    }
    for slug in ["", "-a", "a-", "St-Mary", "st mary", "st.mary", "ä", &"x".repeat(64)] {
        assert!(Slug::try_from(slug.to_owned()).is_err(), "{slug}");
    }
}

#[test]
fn an_organization_is_sealed_under_the_audit_key() {
    assert_eq!(Organization::default().subject(Uuid::nil(), &registered()), Subject::Audit);
}
