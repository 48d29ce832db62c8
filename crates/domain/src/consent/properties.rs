//! What holds of a consent whatever people ask for, and in whatever order?

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::testing::live;
use crate::testing::strategies::{id, instant, now, text};

fn grantee() -> impl Strategy<Value = Grantee> {
    (option::of(id()), option::of(id())).prop_map(|(provider_id, facility_id)| Grantee { provider_id, facility_id })
}

fn command() -> impl Strategy<Value = ConsentCommand> {
    let purpose = prop::sample::select(vec![Purpose::Treatment, Purpose::Payment, Purpose::Operations, Purpose::Research, Purpose::Ai]);
    let category = prop::sample::select(vec![DataCategory::Demographics, DataCategory::Records, DataCategory::All]);
    let grant = (id(), grantee(), vec(purpose, 0..4), vec(category, 0..4), now(), option::of(instant()), vec(grantee(), 0..2));
    prop_oneof![
        grant.prop_map(|(patient_id, grantee, purposes, categories, granted_at, expires_at, themselves)| {
            let consent = ConsentGranted { patient_id, grantee, purposes, categories, granted_at, expires_at };
            ConsentCommand::Grant(GrantConsent { consent, themselves })
        }),
        (now(), option::of(text())).prop_map(|(now, reason)| ConsentCommand::Revoke(RevokeConsent { now, reason })),
    ]
}

proptest! {
    #[test]
    fn a_consent_is_granted_once_for_something_and_revoked_once(commands in vec(command(), 0..20)) {
        let life = live::<Consent>(Uuid::from_u128(42), commands);
        let told: Vec<_> = life.events.into_iter().map(|(_, event)| event).collect();
        let grants: Vec<_> = told.iter().filter_map(|event| if let ConsentEvent::ConsentGranted(granted) = event { Some(granted) } else { None }).collect();
        prop_assert!(grants.len() <= 1 && told.len() <= 2);
        for granted in grants {
            let Grantee { provider_id, facility_id } = granted.grantee;
            prop_assert!(provider_id.is_some() != facility_id.is_some());
            prop_assert!(granted.expires_at.is_none_or(|end| end > granted.granted_at));
            for count in [granted.purposes.len(), granted.categories.len()] {
                prop_assert!((1..=5).contains(&count));
            }
            let mut once = granted.purposes.clone();
            keep_once(&mut once);
            prop_assert!(once == granted.purposes);
        }
    }
}
