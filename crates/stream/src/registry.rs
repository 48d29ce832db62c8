//! Does the schema registry know our schemas, under the ids by which others find them?
//!
//! Our own consumers don't need it: they go by the fingerprint in a record's header. Others decode by the id in front of
//! the value. A registry that lost its memory may give an old id to another schema, and they would decode wrongly
//! without noticing; so ids are recorded, and a registry that gives others is refused.

use std::collections::HashMap;
use std::time::Duration;

use anamnesis_codec::{all, envelope_schema};
use reqwest::StatusCode;
use schema_registry_converter::async_impl::schema_registry::{SrSettings, get_schema_by_id, post_schema};
use schema_registry_converter::error::SRCError;
use schema_registry_converter::schema_registry_common::{SchemaType, SuppliedSchema};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::PgPool;

use crate::settings::KafkaSettings;
use crate::store::{Registered, Store};
use crate::topics::EVENT_TOPICS;

/// How long the registry may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// What may change between two versions of an envelope: nothing that a reader of any other version would miss.
const COMPATIBILITY: &str = "FULL_TRANSITIVE";

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
        source: Box<dyn std::error::Error + Send + Sync>,
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
    /// Postgres didn't answer, or refused.
    #[error("the ids of the schema registry can't be read or recorded")]
    Database(#[from] sqlx::Error),
}

/// Asks the registry whether it still knows what records were written with; `None` if nothing was registered yet.
pub async fn examine_registry(settings: &KafkaSettings, pool: &PgPool) -> Result<Option<bool>, RegistryError> {
    let registry = Registry::new(settings, Store::new(pool.clone()))?;
    match registry.recorded().await? {
        Some(id) => Ok(Some(registry.remembers(id).await?)),
        None => Ok(None),
    }
}

/// The registry of an installation.
#[derive(Debug)]
pub(crate) struct Registry {
    client: SrSettings,
    http: reqwest::Client,
    settings: KafkaSettings,
    store: Store,
}

/// A schema, and what the registry calls it.
struct Subject {
    name: String,
    source: &'static str,
    fingerprint: [u8; 8],
    /// Whether its versions follow one another; the others have a subject a version.
    grows: bool,
}

impl Registry {
    pub(crate) fn new(settings: &KafkaSettings, store: Store) -> Result<Self, RegistryError> {
        let mut builder = SrSettings::new_builder(settings.schema_registry_url.clone());
        builder.set_timeout(PATIENCE);
        if let Some(user) = &settings.schema_registry_username {
            builder.set_basic_authorization(user, settings.schema_registry_password.as_ref().map(exposed));
        }
        let client = builder.build().map_err(|error| unavailable("the registry", error))?;
        let http = reqwest::Client::builder().timeout(PATIENCE).build().map_err(|error| unavailable("the registry", error))?;
        Ok(Self { client, http, settings: settings.clone(), store })
    }

    /// The envelope's id, if everything this build writes is registered already; then nobody needs to be asked.
    pub(crate) async fn recorded(&self) -> Result<Option<u32>, RegistryError> {
        let recorded = self.by_subject().await?;
        let subjects = self.subjects();
        let complete = subjects.iter().all(|subject| recorded.contains_key(&subject.name));
        Ok(if complete { subjects.first().and_then(|first| id_of(&recorded, first)) } else { None })
    }

    /// Registers every schema that isn't, and compares the ids of all with those recorded. The envelope's id.
    pub(crate) async fn register(&self) -> Result<u32, RegistryError> {
        let recorded = self.by_subject().await?;
        let subjects = self.in_order(&recorded);
        for subject in &subjects {
            let found = self.post(subject).await?;
            match recorded.get(&subject.name) {
                Some(known) if known.fingerprint != subject.fingerprint => return Err(RegistryError::OtherSchema { subject: subject.name.clone() }),
                Some(known) if known.schema_id != found => {
                    return Err(RegistryError::OtherId { subject: subject.name.clone(), recorded: known.schema_id, found });
                }
                Some(_) => {}
                None => self.store.remember_schema(&subject.name, found, subject.fingerprint).await?,
            }
            if subject.grows {
                self.demand_compatibility(&subject.name).await?;
            }
        }
        let envelope = self.recorded().await?;
        envelope.ok_or_else(|| unavailable("the envelope", std::io::Error::other("another process changed the recorded ids meanwhile")))
    }

