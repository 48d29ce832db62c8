//! Who may sign in, as what? `Absent → Active ⇄ Locked`, and from both `⇄ Deactivated`

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Aggregate, Email, FacilityId, Instant, Line, PatientId, Phone, ProviderId, Reservation, SessionId, Subject, Text, TimeZone, choices::choices,
    events::events, redact::redacted, refusal::refusals,
};

#[cfg(test)]
mod tests;

/// How many roles an account may have.
pub const MAX_ROLES: usize = 50;
/// After how many failed sign-ins in a row an account is locked for [`LOCKED_MINUTES`].
pub const MAX_FAILED_SIGN_INS: u32 = 10;
/// How long failed sign-ins lock an account: never for good, or a stranger could shut its owner out.
pub const LOCKED_MINUTES: u32 = 15;

events! {
    /// What can have happened to an account.
    pub enum AccountEvent {
        AccountCreated(AccountCreated) = 1,
        AccountProfileChanged(AccountProfileChanged) = 1,
        RoleGranted(RoleGranted) = 1,
        RoleRevoked(RoleRevoked) = 1,
        AccountLinked(AccountLinked) = 1,
        TermsAccepted(TermsAccepted) = 1,
        AccountLocked(AccountLocked) = 1,
        AccountUnlocked(AccountUnlocked) = 1,
        AccountDeactivated(AccountDeactivated) = 1,
        AccountReactivated(AccountReactivated) = 1,
        PasswordChanged(PasswordChanged) = 1,
        SignedIn(SignedIn) = 1,
        SignInFailed(SignInFailed) = 1,
        SignedOut(SignedOut) = 1,
    }
}

/// Somebody got an account. Its roles and links are events of their own, which outlive an erasure.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountCreated {
    /// When.
    pub created_at: Instant,
    /// Whose it is.
    pub profile: AccountProfile,
}

/// An account's owner is described anew.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountProfileChanged {
    /// When.
    pub changed_at: Instant,
    /// Whose it is from now on, whole.
    pub profile: AccountProfile,
}

/// An account may act in a role; takes the place of an earlier grant of the same role at the same place.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleGranted {
    /// When.
    pub granted_at: Instant,
    /// Which role.
    pub role: Role,
    /// Where only; none: in the whole organization.
    pub facility_id: Option<FacilityId>,
    /// Until when; none: until revoked.
    pub expires_at: Option<Instant>,
}

/// An account may no longer act in a role.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleRevoked {
    /// When.
    pub revoked_at: Instant,
    /// Which role.
    pub role: Role,
    /// Where, as it was granted.
    pub facility_id: Option<FacilityId>,
    /// Why.
    pub reason: Option<Text>,
}

/// An account belongs to these records of its owner, and to no others.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountLinked {
    /// When.
    pub linked_at: Instant,
    /// The owner's record as a patient.
    pub patient_id: Option<PatientId>,
    /// The owner's record as a provider.
    pub provider_id: Option<ProviderId>,
}

/// The owner agreed to something.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct TermsAccepted {
    /// When.
    pub accepted_at: Instant,
    /// What it is.
    pub document: TermsDocument,
    /// Which version of it.
    pub version: Line,
}

/// An account can't be used for a while.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountLocked {
    /// When.
    pub locked_at: Instant,
    /// Until when; none: until unlocked.
    pub until: Option<Instant>,
    /// What led to it.
    pub cause: LockCause,
    /// Why, in words.
    pub reason: Option<Text>,
}

/// An account can be used again.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountUnlocked {
    /// When.
    pub unlocked_at: Instant,
    /// Why.
    pub reason: Option<Text>,
}

/// An account was put out of use.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountDeactivated {
    /// When.
    pub deactivated_at: Instant,
    /// Why.
    pub reason: Option<Text>,
}

/// An account was put back into use.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountReactivated {
    /// When.
    pub reactivated_at: Instant,
    /// Why.
    pub reason: Option<Text>,
}

/// An account has another password. The fact alone: no event holds a secret.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PasswordChanged {
    /// When.
    pub changed_at: Instant,
    /// How it came about.
    pub cause: PasswordCause,
}

/// The owner signed in.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct SignedIn {
    /// When.
    pub signed_in_at: Instant,
    /// The session that began.
    pub session_id: SessionId,
    /// What was shown.
    pub method: SignInMethod,
}

