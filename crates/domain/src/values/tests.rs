use proptest::prelude::*;

use super::*;

fn accepts<T: TryFrom<String>>(text: &str) -> bool {
    T::try_from(text.to_owned()).is_ok()
}

#[test]
fn a_phone_number_is_digits_with_a_little_between_them() {
    for right in ["555-013-2477", "+1 (555) 013-2477 x12", "911", "+49.30.1234567", "(555) 013-2477"] {
        assert!(accepts::<Phone>(right), "{right}");
    }
    for wrong in ["", "12", "call me", "5+55", " 555-0132", "555-0132\n", "123456789012345678901", "55501324775550132477 (((((((((((((("] {
        assert!(!accepts::<Phone>(wrong), "{wrong}");
    }
}

#[test]
fn a_phone_number_is_found_however_it_is_written() {
    let written = ["555-013-2477", "(555) 013.2477", "555 013 2477"].map(|text| Phone::try_from(text).unwrap().normalised());
    assert_eq!(written, ["5550132477"; 3]);
    assert_eq!(Phone::try_from("+1 555-013-2477").unwrap().normalised(), "+15550132477");
}

#[test]
fn an_email_address_has_a_name_and_a_domain_and_nothing_else() {
    for right in ["ada@example.org", "ada.q+clinic@mail.example.org"] {
        assert!(accepts::<Email>(right), "{right}");
    }
    for wrong in ["", "ada", "ada@", "@example.org", "ada@localhost", "Ada <ada@example.org>", "ada@example.org ", "a b@example.org"] {
        assert!(!accepts::<Email>(wrong), "{wrong}");
    }
    assert!(!accepts::<Email>(&format!("ada@{}example.org", "x.".repeat(130))), "255 characters and more");
    assert_eq!(Email::try_from("Ada@Example.org").unwrap().normalised(), "ada@example.org");
}

#[test]
fn a_line_is_one_line_of_at_most_500_characters() {
    assert!(accepts::<Line>("Ünï cødé") && accepts::<Line>(&"ä".repeat(500)));
    for wrong in ["", "  ", "two\nlines", "bell\u{7}"] {
        assert!(!accepts::<Line>(wrong), "{wrong:?}");
    }
    assert!(!accepts::<Line>(&"a".repeat(501)));
}

#[test]
fn a_language_is_a_tag() {
    for right in ["en", "en-US", "de-CH-1996", "zh-Hant-TW"] {
        assert!(accepts::<Language>(right), "{right}");
    }
    for wrong in ["", "e", "english language", "en_US", "en-", "-US", "1en", "en-toolongpart"] {
        assert!(!accepts::<Language>(wrong), "{wrong}");
    }
}

#[test]
fn a_time_zone_is_one_that_exists() {
    assert!(accepts::<TimeZone>("America/New_York") && accepts::<TimeZone>("UTC"));
    assert!(!accepts::<TimeZone>("America/Gotham") && !accepts::<TimeZone>("EST5") && !accepts::<TimeZone>(""));
}

#[test]
fn a_day_is_the_day_of_the_zone_on_both_sides_of_a_clock_change() {
    let new_york = TimeZone::try_from("America/New_York").unwrap();
    let moment = |text: &str| -> Instant { serde_json::from_value(text.into()).unwrap() };
    // 8 March 2026, 02:00: clocks go forward, midnight moves from 05:00 to 04:00 UTC
    assert_eq!(new_york.date(moment("2026-03-08T04:59:59Z")).to_string(), "2026-03-07");
    assert_eq!(new_york.date(moment("2026-03-08T05:00:00Z")).to_string(), "2026-03-08");
    assert_eq!(new_york.date(moment("2026-03-09T03:59:59Z")).to_string(), "2026-03-08");
    assert_eq!(new_york.date(moment("2026-03-09T04:00:00Z")).to_string(), "2026-03-09");
}

#[test]
fn a_year_is_written_with_four_digits() {
    let moment = |text: &str| serde_json::from_value::<Instant>(text.into()).is_ok();
    let day = |text: &str| serde_json::from_value::<Date>(text.into()).is_ok();
    assert!(moment("0001-01-01T00:00:00Z") && moment("9999-12-31T23:59:59.999999Z"));
    assert!(!moment("+12026-01-31T00:00:00Z") && !moment("-0001-01-31T00:00:00Z") && !moment("2026-01-31"));
    assert!(day("0001-01-01") && day("9999-12-31"));
    assert!(!day("+12026-01-31") && !day("-0001-01-31") && !day("2026-02-30"));
}

