//! `anamnesis replay`: event streams for analysts

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anamnesis_codec::{Deidentifier, Telling};
use anamnesis_domain::access::{AccessAction, AccessKind};
use anamnesis_domain::{PatientId, REGISTRY, Recorded, topic_of};
use anamnesis_journal::log::open;
use anamnesis_projector::history::AGGREGATES;
use anyhow::{Context, bail};
use chrono::Utc;
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use uuid::Uuid;

use super::history::position_of;
use crate::cli::{Replay, ReplayFormat};
use crate::config::Config;
use crate::disclosure::Disclosure;
use crate::installation::{Database, Installation};

/// Entries read at once.
const PAGE: u32 = 1_000;

pub(crate) async fn run(config: &Config, replay: Replay) -> anyhow::Result<()> {
    let ReplayFormat::Ndjson = replay.format;
    let wanted = Wanted::of(&replay)?;
    let database = Database::existing(config).await?;
    let installation = Installation::open(config, &database.url).await?;
    let organization = installation.organization(config.organization).await?;
    let from = match &replay.from {
        Some(text) => position_of(&installation.log, text).await?,
        None => 1,
    };
    let to = match &replay.to {
        Some(text) => position_of(&installation.log, text).await?,
        None => installation.log.head().await?.position,
    };
    let to_stdout = replay.out.as_os_str() == "-";
    let out: Box<dyn Write> = if to_stdout { Box::new(std::io::stdout()) } else { Box::new(file(&replay.out)?) };
    let mut out = BufWriter::new(out);
    let mut released = Released { installation: &installation, organization, telling: telling(replay.identified)? };
    let mut after = from.saturating_sub(1);
    while after < to {
        let entries = match replay.patient {
            Some(patient) => installation.log.of_subject(patient, after, to, PAGE).await?,
            None => installation.log.read_after(after, PAGE).await?,
        };
        let Some(last) = entries.last().map(|entry| entry.position) else { break };
        let ours = entries.into_iter().filter(|entry| entry.organization_id == organization && entry.position <= to).collect();
        let opened = open(ours, &installation.vault).await?.into_iter().collect::<Result<Vec<_>, _>>()?;
        let events: Vec<_> = opened.into_iter().filter(|event| wanted.include(event)).collect();
        released.page(&events, &mut out).await?;
        after = last;
    }
    out.flush().context("finish writing")?;
    database.close().await
}

fn file(path: &Path) -> anyhow::Result<File> {
    File::create(path).with_context(|| format!("write {}", path.display()))
}

/// Which events are asked for.
struct Wanted {
    topics: Vec<String>,
    types: Vec<String>,
}

impl Wanted {
    fn of(replay: &Replay) -> anyhow::Result<Self> {
        if let Some(unknown) = replay.topic.iter().find(|topic| REGISTRY.iter().all(|aggregate| aggregate.topic != topic.as_str())) {
            bail!("there is no topic {unknown}");
        }
        let known = |name: &str| REGISTRY.iter().any(|aggregate| aggregate.kinds.iter().any(|kind| kind.name == name));
        if let Some(unknown) = replay.event_type.iter().find(|name| !known(name)) {
            bail!("there is no event {unknown}");
        }
        Ok(Self { topics: replay.topic.clone(), types: replay.event_type.clone() })
    }

    fn include(&self, event: &Recorded) -> bool {
        let topic = topic_of(event.aggregate_type);
        (self.topics.is_empty() || self.topics.iter().any(|wanted| Some(wanted.as_str()) == topic))
            && (self.types.is_empty() || self.types.contains(&event.event_type))
    }
}

/// With names, or with pseudonyms under a secret that is drawn for this export and forgotten with it.
fn telling(identified: bool) -> anyhow::Result<Telling> {
    if identified {
        return Ok(Telling::Identified);
    }
    let mut secret = [0; 32];
    OsRng.try_fill_bytes(&mut secret).context("draw random bits")?;
    Ok(Telling::Deidentified(Deidentifier::new(secret, Utc::now())))
}

/// Lets events out: without what identifies a person, or with it once that is recorded.
struct Released<'a> {
    installation: &'a Installation,
    organization: Uuid,
    telling: Telling,
}

impl Released<'_> {
    async fn page(&mut self, events: &[Recorded], out: &mut impl Write) -> anyhow::Result<()> {
        if self.telling.is_identified() {
            self.record(events).await?;
        }
        for event in events {
            serde_json::to_writer(&mut *out, &self.telling.tell(event)?).context("write an event")?;
            out.write_all(b"\n").context("write an event")?;
        }
        Ok(())
    }

    /// One access for each page, naming every patient in it, before a byte of it is written.
    async fn record(&self, events: &[Recorded]) -> anyhow::Result<()> {
        let mut shown: BTreeMap<PatientId, BTreeSet<String>> = BTreeMap::new();
        for event in events.iter().filter(|event| AGGREGATES.contains(&event.aggregate_type)) {
            shown.entry(PatientId(event.subject_id)).or_default().insert(event.event_type.clone());
        }
        let disclosure = Disclosure {
            kind: AccessKind::Export,
            action: AccessAction::Replay,
            resource_type: "events",
            shown,
            as_of_position: None,
            result_count: events.len(),
        };
        self.installation.disclose(self.organization, disclosure).await
    }
}
