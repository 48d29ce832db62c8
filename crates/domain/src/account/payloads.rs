//! What does each event of an account tell?

use serde::{Deserialize, Serialize};

use super::{AccountProfile, LockCause, PasswordCause, Role, SignInFailure, SignInMethod, SignOutCause, TermsDocument};
use crate::{FacilityId, Instant, Line, PatientId, ProviderId, SessionId, Text, redact::redacted};

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
);
