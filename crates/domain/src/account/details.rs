//! What is an account made of? Whose it is, what it may act as, and the closed lists around it.

use serde::{Deserialize, Serialize};

use crate::{Email, FacilityId, Instant, Line, PatientId, Phone, ProviderId, TimeZone, choices::choices, redact::redacted};

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
    /// Where only; none: in the whole organization. Not to be granted; one that was gives nothing.
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

redacted!(AccountProfile, AccountLinks, RoleGrant, NewAccount);