/// Somebody tried to sign in and couldn't.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct SignInFailed {
    /// When.
    pub failed_at: Instant,
    /// Why.
    pub cause: SignInFailure,
}

/// A session ended.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct SignedOut {
    /// When.
    pub signed_out_at: Instant,
    /// The session that ended; none: every one.
    pub session_id: Option<SessionId>,
    /// What led to it.
    pub cause: SignOutCause,
}

/// Whose an account is.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AccountProfile {
    /// What they sign in with; unique in the organization.
    pub email: Email,
    /// What they are called on screens.
    pub display_name: Line,
    /// Where they can be called.
    #[serde(default)]
    pub phone: Option<Phone>,
    /// Where their clock stands.
    #[serde(default)]
    pub time_zone: Option<TimeZone>,
}

/// The owner's records.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct AccountLinks {
    /// As a patient.
    pub patient_id: Option<PatientId>,
    /// As a provider.
    pub provider_id: Option<ProviderId>,
}

/// A role, where and until when.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RoleGrant {
    /// Which role.
    pub role: Role,
    /// Where only; none: in the whole organization.
    #[serde(default)]
    pub facility_id: Option<FacilityId>,
    /// Until when; none: until revoked.
    #[serde(default)]
    pub expires_at: Option<Instant>,
}

/// An account to be made.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// Whose it is.
    pub profile: AccountProfile,
    /// What it may act as, from the beginning.
    #[serde(default)]
    pub roles: Vec<RoleGrant>,
    /// The owner's records.
    #[serde(default)]
    pub links: AccountLinks,
}

choices! {
    /// What an account may act as.
    pub enum Role {
        Patient = "PATIENT",
        Provider = "PROVIDER",
        Staff = "STAFF",
        Admin = "ADMIN",
        PrivacyOfficer = "PRIVACY_OFFICER",
        Auditor = "AUDITOR",
        Analyst = "ANALYST",
        System = "SYSTEM",
    }
}

choices! {
    /// Whether an account can be used.
    pub enum AccountStatus {
        Active = "ACTIVE",
        Locked = "LOCKED",
        Deactivated = "DEACTIVATED",
    }
}

choices! {
    /// What an owner agrees to: the terms of use, the notice of privacy practices (45 CFR 164.520).
    pub enum TermsDocument {
        TermsOfUse = "TERMS_OF_USE",
        PrivacyNotice = "PRIVACY_NOTICE",
    }
}

choices! {
    /// What locked an account: somebody who may, or too many failed sign-ins in a row.
    pub enum LockCause {
        Administrator = "ADMINISTRATOR",
        FailedSignIns = "FAILED_SIGN_INS",
    }
}

choices! {
    /// How a password came about: the first one; by the owner, who knew the old one; by a link sent to the owner; by an administrator.
    pub enum PasswordCause {
        First = "FIRST",
        Changed = "CHANGED",
        Reset = "RESET",
        Administrator = "ADMINISTRATOR",
    }
}

choices! {
    /// What a sign-in was shown: a password; also a second factor; another service's word.
    pub enum SignInMethod {
        Password = "PASSWORD",
        PasswordAndCode = "PASSWORD_AND_CODE",
        Federated = "FEDERATED",
    }
}

choices! {
    /// Why a sign-in failed: what was shown is wrong, or the account can't be used.
    pub enum SignInFailure {
        WrongPassword = "WRONG_PASSWORD",
        WrongCode = "WRONG_CODE",
        Locked = "LOCKED",
        Deactivated = "DEACTIVATED",
    }
}

choices! {
    /// Why a session ended: the owner left; it was too old, or unused for too long; it was taken away.
    pub enum SignOutCause {
        Left = "LEFT",
        Expired = "EXPIRED",
        Revoked = "REVOKED",
    }
}

redacted!(
    AccountCreated,
    AccountProfileChanged,
    RoleGranted,
    RoleRevoked,
    AccountLinked,
    TermsAccepted,
    AccountLocked,
    AccountUnlocked,
    AccountDeactivated,
    AccountReactivated,
    PasswordChanged,
    SignedIn,
    SignInFailed,
    SignedOut,
    AccountProfile,
    AccountLinks,
    RoleGrant,
    NewAccount,
    Owner,
);