#[test]
fn a_number_is_shown_masked() {
    let identifier = |value: &str| Identifier { system: None, identifier_type: IdentifierType::Other, value: value.try_into().unwrap() };
    let masked = |value: &str| String::from(identifier(value).masked().value);
    assert_eq!(masked("999-41-7203"), "••••7203");
    assert_eq!(masked("12345678"), "••••", "four of eight would be too many");
    assert_eq!(masked("99941720ß"), "••••720ß");
}

#[test]
fn a_social_security_number_is_one_that_can_have_been_given() {
    let written = |text: &str| SocialSecurityNumber::try_from(text).map(SocialSecurityNumber::written).ok();
    assert_eq!(written("078051120").as_deref(), Some("078-05-1120"));
    assert_eq!(written("999-41-7203").as_deref(), Some("999-41-7203"));
    for wrong in [
        "",
        "99941720",
        "9994172033",
        "99-941-7203",
        "9994-1-7203",
        "999-417203",
        "-999417203",
        "999-41-72O3",
        "٩٩٩-41-7203",
        "+99-41-7203",
        "000-41-7203",
        "666-41-7203",
        "123-00-7203",
        "123-45-0000",
        "000000000",
    ] {
        assert_eq!(written(wrong), None, "{wrong}");
    }
}

#[test]
fn a_number_fits_its_type() {
    let fits = |identifier_type, value: &str| Identifier { system: None, identifier_type, value: value.try_into().unwrap() }.is_plausible();
    assert!(fits(IdentifierType::SocialSecurity, "999-41-7203") && fits(IdentifierType::SocialSecurity, "999417203"));
    assert!(!fits(IdentifierType::SocialSecurity, "99-41-7203") && !fits(IdentifierType::SocialSecurity, "99941720A"));
    assert!(fits(IdentifierType::Passport, "X41720388X") && !fits(IdentifierType::Passport, "X4172/88"));
    assert!(fits(IdentifierType::Other, "anything at all"));
}

