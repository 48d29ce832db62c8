//! What is there to try on a first start? Bundled synthetic patients, four accounts, and three things to paste.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anamnesis_domain::account::{AccountLinks, Role};
use anamnesis_domain::{AccountId, PatientId, ProviderId};
use anyhow::Context;
use indicatif::ProgressBar;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::commands::account::{made_password, new_account};
use crate::config::Config;
use crate::fhir_import::{Importer, Source};
use crate::installation::Installation;
use crate::tenant::host_caller;

macro_rules! bundled {
    ($($name:literal),+ $(,)?) => { &[$(($name, include_bytes!(concat!("../demo/", $name)))),+] };
}

/// Synthetic patients and what they refer to; how they were made: `demo/README.md`.
const FILES: &[(&str, &[u8])] = bundled![
    "hospitals.json.gz",
    "practitioners.json.gz",
    "abram53.json.gz",
    "alphonse92.json.gz",
    "dionne995.json.gz",
    "kathern391.json.gz",
    "loren192.json.gz",
    "marty115.json.gz",
];

/// The demonstration's accounts, as told to whoever started it.
#[derive(Serialize, Deserialize)]
struct Demo {
    organization_id: Uuid,
    patient_id: Uuid,
    password: String,
}

const ACCOUNTS: &[(&str, &str, Role)] = &[
    ("admin@demo.example", "Demo Administrator", Role::Admin),
    ("provider@demo.example", "Demo Provider", Role::Provider),
    ("auditor@demo.example", "Demo Auditor", Role::Auditor),
    ("patient@demo.example", "Demo Patient", Role::Patient),
];

/// Loads everything once. What was interrupted goes on at the next start, because every command has a fixed id.
pub(crate) async fn load(config: &Config, installation: &Installation, organization: Uuid) -> anyhow::Result<()> {
    if notes(config).exists() {
        return Ok(());
    }
    tracing::info!("loading the synthetic patients");
    let sources = FILES.iter().map(|(name, bytes)| Source::of((*name).to_owned(), bytes.to_vec())).collect();
    let summary = Importer::new(installation, organization, ProgressBar::hidden()).await?.import(sources).await?;
    anyhow::ensure!(summary.errors.is_empty(), "the bundled patients could not be loaded: {summary}");
    let password = made_password()?;
    let patient_id = first_of(installation, "patient").await?;
    let provider_id = first_of(installation, "provider").await?;
    for (number, (email, name, role)) in (1_u128..).zip(ACCOUNTS) {
        let links = AccountLinks {
            patient_id: (*role == Role::Patient).then_some(PatientId(patient_id)),
            provider_id: (*role == Role::Provider).then_some(ProviderId(provider_id)),
        };
        create(installation, organization, (email, name, *role, links), number, &password).await?;
    }
    write(config, &Demo { organization_id: organization, patient_id, password: password.expose_secret().to_owned() })
}

async fn create(
    installation: &Installation,
    organization: Uuid,
    (email, name, role, links): (&str, &str, Role, AccountLinks),
    number: u128,
    password: &SecretString,
) -> anyhow::Result<()> {
    let index = installation.vault.index(organization).await.context("open the organization's index key")?;
    let account_id = index.command_id("demo", "account", email);
    let caller = host_caller(organization, AccountId::SYSTEM, index.command_id("demo", "account-created", &number.to_string()));
    let account = new_account(email, name, role, links)?;
    installation
        .access
        .create_account(account_id, account, password.clone(), &caller)
        .await
        .with_context(|| format!("create the account {email}"))?;
    Ok(())
}

async fn first_of(installation: &Installation, aggregate: &str) -> anyhow::Result<Uuid> {
    let first = "select aggregate_id from journal.events where aggregate_type = $1 and sequence = 1 order by arrival limit 1";
    sqlx::query_scalar(first).bind(aggregate).fetch_one(&installation.writer).await.with_context(|| format!("find a {aggregate}"))
}

/// Says how to sign in, and what to try.
pub(crate) fn greet(config: &Config, address: SocketAddr) -> anyhow::Result<()> {
    let demo: Demo = toml::from_str(&fs::read_to_string(notes(config)).context("read the demonstration's notes")?)?;
    let Demo { patient_id, password, .. } = demo;
    let accounts: Vec<_> = ACCOUNTS.iter().map(|(email, ..)| *email).collect();
    let text = format!(
        r#"
Anamnesis is running at http://{address}   (API: http://{address}/docs)

Sign in as one of {accounts}
with the password {password}

Three things to try:

TOKEN=$(curl -s http://{address}/v1/auth/login -H 'Content-Type: application/json' -d '{{"email":"provider@demo.example","password":"{password}"}}' | sed 's/.*"access_token":"\([^"]*\)".*/\1/')

curl -s http://{address}/v1/patients/{patient_id} -H "Authorization: Bearer $TOKEN"

curl -s "http://{address}/v1/patients/{patient_id}/history?limit=5" -H "Authorization: Bearer $TOKEN"

curl -s http://{address}/v1/log/checkpoint
"#,
        accounts = accounts.join(", "),
    );
    std::io::stdout().lock().write_all(text.as_bytes()).context("write to standard output")
}

fn notes(config: &Config) -> PathBuf {
    config.data_dir.join("demo.toml")
}

/// Readable by the owner only: the password opens synthetic data, but it is one all the same.
fn write(config: &Config, demo: &Demo) -> anyhow::Result<()> {
    let path = notes(config);
    let new = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new).with_context(|| show(&new))?;
    file.write_all(toml::to_string(demo)?.as_bytes()).and_then(|()| file.sync_all()).with_context(|| show(&new))?;
    fs::rename(&new, &path).with_context(|| show(&path))
}

fn show(path: &Path) -> String {
    format!("write {}", path.display())
}
