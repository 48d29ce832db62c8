use super::*;
use crate::PatientId;
use crate::testing::given;

const MINUTE: i64 = 60_000_000;

fn at(minute: i64) -> Instant {
    Instant::from_micros(minute * MINUTE)
}

fn line(text: &str) -> Line {
    Line::try_from(text).unwrap()
}

fn profile(email: &str) -> AccountProfile {
    AccountProfile { email: Email::try_from(email).unwrap(), display_name: line("Ada Byron"), phone: None, time_zone: None }
}

fn ada() -> AccountProfile {
    profile("Ada@example.org")
}

fn new_account() -> NewAccount {
    NewAccount { profile: ada(), roles: vec![], links: AccountLinks::default() }
}

fn created() -> AccountEvent {
    AccountCreated { created_at: at(0), profile: ada() }.into()
}

fn staff() -> RoleGrant {
    RoleGrant { role: Role::Staff, facility_id: None, expires_at: None }
}

fn granted(RoleGrant { role, facility_id, expires_at }: RoleGrant) -> AccountEvent {
    RoleGranted { granted_at: at(1), role, facility_id, expires_at }.into()
}

fn grant(grant: RoleGrant) -> AccountCommand {
    AccountCommand::GrantRole { now: at(1), grant }
}

fn revoke(role: Role) -> AccountCommand {
    AccountCommand::RevokeRole { now: at(2), role, facility_id: None, reason: None }
}

fn revoked(role: Role) -> AccountEvent {
    RoleRevoked { revoked_at: at(2), role, facility_id: None, reason: None }.into()
}

fn locked(until: Option<Instant>) -> AccountEvent {
    AccountLocked { locked_at: at(1), until, cause: LockCause::Administrator, reason: None }.into()
}

/// Locked by wrong guesses.
fn shut(until: Instant) -> AccountEvent {
    AccountLocked { locked_at: at(1), until: Some(until), cause: LockCause::FailedSignIns, reason: None }.into()
}

fn lock(until: Option<Instant>) -> AccountCommand {
    AccountCommand::Lock { now: at(1), until, reason: None }
}

fn deactivated() -> AccountEvent {
    AccountDeactivated { deactivated_at: at(2), reason: None }.into()
}

fn deactivate() -> AccountCommand {
    AccountCommand::Deactivate { now: at(2), reason: None }
}

fn reactivated() -> AccountEvent {
    AccountReactivated { reactivated_at: at(3), reason: None }.into()
}

fn reactivate() -> AccountCommand {
    AccountCommand::Reactivate { now: at(3), reason: None }
}

fn session() -> SessionId {
    SessionId(Uuid::from_u128(5))
}

fn sign_in(now: Instant) -> AccountCommand {
    AccountCommand::SignIn { now, session_id: session(), method: SignInMethod::Password }
}

fn signed_in(now: Instant) -> AccountEvent {
    SignedIn { signed_in_at: now, session_id: session(), method: SignInMethod::Password }.into()
}

fn failed(now: Instant) -> AccountEvent {
    SignInFailed { failed_at: now, cause: SignInFailure::WrongPassword }.into()
}

fn tell_failed(now: Instant) -> AccountCommand {
    AccountCommand::TellSignInFailed { now, cause: SignInFailure::WrongPassword }
}

#[test]
fn an_account_is_created_once() {
    given::<Account>([]).when(AccountCommand::Create { now: at(0), account: new_account() }).then([created()]);
    let again = AccountCommand::Create { now: at(0), account: new_account() };
    given::<Account>([created()]).when(again.clone()).then_error(AccountError::AlreadyCreated);
    given::<Account>([created(), deactivated()]).when(again).then_error(AccountError::AlreadyCreated);
}

#[test]
fn an_account_begins_with_its_roles_and_links() {
    let patient_id = Some(PatientId(Uuid::from_u128(1)));
    let account = NewAccount { roles: vec![staff(), staff()], links: AccountLinks { patient_id, provider_id: None }, ..new_account() };
    given::<Account>([]).when(AccountCommand::Create { now: at(1), account }).then([
        AccountCreated { created_at: at(1), profile: ada() }.into(),
        granted(staff()),
        AccountLinked { linked_at: at(1), patient_id, provider_id: None }.into(),
    ]);
    let expired = RoleGrant { expires_at: Some(at(1)), ..staff() };
    let account = NewAccount { roles: vec![expired], ..new_account() };
    given::<Account>([]).when(AccountCommand::Create { now: at(1), account }).then_error(AccountError::ExpiresTooSoon);
}

