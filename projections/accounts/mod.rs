//! Who may sign in, as what, and what is known of them?

use anamnesis_domain::account::{AccountEvent, AccountProfile, AccountStatus, LockCause, Role, SignInFailure, TermsDocument};
use anamnesis_domain::{AccountId, AnyEvent, Email, FacilityId, Instant, Line, PatientId, Phone, ProviderId, Recorded, Text, TimeZone};
use uuid::Uuid;

use crate::kernel::{Blind, Fold, Follows, Key, KeyPart, Of, Projection, Rows, Schema, Sealed, Streams, row, seal, text_columns};

#[cfg(test)]
mod tests;

/// Every account, what is known of its owner, and the roles it holds.
pub const ACCOUNTS: Projection = Projection {
    name: "accounts",
    schema: Schema::Read,
    follows: Follows::Log,
    sql: include_str!("table.sql"),
    version: 1,
    tables: &[&Of::<Users>::TABLE, &Of::<UserProfiles>::TABLE, &Of::<UserRoles>::TABLE],
};

text_columns!(AccountStatus, LockCause, Role);

row! {
    /// An account.
    pub struct UserRow in "users" key (user_id) {
        user_id: AccountId,
        email: Sealed<Email>,
        email_index: Blind,
        status: AccountStatus,
        patient_id: Option<PatientId>,
        provider_id: Option<ProviderId>,
        last_login: Option<Instant>,
        failed_login_count: i32,
        account_locked_at: Option<Instant>,
        locked_until: Option<Instant>,
        lock_cause: Option<LockCause>,
        terms_accepted_at: Option<Instant>,
        terms_version: Option<String>,
        privacy_accepted_at: Option<Instant>,
        privacy_version: Option<String>,
        password_changed_at: Option<Instant>,
        deactivated_at: Option<Instant>,
    }
}

row! {
    /// What is known of an account's owner.
    pub struct UserProfileRow in "user_profiles" key (user_id) {
        user_id: AccountId,
        display_name: Sealed<Line>,
        phone: Option<Sealed<Phone>>,
        phone_index: Option<Blind>,
        time_zone: Option<TimeZone>,
    }
}

row! {
    /// A role that an account holds or held. `scope_id` is the facility it is for, or the organization.
    pub struct UserRoleRow in "user_roles" key (user_id, role, scope_id) {
        user_id: AccountId,
        role: Role,
        scope_id: Uuid,
        facility_id: Option<FacilityId>,
        assigned_by: AccountId,
        assigned_at: Instant,
        expires_at: Option<Instant>,
        is_active: bool,
        revoked_by: Option<AccountId>,
        revoked_at: Option<Instant>,
        revocation_reason: Option<Sealed<Text>>,
    }
}

impl From<Role> for KeyPart {
    fn from(role: Role) -> Self {
        role.as_str().into()
    }
}

/// The fold of `users`.
pub struct Users;
/// The fold of `user_profiles`.
pub struct UserProfiles;
/// The fold of `user_roles`.
pub struct UserRoles;

const ACCOUNT: Streams = Streams::Of(&["account"]);

impl Fold for Users {
    type Row = UserRow;
    const STREAMS: Streams = ACCOUNT;

    fn keys(event: &Recorded) -> Vec<Key> {
        vec![event.aggregate_id.into()]
    }

    fn apply(rows: &mut Rows<UserRow>, event: &Recorded) {
        let Some(AnyEvent::Account(happened)) = event.event.value() else { return };
        if let AccountEvent::AccountCreated(created) = happened {
            rows.put(UserRow::new(event.aggregate_id.into(), &created.profile));
        } else {
            rows.change(event.aggregate_id, |user| user.change(happened));
        }
    }
}

impl UserRow {
    fn new(user_id: AccountId, profile: &AccountProfile) -> Self {
        Self {
            user_id,
            email: Sealed::new(profile.email.clone()),
            email_index: Blind::of(profile.email.normalised()),
            status: AccountStatus::Active,
            patient_id: None,
            provider_id: None,
            last_login: None,
            failed_login_count: 0,
            account_locked_at: None,
            locked_until: None,
            lock_cause: None,
            terms_accepted_at: None,
            terms_version: None,
            privacy_accepted_at: None,
            privacy_version: None,
            password_changed_at: None,
            deactivated_at: None,
        }
    }

