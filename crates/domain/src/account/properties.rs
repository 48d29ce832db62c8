//! What holds for every account, whatever is asked of it?

use std::collections::{BTreeSet, HashSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::PatientId;
use crate::testing::{claims_held, folded, folded_through_snapshots, story};

fn minute(minute: usize) -> Instant {
    Instant::from_micros(i64::try_from(minute).unwrap() * 60_000_000)
}

fn profile(choice: u8) -> AccountProfile {
    let email = ["ada@example.org", "Ada@Example.org", "grace@example.org"][usize::from(choice % 3)];
    AccountProfile { email: Email::try_from(email).unwrap(), display_name: Line::try_from("Ada").unwrap(), phone: None, time_zone: None }
}

fn grant(choice: u8, expires_at: Option<Instant>) -> RoleGrant {
    RoleGrant { role: Role::ALL[usize::from(choice) % Role::ALL.len()], facility_id: None, expires_at }
}

fn links(choice: u8) -> AccountLinks {
    AccountLinks { patient_id: (!choice.is_multiple_of(3)).then(|| PatientId(Uuid::from_u128(u128::from(choice % 3)))), provider_id: None }
}

/// The command number `kind`, with a choice of what to say in it.
fn command(now: Instant, kind: u8, choice: u8) -> AccountCommand {
    let until = (!choice.is_multiple_of(3)).then(|| now.plus_minutes(u32::from(choice % 3) * 4 - 4));
    let session_id = SessionId(Uuid::from_u128(u128::from(choice)));
    match kind {
        0 => {
            let account = NewAccount { profile: profile(choice), roles: vec![grant(choice, None), grant(choice / 2, None)], links: links(choice) };
            AccountCommand::Create { now, account }
        }
        1 => AccountCommand::ChangeProfile { now, profile: profile(choice) },
        2 => AccountCommand::GrantRole { now, grant: grant(choice, until) },
        3 => AccountCommand::RevokeRole { now, role: grant(choice, None).role, facility_id: None, reason: None },
        4 => AccountCommand::Link { now, links: links(choice) },
        5 => {
            let document = TermsDocument::ALL[usize::from(choice % 2)];
            AccountCommand::AcceptTerms { now, document, version: Line::try_from(["1", "2"][usize::from(choice / 2 % 2)]).unwrap() }
        }
        6 => AccountCommand::Lock { now, until, reason: None },
        7 => AccountCommand::Unlock { now, reason: None },
        8 => AccountCommand::Deactivate { now, reason: None },
        9 => AccountCommand::Reactivate { now, reason: None },
        10 => AccountCommand::TellPasswordChanged { now, cause: PasswordCause::Changed },
        11 => AccountCommand::SignIn { now, session_id, method: SignInMethod::Password },
        12 => AccountCommand::SignOut { now, session_id: Some(session_id), cause: SignOutCause::Left },
        _ => AccountCommand::TellSignInFailed { now, cause: SignInFailure::ALL[usize::from(choice % 2)] },
    }
}

/// The commands from here on tell what happened, as often as it happened.
const TELL: u8 = 10;

/// Some stories begin with an account, so that not every one waits for it; failed sign-ins are frequent, as in life.
fn commands() -> impl Strategy<Value = Vec<(u8, u8)>> {
    (any::<bool>(), vec((0..18_u8, any::<u8>()), 0..120)).prop_map(|(created, commands)| {
        let creation = created.then_some((0, 0));
        creation.into_iter().chain(commands.into_iter().map(|(kind, choice)| (kind.min(13), choice))).collect()
    })
}

fn told(commands: &[(u8, u8)]) -> Vec<AccountEvent> {
    story::<Account>(commands.iter().enumerate().map(|(now, &(kind, choice))| command(minute(now), kind, choice)))
}

proptest! {
    #[test]
    fn an_account_holds_its_email_address_and_no_other(commands in commands()) {
        let story = told(&commands);
        let owned = folded::<Account>(&story).owner().map(|owner| ("account-email", owner.profile.email.normalised()));
        prop_assert_eq!(claims_held::<Account>(Uuid::nil(), &story), owned.into_iter().collect::<BTreeSet<_>>());
    }

    #[test]
    fn snapshots_change_nothing(commands in commands()) {
        let story = told(&commands);
        prop_assert!(folded_through_snapshots::<Account>(&story) == folded::<Account>(&story));
    }

    #[test]
    fn asking_twice_changes_nothing(commands in commands(), kind in 1..TELL, choice: u8) {
        let account = folded::<Account>(&told(&commands));
        let asked = command(minute(commands.len()), kind, choice);
        let Ok(events) = account.decide(asked.clone()) else { return Ok(()) };
        let account = events.iter().fold(account, Account::evolve);
        prop_assert_eq!(account.decide(asked).map(|again| again.len()), Ok(0));
    }

    #[test]
    fn each_role_is_held_once(commands in commands()) {
        let account = folded::<Account>(&told(&commands));
        let roles = account.owner().map(|owner| owner.roles.clone()).unwrap_or_default();
        let held: HashSet<_> = roles.iter().map(|held| held.role).collect();
        prop_assert_eq!(held.len(), roles.len());
        prop_assert!(roles.len() <= MAX_ROLES);
    }

    #[test]
    fn failures_alone_never_lock_for_good(commands in commands()) {
        let kinds = |(kind, choice): &(u8, u8)| *kind != 6 && *kind != 8 || *choice == 0 && *kind == 0;
        let commands: Vec<_> = commands.into_iter().filter(kinds).collect();
        let account = folded::<Account>(&told(&commands));
        let later = minute(commands.len()).plus_minutes(LOCKED_MINUTES);
        prop_assert!(matches!(account.status(later), None | Some(AccountStatus::Active)));
    }

    #[test]
    fn fewer_than_ten_guesses_remain_before_each_lock(commands in commands()) {
        for end in 0..=commands.len() {
            let account = folded::<Account>(&told(&commands[..end]));
            if account.status(minute(end)) == Some(AccountStatus::Active) {
                let failures = account.owner().map(|owner| owner.failed_sign_ins);
                prop_assert!(failures < Some(MAX_FAILED_SIGN_INS));
            }
        }
    }
}