#[test]
fn a_profile_is_changed_when_something_differs() {
    let change = |profile| AccountCommand::ChangeProfile { now: at(1), profile };
    let changed: AccountEvent = AccountProfileChanged { changed_at: at(1), profile: profile("countess@example.org") }.into();
    given::<Account>([created()]).when(change(profile("countess@example.org"))).then([changed]);
    given::<Account>([created()]).when(change(ada())).then([]);
    given::<Account>([created(), deactivated()]).when(change(ada())).then_error(AccountError::Deactivated);
    given::<Account>([]).when(change(ada())).then_error(AccountError::NotCreated);
}

#[test]
fn an_email_address_belongs_to_one_account() {
    let account = Account::default().evolve(&created());
    assert!(Account::default().reservations(Uuid::nil(), &created()) == [taken("ada@example.org")], "whatever its case");
    let changed = |email| AccountProfileChanged { changed_at: at(1), profile: profile(email) }.into();
    let given_back = Reservation::Release { kind: "account-email", value: "ada@example.org".to_owned() };
    assert!(account.reservations(Uuid::nil(), &changed("countess@example.org")) == [given_back, taken("countess@example.org")]);
    assert!(account.reservations(Uuid::nil(), &changed("ADA@example.org")).is_empty(), "the same address in other letters");
}

fn taken(email: &str) -> Reservation {
    Reservation::Claim { kind: "account-email", value: email.to_owned() }
}

#[test]
fn a_role_is_granted_once_and_in_the_whole_organization() {
    given::<Account>([created()]).when(grant(staff())).then([granted(staff())]);
    given::<Account>([created(), granted(staff())]).when(grant(staff())).then([]);
    let elsewhere = RoleGrant { facility_id: Some(FacilityId(Uuid::from_u128(3))), ..staff() };
    given::<Account>([created(), granted(staff())]).when(grant(elsewhere)).then_error(AccountError::OneFacility);
    let account = NewAccount { roles: vec![elsewhere], ..new_account() };
    given::<Account>([]).when(AccountCommand::Create { now: at(1), account }).then_error(AccountError::OneFacility);
    given::<Account>([]).when(grant(staff())).then_error(AccountError::NotCreated);
    given::<Account>([created(), deactivated()]).when(grant(staff())).then_error(AccountError::Deactivated);
}

#[test]
fn a_role_for_a_time_takes_the_place_of_the_same_role_for_ever() {
    let a_while = RoleGrant { expires_at: Some(at(9)), ..staff() };
    given::<Account>([created(), granted(staff())]).when(grant(a_while)).then([granted(a_while)]);
    given::<Account>([created(), granted(staff()), granted(a_while)]).when(grant(staff())).then([granted(staff())]);
    let over = RoleGrant { expires_at: Some(at(1)), ..staff() };
    given::<Account>([created()]).when(grant(over)).then_error(AccountError::ExpiresTooSoon);
}

#[test]
fn an_account_has_fifty_roles_at_most() {
    let place = |n: usize| RoleGrant { facility_id: Some(FacilityId(Uuid::from_u128(n as u128))), ..staff() };
    let full = || [created(), granted(staff())].into_iter().chain((1..MAX_ROLES).map(|n| granted(place(n))));
    given::<Account>(full()).when(grant(RoleGrant { role: Role::Admin, ..staff() })).then_error(AccountError::TooManyRoles);
    let longer = RoleGrant { expires_at: Some(at(9)), ..staff() };
    given::<Account>(full()).when(grant(longer)).then([granted(longer)]);
}

#[test]
fn a_role_can_always_be_taken_back() {
    given::<Account>([created(), granted(staff())]).when(revoke(Role::Staff)).then([revoked(Role::Staff)]);
    given::<Account>([created(), granted(staff()), deactivated()]).when(revoke(Role::Staff)).then([revoked(Role::Staff)]);
    let somewhere = Some(FacilityId(Uuid::from_u128(3)));
    let ask = AccountCommand::RevokeRole { now: at(2), role: Role::Staff, facility_id: somewhere, reason: None };
    let taken_back = RoleRevoked { revoked_at: at(2), role: Role::Staff, facility_id: somewhere, reason: None }.into();
    given::<Account>([created(), granted(RoleGrant { facility_id: somewhere, ..staff() })]).when(ask).then([taken_back]);
    given::<Account>([created(), granted(staff()), revoked(Role::Staff)]).when(revoke(Role::Staff)).then([]);
    given::<Account>([created(), granted(staff())]).when(revoke(Role::Admin)).then([]);
    given::<Account>([]).when(revoke(Role::Staff)).then_error(AccountError::NotCreated);
}