    /// Whether the registry still has the envelope under its id. If not, it has lost its memory: register again.
    pub(crate) async fn remembers(&self, envelope: u32) -> Result<bool, RegistryError> {
        match get_schema_by_id(envelope, &self.client).await {
            Ok(schema) => Ok(same_json(&schema.schema, envelope_schema().source)),
            Err(error) if is_refusal(&error) => Ok(false),
            Err(error) => Err(unavailable("the envelope", error)),
        }
    }

    async fn post(&self, subject: &Subject) -> Result<i32, RegistryError> {
        let schema = SuppliedSchema::new(None, SchemaType::Avro, subject.source.to_owned());
        let registered = post_schema(&self.client, subject.name.clone(), schema).await.map_err(|error| unavailable(&subject.name, error))?;
        i32::try_from(registered.id).map_err(|error| unavailable(&subject.name, error))
    }

    async fn demand_compatibility(&self, subject: &str) -> Result<(), RegistryError> {
        let url = format!("{}/config/{subject}", self.settings.schema_registry_url.trim_end_matches('/'));
        let mut request = self.http.put(url).json(&serde_json::json!({ "compatibility": COMPATIBILITY }));
        if let Some(user) = &self.settings.schema_registry_username {
            request = request.basic_auth(user, self.settings.schema_registry_password.as_ref().map(exposed));
        }
        let answer = request.send().await.and_then(reqwest::Response::error_for_status);
        answer.map(|_| ()).map_err(|error| unavailable(subject, error))
    }

    async fn by_subject(&self) -> Result<HashMap<String, Known>, RegistryError> {
        let rows = self.store.registered().await?;
        Ok(rows.into_iter().enumerate().map(|(ordinal, row)| (row.subject.clone(), Known::new(ordinal, &row))).collect())
    }

    /// First what was registered before, in the order in which it was; then what is new.
    fn in_order(&self, recorded: &HashMap<String, Known>) -> Vec<Subject> {
        let mut subjects = self.subjects();
        // the sort keeps the order of those that are equal
        subjects.sort_by_key(|subject| recorded.get(&subject.name).map_or(usize::MAX, |known| known.ordinal));
        subjects
    }

    /// Every schema that a record may need: the envelope for each topic, then what is inside, by name.
    fn subjects(&self) -> Vec<Subject> {
        let envelope = envelope_schema();
        let envelopes = EVENT_TOPICS.into_iter().map(|topic| Subject {
            name: format!("{}-value", self.settings.named(topic.name())),
            source: envelope.source,
            fingerprint: envelope.fingerprint,
            grows: true,
        });
        let inner = all().iter().filter(|schema| schema.is_sealed_inside()).map(|schema| Subject {
            name: schema.subject(),
            source: schema.source,
            fingerprint: schema.fingerprint,
            grows: false,
        });
        envelopes.chain(inner).collect()
    }
}

/// What was recorded of a subject.
struct Known {
    ordinal: usize,
    schema_id: i32,
    fingerprint: [u8; 8],
}

impl Known {
    fn new(ordinal: usize, row: &Registered) -> Self {
        Self { ordinal, schema_id: row.schema_id, fingerprint: row.fingerprint.as_slice().try_into().unwrap_or_default() }
    }
}

fn exposed(secret: &SecretString) -> &str {
    secret.expose_secret()
}

fn id_of(recorded: &HashMap<String, Known>, subject: &Subject) -> Option<u32> {
    u32::try_from(recorded.get(&subject.name)?.schema_id).ok()
}

fn same_json(one: &str, other: &str) -> bool {
    let parsed = |text| serde_json::from_str::<serde_json::Value>(text).ok();
    parsed(one).is_some_and(|one| Some(one) == parsed(other))
}

/// The registry answered, and has no such thing.
fn is_refusal(error: &SRCError) -> bool {
    error.error.contains(StatusCode::NOT_FOUND.as_str())
        || error.cause.as_deref().is_some_and(|cause| cause.contains("40403") || cause.contains("404"))
}

fn unavailable(subject: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> RegistryError {
    RegistryError::Unavailable { subject: subject.to_owned(), source: source.into() }
}
