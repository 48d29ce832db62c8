//! What follows from each command to an account?

use super::{
    Account, AccountCreated, AccountDeactivated, AccountError, AccountEvent, AccountLinked, AccountLinks, AccountLocked, AccountProfile,
    AccountProfileChanged, AccountReactivated, AccountStatus, AccountUnlocked, LOCKED_MINUTES, LockCause, MAX_FAILED_SIGN_INS, MAX_ROLES, NewAccount,
    Owner, PasswordCause, PasswordChanged, Role, RoleGrant, RoleGranted, RoleRevoked, SignInFailed, SignInFailure, SignInMethod, SignOutCause,
    SignedIn, SignedOut, TermsAccepted, TermsDocument,
};
use crate::{Aggregate, FacilityId, Instant, Line, SessionId, Text};

impl Account {
    pub(super) fn create(&self, now: Instant, NewAccount { profile, roles, links }: NewAccount) -> Result<Vec<AccountEvent>, AccountError> {
        if *self != Self::Absent {
            return Err(AccountError::AlreadyCreated);
        }
        let mut account = Self::Active(Box::new(Owner::new(&profile)));
        let mut events = vec![AccountCreated { created_at: now, profile }.into()];
        for grant in roles {
            for granted in account.grant_role(now, grant)? {
                account = account.evolve(&granted);
                events.push(granted);
            }
        }
        events.extend(account.link(now, links)?);
        Ok(events)
    }

    pub(super) fn change_profile(&self, now: Instant, profile: AccountProfile) -> Result<Vec<AccountEvent>, AccountError> {
        if self.usable()?.profile == profile {
            return Ok(vec![]);
        }
        Ok(vec![AccountProfileChanged { changed_at: now, profile }.into()])
    }

    /// A role at one facility would be more than is said: nothing that reads knows facilities yet.
    pub(super) fn grant_role(&self, now: Instant, grant: RoleGrant) -> Result<Vec<AccountEvent>, AccountError> {
        let owner = self.usable()?;
        if grant.facility_id.is_some() {
            return Err(AccountError::OneFacility);
        }
        if grant.expires_at.is_some_and(|end| end <= now) {
            return Err(AccountError::ExpiresTooSoon);
        }
        let held = owner.role(grant.role, grant.facility_id);
        if held == Some(&grant) {
            return Ok(vec![]);
        }
        if held.is_none() && owner.roles.len() >= MAX_ROLES {
            return Err(AccountError::TooManyRoles);
        }
        let RoleGrant { role, facility_id, expires_at } = grant;
        Ok(vec![RoleGranted { granted_at: now, role, facility_id, expires_at }.into()])
    }

    /// Taking rights away is possible in every state.
    pub(super) fn revoke_role(
        &self,
        now: Instant,
        role: Role,
        facility_id: Option<FacilityId>,
        reason: Option<Text>,
    ) -> Result<Vec<AccountEvent>, AccountError> {
        if self.existing()?.role(role, facility_id).is_none() {
            return Ok(vec![]);
        }
        Ok(vec![RoleRevoked { revoked_at: now, role, facility_id, reason }.into()])
    }

    pub(super) fn link(&self, now: Instant, links: AccountLinks) -> Result<Vec<AccountEvent>, AccountError> {
        if self.usable()?.links == links {
            return Ok(vec![]);
        }
        let AccountLinks { patient_id, provider_id } = links;
        Ok(vec![AccountLinked { linked_at: now, patient_id, provider_id }.into()])
    }

    pub(super) fn accept_terms(&self, now: Instant, document: TermsDocument, version: Line) -> Result<Vec<AccountEvent>, AccountError> {
        if self.usable()?.accepted.contains(&(document, version.clone())) {
            return Ok(vec![]);
        }
        Ok(vec![TermsAccepted { accepted_at: now, document, version }.into()])
    }

    pub(super) fn lock(&self, now: Instant, until: Option<Instant>, reason: Option<Text>) -> Result<Vec<AccountEvent>, AccountError> {
        self.usable()?;
        if until.is_some_and(|end| end <= now) {
            return Err(AccountError::EndsTooSoon);
        }
        if matches!(self, Self::Locked { until: present, cause: LockCause::Administrator, .. } if *present == until) {
            return Ok(vec![]);
        }
        Ok(vec![AccountLocked { locked_at: now, until, cause: LockCause::Administrator, reason }.into()])
    }

    pub(super) fn unlock(&self, now: Instant, reason: Option<Text>) -> Result<Vec<AccountEvent>, AccountError> {
        self.usable()?;
        match self {
            Self::Locked { .. } => Ok(vec![AccountUnlocked { unlocked_at: now, reason }.into()]),
            Self::Absent | Self::Active(_) | Self::Deactivated(_) => Ok(vec![]),
        }
    }

    pub(super) fn deactivate(&self, now: Instant, reason: Option<Text>) -> Result<Vec<AccountEvent>, AccountError> {
        match self {
            Self::Absent => Err(AccountError::NotCreated),
            Self::Deactivated(_) => Ok(vec![]),
            Self::Active(_) | Self::Locked { .. } => Ok(vec![AccountDeactivated { deactivated_at: now, reason }.into()]),
        }
    }

    pub(super) fn reactivate(&self, now: Instant, reason: Option<Text>) -> Result<Vec<AccountEvent>, AccountError> {
        match self {
            Self::Absent => Err(AccountError::NotCreated),
            Self::Deactivated(_) => Ok(vec![AccountReactivated { reactivated_at: now, reason }.into()]),
            Self::Active(_) | Self::Locked { .. } => Ok(vec![]),
        }
    }

    pub(super) fn tell_password_changed(&self, now: Instant, cause: PasswordCause) -> Result<Vec<AccountEvent>, AccountError> {
        self.usable()?;
        Ok(vec![PasswordChanged { changed_at: now, cause }.into()])
    }

    pub(super) fn sign_in(&self, now: Instant, session_id: SessionId, method: SignInMethod) -> Result<Vec<AccountEvent>, AccountError> {
        match self.status(now) {
            None => Err(AccountError::NotCreated),
            Some(AccountStatus::Locked) => Err(AccountError::Locked),
            Some(AccountStatus::Deactivated) => Err(AccountError::Deactivated),
            Some(AccountStatus::Active) => Ok(vec![SignedIn { signed_in_at: now, session_id, method }.into()]),
        }
    }

    /// The wrong guess that is one too many locks the account. While it is closed, guesses are no events: anybody can make them,
    /// without end, and they change nothing.
    pub(super) fn tell_sign_in_failed(&self, now: Instant, cause: SignInFailure) -> Result<Vec<AccountEvent>, AccountError> {
        self.existing()?;
        if self.status(now) != Some(AccountStatus::Active) {
            return Ok(vec![]);
        }
        let failed = SignInFailed { failed_at: now, cause };
        let after = self.clone().fails(&failed);
        let mut events = vec![failed.into()];
        if after.existing()?.failed_sign_ins >= MAX_FAILED_SIGN_INS {
            let until = Some(now.plus_minutes(LOCKED_MINUTES));
            events.push(AccountLocked { locked_at: now, until, cause: LockCause::FailedSignIns, reason: None }.into());
        }
        Ok(events)
    }

    /// Ending a session is possible in every state.
    pub(super) fn sign_out(&self, now: Instant, session_id: Option<SessionId>, cause: SignOutCause) -> Result<Vec<AccountEvent>, AccountError> {
        self.existing()?;
        Ok(vec![SignedOut { signed_out_at: now, session_id, cause }.into()])
    }
}
