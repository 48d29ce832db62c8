use anamnesis_domain::account::{
    AccountCreated, AccountLocked, AccountProfileChanged, AccountUnlocked, RoleGranted, RoleRevoked, SignInFailed, SignInMethod, SignedIn,
};
use serde_json::json;

use super::*;
use crate::kernel::testing::{Log, ORGANIZATION, log, told};

const ACCOUNT_ID: Uuid = Uuid::from_u128(0xac1);

fn profile(email: &str) -> AccountProfile {
    told(json!({ "email": email, "display_name": "Ada", "phone": "555 0199" }))
}

fn created() -> Log {
    log().event(
        "account",
        ACCOUNT_ID,
        AccountEvent::from(AccountCreated { created_at: Instant::from_micros(1), profile: profile("Ada@Example.org") }),
    )
}

trait Then {
    fn then(self, event: impl Into<AccountEvent>) -> Self;
}

impl Then for Log {
    fn then(self, event: impl Into<AccountEvent>) -> Self {
        self.audit_event("account", ACCOUNT_ID, event.into())
    }
}

fn failed() -> SignInFailed {
    SignInFailed { failed_at: Instant::from_micros(2), cause: SignInFailure::WrongPassword }
}

fn granted(facility_id: Option<FacilityId>) -> RoleGranted {
    RoleGranted { granted_at: Instant::from_micros(2), role: Role::Staff, facility_id, expires_at: None }
}

fn user(log: &Log) -> UserRow {
    log.rows::<Users>().remove(0).row
}

#[test]
fn an_account_is_found_by_its_e_mail_address_in_any_case() {
    assert_eq!(user(&created()).email_index, Blind::of("ada@example.org"));
    let changed = AccountProfileChanged { changed_at: Instant::from_micros(2), profile: profile("ada@new.org") };
    assert_eq!(user(&created().then(changed)).email_index, Blind::of("ada@new.org"));
}

#[test]
fn failures_are_counted_until_somebody_signs_in() {
    let log = created().then(failed()).then(failed());
    assert_eq!(user(&log).failed_login_count, 2);
    let signed_in = SignedIn { signed_in_at: Instant::from_micros(3), session_id: told(json!(Uuid::nil())), method: SignInMethod::Password };
    let user = user(&log.then(signed_in));
    assert_eq!((user.failed_login_count, user.last_login.map(Instant::micros)), (0, Some(3)));
}

#[test]
fn a_lock_is_taken_off_again() {
    let locked = AccountLocked { locked_at: Instant::from_micros(4), until: None, cause: LockCause::Administrator, reason: None };
    let log = created().then(locked);
    assert_eq!(user(&log).status, AccountStatus::Locked);
    let user = user(&log.then(AccountUnlocked { unlocked_at: Instant::from_micros(5), reason: None }));
    assert_eq!((user.status, user.account_locked_at), (AccountStatus::Active, None));
}

#[test]
fn a_role_is_held_for_the_organization_or_for_a_facility() {
    let facility = FacilityId(Uuid::from_u128(0xfa));
    let revoked = RoleRevoked { revoked_at: Instant::from_micros(5), role: Role::Staff, facility_id: Some(facility), reason: None };
    let rows = created().then(granted(None)).then(granted(Some(facility))).then(revoked).rows::<UserRoles>();
    let held: Vec<_> = rows.iter().map(|row| (row.row.scope_id, row.row.is_active)).collect();
    assert_eq!(held, [(ORGANIZATION, true), (facility.0, false)]);
}

#[test]
fn an_erased_account_keeps_its_roles_but_not_its_name() {
    let log = created().then(granted(None)).erase(ACCOUNT_ID);
    assert_eq!((log.rows::<Users>().len(), log.rows::<UserProfiles>().len(), log.rows::<UserRoles>().len()), (0, 0, 1));
}
