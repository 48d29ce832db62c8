//! Who is asking?

use anamnesis_domain::account::{Owner, Role, RoleGrant};
use anamnesis_domain::{Instant, PatientId, ProviderId};
use uuid::Uuid;

use crate::{Permission, Reach, Scope};

/// An account that has signed in, with what it may do at this moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Actor {
    /// The account.
    pub account_id: Uuid,
    /// Its tenant; it sees nothing of any other.
    pub organization_id: Uuid,
    /// The session, by id.
    pub session_id: Uuid,
    /// The roles that hold now.
    pub roles: Vec<Role>,
    /// The owner's own record as a patient.
    pub patient_id: Option<PatientId>,
    /// The owner's own record as a provider.
    pub provider_id: Option<ProviderId>,
}

impl Actor {
    pub(crate) fn of(owner: &Owner, account_id: Uuid, organization_id: Uuid, session_id: Uuid, now: Instant) -> Self {
        // what reaches one facility only isn't known to any scope yet: it gives nothing rather than everything
        let holds = |grant: &&RoleGrant| grant.facility_id.is_none() && grant.expires_at.is_none_or(|until| now < until);
        Self {
            account_id,
            organization_id,
            session_id,
            roles: owner.roles.iter().filter(holds).map(|grant| grant.role).collect(),
            patient_id: owner.links.patient_id,
            provider_id: owner.links.provider_id,
        }
    }

    /// How far `permission` reaches for this account, if it has it at all: the widest that any of its roles gives.
    pub fn scope(&self, permission: Permission) -> Option<Scope> {
        let widest = self.roles.iter().filter_map(|role| permission.given_to(*role)).max()?;
        match (widest, self.patient_id) {
            (Scope::Organization, _) => Some(Scope::Organization),
            (Scope::Own(_), Some(own)) => Some(Scope::Own(own)),
            (Scope::Own(_), None) => None,
        }
    }

    /// Whose data may be given by all of these permissions together, each of which the same role must give.
    pub fn reach(&self, permissions: &[Permission]) -> Reach {
        self.roles.iter().fold(Reach::NOBODY, |reach, role| {
            let narrowest = permissions.iter().map(|permission| permission.given_to(*role)).min().flatten();
            match (narrowest, self.patient_id) {
                (Some(Scope::Own(_)), Some(own)) => reach.with(*role, Scope::Own(own)),
                (Some(Scope::Organization), _) => reach.with(*role, Scope::Organization),
                (Some(Scope::Own(_)) | None, _) => reach,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use anamnesis_domain::account::{AccountLinks, AccountProfile};
    use anamnesis_domain::{Email, FacilityId, Line};

    use super::*;

    const HISTORY: &[Permission] = &[Permission::ReadHistory, Permission::ReadRecords];

    fn actor(roles: &[Role]) -> Actor {
        let patient_id = Some(PatientId(Uuid::from_u128(7)));
        let id = Uuid::nil();
        Actor { account_id: id, organization_id: id, session_id: id, roles: roles.to_vec(), patient_id, provider_id: None }
    }

    #[test]
    fn a_role_gives_something_while_it_holds_in_the_whole_organization() {
        let now = Instant::from_micros(5);
        let profile = AccountProfile {
            email: Email::try_from("ada@example.org").unwrap(),
            display_name: Line::try_from("Ada").unwrap(),
            phone: None,
            time_zone: None,
        };
        let grant = |role, facility_id, until: Option<i64>| RoleGrant { role, facility_id, expires_at: until.map(Instant::from_micros) };
        let place = Some(FacilityId(Uuid::from_u128(3)));
        let roles = vec![
            grant(Role::Staff, None, None),
            grant(Role::Provider, None, Some(6)),
            grant(Role::Analyst, None, Some(5)),
            grant(Role::Auditor, place, None),
        ];
        let owner = Owner { profile, roles, links: AccountLinks::default(), accepted: vec![], failed_sign_ins: 0 };
        let actor = Actor::of(&owner, Uuid::nil(), Uuid::nil(), Uuid::nil(), now);
        assert_eq!(actor.roles, [Role::Staff, Role::Provider]);
    }

    #[test]
    fn a_provider_reaches_who_consents_and_an_auditor_everybody() {
        assert_eq!(actor(&[Role::Provider]).reach(HISTORY), Reach { consented: true, ..Reach::NOBODY });
        assert_eq!(actor(&[Role::Auditor]).reach(HISTORY), Reach { everybody: true, ..Reach::NOBODY });
        let own = actor(&[Role::Patient]).patient_id;
        assert_eq!(actor(&[Role::Patient, Role::Provider]).reach(HISTORY), Reach { own, consented: true, ..Reach::NOBODY });
    }

    #[test]
    fn one_role_must_give_all_that_is_needed() {
        assert_eq!(actor(&[Role::Staff, Role::Analyst, Role::Admin]).reach(HISTORY), Reach::NOBODY);
        assert_eq!(actor(&[Role::Staff]).reach(&[Permission::ReadPatients]), Reach { everybody: true, ..Reach::NOBODY });
    }

    #[test]
    fn a_patients_account_that_is_nobodys_reaches_nobody() {
        assert_eq!(Actor { patient_id: None, ..actor(&[Role::Patient]) }.reach(HISTORY), Reach::NOBODY);
    }
}
