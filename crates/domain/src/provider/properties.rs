//! What holds for every provider, whatever is asked of them?

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::testing::{claims_held, folded, folded_through_snapshots, story};
use crate::{Date, FacilityId, HumanName, Identifier, IdentifierType, Line, ProviderNumber, TimeZone};

fn line(text: &str) -> Line {
    Line::try_from(text).unwrap()
}

fn text() -> Text {
    Text::try_from("because").unwrap()
}

fn profile(choice: u8) -> ProviderProfile {
    let npi = |value| Identifier { system: Some(line(NPI_SYSTEM)), identifier_type: IdentifierType::Other, value: line(value) };
    let identifiers = [vec![], vec![npi("1")], vec![npi("2"), npi("1"), npi("2")]][usize::from(choice % 3)].clone();
    ProviderProfile {
        provider_number: ProviderNumber::try_from(["a", "A", "b"][usize::from(choice / 3 % 3)]).unwrap(),
        name: HumanName { text: Some(line("Ada")), ..HumanName::default() },
        license_number: choice.is_multiple_of(2).then(|| line("L")),
        specialties: vec![],
        certifications: vec![],
        languages: vec![],
        gender: None,
        birth_date: None,
        phones: vec![],
        emails: vec![],
        addresses: vec![],
        identifiers,
    }
}

/// The command number `kind`, with a choice of what to say in it.
fn command(now: Instant, kind: u8, choice: u8) -> ProviderCommand {
    let affiliation_id = AffiliationId(Uuid::from_u128(u128::from(choice % 4)));
    let account_id = (!choice.is_multiple_of(3)).then(|| AccountId(Uuid::from_u128(u128::from(choice % 3))));
    match kind {
        0 => ProviderCommand::Register { now, profile: profile(choice) },
        1 => ProviderCommand::CorrectProfile { now, profile: profile(choice) },
        2 => ProviderCommand::SetAvailability { now, availability: availability(TimeZone::UTC, &[(choice % 7, 9, 12)]) },
        3 => ProviderCommand::Verify { now, note: None },
        4 => ProviderCommand::WithdrawVerification { now, reason: text() },
        5 => ProviderCommand::Suspend { now, reason: text() },
        6 => ProviderCommand::Reinstate { now, reason: None },
        7 => ProviderCommand::LinkAccount { now, account_id },
        8 => {
            let facility_id = FacilityId(Uuid::from_u128(u128::from(choice / 4)));
            let affiliation = Affiliation { facility_id, roles: vec![], specialties: vec![], period: None, phones: vec![], emails: vec![] };
            ProviderCommand::Affiliate { now, affiliation_id, affiliation }
        }
        9 => ProviderCommand::EndAffiliation { now, affiliation_id, reason: None },
        _ => ProviderCommand::Rate { now, stars: stars(choice), appointment_id: None },
    }
}

/// The one command that counts as often as it is given.
const RATE: u8 = 10;

fn stars(choice: u8) -> Stars {
    Stars::try_from(choice % 5 + 1).unwrap()
}

fn availability(time_zone: TimeZone, hours: &[(u8, u16, u16)]) -> Availability {
    let weekly = hours.iter().map(|&(day, from, until)| WeeklyHours {
        weekday: Weekday::ALL[usize::from(day)],
        from: TimeOfDay::new(from, 0).unwrap(),
        until: TimeOfDay::new(until, 0).unwrap(),
    });
    Availability { time_zone, weekly: weekly.collect(), exceptions: vec![] }
}

fn commands() -> impl Strategy<Value = Vec<(u8, u8)>> {
    (any::<bool>(), vec((0..=RATE, any::<u8>()), 0..60))
        .prop_map(|(registered, commands)| registered.then_some((0, 0)).into_iter().chain(commands).collect())
}

fn at(moment: usize) -> Instant {
    Instant::from_micros(i64::try_from(moment).unwrap())
}

fn told(commands: &[(u8, u8)]) -> Vec<ProviderEvent> {
    story::<Provider>(commands.iter().enumerate().map(|(now, &(kind, choice))| command(at(now), kind, choice)))
}

