//! Who gives care, in which specialties, when and where?

use anamnesis_domain::provider::{Affiliation, Availability, Certification, ProviderEvent, ProviderProfile, Rating, Specialty};
use anamnesis_domain::{
    AccountId, Address, AffiliationId, AnyEvent, Code, Date, EmailContact, FacilityId, Gender, HumanName, Identifier, Instant, Language, Line,
    PhoneContact, ProviderId, ProviderNumber, Recorded, Text,
};

use crate::kernel::{Blind, Fold, Follows, Key, Of, PersonalMasked, Projection, Rows, Schema, Sealed, Streams, row, seal, seal_list, text_columns};
use crate::normal;
use crate::words::{Kind, Words};

#[cfg(test)]
mod tests;

/// Every provider, and where each works.
pub const PROVIDERS: Projection = Projection {
    name: "providers",
    schema: Schema::Read,
    follows: Follows::Topics,
    sql: include_str!("table.sql"),
    version: 3,
    tables: &[&Of::<Providers>::TABLE, &Of::<Affiliations>::TABLE],
};

text_columns!(ProviderStatus, Specialty);

row! {
    /// A provider of care.
    pub struct ProviderRow in "providers" key (provider_id) {
        provider_id: ProviderId,
        user_id: Option<AccountId>,
        status: ProviderStatus,
        provider_number: Sealed<ProviderNumber>,
        provider_number_index: Blind,
        name: Sealed<HumanName>,
        found_by: Words,
        license_number: Option<Sealed<Line>>,
        specialties: Vec<Specialty>,
        certifications: Option<Sealed<Vec<Certification>>>,
        languages: Option<Sealed<Vec<Language>>>,
        gender: Option<Sealed<Gender>>,
        birth_date: Option<Sealed<Date>>,
        phones: Option<Sealed<Vec<PhoneContact>>>,
        emails: Option<Sealed<Vec<EmailContact>>>,
        addresses: Option<Sealed<Vec<Address>>>,
        identifiers: Option<Sealed<Vec<Identifier>, PersonalMasked>>,
        availability: Option<Sealed<Availability>>,
        rating: Option<f64>,
        rating_hundredths: u64,
        total_reviews: u64,
        total_stars: u64,
        is_verified: bool,
        verification_date: Option<Instant>,
        registered_at: Instant,
        suspended_at: Option<Instant>,
        suspension_reason: Option<Sealed<Text>>,
    }
}

row! {
    /// Where a provider works, as what.
    pub struct AffiliationRow in "provider_affiliations" key (provider_id, affiliation_id) {
        provider_id: ProviderId,
        affiliation_id: AffiliationId,
        facility_id: FacilityId,
        starts_at: Option<Instant>,
        ends_at: Option<Instant>,
        roles: Option<Sealed<Vec<Code>>>,
        specialties: Option<Sealed<Vec<Code>>>,
        phones: Option<Sealed<Vec<PhoneContact>>>,
        emails: Option<Sealed<Vec<EmailContact>>>,
        affiliated_at: Instant,
    }
}

/// Whether the provider may give care here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProviderStatus {
    /// They may.
    Active,
    /// Not now.
    Suspended,
}

/// The fold of `providers`.
pub struct Providers;
/// The fold of `provider_affiliations`.
pub struct Affiliations;

const PROVIDER: Streams = Streams::Of(&["provider"]);

impl Fold for Providers {
    type Row = ProviderRow;
    const STREAMS: Streams = PROVIDER;

    fn keys(event: &Recorded) -> Vec<Key> {
        vec![event.aggregate_id.into()]
    }

    fn apply(rows: &mut Rows<ProviderRow>, event: &Recorded) {
        let Some(AnyEvent::Provider(happened)) = event.event.value() else { return };
        if let ProviderEvent::ProviderRegistered(registered) = happened {
            rows.put(ProviderRow::new(event.aggregate_id.into(), &registered.profile, registered.registered_at));
        } else {
            rows.change(event.aggregate_id, |provider| provider.change(happened));
        }
    }
}

impl ProviderRow {
    fn new(provider_id: ProviderId, profile: &ProviderProfile, registered_at: Instant) -> Self {
        Self {
            provider_id,
            user_id: None,
            status: ProviderStatus::Active,
            provider_number: Sealed::new(profile.provider_number.clone()),
            provider_number_index: Blind::of(profile.provider_number.normalised()),
            name: Sealed::new(profile.name.clone()),
            found_by: Words::default()
                .with(Kind::Name, normal::name_words([&profile.name]))
                .with(Kind::Identifier, normal::identifiers(&profile.identifiers))
                .with(Kind::Language, profile.languages.iter().flat_map(ranges)),
            license_number: seal(profile.license_number.as_ref()),
            specialties: profile.specialties.clone(),
            certifications: seal_list(&profile.certifications),
            languages: seal_list(&profile.languages),
            gender: seal(profile.gender.as_ref()),
            birth_date: seal(profile.birth_date.as_ref()),
            phones: seal_list(&profile.phones),
            emails: seal_list(&profile.emails),
            addresses: seal_list(&profile.addresses),
            identifiers: seal_list(&profile.identifiers),
            availability: None,
            rating: None,
            rating_hundredths: 0,
            total_reviews: 0,
            total_stars: 0,
            is_verified: false,
            verification_date: None,
            registered_at,
            suspended_at: None,
            suspension_reason: None,
        }
    }

