//! `anamnesis account`

use anamnesis_domain::account::{AccountLinks, AccountProfile, NewAccount, Role, RoleGrant};
use anamnesis_domain::system::{AdministratorCreated, System, SystemCommand};
use anamnesis_domain::{AccountId, Email, Line};
use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use uuid::Uuid;

use crate::cli::{Account, AccountCreate};
use crate::config::Config;
use crate::installation::{Database, Installation};
use crate::output::Output;
use crate::tenant::host_caller;

/// A new account, and its password if it was made here.
#[derive(Serialize)]
struct Created {
    account_id: Uuid,
    organization_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

pub(crate) async fn run(config: &Config, account: Account, output: Output) -> anyhow::Result<()> {
    let Account::Create(create) = account;
    let database = Database::open(config).await?;
    let installation = Installation::open(config, &database.url).await?;
    if !installation.access.is_empty().await? {
        bail!("there is an administrator already: sign in as one and POST /v1/accounts");
    }
    let organization = installation.first_organization(config).await?;
    let (password, made) = password(&create)?;
    let account_id = Uuid::now_v7();
    let account = new_account(&create.email, &create.name, Role::Admin, AccountLinks::default())?;
    let caller = host_caller(organization, AccountId::COMMAND_LINE, Uuid::now_v7());
    installation.access.create_account(account_id, account, password.clone(), &caller).await?;
    let told = SystemCommand::Tell(AdministratorCreated { created_at: caller.now, account_id: AccountId(account_id) }.into());
    installation.journal.execute::<System>(organization, told, &host_caller(organization, AccountId::COMMAND_LINE, Uuid::now_v7()), None).await?;
    let created = Created { account_id, organization_id: organization, password: made.then(|| password.expose_secret().to_owned()) };
    output.data(&created, || match &created.password {
        Some(password) => format!("account {account_id} may sign in as {} with the password {password} (shown once)", create.email),
        None => format!("account {account_id} may sign in as {}", create.email),
    })?;
    database.close().await
}

/// An account with one role.
pub(crate) fn new_account(email: &str, name: &str, role: Role, links: AccountLinks) -> anyhow::Result<NewAccount> {
    let email = Email::try_from(email).map_err(|error| anyhow::anyhow!("the e-mail address {error}"))?;
    let display_name = Line::try_from(name).map_err(|error| anyhow::anyhow!("the name {error}"))?;
    let profile = AccountProfile { email, display_name, phone: None, time_zone: None };
    Ok(NewAccount { profile, roles: vec![RoleGrant { role, facility_id: None, expires_at: None }], links })
}

/// 128 random bits as text.
pub(crate) fn made_password() -> anyhow::Result<SecretString> {
    let mut bits = [0; 16];
    OsRng.try_fill_bytes(&mut bits).context("draw random bits")?;
    Ok(URL_SAFE_NO_PAD.encode(bits).into())
}

fn password(create: &AccountCreate) -> anyhow::Result<(SecretString, bool)> {
    if !create.password_stdin {
        return Ok((made_password()?, true));
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("read the password from standard input")?;
    Ok((line.trim_end_matches(['\r', '\n']).to_owned().into(), false))
}