proptest! {
    #[test]
    fn a_provider_holds_their_own_numbers_and_no_others(commands in commands()) {
        let story = told(&commands);
        let provider = folded::<Provider>(&story);
        let own = provider.practice().map(|practice| unique_values(&practice.profile)).unwrap_or_default();
        prop_assert_eq!(claims_held::<Provider>(Uuid::nil(), &story), own.into_iter().collect());
    }

    #[test]
    fn snapshots_change_nothing(commands in commands()) {
        let story = told(&commands);
        prop_assert!(folded_through_snapshots::<Provider>(&story) == folded::<Provider>(&story));
    }

    #[test]
    fn asking_twice_changes_nothing(commands in commands(), kind in 1..RATE, choice: u8) {
        let provider = folded::<Provider>(&told(&commands));
        let asked = command(at(commands.len()), kind, choice);
        let Ok(events) = provider.decide(asked.clone()) else { return Ok(()) };
        let provider = events.iter().fold(provider, Provider::evolve);
        prop_assert_eq!(provider.decide(asked).map(|again| again.len()), Ok(0));
    }

    #[test]
    fn who_is_verified_has_a_licence(commands in commands()) {
        let provider = folded::<Provider>(&told(&commands));
        prop_assert!(provider.practice().is_none_or(|practice| practice.verified_at.is_none() || practice.profile.license_number.is_some()));
    }

    #[test]
    fn a_rating_is_the_average_in_any_order(given in vec(any::<u8>(), 1..200)) {
        let sum: u64 = given.iter().map(|&choice| u64::from(u8::from(stars(choice)))).sum();
        let rating = given.iter().fold(Rating::default(), |rating, &choice| rating.with(stars(choice)));
        let backwards = given.iter().rev().fold(Rating::default(), |rating, &choice| rating.with(stars(choice)));
        prop_assert_eq!(rating, backwards);
        let hundredths = rating.average_hundredths().unwrap();
        prop_assert!((hundredths * rating.count).abs_diff(sum * 100) * 2 <= rating.count, "no nearer hundredth");
    }

    /// But for the hour that comes twice in autumn, a time is covered if, and only if, the clock shows the hours all the while.
    #[test]
    fn hours_are_what_the_clock_shows(
        zone in proptest::sample::select(vec!["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]),
        hours in vec((0..7_u8, 0..24_u16, 1..=24_u16), 0..40),
        start in 0..(40 * 365 * 24 * 4_i64),
        minutes in 0..(12 * 60_u32),
    ) {
        let zone = TimeZone::try_from(zone).unwrap();
        let hours: Vec<_> = hours.into_iter().filter(|(_, from, until)| from < until).collect();
        let availability = availability(zone, &hours);
        let start = Instant::from_micros(start * 15 * 60_000_000);
        prop_assume!(!clock_goes_back(zone, start, minutes));
        let shown = |minute| {
            let (day, clock) = shows(zone, start.plus_minutes(minute));
            hours.iter().any(|&(weekday, from, until)| Weekday::ALL[usize::from(weekday)] == Weekday::of(day) && (from * 60..until * 60).contains(&clock))
        };
        prop_assert_eq!(availability.covers(start, start.plus_minutes(minutes)), minutes > 0 && (0..minutes).all(shown));
    }
}

/// The day and the minute of the day that the clock shows.
fn shows(zone: TimeZone, moment: Instant) -> (Date, u16) {
    let clock = local(zone, moment);
    (clock.date().into(), u16::try_from(clock.signed_duration_since(clock.date().into()).num_minutes()).unwrap())
}

fn local(zone: TimeZone, moment: Instant) -> chrono::NaiveDateTime {
    chrono::DateTime::<chrono::Utc>::from(moment).with_timezone(&chrono_tz::Tz::from(zone)).naive_local()
}

/// Whether it does so within a day of that time.
fn clock_goes_back(zone: TimeZone, start: Instant, minutes: u32) -> bool {
    let (mut before, day) = (None, 24 * 60);
    let from = Instant::from_micros(start.micros() - i64::from(day) * 60_000_000);
    (0..minutes + 2 * day).step_by(15).any(|minute| {
        let moment = from.plus_minutes(minute);
        let offset = local(zone, moment) - chrono::DateTime::<chrono::Utc>::from(moment).naive_utc();
        before.replace(offset).is_some_and(|before| offset < before)
    })
}