#[test]
fn json_is_kept_as_it_came_and_only_if_it_is_json() {
    let spaced = "{\"a\" : 1.10,\n \"a\":[1e300 ] }";
    assert_eq!(JsonText::try_from(format!(" {spaced}\n")).unwrap().as_str(), spaced);
    assert_eq!(serde_json::from_str::<JsonText>(spaced).unwrap().as_str(), spaced);
    for wrong in ["", "{", "{} {}", "nul", "'a'", "[1e400]", r#""\ud800""#, r#"{"a": 1, }"#] {
        assert!(!accepts::<JsonText>(wrong), "{wrong}");
        assert!(serde_json::from_str::<JsonText>(wrong).is_err(), "{wrong}");
    }
    for name in ["$serde_json::private::Number", r"\u0024serde_json::private::Number", "$serde_json::private::RawValue"] {
        for posing in [r#""x""#, "1", r#""1""#, r#""+5""#, r#""1", "a": 1"#, r#""\u0031""#, "{}", "null"] {
            let posing = format!(r#"{{"b": [{{"{name}": {posing}}}]}}"#);
            assert!(!accepts::<JsonText>(&posing), "{posing}");
        }
        assert!(!accepts::<JsonText>(&format!(r#"{{"a": 1, "{name}": "1"}}"#)), "{name}");
    }
    for number in ["0", "-1", "1.10", "1E2", "-0.0e-7", "123456789012345678901234567890"] {
        assert!(accepts::<JsonText>(number) && accepts::<JsonText>(&format!(r#"{{"a": [{number}]}}"#)), "{number}");
    }
    let huge = "12345678901234567890123.4567890";
    assert_eq!(serde_json::to_value(JsonText::try_from(huge).unwrap()).unwrap().to_string(), huge);
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(accepts::<JsonText>(&nested(127)) && !accepts::<JsonText>(&nested(128)));
    assert!(!accepts::<JsonText>(&format!("\"{}\"", "x".repeat(4 * 1024 * 1024))));
}

#[test]
fn json_inside_other_json_has_the_same_limit() {
    let json_of = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    assert!(serde_json::from_str::<JsonText>(&json_of(4 * 1024 * 1024)).is_ok());
    assert!(serde_json::from_str::<JsonText>(&json_of(4 * 1024 * 1024 + 1)).is_err());
}

#[test]
fn a_measured_number_keeps_every_digit() {
    let json = r#"{"value":109.14520075345051,"unit":null,"system":null,"code":null,"comparator":null}"#;
    assert_eq!(serde_json::to_string(&serde_json::from_str::<Quantity>(json).unwrap()).unwrap(), json);
}

#[test]
fn a_finding_is_one_of_three() {
    let reads = |json: &str| serde_json::from_str::<ClinicalValue>(json).is_ok();
    assert!(reads(r#"{"quantity": {"value": 7.4}}"#) && reads(r#"{"text": "clear"}"#) && reads(r#"{"code": {"text": "positive"}}"#));
    assert!(!reads("{}") && !reads(r#"{"text": "clear", "quantity": {"value": 7.4}}"#) && !reads(r#"{"quantity": null}"#));
}

#[test]
fn an_unknown_field_is_refused() {
    assert!(serde_json::from_str::<HumanName>(r#"{"family": "Quill", "surname": "Quill"}"#).is_err());
    assert!(serde_json::from_str::<Address>(r#"{"town": "Westerfield"}"#).is_err());
    assert!(serde_json::from_str::<Quantity>(r#"{"value": 1.0, "units": "g"}"#).is_err());
}

#[test]
fn no_debug_text_of_a_value_tells_it() {
    let secret = "Quillfeather";
    let line = Line::try_from(secret).unwrap();
    let name = HumanName { family: Some(line.clone()), ..HumanName::default() };
    let address = Address { city: Some(line.clone()), ..Address::default() };
    let identifier = Identifier { system: None, identifier_type: IdentifierType::Other, value: line.clone() };
    let email = Email::try_from("Quillfeather@example.org").unwrap();
    let json = JsonText::try_from("\"Quillfeather\"").unwrap();
    let finding = ClinicalValue::Text(Text::try_from(secret).unwrap());
    let said = format!("{line:?} {name:?} {address:?} {identifier:?} {email:?} {json:?} {finding:?}");
    assert!(!said.contains("Quill"), "{said}");
}

proptest! {
    #[test]
    fn no_text_breaks_a_value_type(text in "\\PC{0,60}|[0-9+() .-]{0,40}|[a-z@.]{0,40}") {
        let phone = Phone::try_from(text.clone()).map(String::from);
        prop_assert!(phone.is_err() || phone == Ok(text.clone()));
        let email = Email::try_from(text.clone()).map(String::from);
        prop_assert!(email.is_err() || email == Ok(text.clone()));
        let line = Line::try_from(text.clone()).map(String::from);
        prop_assert!(line.is_err() || line == Ok(text.clone()));
        let json = JsonText::try_from(text.clone()).map(String::from);
        prop_assert!(json.is_err() || json == Ok(text.trim().to_owned()));
    }

    #[test]
    fn the_day_of_a_moment_lies_between_its_first_and_its_last(micros in -62_000_000_000_000_000_i64..250_000_000_000_000_000) {
        let moment = Instant::from_micros(micros);
        prop_assert!(moment.date_furthest_west() <= moment.date() && moment.date() <= moment.date_furthest_east());
    }
}

/// The moment in that zone, or the reason why there is none.
fn at(written: &str, zone: &str) -> Result<String, String> {
    let (written, zone) = (WrittenTime::try_from(written).unwrap(), TimeZone::try_from(zone).unwrap());
    meant(written, zone).map(|moment| moment.to_string()).map_err(|error| error.to_string())
}

fn meant(written: WrittenTime, zone: TimeZone) -> Result<Instant, InvalidValue> {
    match written {
        WrittenTime::Moment(moment) => Ok(moment),
        WrittenTime::Local(time) => zone.moment(time),
    }
}

#[test]
fn a_time_without_an_offset_is_what_the_clocks_show() {
    for (written, zone, moment) in [
        ("2026-01-31T09:30", "America/New_York", "2026-01-31T14:30:00Z"),
        ("2026-07-31T09:30:15", "America/New_York", "2026-07-31T13:30:15Z"),
        ("2026-01-31T09:30", "Pacific/Kiritimati", "2026-01-30T19:30:00Z"),
        ("2026-01-31T09:30", "Asia/Kolkata", "2026-01-31T04:00:00Z"),
        ("2026-01-31T09:30", "UTC", "2026-01-31T09:30:00Z"),
        ("2026-01-31T09:30:00-05:00", "Europe/Berlin", "2026-01-31T14:30:00Z"),
        ("2026-01-31T09:30:00Z", "Europe/Berlin", "2026-01-31T09:30:00Z"),
    ] {
        assert_eq!(at(written, zone).as_deref(), Ok(moment), "{written} in {zone}");
    }
}

#[test]
fn a_time_that_the_clocks_leave_out_is_none() {
    for (written, zone) in [
        ("2026-03-08T02:00", "America/New_York"),
        ("2026-03-08T02:59:59", "America/New_York"),
        ("2026-03-29T02:30", "Europe/Berlin"),
        ("2026-10-04T02:15", "Australia/Lord_Howe"),
        // the day on which the date line moved
        ("2011-12-30T12:00", "Pacific/Apia"),
    ] {
        assert!(at(written, zone).unwrap_err().contains("they go forward over this one"), "{written} in {zone}");
    }
    assert_eq!(at("2026-03-08T03:00", "America/New_York").as_deref(), Ok("2026-03-08T07:00:00Z"));
    assert_eq!(at("2026-03-08T02:30", "Asia/Kolkata").as_deref(), Ok("2026-03-07T21:00:00Z"), "nobody changes the clocks there");
}

#[test]
fn of_a_time_that_comes_twice_the_first_is_meant_unless_the_offset_says_so() {
    for (written, zone, moment) in [
        ("2026-11-01T01:30", "America/New_York", "2026-11-01T05:30:00Z"),
        ("2026-11-01T01:30:00-04:00", "America/New_York", "2026-11-01T05:30:00Z"),
        ("2026-11-01T01:30:00-05:00", "America/New_York", "2026-11-01T06:30:00Z"),
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30:00Z"),
        ("2026-04-05T01:45", "Australia/Lord_Howe", "2026-04-04T14:45:00Z"),
    ] {
        assert_eq!(at(written, zone).as_deref(), Ok(moment), "{written} in {zone}");
    }
}

#[test]
fn a_time_is_written_with_two_digits_each() {
    for wrong in ["", "2026-01-31", "2026-1-31T09:30", "2026-01-31T9:30", "2026-01-31 09:30", "2026-01-31T24:00", "10000-01-01T00:00"] {
        assert!(WrittenTime::try_from(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn what_the_clocks_show_leads_back_to_a_moment_at_which_they_show_it(micros in 0..4_000_000_000_000_000_i64, zone in 0..chrono_tz::TZ_VARIANTS.len()) {
        let tz = chrono_tz::TZ_VARIANTS[zone];
        let show = |moment: Instant| chrono::DateTime::<chrono::Utc>::from(moment).with_timezone(&tz).format("%Y-%m-%dT%H:%M:%S").to_string();
        let moment = Instant::from_micros(micros / 1_000_000 * 1_000_000);
        let found = meant(WrittenTime::try_from(show(moment).as_str()).unwrap(), TimeZone::try_from(tz.name()).unwrap()).unwrap();
        prop_assert_eq!(show(found), show(moment));
        prop_assert!(found <= moment, "the first of two");
    }
}

#[test]
fn a_day_begins_by_the_clocks_of_its_zone() {
    let begins = |zone: &str, day: &str| {
        let day: Date = serde_json::from_value(day.into()).unwrap();
        serde_json::to_value(TimeZone::try_from(zone).unwrap().start(day)).unwrap().as_str().unwrap().to_owned()
    };
    assert_eq!(begins("UTC", "2026-03-08"), "2026-03-08T00:00:00Z");
    assert_eq!(begins("America/New_York", "2026-03-08"), "2026-03-08T05:00:00Z");
    assert_eq!(begins("America/New_York", "2026-03-09"), "2026-03-09T04:00:00Z");
    // clocks went from 23:59:59 to 1:00, and from 23:59:59 back to 23:00
    assert_eq!(begins("America/Sao_Paulo", "2018-11-04"), "2018-11-04T03:00:00Z");
    assert_eq!(begins("America/Sao_Paulo", "2018-02-18"), "2018-02-18T03:00:00Z");
}