    fn change(&mut self, happened: &AccountEvent) {
        match happened {
            AccountEvent::AccountProfileChanged(changed) => {
                self.email = Sealed::new(changed.profile.email.clone());
                self.email_index = Blind::of(changed.profile.email.normalised());
            }
            AccountEvent::AccountLinked(linked) => (self.patient_id, self.provider_id) = (linked.patient_id, linked.provider_id),
            AccountEvent::TermsAccepted(accepted) => self.accept(accepted.document, &accepted.version, accepted.accepted_at),
            // a lock begins the count of failures anew
            AccountEvent::AccountLocked(locked) => {
                (self.status, self.failed_login_count) = (AccountStatus::Locked, 0);
                (self.account_locked_at, self.locked_until, self.lock_cause) = (Some(locked.locked_at), locked.until, Some(locked.cause));
            }
            AccountEvent::AccountUnlocked(_) | AccountEvent::AccountReactivated(_) => self.bring_into_use(),
            AccountEvent::AccountDeactivated(deactivated) => {
                (self.status, self.deactivated_at) = (AccountStatus::Deactivated, Some(deactivated.deactivated_at));
            }
            AccountEvent::PasswordChanged(changed) => self.password_changed_at = Some(changed.changed_at),
            AccountEvent::SignedIn(signed_in) => {
                self.bring_into_use();
                self.failed_login_count = 0;
                self.last_login = Some(signed_in.signed_in_at);
            }
            AccountEvent::SignInFailed(failed) => self.count_failure(failed.cause),
            // these make a row, or stand elsewhere: roles in a table of their own
            AccountEvent::AccountCreated(_) | AccountEvent::RoleGranted(_) | AccountEvent::RoleRevoked(_) | AccountEvent::SignedOut(_) => {}
        }
    }

    fn accept(&mut self, document: TermsDocument, version: &Line, accepted_at: Instant) {
        let version = Some(version.as_str().to_owned());
        match document {
            TermsDocument::TermsOfUse => (self.terms_accepted_at, self.terms_version) = (Some(accepted_at), version),
            TermsDocument::PrivacyNotice => (self.privacy_accepted_at, self.privacy_version) = (Some(accepted_at), version),
        }
    }

    fn bring_into_use(&mut self) {
        (self.status, self.deactivated_at) = (AccountStatus::Active, None);
        (self.account_locked_at, self.locked_until, self.lock_cause) = (None, None, None);
    }

    /// Only a wrong secret counts: what is tried at a closed door doesn't.
    fn count_failure(&mut self, cause: SignInFailure) {
        match cause {
            SignInFailure::WrongPassword | SignInFailure::WrongCode => self.failed_login_count = self.failed_login_count.saturating_add(1),
            SignInFailure::Locked | SignInFailure::Deactivated => {}
        }
    }
}

impl Fold for UserProfiles {
    type Row = UserProfileRow;
    const STREAMS: Streams = ACCOUNT;

    fn keys(event: &Recorded) -> Vec<Key> {
        profile(event).map(|_| event.aggregate_id.into()).into_iter().collect()
    }

    fn apply(rows: &mut Rows<UserProfileRow>, event: &Recorded) {
        let Some(profile) = profile(event) else { return };
        rows.put(UserProfileRow {
            user_id: event.aggregate_id.into(),
            display_name: Sealed::new(profile.display_name.clone()),
            phone: seal(profile.phone.as_ref()),
            phone_index: profile.phone.as_ref().map(|phone| Blind::of(phone.normalised())),
            time_zone: profile.time_zone,
        });
    }
}

fn profile(event: &Recorded) -> Option<&AccountProfile> {
    let Some(AnyEvent::Account(happened)) = event.event.value() else { return None };
    if let AccountEvent::AccountCreated(created) = happened {
        return Some(&created.profile);
    }
    if let AccountEvent::AccountProfileChanged(changed) = happened { Some(&changed.profile) } else { None }
}

impl Fold for UserRoles {
    type Row = UserRoleRow;
    const STREAMS: Streams = ACCOUNT;

    fn keys(event: &Recorded) -> Vec<Key> {
        let Some(AnyEvent::Account(happened)) = event.event.value() else { return vec![] };
        if let AccountEvent::RoleGranted(granted) = happened {
            return vec![role_key(event, granted.role, granted.facility_id)];
        }
        if let AccountEvent::RoleRevoked(revoked) = happened { vec![role_key(event, revoked.role, revoked.facility_id)] } else { vec![] }
    }

    fn apply(rows: &mut Rows<UserRoleRow>, event: &Recorded) {
        let Some(AnyEvent::Account(happened)) = event.event.value() else { return };
        if let AccountEvent::RoleGranted(granted) = happened {
            rows.put(UserRoleRow {
                user_id: event.aggregate_id.into(),
                role: granted.role,
                scope_id: scope(event, granted.facility_id),
                facility_id: granted.facility_id,
                assigned_by: event.actor_id.into(),
                assigned_at: granted.granted_at,
                expires_at: granted.expires_at,
                is_active: true,
                revoked_by: None,
                revoked_at: None,
                revocation_reason: None,
            });
        }
        if let AccountEvent::RoleRevoked(revoked) = happened {
            rows.change(role_key(event, revoked.role, revoked.facility_id), |role| {
                role.is_active = false;
                (role.revoked_by, role.revoked_at) = (Some(event.actor_id.into()), Some(revoked.revoked_at));
                role.revocation_reason = seal(revoked.reason.as_ref());
            });
        }
    }
}

fn scope(event: &Recorded, facility_id: Option<FacilityId>) -> Uuid {
    facility_id.map_or(event.organization_id, Into::into)
}

fn role_key(event: &Recorded, role: Role, facility_id: Option<FacilityId>) -> Key {
    vec![event.aggregate_id.into(), role.into(), scope(event, facility_id).into()].into()
}