/// An account's state.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Account {
    /// Not created yet.
    #[default]
    Absent,
    /// In use.
    Active(Box<Owner>),
    /// Not to be used for a while.
    Locked {
        /// Whose it is.
        owner: Box<Owner>,
        /// Until when; none: until unlocked.
        until: Option<Instant>,
    },
    /// Out of use.
    Deactivated(Box<Owner>),
}

/// What is known of an account's owner.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Owner {
    /// Who they are.
    pub profile: AccountProfile,
    /// What they may act as.
    pub roles: Vec<RoleGrant>,
    /// Their records.
    pub links: AccountLinks,
    /// Which version of each document they agreed to last.
    pub accepted: Vec<(TermsDocument, Line)>,
    /// How many sign-ins failed since the last that didn't.
    pub failed_sign_ins: u32,
}

/// What can be asked of an account; `now` is the moment of the command.
#[derive(Clone)]
#[expect(missing_docs, reason = "the fields' types say it")]
pub enum AccountCommand {
    /// Create it.
    Create { now: Instant, account: NewAccount },
    /// Describe its owner anew, whole.
    ChangeProfile { now: Instant, profile: AccountProfile },
    /// Let it act in a role.
    GrantRole { now: Instant, grant: RoleGrant },
    /// Take a role back.
    RevokeRole { now: Instant, role: Role, facility_id: Option<FacilityId>, reason: Option<Text> },
    /// Say which records are its owner's, whole.
    Link { now: Instant, links: AccountLinks },
    /// Agree to something.
    AcceptTerms { now: Instant, document: TermsDocument, version: Line },
    /// Lock it.
    Lock { now: Instant, until: Option<Instant>, reason: Option<Text> },
    /// Unlock it.
    Unlock { now: Instant, reason: Option<Text> },
    /// Put it out of use.
    Deactivate { now: Instant, reason: Option<Text> },
    /// Put it back into use.
    Reactivate { now: Instant, reason: Option<Text> },
    /// Tell that it has another password.
    TellPasswordChanged { now: Instant, cause: PasswordCause },
    /// Sign in; everything shown was right.
    SignIn { now: Instant, session_id: SessionId, method: SignInMethod },
    /// Tell that a sign-in failed.
    TellSignInFailed { now: Instant, cause: SignInFailure },
    /// End a session; none: every one.
    SignOut { now: Instant, session_id: Option<SessionId>, cause: SignOutCause },
}

refusals! {
    /// Which rule on accounts says no.
    pub enum AccountError {
        AlreadyCreated = "already_created", State, "this account already exists";
        NotCreated = "not_created", State, "this account doesn't exist";
        Locked = "locked", State, "this account is locked";
        Deactivated = "deactivated", State, "this account is out of use";
        TooManyRoles = "too_many_roles", Request, "an account may have at most 50 roles";
        ExpiresTooSoon = "expires_too_soon", Request, "expires_at must lie in the future";
        EndsTooSoon = "ends_too_soon", Request, "until must lie in the future";
    }
}

impl Aggregate for Account {
    const TYPE: &'static str = "account";
    const TOPIC: &'static str = "audit-events";
    type Command = AccountCommand;
    type Event = AccountEvent;
    type Error = AccountError;

    fn decide(&self, command: AccountCommand) -> Result<Vec<AccountEvent>, AccountError> {
        match command {
            AccountCommand::Create { now, account } => self.create(now, account),
            AccountCommand::ChangeProfile { now, profile } => self.change_profile(now, profile),
            AccountCommand::GrantRole { now, grant } => self.grant_role(now, grant),
            AccountCommand::RevokeRole { now, role, facility_id, reason } => self.revoke_role(now, role, facility_id, reason),
            AccountCommand::Link { now, links } => self.link(now, links),
            AccountCommand::AcceptTerms { now, document, version } => self.accept_terms(now, document, version),
            AccountCommand::Lock { now, until, reason } => self.lock(now, until, reason),
            AccountCommand::Unlock { now, reason } => self.unlock(now, reason),
            AccountCommand::Deactivate { now, reason } => self.deactivate(now, reason),
            AccountCommand::Reactivate { now, reason } => self.reactivate(now, reason),
            AccountCommand::TellPasswordChanged { now, cause } => self.tell_password_changed(now, cause),
            AccountCommand::SignIn { now, session_id, method } => self.sign_in(now, session_id, method),
            AccountCommand::TellSignInFailed { now, cause } => self.tell_sign_in_failed(now, cause),
            AccountCommand::SignOut { now, session_id, cause } => self.sign_out(now, session_id, cause),
        }
    }

