//! `anamnesis keys`

use anamnesis_vault::{KeyFilter, KeyListing};
use serde::Serialize;
use uuid::Uuid;

use crate::cli::Keys;
use crate::config::Config;
use crate::installation::{Database, Installation};
use crate::output::Output;

/// What is printed of a key. Never the key.
#[derive(Serialize)]
struct Line {
    key_id: Uuid,
    organization_id: Uuid,
    subject_id: Uuid,
    purpose: &'static str,
    version: u32,
    algorithm: &'static str,
    state: &'static str,
    active_from: String,
    active_to: Option<String>,
    wrapped_by: Vec<String>,
}

pub(crate) async fn run(config: &Config, keys: Keys, output: Output) -> anyhow::Result<()> {
    let Keys::List = keys;
    let database = Database::existing(config).await?;
    let installation = Installation::open(config, &database.url).await?;
    let mut lines: Vec<Line> = Vec::new();
    loop {
        let page = installation.vault.list(&KeyFilter { after: lines.last().map(|line| line.key_id), ..KeyFilter::default() }).await?;
        if page.is_empty() {
            break;
        }
        lines.extend(page.into_iter().map(Line::from));
    }
    let header = ["KEY", "ORGANIZATION", "SUBJECT", "PURPOSE", "VERSION", "ALGORITHM", "STATE", "ACTIVE FROM", "WRAPPED BY"];
    output.table(&lines, &header, |line| {
        vec![
            line.key_id.to_string(),
            line.organization_id.to_string(),
            line.subject_id.to_string(),
            line.purpose.to_owned(),
            line.version.to_string(),
            line.algorithm.to_owned(),
            line.state.to_owned(),
            line.active_from.clone(),
            line.wrapped_by.join(", "),
        ]
    })?;
    database.close().await
}

impl From<KeyListing> for Line {
    fn from(key: KeyListing) -> Self {
        let wraps = key.providers.iter().zip(&key.wrapping_key_ids);
        Self {
            key_id: key.key_id,
            organization_id: key.owner.organization,
            subject_id: key.owner.subject,
            purpose: key.owner.purpose.as_str(),
            version: key.version,
            algorithm: key.suite.as_str(),
            state: key.state.as_str(),
            active_from: key.active_from.to_rfc3339(),
            active_to: key.active_to.map(|time| time.to_rfc3339()),
            wrapped_by: wraps.map(|(provider, id)| format!("{provider} {id}")).collect(),
        }
    }
}
