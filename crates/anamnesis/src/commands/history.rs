//! `anamnesis history`

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anamnesis_domain::PatientId;
use anamnesis_domain::access::{AccessAction, AccessKind};
use anamnesis_journal::follower::StoredTree;
use anamnesis_journal::log::Log;
use anamnesis_journal::tree::SignedCheckpoint;
use anamnesis_projector::history::History as Past;
use anamnesis_projector::history::{Difference, LogProof, Moment, Part, PatientRecord, differences, prove};
use anyhow::{Context, anyhow, bail};
use chrono::Utc;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::cli::History;
use crate::config::Config;
use crate::disclosure::Disclosure;
use crate::installation::{Database, Installation};
use crate::output::Output;

/// How long a moment that has just come is waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A patient's record at a moment.
#[derive(Serialize)]
struct Reconstructed {
    patient_id: Uuid,
    position: u64,
    #[serde(flatten)]
    record: PatientRecord,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<LogProof>,
}

/// What changed between two moments.
#[derive(Serialize)]
struct Compared {
    patient_id: Uuid,
    from: u64,
    to: u64,
    differences: Vec<Difference>,
}

pub(crate) async fn run(config: &Config, asked: History, output: Output) -> anyhow::Result<()> {
    let database = Database::existing(config).await?;
    let installation = Installation::open(config, &database.url).await?;
    let organization = installation.organization(config.organization).await?;
    let asking = Asking { config, installation: &installation, organization, patient: asked.patient };
    let answer = match asked.diff.as_deref() {
        Some([from, to]) => serde_json::to_value(asking.compare(from, to).await?)?,
        Some(_) => bail!("--diff takes two moments"),
        None => serde_json::to_value(asking.reconstruct(asked.as_of.as_deref(), asked.prove).await?)?,
    };
    output.data(&answer, || pretty(&answer))?;
    database.close().await
}

struct Asking<'a> {
    config: &'a Config,
    installation: &'a Installation,
    organization: Uuid,
    patient: Uuid,
}

impl Asking<'_> {
    async fn reconstruct(&self, as_of: Option<&str>, proved: bool) -> anyhow::Result<Reconstructed> {
        let position = match as_of {
            Some(text) => position_of(&self.installation.log, text).await?,
            None => self.installation.log.head().await?.position,
        };
        let record = self.record(position).await?;
        if record.patient.is_none() {
            bail!("there was no patient {} at position {position}", self.patient);
        }
        let proof = if proved { Some(self.proof(position).await?) } else { None };
        self.disclose(position).await?;
        Ok(Reconstructed { patient_id: self.patient, position, record, proof })
    }

    async fn compare(&self, from: &str, to: &str) -> anyhow::Result<Compared> {
        let (from, to) = (position_of(&self.installation.log, from).await?, position_of(&self.installation.log, to).await?);
        let (before, after) = (self.record(from).await?, self.record(to).await?);
        self.disclose(to).await?;
        Ok(Compared { patient_id: self.patient, from, to, differences: differences(&before.comparable(), &after.comparable()) })
    }

    fn past(&self) -> Past {
        Past::new(self.installation.log.clone(), self.installation.vault.clone(), self.organization)
    }

    async fn record(&self, position: u64) -> anyhow::Result<PatientRecord> {
        Ok(self.past().record_of(self.patient, position).await?)
    }

    /// Each of the patient's events is in the log under the newest signed head.
    async fn proof(&self, position: u64) -> anyhow::Result<LogProof> {
        let signer = self.config.signer()?;
        let tree = StoredTree::new(self.installation.writer.clone());
        let note = tree.newest_head().await?.context("no head of the log was signed yet: `anamnesis up` signs them")?;
        let head = SignedCheckpoint::open(&note, signer.verifying_key()).context("the newest head isn't signed by this installation's key")?;
        let part = Part::up_to(position.min(head.head().size));
        let entries = self.past().entries_of_patient(self.patient, &part).await?;
        Ok(prove(&tree, &head, &entries).await?)
    }

    async fn disclose(&self, position: u64) -> anyhow::Result<()> {
        let shown = BTreeMap::from([(PatientId(self.patient), BTreeSet::from(["the whole record".to_owned()]))]);
        let disclosure = Disclosure {
            kind: AccessKind::View,
            action: AccessAction::History,
            resource_type: "history",
            shown,
            as_of_position: Some(position),
            result_count: 1,
        };
        self.installation.disclose(self.organization, disclosure).await
    }
}

/// The position that a person means by a number or a time. The future has none.
pub(super) async fn position_of(log: &Log, text: &str) -> anyhow::Result<u64> {
    let moment: Moment = text.parse().map_err(|reason| anyhow!("{text} {reason}"))?;
    moment.position(log, Utc::now().into(), LONGEST_WAIT).await.with_context(|| text.to_owned())
}

fn pretty(answer: &Value) -> String {
    serde_json::to_string_pretty(answer).unwrap_or_default()
}