    fn evolve(self, event: &AccountEvent) -> Self {
        match event {
            AccountEvent::AccountCreated(created) => Self::Active(Box::new(Owner::new(&created.profile))),
            AccountEvent::AccountProfileChanged(changed) => self.with(|owner| owner.profile = changed.profile.clone()),
            AccountEvent::RoleGranted(granted) => self.with(|owner| owner.hold(granted.into())),
            AccountEvent::RoleRevoked(revoked) => self.with(|owner| owner.drop_role(revoked.role, revoked.facility_id)),
            AccountEvent::AccountLinked(linked) => self.with(|owner| owner.links = linked.into()),
            AccountEvent::TermsAccepted(accepted) => self.with(|owner| owner.accept(accepted)),
            AccountEvent::AccountLocked(locked) => self.locked(locked.until),
            AccountEvent::AccountUnlocked(_) | AccountEvent::AccountReactivated(_) => self.in_use(),
            AccountEvent::AccountDeactivated(_) => self.out_of_use(),
            AccountEvent::SignedIn(_) => self.in_use().with(|owner| owner.failed_sign_ins = 0),
            AccountEvent::SignInFailed(failed) => self.with(|owner| owner.count_failure(failed.cause)),
            // Passwords and sessions stand elsewhere: they are secrets.
            AccountEvent::PasswordChanged(_) | AccountEvent::SignedOut(_) => self,
        }
    }

    fn subject(&self, id: Uuid, event: &AccountEvent) -> Subject {
        match event {
            AccountEvent::AccountCreated(_) | AccountEvent::AccountProfileChanged(_) => Subject::Person(id),
            AccountEvent::RoleGranted(_)
            | AccountEvent::RoleRevoked(_)
            | AccountEvent::AccountLinked(_)
            | AccountEvent::TermsAccepted(_)
            | AccountEvent::AccountLocked(_)
            | AccountEvent::AccountUnlocked(_)
            | AccountEvent::AccountDeactivated(_)
            | AccountEvent::AccountReactivated(_)
            | AccountEvent::PasswordChanged(_)
            | AccountEvent::SignedIn(_)
            | AccountEvent::SignInFailed(_)
            | AccountEvent::SignedOut(_) => Subject::Audit,
        }
    }

    fn reservations(&self, _id: Uuid, event: &AccountEvent) -> Vec<Reservation> {
        match event {
            AccountEvent::AccountCreated(created) => vec![claim(&created.profile.email)],
            AccountEvent::AccountProfileChanged(changed) => self.move_claim(&changed.profile.email),
            AccountEvent::RoleGranted(_)
            | AccountEvent::RoleRevoked(_)
            | AccountEvent::AccountLinked(_)
            | AccountEvent::TermsAccepted(_)
            | AccountEvent::AccountLocked(_)
            | AccountEvent::AccountUnlocked(_)
            | AccountEvent::AccountDeactivated(_)
            | AccountEvent::AccountReactivated(_)
            | AccountEvent::PasswordChanged(_)
            | AccountEvent::SignedIn(_)
            | AccountEvent::SignInFailed(_)
            | AccountEvent::SignedOut(_) => vec![],
        }
    }
}

const EMAIL_CLAIM: &str = "account-email";

fn claim(email: &Email) -> Reservation {
    Reservation::Claim { kind: EMAIL_CLAIM, value: email.normalised() }
}

impl Account {
    /// Whether it can be used at that moment. `None`: it was never created.
    pub fn status(&self, now: Instant) -> Option<AccountStatus> {
        match self {
            Self::Absent => None,
            Self::Active(_) => Some(AccountStatus::Active),
            Self::Locked { until, .. } if until.is_some_and(|until| until <= now) => Some(AccountStatus::Active),
            Self::Locked { .. } => Some(AccountStatus::Locked),
            Self::Deactivated(_) => Some(AccountStatus::Deactivated),
        }
    }

