//! What the events of each aggregate fold to, as `schemas/states.txt` freezes it.

use anamnesis_domain::access::Access;
use anamnesis_domain::account::Account;
use anamnesis_domain::appointment::Appointment;
use anamnesis_domain::compliance::Compliance;
use anamnesis_domain::consent::Consent;
use anamnesis_domain::document::Document;
use anamnesis_domain::facility::Facility;
use anamnesis_domain::insight::Insight;
use anamnesis_domain::model::Model;
use anamnesis_domain::organization::Organization;
use anamnesis_domain::patient::Patient;
use anamnesis_domain::prediction::Prediction;
use anamnesis_domain::provider::Provider;
use anamnesis_domain::record::Record;
use anamnesis_domain::system::System;
use anamnesis_domain::{Aggregate, Event as _, EventKind, REGISTRY};
use sha2::{Digest as _, Sha256};

/// Where an event of each kind is read from.
pub(crate) trait Source {
    fn event<A: Aggregate>(&self, kind: &EventKind) -> A::Event;
}

/// Each aggregate with its snapshots' version, and a hash over its states.
pub(crate) fn states(source: &impl Source) -> [(String, String); 15] {
    let states = [
        state::<Patient>(source),
        state::<Appointment>(source),
        state::<Record>(source),
        state::<Document>(source),
        state::<Insight>(source),
        state::<Model>(source),
        state::<Prediction>(source),
        state::<Provider>(source),
        state::<Organization>(source),
        state::<Facility>(source),
        state::<Consent>(source),
        state::<Account>(source),
        state::<Access>(source),
        state::<System>(source),
        state::<Compliance>(source),
    ];
    assert_eq!(states.len(), REGISTRY.len(), "an aggregate is missing here");
    states
}

/// A hash over the states after its events: each directly after the first, and all in a row.
fn state<A: Aggregate>(source: &impl Source) -> (String, String) {
    let events: Vec<_> = A::Event::KINDS.iter().map(|kind| source.event::<A>(kind)).collect();
    let first = events.first().map(|first| A::default().evolve(first)).unwrap_or_default();
    let after_first = events.iter().map(|event| first.clone().evolve(event));
    let in_a_row = events.iter().scan(A::default(), |state, event| {
        *state = std::mem::take(state).evolve(event);
        Some(state.clone())
    });
    let hash = after_first.chain(in_a_row).fold(Sha256::new(), |hash, state| {
        // objects in the order of their names: a set or a map says the same whatever it was built from
        hash.chain_update(serde_json::to_value(state).expect("a state is JSON").to_string())
    });
    (format!("{}.v{}", A::TYPE, A::SNAPSHOT_VERSION), hex::encode(hash.finalize()))
}
