//! What stands in the cache of the read models, and what of it does a batch throw out?

use std::collections::{BTreeSet, HashMap};

use anamnesis_cache::{Cache, Keeper, Key, Lane};
use anamnesis_domain::Instant;
use anamnesis_projections::kernel::{KeyPart, Projection};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::batch::{Clear, Touched};
use crate::checkpoint::{LOG, partitions_of};
use crate::progress::ProjectionState;
use crate::versions::definition_of;

/// The projections from which something is cached.
const CACHED: &[&str] = &["appointments", "facilities", "models", "organizations", "patients", "predictions", "providers"];

/// What keeps up whatever is computed from that projection, each with its checkpoint as far as it is known.
pub fn lanes_of(projection: &Projection, state: &ProjectionState) -> Vec<(Lane, u64)> {
    let name = lane_name(projection);
    state.partitions.iter().map(|(partition, checkpoint)| (Lane::new(&name, *partition), *checkpoint)).collect()
}

/// What may ever have kept up what is computed from that projection, from the log or from Kafka.
pub(crate) fn all_lanes_of(projection: &Projection) -> Vec<Lane> {
    let (name, partitions) = (lane_name(projection), std::iter::once(LOG).chain(partitions_of(projection)));
    partitions.map(|partition| Lane::new(&name, partition)).collect()
}

/// What was computed by another definition is never found by this one.
fn lane_name(projection: &Projection) -> String {
    format!("{}@{}", projection.name, &definition_of(projection)[..8])
}

/// Whether an entry about a row of that table is found by what the row says, not only by its key.
pub(crate) fn reads_columns(table: &str) -> bool {
    table == "appointments"
}

/// Keeps the cache of a lane's projections up.
pub(crate) struct Keepers(HashMap<&'static str, Keeper>);

impl Keepers {
    pub(crate) fn new(cache: Option<&Cache>, projections: impl Iterator<Item = &'static Projection>, partition: u32) -> Self {
        let keeper = |projection: &'static Projection| {
            let lane = Lane::new(&lane_name(projection), partition);
            Some((projection.name, Keeper::new(cache?.clone(), lane)))
        };
        Self(projections.filter(|projection| CACHED.contains(&projection.name)).filter_map(keeper).collect())
    }

    /// Tells the cache what a committed batch has touched. Whoever is told the position afterwards finds nothing older.
    pub(crate) async fn moved(&mut self, projection: &str, touched: &[Touched], position: u64) {
        if let Some(keeper) = self.0.get_mut(projection) {
            keeper.moved(&outdated(touched), !touched.is_empty(), position).await;
        }
    }

    /// What a batch did isn't known: whether it was committed, or what it touched.
    pub(crate) fn doubt(&mut self) {
        self.0.values_mut().for_each(Keeper::doubt);
    }
}

/// The entries that show any of those rows as they were, or don't show them where they are now.
fn outdated(touched: &[Touched]) -> Vec<Key> {
    let mut keys = HashMap::new();
    for key in touched.iter().flat_map(entries_about) {
        keys.insert(key.to_string(), key);
    }
    keys.into_values().collect()
}

fn entries_about(row: &Touched) -> Vec<Key> {
    match (row.table, row.key.parts()) {
        ("patients", [KeyPart::Uuid(patient)]) => vec![Key::patient_profile(row.organization, *patient)],
        ("appointments", _) => {
            let both = || row.before.iter().chain(&row.after);
            let days: BTreeSet<_> = both().filter_map(day).collect();
            let providers: BTreeSet<_> = both().filter_map(provider).collect();
            let days = days.into_iter().map(|day| Key::appointments(row.organization, day));
            days.chain(providers.into_iter().map(|provider| Key::provider_schedule(row.organization, provider))).collect()
        }
        // what is cached of the others holds until anything changes: predictions, too, for their inputs stand in no row in the clear
        _ => Vec::new(),
    }
}

fn day(row: &Clear) -> Option<chrono::NaiveDate> {
    let scheduled_at: Instant = serde_json::from_value(row.get("scheduled_at")?.clone()).ok()?;
    Some(DateTime::<Utc>::from(scheduled_at).date_naive())
}

fn provider(row: &Clear) -> Option<Uuid> {
    row.get("provider_id")?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn row(scheduled_at: &str, provider: Option<Uuid>) -> Option<Clear> {
        let Value::Object(row) = json!({ "scheduled_at": scheduled_at, "provider_id": provider }) else { return None };
        Some(row)
    }

    #[test]
    fn an_appointment_that_moves_is_taken_from_where_it_was_and_to_where_it_is() {
        let (organization, one, other) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let moved = Touched {
            table: "appointments",
            organization,
            key: Uuid::from_u128(4).into(),
            before: row("2026-03-01T23:59:59.999999Z", Some(one)),
            after: row("2026-03-02T00:00:00Z", Some(other)),
        };
        let mut keys: Vec<_> = outdated(&[moved]).iter().map(Key::to_string).collect();
        keys.sort();
        let expected = [
            Key::provider_schedule(organization, one),
            Key::provider_schedule(organization, other),
            Key::appointments(organization, "2026-03-01".parse().unwrap()),
            Key::appointments(organization, "2026-03-02".parse().unwrap()),
        ];
        let mut expected: Vec<_> = expected.iter().map(Key::to_string).collect();
        expected.sort();
        assert_eq!(keys, expected);
    }

    #[test]
    fn every_cached_projection_is_one() {
        for name in CACHED {
            assert!(anamnesis_projections::find(name).is_some(), "{name}");
        }
    }
}
