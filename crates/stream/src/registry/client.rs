//! How is a schema registry asked? (Confluent's API, which others speak as well)

use std::time::Duration;

use reqwest::StatusCode;
use schema_registry_converter::async_impl::schema_registry::{
    SrSettings, get_all_versions, get_schema_by_id, get_schema_by_subject_and_version, is_compatible_schema, post_schema,
};
use schema_registry_converter::error::SRCError;
use schema_registry_converter::schema_registry_common::{SchemaType, SuppliedSchema};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::{RegistryError, unavailable};
use crate::settings::KafkaSettings;

/// How long the registry may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// What may change between two versions in a subject: nothing that a reader of any other version would miss.
const COMPATIBILITY: &str = "FULL_TRANSITIVE";

/// The way to one registry.
#[derive(Debug)]
pub(super) struct Client {
    converter: SrSettings,
    http: reqwest::Client,
    settings: KafkaSettings,
}

impl Client {
    pub(super) fn new(settings: &KafkaSettings) -> Result<Self, RegistryError> {
        let mut builder = SrSettings::new_builder(settings.schema_registry_url.clone());
        builder.set_timeout(PATIENCE);
        if let Some(user) = &settings.schema_registry_username {
            builder.set_basic_authorization(user, settings.schema_registry_password.as_ref().map(exposed));
        }
        let converter = builder.build().map_err(|error| unavailable("the registry", error))?;
        let http = reqwest::Client::builder().timeout(PATIENCE).build().map_err(|error| unavailable("the registry", error))?;
        Ok(Self { converter, http, settings: settings.clone() })
    }

    /// From now on, whatever is registered in this subject must be readable to who knows any other version, and the other
    /// way round. A subject may have none yet.
    pub(super) async fn demand_compatibility(&self, subject: &str) -> Result<(), RegistryError> {
        let url = format!("{}/config/{subject}", self.settings.schema_registry_url.trim_end_matches('/'));
        let mut request = self.http.put(url).json(&json!({ "compatibility": COMPATIBILITY }));
        if let Some(user) = &self.settings.schema_registry_username {
            request = request.basic_auth(user, self.settings.schema_registry_password.as_ref().map(exposed));
        }
        let answer = request.send().await.and_then(reqwest::Response::error_for_status);
        answer.map(|_| ()).map_err(|error| unavailable(subject, error))
    }

    /// Whether the registry would take a schema beside the versions that the subject has.
    pub(super) async fn would_take(&self, subject: &str, schema: &str) -> Result<bool, RegistryError> {
        match is_compatible_schema(&self.converter, subject.to_owned(), supplied(schema)).await {
            Ok(would) => Ok(would),
            // there is nothing that it would have to fit
            Err(error) if is_unknown(&error) => Ok(true),
            Err(error) => Err(unavailable(subject, error)),
        }
    }

    /// Registers a schema, unless it is already: its id.
    pub(super) async fn post(&self, subject: &str, schema: &str) -> Result<i32, RegistryError> {
        let registered = post_schema(&self.converter, subject.to_owned(), supplied(schema)).await;
        let registered = registered.map_err(|error| unavailable(subject, error))?;
        i32::try_from(registered.id).map_err(|error| unavailable(subject, error))
    }

    /// The schemas that a subject has.
    pub(super) async fn schemas(&self, subject: &str) -> Result<Vec<String>, RegistryError> {
        let versions = get_all_versions(&self.converter, subject.to_owned()).await.map_err(|error| unavailable(subject, error))?;
        let mut schemas = vec![];
        for version in versions {
            let registered = get_schema_by_subject_and_version(&self.converter, subject, Some(version)).await;
            schemas.push(registered.map_err(|error| unavailable(subject, error))?.schema);
        }
        Ok(schemas)
    }

    /// The schema under an id, if the registry has given it.
    pub(super) async fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        match get_schema_by_id(id, &self.converter).await {
            Ok(registered) => Ok(Some(registered.schema)),
            Err(error) if is_unknown(&error) => Ok(None),
            Err(error) => Err(unavailable("the envelope", error)),
        }
    }
}

fn supplied(schema: &str) -> SuppliedSchema {
    SuppliedSchema::new(None, SchemaType::Avro, schema.to_owned())
}

fn exposed(secret: &SecretString) -> &str {
    secret.expose_secret()
}

/// The registry answered, and has no such thing.
fn is_unknown(error: &SRCError) -> bool {
    error.error.contains(StatusCode::NOT_FOUND.as_str())
}
