//! Does the schema registry know our schemas, under the ids by which others find them?
//!
//! Our own consumers don't need it: they go by the fingerprint in a record's header. Others decode by the id in front of
//! the value. A registry that lost its memory may give an old id to another schema, and they would decode wrongly
//! without noticing; so ids are recorded, each with the fingerprint of its schema, and a registry that gives others is
//! refused. An envelope grows by versions in one subject: before the next is registered, the registry must want every
//! version to be readable to who knows any other, and take this one (docs/decisions/0025-growing-envelope.md).

mod client;

use std::error::Error;
use std::io;

use anamnesis_codec::{EventSchema, all, envelope_schema, incompatible_fields};
use sqlx::PgPool;

use crate::settings::KafkaSettings;
use crate::store::{Registered, Store};
use crate::topics::EVENT_TOPICS;
use client::Client;

/// Why schemas aren't registered.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The registry doesn't answer, or refuses.
    #[error("the schema registry doesn't answer, or refuses {subject}")]
    Unavailable {
        /// What it was asked about.
        subject: String,
        /// What it said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The registry gives a schema another id than it had.
    #[error(
        "the schema registry knows {subject} under id {found}, but records were written under id {recorded}: whoever decodes by id would \
         take one schema for another. Restore the registry's own data, or give this installation a registry of its own that nobody else \
         registers in (it is filled in the same order and then gives the same ids). If nobody reads the old records by id any more, empty \
         journal.registered_schemas and start again"
    )]
    OtherId {
        /// The registry's subject.
        subject: String,
        /// The id in the records.
        recorded: i32,
        /// The id that the registry gives now.
        found: i32,
    },
    /// The schema under a subject isn't the one that was registered.
    #[error("{subject} was registered with another schema than this build has: a merged schema must never change")]
    OtherSchema {
        /// The registry's subject.
        subject: String,
    },
    /// Whoever knows another version in the subject couldn't read what is written under this build's schema, or the other
    /// way round.
    #[error(
        "the schema registry has versions of {subject} that this build's schema doesn't go with{}. Nothing is registered or published by this \
         build. A schema only grows by fields with a default: run the build before this one, and mend the schema. If what is registered there \
         isn't this installation's, give it a `topic_prefix` or a registry of its own",
        because_of(.fields)
    )]
    Incompatible {
        /// The registry's subject.
        subject: String,
        /// The fields because of which, by their paths in the schema; empty if they can't be told.
        fields: Vec<String>,
    },
    /// Postgres didn't answer, or refused.
    #[error("the ids of the schema registry can't be read or recorded")]
    Database(#[from] sqlx::Error),
}

/// Asks the registry whether it still knows what records are written with; `None` if this build has something to register,
/// which the registry would take. Changes nothing.
pub async fn examine_registry(settings: &KafkaSettings, pool: &PgPool) -> Result<Option<bool>, RegistryError> {
    let registry = Registry::new(settings, Store::new(pool.clone()))?;
    if let Some(id) = registry.recorded().await? {
        return Ok(Some(registry.remembers(id).await?));
    }
    let recorded = registry.records().await?;
    for version in registry.versions().iter().filter(|version| recorded.id_of(version).is_none()) {
        registry.ask_whether_it_fits(version).await?;
    }
    Ok(None)
}

/// The registry of an installation.
#[derive(Debug)]
pub(crate) struct Registry {
    client: Client,
    settings: KafkaSettings,
    store: Store,
}

/// A schema in its subject.
struct Version {
    subject: String,
    schema: &'static EventSchema,
    /// Whether its versions follow one another in the subject; the others have a subject a version.
    grows: bool,
}

impl Registry {
    pub(crate) fn new(settings: &KafkaSettings, store: Store) -> Result<Self, RegistryError> {
        Ok(Self { client: Client::new(settings)?, settings: settings.clone(), store })
    }

    /// The id of the envelope that this build writes, if everything it needs is registered already; then nobody needs to be
    /// asked. An id that was recorded for another schema is none.
    pub(crate) async fn recorded(&self) -> Result<Option<u32>, RegistryError> {
        let (recorded, versions) = (self.records().await?, self.versions());
        recorded.contradict(&versions)?;
        let complete = versions.iter().all(|version| recorded.id_of(version).is_some());
        let written = versions.iter().find(|version| version.grows && version.schema.fingerprint == envelope_schema().fingerprint);
        let id = written.filter(|_| complete).and_then(|written| recorded.id_of(written));
        Ok(id.and_then(|id| u32::try_from(id).ok()))
    }

    /// Registers every schema that isn't, and compares the ids of all with those recorded. The envelope's id.
    pub(crate) async fn register(&self) -> Result<u32, RegistryError> {
        let (recorded, mut versions) = (self.records().await?, self.versions());
        recorded.contradict(&versions)?;
        recorded.put_in_order(&mut versions);
        for version in &versions {
            let known = recorded.id_of(version);
            if version.grows {
                // before there is anything that wouldn't fit
                self.client.demand_compatibility(&version.subject).await?;
            }
            if known.is_none() {
                self.ask_whether_it_fits(version).await?;
            }
            let found = self.client.post(&version.subject, version.schema.source).await?;
            match known {
                Some(known) if known != found => {
                    return Err(RegistryError::OtherId { subject: version.subject.clone(), recorded: known, found });
                }
                Some(_) => {}
                None => self.store.remember_schema(&version.subject, found, version.schema.fingerprint).await?,
            }
        }
        let envelope = self.recorded().await?;
        envelope.ok_or_else(|| unavailable("the envelope", io::Error::other("another process changed the recorded ids meanwhile")))
    }