#[test]
fn links_are_said_whole() {
    let patient_id = Some(PatientId(Uuid::from_u128(1)));
    let link = |patient_id| AccountCommand::Link { now: at(1), links: AccountLinks { patient_id, provider_id: None } };
    let linked: AccountEvent = AccountLinked { linked_at: at(1), patient_id, provider_id: None }.into();
    given::<Account>([created()]).when(link(patient_id)).then([linked.clone()]);
    given::<Account>([created(), linked.clone()]).when(link(patient_id)).then([]);
    given::<Account>([created(), linked]).when(link(None)).then([AccountLinked { linked_at: at(1), patient_id: None, provider_id: None }.into()]);
    given::<Account>([created(), deactivated()]).when(link(patient_id)).then_error(AccountError::Deactivated);
}

#[test]
fn each_version_of_each_document_is_accepted_once() {
    let accept = |version| AccountCommand::AcceptTerms { now: at(1), document: TermsDocument::PrivacyNotice, version: line(version) };
    let accepted =
        |version| -> AccountEvent { TermsAccepted { accepted_at: at(1), document: TermsDocument::PrivacyNotice, version: line(version) }.into() };
    given::<Account>([created()]).when(accept("2026-01")).then([accepted("2026-01")]);
    given::<Account>([created(), accepted("2026-01")]).when(accept("2026-01")).then([]);
    given::<Account>([created(), accepted("2026-01")]).when(accept("2026-02")).then([accepted("2026-02")]);
    given::<Account>([]).when(accept("2026-01")).then_error(AccountError::NotCreated);
}

#[test]
fn a_locked_account_is_not_signed_in_to_until_the_lock_ends() {
    given::<Account>([created()]).when(sign_in(at(1))).then([signed_in(at(1))]);
    given::<Account>([created(), locked(None)]).when(sign_in(at(99))).then_error(AccountError::Locked);
    given::<Account>([created(), locked(Some(at(5)))]).when(sign_in(at(4))).then_error(AccountError::Locked);
    given::<Account>([created(), locked(Some(at(5)))]).when(sign_in(at(5))).then([signed_in(at(5))]);
    given::<Account>([]).when(sign_in(at(1))).then_error(AccountError::NotCreated);
}

#[test]
fn an_account_is_locked_and_unlocked() {
    let unlock = || AccountCommand::Unlock { now: at(2), reason: None };
    let unlocked: AccountEvent = AccountUnlocked { unlocked_at: at(2), reason: None }.into();
    given::<Account>([created()]).when(lock(None)).then([locked(None)]);
    given::<Account>([created(), locked(None)]).when(lock(None)).then([]);
    given::<Account>([created(), locked(None)]).when(lock(Some(at(5)))).then([locked(Some(at(5)))]);
    given::<Account>([created()]).when(lock(Some(at(1)))).then_error(AccountError::EndsTooSoon);
    given::<Account>([created(), locked(None)]).when(unlock()).then([unlocked.clone()]);
    given::<Account>([created(), locked(None), unlocked]).when(unlock()).then([]);
    given::<Account>([created(), deactivated()]).when(lock(None)).then_error(AccountError::Deactivated);
    given::<Account>([]).when(unlock()).then_error(AccountError::NotCreated);
}

#[test]
fn ten_wrong_passwords_in_a_row_lock_an_account_for_a_quarter_of_an_hour() {
    let nine = || std::iter::once(created()).chain((0..9).map(|_| failed(at(1))));
    let shut = shut(at(16));
    given::<Account>(nine().take(9)).when(tell_failed(at(1))).then([failed(at(1))]);
    given::<Account>(nine()).when(tell_failed(at(1))).then([failed(at(1)), shut.clone()]);
    given::<Account>(nine().chain([signed_in(at(1))])).when(tell_failed(at(1))).then([failed(at(1))]);
    given::<Account>(nine().chain([failed(at(1)), shut])).when(sign_in(at(16))).then([signed_in(at(16))]);
    given::<Account>([]).when(tell_failed(at(1))).then_error(AccountError::NotCreated);
}

#[test]
fn who_knocks_at_a_locked_account_does_not_keep_it_locked() {
    let knock = AccountCommand::TellSignInFailed { now: at(2), cause: SignInFailure::Locked };
    let knocked: AccountEvent = SignInFailed { failed_at: at(2), cause: SignInFailure::Locked }.into();
    let knocks = (0..MAX_FAILED_SIGN_INS * 2).map(|_| knocked.clone());
    given::<Account>([created(), locked(Some(at(5)))].into_iter().chain(knocks)).when(knock).then([]);
    let guesses = (0..MAX_FAILED_SIGN_INS).map(|_| failed(at(2)));
    given::<Account>([created(), locked(Some(at(5)))].into_iter().chain(guesses)).when(tell_failed(at(5))).then([failed(at(5))]);
}