    /// What is known of its owner.
    pub fn owner(&self) -> Option<&Owner> {
        match self {
            Self::Absent => None,
            Self::Active(owner) | Self::Locked { owner, .. } | Self::Deactivated(owner) => Some(owner),
        }
    }

    fn create(&self, now: Instant, NewAccount { profile, roles, links }: NewAccount) -> Result<Vec<AccountEvent>, AccountError> {
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

    fn change_profile(&self, now: Instant, profile: AccountProfile) -> Result<Vec<AccountEvent>, AccountError> {
        if self.usable()?.profile == profile {
            return Ok(vec![]);
        }
        Ok(vec![AccountProfileChanged { changed_at: now, profile }.into()])
    }

    fn grant_role(&self, now: Instant, grant: RoleGrant) -> Result<Vec<AccountEvent>, AccountError> {
        let owner = self.usable()?;
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
    fn revoke_role(
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

    fn link(&self, now: Instant, links: AccountLinks) -> Result<Vec<AccountEvent>, AccountError> {
        if self.usable()?.links == links {
            return Ok(vec![]);
        }
        let AccountLinks { patient_id, provider_id } = links;
        Ok(vec![AccountLinked { linked_at: now, patient_id, provider_id }.into()])
    }

    fn accept_terms(&self, now: Instant, document: TermsDocument, version: Line) -> Result<Vec<AccountEvent>, AccountError> {
        if self.usable()?.accepted.contains(&(document, version.clone())) {
            return Ok(vec![]);
        }
        Ok(vec![TermsAccepted { accepted_at: now, document, version }.into()])
    }

    fn lock(&self, now: Instant, until: Option<Instant>, reason: Option<Text>) -> Result<Vec<AccountEvent>, AccountError> {
        self.usable()?;
        if until.is_some_and(|end| end <= now) {
            return Err(AccountError::EndsTooSoon);
        }
        if matches!(self, Self::Locked { until: present, .. } if *present == until) {
            return Ok(vec![]);
        }
        Ok(vec![AccountLocked { locked_at: now, until, cause: LockCause::Administrator, reason }.into()])
    }

    fn unlock(&self, now: Instant, reason: Option<Text>) -> Result<Vec<AccountEvent>, AccountError> {
        self.usable()?;
        match self {
            Self::Locked { .. } => Ok(vec![AccountUnlocked { unlocked_at: now, reason }.into()]),
            Self::Absent | Self::Active(_) | Self::Deactivated(_) => Ok(vec![]),
        }
    }

    fn deactivate(&self, now: Instant, reason: Option<Text>) -> Result<Vec<AccountEvent>, AccountError> {
        match self {
            Self::Absent => Err(AccountError::NotCreated),
            Self::Deactivated(_) => Ok(vec![]),
            Self::Active(_) | Self::Locked { .. } => Ok(vec![AccountDeactivated { deactivated_at: now, reason }.into()]),
        }
    }

    fn reactivate(&self, now: Instant, reason: Option<Text>) -> Result<Vec<AccountEvent>, AccountError> {
        match self {
            Self::Absent => Err(AccountError::NotCreated),
            Self::Deactivated(_) => Ok(vec![AccountReactivated { reactivated_at: now, reason }.into()]),
            Self::Active(_) | Self::Locked { .. } => Ok(vec![]),
        }
    }

    fn tell_password_changed(&self, now: Instant, cause: PasswordCause) -> Result<Vec<AccountEvent>, AccountError> {
        self.usable()?;
        Ok(vec![PasswordChanged { changed_at: now, cause }.into()])
    }

    fn sign_in(&self, now: Instant, session_id: SessionId, method: SignInMethod) -> Result<Vec<AccountEvent>, AccountError> {
        match self.status(now) {
            None => Err(AccountError::NotCreated),
            Some(AccountStatus::Locked) => Err(AccountError::Locked),
            Some(AccountStatus::Deactivated) => Err(AccountError::Deactivated),
            Some(AccountStatus::Active) => Ok(vec![SignedIn { signed_in_at: now, session_id, method }.into()]),
        }
    }

    /// The failure that is one too many locks the account, if it can be used now.
    fn tell_sign_in_failed(&self, now: Instant, cause: SignInFailure) -> Result<Vec<AccountEvent>, AccountError> {
        let mut failures = self.existing()?.clone();
        failures.count_failure(cause);
        let mut events = vec![SignInFailed { failed_at: now, cause }.into()];
        if self.status(now) == Some(AccountStatus::Active) && failures.failed_sign_ins >= MAX_FAILED_SIGN_INS {
            let until = Some(now.plus_minutes(LOCKED_MINUTES));
            events.push(AccountLocked { locked_at: now, until, cause: LockCause::FailedSignIns, reason: None }.into());
        }
        Ok(events)
    }

    /// Ending a session is possible in every state.
    fn sign_out(&self, now: Instant, session_id: Option<SessionId>, cause: SignOutCause) -> Result<Vec<AccountEvent>, AccountError> {
        self.existing()?;
        Ok(vec![SignedOut { signed_out_at: now, session_id, cause }.into()])
    }

    fn existing(&self) -> Result<&Owner, AccountError> {
        self.owner().ok_or(AccountError::NotCreated)
    }

    fn usable(&self) -> Result<&Owner, AccountError> {
        match self {
            Self::Absent => Err(AccountError::NotCreated),
            Self::Deactivated(_) => Err(AccountError::Deactivated),
            Self::Active(owner) | Self::Locked { owner, .. } => Ok(owner),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Owner)) -> Self {
        match &mut self {
            Self::Absent => {}
            Self::Active(owner) | Self::Locked { owner, .. } | Self::Deactivated(owner) => change(owner),
        }
        self
    }

    fn in_use(self) -> Self {
        match self {
            Self::Absent => Self::Absent,
            Self::Active(owner) | Self::Locked { owner, .. } | Self::Deactivated(owner) => Self::Active(owner),
        }
    }

    /// A lock begins the count of failures anew.
    fn locked(self, until: Option<Instant>) -> Self {
        match self {
            Self::Absent => Self::Absent,
            Self::Active(owner) | Self::Locked { owner, .. } | Self::Deactivated(owner) => {
                Self::Locked { owner, until }.with(|owner| owner.failed_sign_ins = 0)
            }
        }
    }

    fn out_of_use(self) -> Self {
        match self {
            Self::Absent => Self::Absent,
            Self::Active(owner) | Self::Locked { owner, .. } | Self::Deactivated(owner) => Self::Deactivated(owner),
        }
    }

    fn move_claim(&self, email: &Email) -> Vec<Reservation> {
        match self.owner() {
            Some(owner) if owner.profile.email.normalised() == email.normalised() => vec![],
            Some(owner) => vec![Reservation::Release { kind: EMAIL_CLAIM, value: owner.profile.email.normalised() }, claim(email)],
            None => vec![claim(email)],
        }
    }
}

impl Owner {
    fn new(profile: &AccountProfile) -> Self {
        Self { profile: profile.clone(), roles: vec![], links: AccountLinks::default(), accepted: vec![], failed_sign_ins: 0 }
    }

    fn role(&self, role: Role, facility_id: Option<FacilityId>) -> Option<&RoleGrant> {
        self.roles.iter().find(|held| held.role == role && held.facility_id == facility_id)
    }

    fn hold(&mut self, grant: RoleGrant) {
        self.drop_role(grant.role, grant.facility_id);
        self.roles.push(grant);
    }

    fn drop_role(&mut self, role: Role, facility_id: Option<FacilityId>) {
        self.roles.retain(|held| held.role != role || held.facility_id != facility_id);
    }

    fn accept(&mut self, accepted: &TermsAccepted) {
        self.accepted.retain(|(document, _)| *document != accepted.document);
        self.accepted.push((accepted.document, accepted.version.clone()));
    }

    /// Only a wrong guess counts: who knocks at a closed door doesn't keep it closed.
    fn count_failure(&mut self, cause: SignInFailure) {
        match cause {
            SignInFailure::WrongPassword | SignInFailure::WrongCode => self.failed_sign_ins += 1,
            SignInFailure::Locked | SignInFailure::Deactivated => {}
        }
    }
}

impl From<&RoleGranted> for RoleGrant {
    fn from(granted: &RoleGranted) -> Self {
        Self { role: granted.role, facility_id: granted.facility_id, expires_at: granted.expires_at }
    }
}

impl From<&AccountLinked> for AccountLinks {
    fn from(linked: &AccountLinked) -> Self {
        Self { patient_id: linked.patient_id, provider_id: linked.provider_id }
    }
}