    /// Whether the registry still has the envelope under its id. If not, it has lost its memory: register again.
    pub(crate) async fn remembers(&self, envelope: u32) -> Result<bool, RegistryError> {
        let schema = self.client.schema(envelope).await?;
        Ok(schema.is_some_and(|schema| same_json(&schema, envelope_schema().source)))
    }

    async fn ask_whether_it_fits(&self, version: &Version) -> Result<(), RegistryError> {
        if !version.grows || self.client.would_take(&version.subject, version.schema.source).await? {
            return Ok(());
        }
        // by which fields is found out here: a registry may name only places in one of the two texts, or nothing
        let others = self.client.schemas(&version.subject).await.unwrap_or_default();
        let fields = others.iter().filter_map(|other| incompatible_fields(other, version.schema.source));
        let mut fields: Vec<_> = fields.flatten().collect();
        fields.sort();
        fields.dedup();
        Err(RegistryError::Incompatible { subject: version.subject.clone(), fields })
    }

    async fn records(&self) -> Result<Records, RegistryError> {
        Ok(Records(self.store.registered().await?))
    }

    /// Every schema that a record may need: each version of the envelope for each topic, then what is inside, by name.
    fn versions(&self) -> Vec<Version> {
        let of_envelope = || all().iter().filter(|schema| !schema.is_sealed_inside());
        let envelopes = of_envelope().flat_map(|schema| {
            EVENT_TOPICS.into_iter().map(move |topic| Version {
                subject: format!("{}-value", self.settings.named(topic.name())),
                schema,
                grows: true,
            })
        });
        let inner = all().iter().filter(|schema| schema.is_sealed_inside());
        envelopes.chain(inner.map(|schema| Version { subject: schema.subject(), schema, grows: false })).collect()
    }
}

/// What was recorded, in the order in which it was registered first.
struct Records(Vec<Registered>);

impl Records {
    fn id_of(&self, version: &Version) -> Option<i32> {
        self.0.iter().find(|record| record.is_of(version)).map(|record| record.schema_id)
    }

    /// Refuses what can't be: another schema where there is only ever one.
    fn contradict(&self, versions: &[Version]) -> Result<(), RegistryError> {
        let other = |version: &&Version| !version.grows && self.0.iter().any(|record| record.subject == version.subject && !record.is_of(version));
        match versions.iter().find(other) {
            Some(version) => Err(RegistryError::OtherSchema { subject: version.subject.clone() }),
            None => Ok(()),
        }
    }

    /// First what was registered before, in the order in which it was; then what is new.
    fn put_in_order(&self, versions: &mut [Version]) {
        // the sort keeps the order of those that are equal
        versions.sort_by_key(|version| self.0.iter().position(|record| record.is_of(version)).unwrap_or(usize::MAX));
    }
}

impl Registered {
    fn is_of(&self, version: &Version) -> bool {
        self.subject == version.subject && self.fingerprint == version.schema.fingerprint
    }
}

fn same_json(one: &str, other: &str) -> bool {
    let parsed = |text| serde_json::from_str::<serde_json::Value>(text).ok();
    parsed(one).is_some_and(|one| Some(one) == parsed(other))
}

fn because_of(fields: &[String]) -> String {
    match fields {
        [] => String::new(),
        [field] => format!(", because of the field `{field}`"),
        several => format!(", because of the fields `{}`", several.join("`, `")),
    }
}

fn unavailable(subject: &str, source: impl Into<Box<dyn Error + Send + Sync>>) -> RegistryError {
    RegistryError::Unavailable { subject: subject.to_owned(), source: source.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(subject: &str, schema: usize, grows: bool) -> Version {
        Version { subject: subject.to_owned(), schema: &all()[schema], grows }
    }

    fn record(subject: &str, schema_id: i32, schema: usize) -> Registered {
        Registered { subject: subject.to_owned(), schema_id, fingerprint: all()[schema].fingerprint.to_vec() }
    }

    #[test]
    fn an_id_is_that_of_a_subject_and_a_schema() {
        let records = Records(vec![record("a", 1, 0), record("b", 2, 0), record("a", 3, 1)]);
        let ids = [("a", 0), ("b", 0), ("a", 1), ("b", 1)].map(|(subject, schema)| records.id_of(&version(subject, schema, true)));
        assert_eq!(ids, [Some(1), Some(2), Some(3), None]);
    }

    /// Earlier versions too, or a registry that has lost its memory would give their ids to others.
    #[test]
    fn all_is_registered_in_the_order_in_which_it_was_and_then_what_is_new() {
        let records = Records(vec![record("b", 1, 2), record("a", 2, 0), record("b", 3, 1)]);
        let mut versions = vec![version("new", 3, true), version("a", 0, true), version("b", 1, true), version("b", 2, true)];
        records.put_in_order(&mut versions);
        let order: Vec<_> = versions.iter().map(|version| (version.subject.as_str(), records.id_of(version))).collect();
        assert_eq!(order, [("b", Some(1)), ("a", Some(2)), ("b", Some(3)), ("new", None)]);
    }

    #[test]
    fn only_what_grows_may_have_another_schema_in_its_subject() {
        let records = Records(vec![record("a", 1, 0)]);
        assert!(records.contradict(&[version("a", 0, false), version("a", 1, true), version("b", 1, false)]).is_ok());
        assert!(matches!(records.contradict(&[version("a", 1, false)]), Err(RegistryError::OtherSchema { subject }) if subject == "a"));
    }
}
