//! Which organization does the host act for, and as whom?

use anamnesis_domain::organization::{NewOrganization, Organization, OrganizationCommand};
use anamnesis_domain::{AccountId, Instant, Line, Origin};
use anamnesis_journal::{Caller, transaction};
use anyhow::{Context, bail};
use chrono::Utc;
use uuid::Uuid;

use crate::config::Config;
use crate::installation::Installation;

impl Installation {
    /// The organization that the command line acts for: the one that is named, or the only one there is.
    pub(crate) async fn organization(&self, named: Option<Uuid>) -> anyhow::Result<Uuid> {
        match (named, self.organizations().await?.as_slice()) {
            (Some(named), all) if all.contains(&named) => Ok(named),
            (Some(named), _) => bail!("there is no organization {named} here"),
            (None, [only]) => Ok(*only),
            (None, []) => bail!("there is no organization yet: `anamnesis up` makes one"),
            (None, _) => bail!("there are several organizations: name one with --organization or the setting `organization`"),
        }
    }

    /// The only organization, made if there is none.
    pub(crate) async fn first_organization(&self, config: &Config) -> anyhow::Result<Uuid> {
        // of several processes that start at once, one makes it
        let mut turn = transaction::begin(&self.writer).await.context("look for organizations")?;
        sqlx::query("select pg_advisory_xact_lock(hashtextextended('anamnesis first organization', 0))").execute(&mut *turn).await?;
        if let Some(first) = self.organizations().await?.first() {
            return Ok(config.organization.unwrap_or(*first));
        }
        let id = config.organization.unwrap_or_else(Uuid::now_v7);
        let name = Line::try_from(config.organization_name.as_str()).context("organization_name is no name")?;
        let caller = host_caller(id, AccountId::SYSTEM, Uuid::now_v7());
        let register = OrganizationCommand::Register { now: caller.now, organization: NewOrganization { name, slug: None } };
        self.journal.create::<Organization>(id, register, &caller).await.context("register the first organization")?;
        turn.commit().await?;
        Ok(id)
    }

    async fn organizations(&self) -> anyhow::Result<Vec<Uuid>> {
        let ids = "select aggregate_id from journal.events where aggregate_type = 'organization' and sequence = 1 order by arrival";
        sqlx::query_scalar(ids).fetch_all(&self.writer).await.context("look for organizations")
    }
}

/// The caller of a command that the host gives, not a person at a client.
pub(crate) fn host_caller(organization_id: Uuid, actor: AccountId, command_id: Uuid) -> Caller {
    let now: Instant = Utc::now().into();
    Caller {
        organization_id,
        actor_id: actor.0,
        command_id,
        correlation_id: command_id,
        causation_id: None,
        now,
        origin: Origin::default(),
        request: Vec::new(),
    }
}
