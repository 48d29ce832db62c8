//! Who may sign in, as what? `Absent → Active ⇄ Locked`, and from both `⇄ Deactivated`

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Aggregate, Email, FacilityId, Instant, Line, Reservation, SessionId, Subject, Text, events::events, redact::redacted, refusal::refusals,
};

mod commands;
mod details;
mod payloads;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use details::{
    AccountLinks, AccountProfile, AccountStatus, LockCause, NewAccount, PasswordCause, Role, RoleGrant, SignInFailure, SignInMethod, SignOutCause,
    TermsDocument,
};
pub use payloads::{
    AccountCreated, AccountDeactivated, AccountLinked, AccountLocked, AccountProfileChanged, AccountReactivated, AccountUnlocked, PasswordChanged,
    RoleGranted, RoleRevoked, SignInFailed, SignedIn, SignedOut, TermsAccepted,
};

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

redacted!(Owner);

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
        /// What led to it.
        cause: LockCause,
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
        TooManyRoles = "too_many_roles", Request(roles), "an account may have at most 50 roles";
        OneFacility = "one_facility", Request(facility_id), "facility_id must not be given: a role holds in the whole organization";
        ExpiresTooSoon = "expires_too_soon", Request(expires_at), "expires_at must lie in the future";
        EndsTooSoon = "ends_too_soon", Request(until), "until must lie in the future";
    }
}

impl Aggregate for Account {
    const TYPE: &'static str = "account";
    const TOPIC: &'static str = "audit-events";
    const SNAPSHOT_VERSION: u32 = 2;
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
            AccountEvent::AccountLocked(locked) => self.becomes(|owner| locked_by(owner, locked)).with(Owner::forget_failures),
            AccountEvent::AccountUnlocked(_) | AccountEvent::AccountReactivated(_) => self.becomes(Self::Active),
            AccountEvent::AccountDeactivated(_) => self.becomes(Self::Deactivated),
            AccountEvent::SignedIn(_) => self.becomes(Self::Active).with(Owner::forget_failures),
            AccountEvent::SignInFailed(failed) => self.fails(failed),
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

fn locked_by(owner: Box<Owner>, &AccountLocked { until, cause, .. }: &AccountLocked) -> Account {
    Account::Locked { owner, until, cause }
}

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

    /// Its owner, if sessions that are open may be used at that moment. Wrong guesses end none: strangers make them.
    pub fn in_session(&self, now: Instant) -> Option<&Owner> {
        let only_guessed_at = matches!(self, Self::Locked { cause: LockCause::FailedSignIns, .. });
        self.owner().filter(|_| only_guessed_at || self.status(now) == Some(AccountStatus::Active))
    }

    /// What is known of its owner.
    pub fn owner(&self) -> Option<&Owner> {
        match self {
            Self::Absent => None,
            Self::Active(owner) | Self::Locked { owner, .. } | Self::Deactivated(owner) => Some(owner),
        }
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

    fn becomes(self, state: impl FnOnce(Box<Owner>) -> Self) -> Self {
        match self {
            Self::Absent => Self::Absent,
            Self::Active(owner) | Self::Locked { owner, .. } | Self::Deactivated(owner) => state(owner),
        }
    }

    /// Only a wrong guess at an account in use counts: who knocks at a closed door doesn't keep it closed.
    fn fails(self, failed: &SignInFailed) -> Self {
        let guess = match failed.cause {
            SignInFailure::WrongPassword | SignInFailure::WrongCode => 1,
            SignInFailure::Locked | SignInFailure::Deactivated => 0,
        };
        if self.status(failed.failed_at) != Some(AccountStatus::Active) {
            return self;
        }
        self.with(|owner| owner.failed_sign_ins += guess)
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

    /// After a success, and when a lock begins.
    fn forget_failures(&mut self) {
        self.failed_sign_ins = 0;
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
