use anamnesis_domain::provider::{
    ProviderAffiliated, ProviderAffiliationEnded, ProviderProfileCorrected, ProviderRated, ProviderRegistered, ProviderVerified,
};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::kernel::testing::{Log, log, told};

const PROVIDER: Uuid = Uuid::from_u128(0xd1);

fn profile(family: &str) -> ProviderProfile {
    told(json!({ "provider_number": "p-7", "name": { "family": family }, "specialties": ["CARDIOLOGY"], "license_number": "L 1" }))
}

fn registered() -> ProviderEvent {
    ProviderRegistered { registered_at: Instant::from_micros(1), profile: profile("Osler") }.into()
}

fn rated(stars: u8) -> ProviderEvent {
    ProviderRated { rated_at: Instant::from_micros(2), stars: stars.try_into().unwrap(), appointment_id: None }.into()
}

fn given(events: impl IntoIterator<Item = ProviderEvent>) -> Log {
    events.into_iter().fold(log(), |log, event| log.event("provider", PROVIDER, event))
}

fn row(events: impl IntoIterator<Item = ProviderEvent>) -> ProviderRow {
    given(events).rows::<Providers>().remove(0).row
}

#[test]
fn a_rating_is_the_mean_of_all_stars_to_two_digits() {
    let provider = row([registered(), rated(5), rated(4), rated(4)]);
    assert_eq!((provider.rating, provider.rating_hundredths, provider.total_reviews), (Some(4.33), 433, 3));
    assert_eq!(row([registered()]).rating_hundredths, 0, "whom nobody has rated stands behind everybody");
}

#[test]
fn a_corrected_profile_leaves_rating_and_verification() {
    let verified = ProviderVerified { verified_at: Instant::from_micros(3), note: None };
    let corrected = ProviderProfileCorrected { corrected_at: Instant::from_micros(4), profile: profile("Oslerová") };
    let log = given([registered(), rated(5), verified.into(), corrected.into()]);
    let provider = log.rows::<Providers>().remove(0).row;
    assert_eq!((provider.rating, provider.is_verified), (Some(5.0), true));
    assert!(log.says::<Providers>("found_by").unwrap().contains("name:oslerova"));
    assert_eq!(provider.registered_at.micros(), 1);
}

#[test]
fn an_affiliation_that_ended_says_when() {
    let affiliation_id = AffiliationId(Uuid::from_u128(7));
    let affiliation = told(json!({ "facility_id": Uuid::from_u128(0xfa) }));
    let began = ProviderAffiliated { affiliated_at: Instant::from_micros(2), affiliation_id, affiliation };
    let ended = ProviderAffiliationEnded { ended_at: Instant::from_micros(9), affiliation_id, reason: None };
    let log = given([registered(), began.into(), ended.into()]);
    let affiliations = log.rows::<Affiliations>();
    assert_eq!(affiliations.len(), 1);
    assert_eq!(affiliations[0].row.ends_at.map(Instant::micros), Some(9));
    assert_eq!(log.rows::<Providers>().len(), 1);
}

#[test]
fn a_provider_is_found_by_each_language_and_what_it_is_a_form_of() {
    let found = |log: &Log| {
        let words = log.says::<Providers>("found_by").unwrap();
        words.split(' ').filter_map(|word| word.strip_prefix("language:")).collect::<Vec<_>>().join(" ")
    };
    let speaks = |tags: &[&str]| ProviderProfile { languages: tags.iter().map(|&tag| tag.try_into().unwrap()).collect(), ..profile("Osler") };
    let registered = ProviderRegistered { registered_at: Instant::from_micros(1), profile: speaks(&["de-CH", "FR"]) };
    assert_eq!(found(&given([registered.clone().into(), rated(5)])), "de de-ch fr");
    let corrected = ProviderProfileCorrected { corrected_at: Instant::from_micros(4), profile: speaks(&["zh-Hant-TW"]) };
    assert_eq!(found(&given([registered.into(), corrected.into()])), "zh zh-hant zh-hant-tw");
}
