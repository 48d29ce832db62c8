//! What became of a command the first time?

use std::collections::HashMap;
use std::convert::Infallible;

use anamnesis_domain::Refusal;
use sqlx::PgPool;
use uuid::Uuid;

use crate::Journal;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::framework::Store;
use crate::outcome::{CommandError, SlotKind};

/// What is kept of every command, for ever.
#[derive(sqlx::FromRow)]
pub(crate) struct Receipt {
    pub(crate) request_hash: Vec<u8>,
    pub(crate) aggregate_type: String,
    pub(crate) aggregate_id: Uuid,
    last_sequence: i64,
    pub(crate) refusal: Option<String>,
}

impl Receipt {
    /// The receipt of a command, if it was carried out.
    pub(crate) async fn find(pool: &PgPool, caller: &Caller, receipt_id: Uuid) -> Result<Option<Self>, Failure> {
        let receipt = sqlx::query_as(
            "select request_hash, aggregate_type, aggregate_id, last_sequence, refusal
             from journal.commands
             where organization_id = $1 and account_id = $2 and command_id = $3",
        )
        .bind(caller.organization_id)
        .bind(caller.actor_id)
        .bind(receipt_id)
        .fetch_optional(pool)
        .await?;
        Ok(receipt)
    }

    /// The stream's last event after the command.
    pub(crate) fn last_sequence(&self) -> u64 {
        self.last_sequence.cast_unsigned()
    }
}

/// Whether a command id was used before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Used {
    /// Never.
    Not,
    /// For the same request, which was carried out.
    ForThis,
    /// For the same request, which was refused.
    Refused,
    /// For another request.
    ForAnother,
}

impl Journal {
    /// Whether command ids were used before by the caller, and for the caller's request; in their order. Nothing is carried
    /// out.
    pub async fn used(&self, caller: &Caller, command_ids: &[Uuid]) -> Result<Vec<Used>, CommandError<Infallible>> {
        self.uses(caller, command_ids).await.map_err(Failure::told)
    }

    async fn uses(&self, caller: &Caller, command_ids: &[Uuid]) -> Result<Vec<Used>, Failure> {
        let kept: Vec<(Uuid, Vec<u8>, bool)> = sqlx::query_as(
            "select command_id, request_hash, refusal is not null
             from journal.commands
             where organization_id = $1 and account_id = $2 and command_id = any ($3)",
        )
        .bind(caller.organization_id)
        .bind(caller.actor_id)
        .bind(command_ids)
        .fetch_all(&self.0.pool)
        .await?;
        let kept: HashMap<_, _> = kept.into_iter().map(|(id, request_hash, is_refused)| (id, (request_hash, is_refused))).collect();
        let hash = self.0.vault.index(caller.organization_id).await?.receipt(&caller.request);
        let used = |id: &Uuid| match kept.get(id) {
            None => Used::Not,
            Some((request_hash, _)) if *request_hash != hash => Used::ForAnother,
            Some((_, true)) => Used::Refused,
            Some((_, false)) => Used::ForThis,
        };
        Ok(command_ids.iter().map(used).collect())
    }
}

impl Store<'_> {
    /// The failure; unless the caller only finds its stream moved because it has moved it itself.
    pub(crate) async fn unless_replayed(&self, failure: Failure) -> Failure {
        if !matches!(failure, Failure::Expected(_)) {
            return failure;
        }
        match Receipt::find(&self.inner.pool, self.caller, self.caller.command_id).await {
            Ok(Some(_)) => Failure::Duplicate,
            Ok(None) => failure,
            Err(unavailable) => unavailable,
        }
    }

    /// The receipt of a command of the caller's; `None` if it is one for another request.
    pub(crate) async fn known_receipt(&self, receipt_id: Uuid) -> Result<Option<Receipt>, Failure> {
        let receipt = Receipt::find(&self.inner.pool, self.caller, receipt_id).await?;
        let receipt = receipt.ok_or(Failure::broken("a command was carried out before, but has no receipt"))?;
        let hash = self.inner.vault.index(self.caller.organization_id).await?.receipt(&self.caller.request);
        Ok(Some(receipt).filter(|receipt| receipt.request_hash == hash))
    }
}

/// A no that a receipt keeps, as the text it is kept as.
pub(crate) enum Kept<E> {
    Rule(E),
    Taken(String),
    SlotTaken(SlotKind),
}

impl<E> Kept<E> {
    /// What of a failure is kept: a no that the stream's neighbours are the reason for. The rest is given back.
    #[expect(clippy::wildcard_enum_match_arm, reason = "whatever else may fail isn't kept, or it could never be tried again")]
    pub(crate) fn of(failure: Failure) -> Result<Self, Failure> {
        match failure {
            Failure::Taken(kind) => Ok(Self::Taken(kind)),
            Failure::SlotTaken(kind) => Ok(Self::SlotTaken(kind)),
            other => Err(other),
        }
    }

    pub(crate) fn text(&self, rule: impl FnOnce(&E) -> &'static str) -> String {
        match self {
            Self::Rule(refusal) => rule(refusal).to_owned(),
            Self::Taken(kind) => format!("taken:{kind}"),
            Self::SlotTaken(kind) => format!("slot:{kind}"),
        }
    }

    pub(crate) fn map<F>(self, refusal: impl FnOnce(E) -> F) -> Kept<F> {
        match self {
            Self::Rule(rule) => Kept::Rule(refusal(rule)),
            Self::Taken(kind) => Kept::Taken(kind),
            Self::SlotTaken(kind) => Kept::SlotTaken(kind),
        }
    }
}

impl<E: Refusal> Kept<E> {
    /// `None`: a rule of another version, or of another aggregate.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None => E::named(text).map(Self::Rule),
            Some(("taken", kind)) => Some(Self::Taken(kind.to_owned())),
            Some(("slot", kind)) => SlotKind::from_name(kind).map(Self::SlotTaken),
            Some(_) => None,
        }
    }
}

impl<E> From<Kept<E>> for CommandError<E> {
    fn from(kept: Kept<E>) -> Self {
        match kept {
            Kept::Rule(refusal) => Self::Refused(refusal),
            Kept::Taken(kind) => Self::Taken { kind },
            Kept::SlotTaken(kind) => Self::SlotTaken { kind },
        }
    }
}