    fn change(&mut self, happened: &ProviderEvent) {
        match happened {
            ProviderEvent::ProviderProfileCorrected(corrected) => self.correct(&corrected.profile),
            ProviderEvent::ProviderAvailabilitySet(set) => self.availability = Some(Sealed::new(set.availability.clone())),
            ProviderEvent::ProviderVerified(verified) => (self.is_verified, self.verification_date) = (true, Some(verified.verified_at)),
            ProviderEvent::ProviderVerificationWithdrawn(_) => (self.is_verified, self.verification_date) = (false, None),
            ProviderEvent::ProviderRated(rated) => self.rate(Rating { count: self.total_reviews, stars: self.total_stars }.with(rated.stars)),
            ProviderEvent::ProviderSuspended(suspended) => {
                (self.status, self.suspended_at) = (ProviderStatus::Suspended, Some(suspended.suspended_at));
                self.suspension_reason = Some(Sealed::new(suspended.reason.clone()));
            }
            ProviderEvent::ProviderReinstated(_) => {
                (self.status, self.suspended_at, self.suspension_reason) = (ProviderStatus::Active, None, None);
            }
            ProviderEvent::ProviderAccountLinked(linked) => self.user_id = linked.account_id,
            // these make a row, or stand in the other table
            ProviderEvent::ProviderRegistered(_) | ProviderEvent::ProviderAffiliated(_) | ProviderEvent::ProviderAffiliationEnded(_) => {}
        }
    }

    /// Puts another profile in the place of the one that was known; the rest stays.
    fn correct(&mut self, profile: &ProviderProfile) {
        *self = Self {
            user_id: self.user_id,
            status: self.status,
            availability: self.availability.take(),
            rating: self.rating,
            rating_hundredths: self.rating_hundredths,
            total_reviews: self.total_reviews,
            total_stars: self.total_stars,
            is_verified: self.is_verified,
            verification_date: self.verification_date,
            suspended_at: self.suspended_at,
            suspension_reason: self.suspension_reason.take(),
            ..Self::new(self.provider_id, profile, self.registered_at)
        };
    }

    fn rate(&mut self, rating: Rating) {
        (self.total_reviews, self.total_stars) = (rating.count, rating.stars);
        self.rating_hundredths = rating.average_hundredths().unwrap_or_default();
        self.rating =
            rating.average_hundredths().and_then(|hundredths| u32::try_from(hundredths).ok()).map(|hundredths| f64::from(hundredths) / 100.0);
    }
}

impl Fold for Affiliations {
    type Row = AffiliationRow;
    const STREAMS: Streams = PROVIDER;

    fn keys(event: &Recorded) -> Vec<Key> {
        let Some(AnyEvent::Provider(happened)) = event.event.value() else { return vec![] };
        affiliation_of(happened).map(|id| (event.aggregate_id, id).into()).into_iter().collect()
    }

    fn apply(rows: &mut Rows<AffiliationRow>, event: &Recorded) {
        let Some(AnyEvent::Provider(happened)) = event.event.value() else { return };
        if let ProviderEvent::ProviderAffiliated(told) = happened {
            rows.put(AffiliationRow::new(event.aggregate_id.into(), told.affiliation_id, &told.affiliation, told.affiliated_at));
        }
        if let ProviderEvent::ProviderAffiliationEnded(ended) = happened {
            rows.change((event.aggregate_id, ended.affiliation_id), |affiliation| affiliation.ends_at = Some(ended.ended_at));
        }
    }
}

fn affiliation_of(happened: &ProviderEvent) -> Option<AffiliationId> {
    match happened {
        ProviderEvent::ProviderAffiliated(affiliated) => Some(affiliated.affiliation_id),
        ProviderEvent::ProviderAffiliationEnded(ended) => Some(ended.affiliation_id),
        ProviderEvent::ProviderRegistered(_)
        | ProviderEvent::ProviderProfileCorrected(_)
        | ProviderEvent::ProviderAvailabilitySet(_)
        | ProviderEvent::ProviderVerified(_)
        | ProviderEvent::ProviderVerificationWithdrawn(_)
        | ProviderEvent::ProviderRated(_)
        | ProviderEvent::ProviderSuspended(_)
        | ProviderEvent::ProviderReinstated(_)
        | ProviderEvent::ProviderAccountLinked(_) => None,
    }
}

impl AffiliationRow {
    fn new(provider_id: ProviderId, affiliation_id: AffiliationId, affiliation: &Affiliation, affiliated_at: Instant) -> Self {
        let period = affiliation.period.unwrap_or_default();
        Self {
            provider_id,
            affiliation_id,
            facility_id: affiliation.facility_id,
            starts_at: period.start,
            ends_at: period.end,
            roles: seal_list(&affiliation.roles),
            specialties: seal_list(&affiliation.specialties),
            phones: seal_list(&affiliation.phones),
            emails: seal_list(&affiliation.emails),
            affiliated_at,
        }
    }
}

/// All that a language is found by: itself, and each tag that it begins with.
fn ranges(language: &Language) -> Vec<String> {
    let tag = normal::language(language);
    let shorter = tag.match_indices('-').map(|(end, _)| tag[..end].to_owned());
    shorter.chain([tag.clone()]).collect()
}
