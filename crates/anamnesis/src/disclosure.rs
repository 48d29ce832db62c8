//! How is a read at the command line recorded? As every read: by an access event, before anything is shown.

use std::collections::{BTreeMap, BTreeSet};

use anamnesis_domain::access::{Access, AccessAction, AccessCommand, AccessKind, AccessMethod, AccessedSubject, DataAccessed, PurposeOfUse};
use anamnesis_domain::consent::DataCategory;
use anamnesis_domain::{AccountId, Line, PatientId};
use anyhow::{Context, anyhow};
use uuid::Uuid;

use crate::installation::Installation;
use crate::tenant::host_caller;

/// What is about to be shown.
pub(crate) struct Disclosure {
    pub(crate) kind: AccessKind,
    pub(crate) action: AccessAction,
    pub(crate) resource_type: &'static str,
    /// By patient: the names of what is shown of them.
    pub(crate) shown: BTreeMap<PatientId, BTreeSet<String>>,
    pub(crate) as_of_position: Option<u64>,
    pub(crate) result_count: usize,
}

impl Installation {
    /// Records what is about to be shown. If this fails, it must not be.
    pub(crate) async fn disclose(&self, organization: Uuid, disclosure: Disclosure) -> anyhow::Result<()> {
        let caller = host_caller(organization, AccountId::COMMAND_LINE, Uuid::now_v7());
        let subjects = disclosure.shown.into_iter().map(|(patient_id, elements)| {
            let elements = elements.iter().map(|name| line(name)).collect::<anyhow::Result<_>>()?;
            Ok(AccessedSubject { patient_id, categories: vec![DataCategory::All], elements })
        });
        let accessed = DataAccessed {
            accessed_at: caller.now,
            account_id: AccountId::COMMAND_LINE,
            session_id: None,
            kind: disclosure.kind,
            action: disclosure.action,
            subjects: subjects.collect::<anyhow::Result<_>>()?,
            resource_type: line(disclosure.resource_type)?,
            resource_id: None,
            purpose_of_use: PurposeOfUse::Operations,
            justification: None,
            method: AccessMethod::Cli,
            request_id: None,
            as_of_position: disclosure.as_of_position,
            result_count: disclosure.result_count as u64,
        };
        self.journal.create::<Access>(Uuid::now_v7(), AccessCommand::Tell(accessed), &caller).await.context("record the access")?;
        Ok(())
    }
}

fn line(name: &str) -> anyhow::Result<Line> {
    Line::try_from(name).map_err(|error| anyhow!("a name {error}"))
}