#[test]
fn guesses_at_a_closed_account_are_no_events() {
    for closed in [locked(None), locked(Some(at(5))), shut(at(5)), deactivated()] {
        given::<Account>([created(), closed]).when(tell_failed(at(2))).then([]);
    }
    given::<Account>([created(), shut(at(5))]).when(tell_failed(at(5))).then([failed(at(5))]);
}

#[test]
fn wrong_guesses_keep_sessions_from_opening_and_end_none() {
    let account = |events: &[AccountEvent]| events.iter().fold(Account::default(), Account::evolve);
    let may = |events: &[AccountEvent], now| account(events).in_session(now).is_some();
    given::<Account>([created(), shut(at(5))]).when(sign_in(at(4))).then_error(AccountError::Locked);
    assert!(may(&[created()], at(4)) && may(&[created(), shut(at(5))], at(4)));
    assert!(!may(&[created(), locked(None)], at(4)) && !may(&[created(), locked(Some(at(5)))], at(4)) && !may(&[], at(4)));
    assert!(may(&[created(), locked(Some(at(5)))], at(5)), "a lock that is over");
    assert!(!may(&[created(), shut(at(5)), deactivated()], at(4)) && !may(&[created(), shut(at(5)), locked(Some(at(5)))], at(4)));
    given::<Account>([created(), shut(at(5))]).when(lock(Some(at(5)))).then([locked(Some(at(5)))]);
}

#[test]
fn an_account_is_put_out_of_use_and_back() {
    given::<Account>([created()]).when(deactivate()).then([deactivated()]);
    given::<Account>([created(), locked(None)]).when(deactivate()).then([deactivated()]);
    given::<Account>([created(), deactivated()]).when(deactivate()).then([]);
    given::<Account>([created(), deactivated()]).when(reactivate()).then([reactivated()]);
    given::<Account>([created()]).when(reactivate()).then([]);
    given::<Account>([created(), deactivated()]).when(sign_in(at(3))).then_error(AccountError::Deactivated);
    given::<Account>([created(), deactivated(), reactivated()]).when(sign_in(at(4))).then([signed_in(at(4))]);
    given::<Account>([]).when(deactivate()).then_error(AccountError::NotCreated);
    given::<Account>([]).when(reactivate()).then_error(AccountError::NotCreated);
}

#[test]
fn a_changed_password_is_told_each_time() {
    let tell = || AccountCommand::TellPasswordChanged { now: at(1), cause: PasswordCause::Changed };
    let changed: AccountEvent = PasswordChanged { changed_at: at(1), cause: PasswordCause::Changed }.into();
    given::<Account>([created()]).when(tell()).then([changed.clone()]);
    given::<Account>([created(), changed.clone()]).when(tell()).then([changed]);
    given::<Account>([created(), deactivated()]).when(tell()).then_error(AccountError::Deactivated);
    given::<Account>([]).when(tell()).then_error(AccountError::NotCreated);
}

#[test]
fn a_session_can_always_be_ended() {
    let sign_out = || AccountCommand::SignOut { now: at(9), session_id: Some(session()), cause: SignOutCause::Revoked };
    let signed_out: AccountEvent = SignedOut { signed_out_at: at(9), session_id: Some(session()), cause: SignOutCause::Revoked }.into();
    given::<Account>([created(), signed_in(at(1))]).when(sign_out()).then([signed_out.clone()]);
    given::<Account>([created(), signed_in(at(1)), deactivated()]).when(sign_out()).then([signed_out]);
    given::<Account>([]).when(sign_out()).then_error(AccountError::NotCreated);
}

#[test]
fn an_account_has_a_status_at_each_moment() {
    let account = |events: &[AccountEvent]| events.iter().fold(Account::default(), Account::evolve);
    assert_eq!(account(&[]).status(at(1)), None);
    assert_eq!(account(&[created()]).status(at(1)), Some(AccountStatus::Active));
    assert_eq!(account(&[created(), locked(Some(at(5)))]).status(at(4)), Some(AccountStatus::Locked));
    assert_eq!(account(&[created(), locked(Some(at(5)))]).status(at(5)), Some(AccountStatus::Active));
    assert_eq!(account(&[created(), locked(None), deactivated()]).status(at(9)), Some(AccountStatus::Deactivated));
}

#[test]
fn who_the_owner_is_can_be_erased_but_what_the_account_could_do_stays() {
    let (account, id) = (Account::default().evolve(&created()), Uuid::from_u128(4));
    assert_eq!(account.subject(id, &created()), Subject::Person(id));
    for event in [granted(staff()), revoked(Role::Staff), locked(None), deactivated(), signed_in(at(1)), failed(at(1))] {
        assert_eq!(account.subject(id, &event), Subject::Audit, "{event:?}");
    }
}
