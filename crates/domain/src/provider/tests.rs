use super::*;
use crate::testing::given;
use crate::{Code, Date, FacilityId, Identifier, IdentifierType, Line, Period, PhoneContact, ProviderNumber};

fn at(micros: i64) -> Instant {
    Instant::from_micros(micros)
}

fn line(text: &str) -> Line {
    Line::try_from(text).unwrap()
}

fn text(words: &str) -> Text {
    Text::try_from(words).unwrap()
}

fn profile() -> ProviderProfile {
    ProviderProfile {
        provider_number: ProviderNumber::try_from("dr-17").unwrap(),
        name: crate::HumanName { family: Some(line("Blackwell")), ..Default::default() },
        license_number: Some(line("MA-20417")),
        specialties: vec![Specialty::Cardiology],
        certifications: vec![],
        languages: vec![],
        gender: None,
        birth_date: None,
        phones: vec![],
        emails: vec![],
        addresses: vec![],
        identifiers: vec![npi("1457389921")],
    }
}

fn npi(value: &str) -> Identifier {
    Identifier { system: Some(line(NPI_SYSTEM)), identifier_type: IdentifierType::Other, value: line(value) }
}

fn registered() -> ProviderEvent {
    registered_as(profile())
}

fn registered_as(profile: ProviderProfile) -> ProviderEvent {
    ProviderRegistered { registered_at: at(1), profile }.into()
}

fn register(profile: ProviderProfile) -> ProviderCommand {
    ProviderCommand::Register { now: at(1), profile }
}

fn correct(profile: ProviderProfile) -> ProviderCommand {
    ProviderCommand::CorrectProfile { now: at(2), profile }
}

fn corrected(profile: ProviderProfile) -> ProviderEvent {
    ProviderProfileCorrected { corrected_at: at(2), profile }.into()
}

fn verify() -> ProviderCommand {
    ProviderCommand::Verify { now: at(2), note: None }
}

fn verified() -> ProviderEvent {
    ProviderVerified { verified_at: at(2), note: None }.into()
}

fn withdrawn() -> ProviderEvent {
    ProviderVerificationWithdrawn { withdrawn_at: at(3), reason: text("The licence has ended.") }.into()
}

fn withdraw() -> ProviderCommand {
    ProviderCommand::WithdrawVerification { now: at(3), reason: text("The licence has ended.") }
}

fn suspended() -> ProviderEvent {
    ProviderSuspended { suspended_at: at(3), reason: text("Under inquiry.") }.into()
}

fn suspend() -> ProviderCommand {
    ProviderCommand::Suspend { now: at(3), reason: text("Under inquiry.") }
}

fn reinstated() -> ProviderEvent {
    ProviderReinstated { reinstated_at: at(4), reason: None }.into()
}

fn reinstate() -> ProviderCommand {
    ProviderCommand::Reinstate { now: at(4), reason: None }
}

fn rated(stars: u8) -> ProviderEvent {
    ProviderRated { rated_at: at(5), stars: Stars::try_from(stars).unwrap(), appointment_id: None }.into()
}

fn affiliation() -> Affiliation {
    Affiliation {
        facility_id: FacilityId(Uuid::from_u128(3)),
        roles: vec![],
        specialties: vec![],
        period: Some(Period { start: Some(at(1)), end: None }),
        phones: vec![],
        emails: vec![],
    }
}

fn affiliate(id: u128, affiliation: Affiliation) -> ProviderCommand {
    ProviderCommand::Affiliate { now: at(6), affiliation_id: AffiliationId(Uuid::from_u128(id)), affiliation }
}

fn affiliated(id: u128, affiliation: Affiliation) -> ProviderEvent {
    ProviderAffiliated { affiliated_at: at(6), affiliation_id: AffiliationId(Uuid::from_u128(id)), affiliation }.into()
}

#[test]
fn a_provider_registers_once() {
    given::<Provider>([]).when(register(profile())).then([registered()]);
    given::<Provider>([registered()]).when(register(profile())).then_error(ProviderError::AlreadyRegistered);
    given::<Provider>([registered(), suspended()]).when(register(profile())).then_error(ProviderError::AlreadyRegistered);
}

#[test]
fn a_provider_has_a_name() {
    let nameless = ProviderProfile { name: crate::HumanName::default(), ..profile() };
    given::<Provider>([]).when(register(nameless.clone())).then_error(ProviderError::NoName);
    given::<Provider>([registered()]).when(correct(nameless)).then_error(ProviderError::NoName);
}

