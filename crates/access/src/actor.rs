//! Who is asking?

use anamnesis_domain::account::{Owner, Role};
use anamnesis_domain::{Instant, PatientId, ProviderId};
use uuid::Uuid;

use crate::{Permission, Scope};

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
        let holds = |until: Option<Instant>| until.is_none_or(|until| now < until);
        Self {
            account_id,
            organization_id,
            session_id,
            roles: owner.roles.iter().filter(|grant| holds(grant.expires_at)).map(|grant| grant.role).collect(),
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
}
