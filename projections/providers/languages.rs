//! Which provider can speak with a patient?

use anamnesis_domain::provider::{ProviderEvent, ProviderProfile};
use anamnesis_domain::{AnyEvent, Language, ProviderId, Recorded};

use super::PROVIDER;
use crate::kernel::{Fold, Key, Rows, Streams, row};
use crate::words::Words;

row! {
    /// By which languages a provider is found; which they are stands sealed in the provider's row.
    pub struct ProviderLanguagesRow in "provider_languages" key (provider_id) {
        provider_id: ProviderId,
        language_tokens: Words,
    }
}

/// The fold of `provider_languages`.
pub struct ProviderLanguages;

impl Fold for ProviderLanguages {
    type Row = ProviderLanguagesRow;
    const STREAMS: Streams = PROVIDER;

    fn keys(event: &Recorded) -> Vec<Key> {
        profile(event).map(|_| event.aggregate_id.into()).into_iter().collect()
    }

    fn apply(rows: &mut Rows<ProviderLanguagesRow>, event: &Recorded) {
        if let Some(profile) = profile(event) {
            let ranges = profile.languages.iter().flat_map(ranges).collect();
            rows.put(ProviderLanguagesRow { provider_id: event.aggregate_id.into(), language_tokens: Words::of(ranges) });
        }
    }
}

/// The language as it is looked for: `de` finds `de-CH`, and `de-CH` doesn't find `de` (basic filtering of RFC 4647).
pub fn wanted(language: &Language) -> String {
    language.as_str().to_ascii_lowercase()
}

/// All that a language is found by: itself, and each tag that it begins with.
fn ranges(language: &Language) -> Vec<String> {
    let tag = wanted(language);
    let shorter = tag.match_indices('-').map(|(end, _)| tag[..end].to_owned());
    shorter.chain([tag.clone()]).collect()
}

fn profile(event: &Recorded) -> Option<&ProviderProfile> {
    let Some(AnyEvent::Provider(happened)) = event.event.value() else { return None };
    match happened {
        ProviderEvent::ProviderRegistered(registered) => Some(&registered.profile),
        ProviderEvent::ProviderProfileCorrected(corrected) => Some(&corrected.profile),
        ProviderEvent::ProviderAvailabilitySet(_)
        | ProviderEvent::ProviderVerified(_)
        | ProviderEvent::ProviderVerificationWithdrawn(_)
        | ProviderEvent::ProviderRated(_)
        | ProviderEvent::ProviderSuspended(_)
        | ProviderEvent::ProviderReinstated(_)
        | ProviderEvent::ProviderAccountLinked(_)
        | ProviderEvent::ProviderAffiliated(_)
        | ProviderEvent::ProviderAffiliationEnded(_) => None,
    }
}