#[test]
fn a_profile_is_corrected_when_something_differs() {
    let polyglot = ProviderProfile { languages: vec!["pt-BR".try_into().unwrap()], ..profile() };
    given::<Provider>([registered()]).when(correct(polyglot.clone())).then([corrected(polyglot.clone())]);
    given::<Provider>([registered(), suspended()]).when(correct(polyglot.clone())).then([corrected(polyglot)]);
    given::<Provider>([registered()]).when(correct(profile())).then([]);
    given::<Provider>([]).when(correct(profile())).then_error(ProviderError::NotRegistered);
}

#[test]
fn a_profile_has_no_more_than_a_hundred_of_anything() {
    let phone = PhoneContact { number: "+1 555 013 2477".try_into().unwrap(), r#use: None };
    let full = ProviderProfile { phones: vec![phone.clone(); 100], ..profile() };
    given::<Provider>([]).when(register(full.clone())).then([registered_as(full)]);
    given::<Provider>([]).when(register(ProviderProfile { phones: vec![phone; 101], ..profile() })).then_error(ProviderError::TooLong);
    let specialties = vec![Specialty::Other; 101];
    given::<Provider>([registered()]).when(correct(ProviderProfile { specialties, ..profile() })).then_error(ProviderError::TooLong);
}

#[test]
fn a_certification_does_not_end_before_it_begins() {
    let certified = |from: Instant, until: Instant| {
        let code = Code { codings: vec![], text: Some("Cardiovascular disease".to_owned()) };
        let certification = Certification { code, number: None, issuer: None, valid_from: Some(from.date()), valid_until: Some(until.date()) };
        ProviderProfile { certifications: vec![certification], ..profile() }
    };
    let (monday, tuesday) = (at(0), at(0).plus_minutes(24 * 60));
    given::<Provider>([]).when(register(certified(monday, monday))).then([registered_as(certified(monday, monday))]);
    given::<Provider>([]).when(register(certified(tuesday, monday))).then_error(ProviderError::CertificationReversed);
}

#[test]
fn a_provider_number_and_an_npi_belong_to_one_provider() {
    let first = Provider::default().reservations(Uuid::nil(), &registered());
    assert!(first == [taken("provider-number", "DR-17"), taken("npi", "1457389921")]);
    let provider = Provider::default().evolve(&registered());
    let renumbered = ProviderProfile { provider_number: ProviderNumber::try_from("dr-18").unwrap(), identifiers: vec![npi("2")], ..profile() };
    let moved = provider.reservations(Uuid::nil(), &corrected(renumbered));
    assert!(moved == [given_back("provider-number", "DR-17"), given_back("npi", "1457389921"), taken("provider-number", "DR-18"), taken("npi", "2")]);
    let retyped = ProviderProfile { provider_number: ProviderNumber::try_from("DR-17").unwrap(), ..profile() };
    assert!(provider.reservations(Uuid::nil(), &corrected(retyped)).is_empty());
}

#[test]
fn an_appointment_is_rated_once() {
    let appointment_id = Some(AppointmentId(Uuid::from_u128(8)));
    let rated: ProviderEvent = ProviderRated { rated_at: at(5), stars: Stars::try_from(5).unwrap(), appointment_id }.into();
    let rate = |appointment_id| ProviderCommand::Rate { now: at(5), stars: Stars::try_from(5).unwrap(), appointment_id };
    given::<Provider>([registered()]).when(rate(appointment_id)).then([rated.clone()]);
    given::<Provider>([registered(), rated.clone()]).when(rate(appointment_id)).then_error(ProviderError::AlreadyRated);
    given::<Provider>([registered(), rated.clone(), suspended()]).when(rate(appointment_id)).then_error(ProviderError::AlreadyRated);
    let provider = Provider::default().evolve(&registered());
    assert!(provider.reservations(Uuid::nil(), &rated) == [taken("provider-rating", "00000000-0000-0000-0000-000000000008")]);
}

fn taken(kind: &'static str, value: &str) -> Reservation {
    Reservation::Claim { kind, value: value.to_owned() }
}

fn given_back(kind: &'static str, value: &str) -> Reservation {
    Reservation::Release { kind, value: value.to_owned() }
}

#[test]
fn nobody_is_registered_in_a_closed_organization() {
    let no_more = || Grounds { organization: Organization::Closed, ..Grounds::default() };
    given::<Provider>([]).on(no_more()).when(register(profile())).then_error(ProviderError::OrganizationClosed);
    given::<Provider>([registered()]).on(no_more()).when(suspend()).then([suspended()]);
}

#[test]
fn a_provider_with_a_licence_is_verified() {
    given::<Provider>([registered()]).when(verify()).then([verified()]);
    given::<Provider>([registered(), verified()]).when(verify()).then([]);
    let unlicensed = registered_as(ProviderProfile { license_number: None, ..profile() });
    given::<Provider>([unlicensed]).when(verify()).then_error(ProviderError::NoLicense);
    given::<Provider>([registered(), suspended()]).when(verify()).then_error(ProviderError::Suspended);
    given::<Provider>([]).when(verify()).then_error(ProviderError::NotRegistered);
}

#[test]
fn a_verification_is_withdrawn_and_given_again() {
    given::<Provider>([registered(), verified()]).when(withdraw()).then([withdrawn()]);
    given::<Provider>([registered(), verified(), withdrawn()]).when(withdraw()).then([]);
    given::<Provider>([registered(), verified(), withdrawn()]).when(verify()).then([verified()]);
    given::<Provider>([]).when(withdraw()).then_error(ProviderError::NotRegistered);
}

#[test]
fn another_licence_has_to_be_verified_again() {
    let relicensed = ProviderProfile { license_number: Some(line("MA-30001")), ..profile() };
    let withdrawn = ProviderVerificationWithdrawn { withdrawn_at: at(2), reason: text("license_number was corrected") };
    given::<Provider>([registered(), verified()]).when(correct(relicensed.clone())).then([corrected(relicensed.clone()), withdrawn.into()]);
    given::<Provider>([registered()]).when(correct(relicensed.clone())).then([corrected(relicensed)]);
    let polyglot = ProviderProfile { languages: vec!["en".try_into().unwrap()], ..profile() };
    given::<Provider>([registered(), verified()]).when(correct(polyglot.clone())).then([corrected(polyglot)]);
}

#[test]
fn a_provider_is_suspended_and_reinstated() {
    given::<Provider>([registered()]).when(suspend()).then([suspended()]);
    given::<Provider>([registered(), suspended()]).when(suspend()).then([]);
    given::<Provider>([registered(), suspended()]).when(reinstate()).then([reinstated()]);
    given::<Provider>([registered()]).when(reinstate()).then([]);
    given::<Provider>([registered(), suspended(), reinstated()]).when(suspend()).then([suspended()]);
    given::<Provider>([]).when(suspend()).then_error(ProviderError::NotRegistered);
    given::<Provider>([]).when(reinstate()).then_error(ProviderError::NotRegistered);
}

#[test]
fn every_opinion_counts_the_same() {
    let rate = ProviderCommand::Rate { now: at(5), stars: Stars::try_from(4).unwrap(), appointment_id: None };
    given::<Provider>([registered(), rated(4)]).when(rate.clone()).then([rated(4)]);
    given::<Provider>([]).when(rate).then_error(ProviderError::NotRegistered);
    let average = |stars: &[u8]| {
        let events = std::iter::once(registered()).chain(stars.iter().map(|&stars| rated(stars)));
        let provider = events.fold(Provider::default(), |provider, event| provider.evolve(&event));
        let rating = provider.practice().unwrap().rating;
        (rating.count, rating.average_hundredths())
    };
    assert_eq!(average(&[]), (0, None));
    assert_eq!(average(&[5, 4, 4]), (3, Some(433)));
    assert_eq!(average(&[4, 5, 4]), (3, Some(433)));
    assert_eq!(average(&[1, 2, 2]), (3, Some(167)));
}

#[test]
fn there_are_one_to_five_stars() {
    assert!((1..=5).all(|stars| Stars::try_from(stars).is_ok()));
    assert!(Stars::try_from(0).is_err() && Stars::try_from(6).is_err());
}

#[test]
fn a_provider_has_one_account_or_none() {
    let link = |account_id| ProviderCommand::LinkAccount { now: at(2), account_id };
    let linked = |account_id| -> ProviderEvent { ProviderAccountLinked { linked_at: at(2), account_id }.into() };
    let (ada, grace) = (Some(AccountId(Uuid::from_u128(1))), Some(AccountId(Uuid::from_u128(2))));
    given::<Provider>([registered()]).when(link(ada)).then([linked(ada)]);
    given::<Provider>([registered(), linked(ada)]).when(link(ada)).then([]);
    given::<Provider>([registered(), linked(ada)]).when(link(grace)).then([linked(grace)]);
    given::<Provider>([registered(), linked(ada)]).when(link(None)).then([linked(None)]);
    given::<Provider>([]).when(link(ada)).then_error(ProviderError::NotRegistered);
}

#[test]
fn a_provider_works_at_facilities() {
    let nurse = Affiliation { roles: vec![Code { codings: vec![], text: Some("nurse".to_owned()) }], ..affiliation() };
    given::<Provider>([registered()]).when(affiliate(1, affiliation())).then([affiliated(1, affiliation())]);
    given::<Provider>([registered(), affiliated(1, affiliation())]).when(affiliate(1, affiliation())).then([]);
    given::<Provider>([registered(), affiliated(1, affiliation())]).when(affiliate(1, nurse.clone())).then([affiliated(1, nurse.clone())]);
    given::<Provider>([registered(), affiliated(1, affiliation())]).when(affiliate(2, nurse.clone())).then([affiliated(2, nurse)]);
    given::<Provider>([]).when(affiliate(1, affiliation())).then_error(ProviderError::NotRegistered);
}

#[test]
fn an_affiliation_ends() {
    let affiliation_id = AffiliationId(Uuid::from_u128(1));
    let end = || ProviderCommand::EndAffiliation { now: at(7), affiliation_id, reason: None };
    let ended: ProviderEvent = ProviderAffiliationEnded { ended_at: at(7), affiliation_id, reason: None }.into();
    given::<Provider>([registered(), affiliated(1, affiliation())]).when(end()).then([ended.clone()]);
    given::<Provider>([registered(), affiliated(1, affiliation()), ended]).when(end()).then([]);
    given::<Provider>([registered(), affiliated(2, affiliation())]).when(end()).then([]);
    given::<Provider>([]).when(end()).then_error(ProviderError::NotRegistered);
}

#[test]
fn an_affiliation_makes_sense() {
    let backwards = Affiliation { period: Some(Period { start: Some(at(2)), end: Some(at(1)) }), ..affiliation() };
    given::<Provider>([registered()]).when(affiliate(1, backwards)).then_error(ProviderError::PeriodReversed);
    let nothing = Code { codings: vec![], text: None };
    let wordy = Affiliation { roles: vec![nothing; 101], ..affiliation() };
    given::<Provider>([registered()]).when(affiliate(1, wordy)).then_error(ProviderError::TooLong);
}

#[test]
fn a_provider_has_five_hundred_affiliations_at_most() {
    let most = MAX_AFFILIATIONS as u128;
    let full = || std::iter::once(registered()).chain((0..most).map(|id| affiliated(id, affiliation())));
    given::<Provider>(full()).when(affiliate(most, affiliation())).then_error(ProviderError::TooManyAffiliations);
    let elsewhere = Affiliation { facility_id: FacilityId(Uuid::from_u128(4)), ..affiliation() };
    given::<Provider>(full()).when(affiliate(0, elsewhere.clone())).then([affiliated(0, elsewhere)]);
}

#[test]
fn a_provider_has_a_key_of_their_own() {
    let id = Uuid::from_u128(6);
    assert_eq!(Provider::default().subject(id, &registered()), Subject::Person(id));
}

mod hours {
    use super::*;

    fn time(text: &str) -> TimeOfDay {
        TimeOfDay::try_from(text).unwrap()
    }

    fn weekly(weekday: Weekday, from: &str, until: &str) -> WeeklyHours {
        WeeklyHours { weekday, from: time(from), until: time(until) }
    }

    fn new_york(weekly: Vec<WeeklyHours>) -> Availability {
        Availability { time_zone: "America/New_York".try_into().unwrap(), weekly, exceptions: vec![] }
    }

    fn away(first: &str, last: &str) -> AvailabilityException {
        AvailabilityException { first_day: day(first), last_day: day(last), hours: vec![], reason: None }
    }

    fn day(text: &str) -> Date {
        serde_json::from_value(text.into()).unwrap()
    }

    fn moment(text: &str) -> Instant {
        serde_json::from_value(text.into()).unwrap()
    }

    fn covers(availability: &Availability, start: &str, end: &str) -> bool {
        availability.covers(moment(start), moment(end))
    }

    fn set(availability: Availability) -> ProviderCommand {
        ProviderCommand::SetAvailability { now: at(2), availability }
    }

    fn was_set(availability: Availability) -> ProviderEvent {
        ProviderAvailabilitySet { set_at: at(2), availability }.into()
    }

    fn mondays() -> Availability {
        new_york(vec![weekly(Weekday::Monday, "09:00", "12:00"), weekly(Weekday::Monday, "13:00", "17:00")])
    }

    #[test]
    fn a_provider_says_when_patients_can_come() {
        given::<Provider>([registered()]).when(set(mondays())).then([was_set(mondays())]);
        given::<Provider>([registered(), was_set(mondays())]).when(set(mondays())).then([]);
        given::<Provider>([registered(), was_set(mondays())]).when(set(new_york(vec![]))).then([was_set(new_york(vec![]))]);
        given::<Provider>([]).when(set(mondays())).then_error(ProviderError::NotRegistered);
    }

    #[test]
    fn hours_end_after_they_begin() {
        let empty = new_york(vec![weekly(Weekday::Monday, "09:00", "09:00")]);
        given::<Provider>([registered()]).when(set(empty)).then_error(ProviderError::HoursReversed);
        let backwards = Availability { exceptions: vec![away("2026-08-02", "2026-08-01")], ..mondays() };
        given::<Provider>([registered()]).when(set(backwards)).then_error(ProviderError::HoursReversed);
        let exception =
            AvailabilityException { hours: vec![Hours { from: time("12:00"), until: time("11:00") }], ..away("2026-08-01", "2026-08-01") };
        let inside = Availability { exceptions: vec![exception], ..mondays() };
        given::<Provider>([registered()]).when(set(inside)).then_error(ProviderError::HoursReversed);
    }

    #[test]
    fn hours_and_exceptions_are_bounded() {
        let hours = new_york(vec![weekly(Weekday::Monday, "09:00", "12:00"); MAX_HOURS + 1]);
        given::<Provider>([registered()]).when(set(hours)).then_error(ProviderError::TooManyHours);
        let exceptions = Availability { exceptions: vec![away("2026-08-01", "2026-08-01"); MAX_EXCEPTIONS + 1], ..mondays() };
        given::<Provider>([registered()]).when(set(exceptions)).then_error(ProviderError::TooManyHours);
        let busy = AvailabilityException {
            hours: vec![Hours { from: time("11:00"), until: time("12:00") }; MAX_HOURS + 1],
            ..away("2026-08-01", "2026-08-01")
        };
        given::<Provider>([registered()]).when(set(Availability { exceptions: vec![busy], ..mondays() })).then_error(ProviderError::TooManyHours);
    }

    #[test]
    fn an_appointment_lies_in_the_hours_or_not() {
        // 2 February 2026 is a Monday; New York is five hours behind.
        assert!(covers(&mondays(), "2026-02-02T14:00:00Z", "2026-02-02T17:00:00Z"));
        assert!(!covers(&mondays(), "2026-02-02T13:59:00Z", "2026-02-02T14:30:00Z"), "too early");
        assert!(!covers(&mondays(), "2026-02-02T16:30:00Z", "2026-02-02T18:30:00Z"), "over lunch");
        assert!(!covers(&mondays(), "2026-02-02T21:45:00Z", "2026-02-02T22:15:00Z"), "too late");
        assert!(!covers(&mondays(), "2026-02-03T14:00:00Z", "2026-02-03T14:30:00Z"), "a Tuesday");
        assert!(!covers(&mondays(), "2026-02-02T14:00:00Z", "2026-02-02T14:00:00Z"), "no time at all");
    }

    #[test]
    fn hours_that_touch_are_one_span_also_over_midnight() {
        let night = new_york(vec![
            weekly(Weekday::Monday, "22:00", "23:00"),
            weekly(Weekday::Monday, "23:00", "24:00"),
            weekly(Weekday::Tuesday, "00:00", "06:00"),
        ]);
        assert_eq!(night.open_on(day("2026-02-02")), [(moment("2026-02-03T03:00:00Z"), moment("2026-02-03T05:00:00Z"))]);
        assert!(covers(&night, "2026-02-03T03:30:00Z", "2026-02-03T11:00:00Z"));
        assert!(!covers(&night, "2026-02-03T03:30:00Z", "2026-02-03T11:01:00Z"));
    }

    #[test]
    fn exceptions_take_the_place_of_the_week() {
        let half_day = AvailabilityException { hours: vec![Hours { from: time("15:00"), until: time("16:00") }], ..away("2026-02-09", "2026-02-09") };
        let availability = Availability { exceptions: vec![away("2026-01-31", "2026-02-02"), half_day], ..mondays() };
        assert!(!covers(&availability, "2026-02-02T14:00:00Z", "2026-02-02T14:30:00Z"), "away");
        assert!(!covers(&availability, "2026-02-09T14:00:00Z", "2026-02-09T14:30:00Z"), "not that morning");
        assert!(covers(&availability, "2026-02-09T20:00:00Z", "2026-02-09T21:00:00Z"), "that afternoon");
        assert!(covers(&availability, "2026-02-16T14:00:00Z", "2026-02-16T14:30:00Z"), "as always");
    }

    #[test]
    fn hours_follow_the_clock_through_daylight_saving_time() {
        // Clocks went forward on Sunday 8 March 2026 at 02:00 and go back on Sunday 1 November 2026 at 02:00.
        assert!(covers(&mondays(), "2026-03-02T14:00:00Z", "2026-03-02T14:30:00Z"), "09:00 in winter");
        assert!(covers(&mondays(), "2026-03-09T13:00:00Z", "2026-03-09T13:30:00Z"), "09:00 in summer");
        assert!(!covers(&mondays(), "2026-03-02T13:00:00Z", "2026-03-02T13:30:00Z"), "08:00 in winter");
        let nights = new_york(vec![weekly(Weekday::Sunday, "01:00", "03:00")]);
        assert_eq!(nights.open_on(day("2026-03-08")), [(moment("2026-03-08T06:00:00Z"), moment("2026-03-08T07:00:00Z"))], "one hour is left out");
        assert_eq!(nights.open_on(day("2026-11-01")), [(moment("2026-11-01T05:00:00Z"), moment("2026-11-01T08:00:00Z"))], "one hour comes twice");
        let early = new_york(vec![weekly(Weekday::Sunday, "00:00", "01:30")]);
        assert_eq!(
            early.open_on(day("2026-11-01")),
            [(moment("2026-11-01T04:00:00Z"), moment("2026-11-01T06:30:00Z"))],
            "until the second half past one"
        );
        let left_out = new_york(vec![weekly(Weekday::Sunday, "02:15", "02:45")]);
        assert_eq!(left_out.open_on(day("2026-03-08")), []);
        let half_left_out = new_york(vec![weekly(Weekday::Sunday, "02:15", "03:15")]);
        assert_eq!(half_left_out.open_on(day("2026-03-08")), [(moment("2026-03-08T07:00:00Z"), moment("2026-03-08T07:15:00Z"))]);
    }

    #[test]
    fn a_time_is_one_a_clock_shows() {
        for (written, minutes) in [("00:00", 0), ("09:30", 570), ("23:59", 1_439), ("24:00", 1_440)] {
            assert_eq!(time(written).minutes(), minutes);
            assert_eq!(time(written).to_string(), written);
        }
        for wrong in ["", "9:30", "09:60", "24:01", "25:00", "09:30:00", "+9:30", "ab:cd"] {
            assert!(TimeOfDay::try_from(wrong).is_err(), "{wrong}");
        }
    }
}

#[test]
fn a_providers_own_numbers_are_told_masked_and_those_of_the_profession_are_not() {
    let identifier = |identifier_type, value: &str| Identifier { system: None, identifier_type, value: line(value) };
    let identifiers = vec![identifier(IdentifierType::SocialSecurity, "999-41-7203"), npi("1457389921")];
    let numbered = ProviderProfile { identifiers, ..profile() };
    let registered: ProviderEvent = ProviderRegistered { profile: numbered.clone(), registered_at: at(1) }.into();
    let told = |event: ProviderEvent| crate::AnyEvent::from(event).told().unwrap().to_string();
    for text in [told(registered), told(corrected(numbered))] {
        assert!(text.contains("••••7203") && text.contains("1457389921") && !text.contains("999-41"), "{text}");
    }
}
