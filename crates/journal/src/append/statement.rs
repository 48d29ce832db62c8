//! How do many commands become one statement?

use std::collections::BTreeSet;

use anamnesis_vault::Sealed;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Append, Slot, Slots, Verdict};
use crate::outcome::SlotKind;

/// What the statement answers.
pub(super) enum Answer {
    /// A verdict for each command; those with [`Verdict::Appended`] are committed.
    Verdicts(Vec<Verdict>),
    /// Nothing was appended: nothing may be sealed under these keys.
    Unusable(Vec<Uuid>),
}

/// How the commands of a statement belong together.
#[derive(Clone, Copy)]
pub(super) enum Together {
    /// All or none. They may have locks in common.
    Atomic,
    /// Each for itself; no two have a lock in common. `hopeful`: it is worth writing them before looking what is in the way.
    Batch { hopeful: bool },
}

/// Appends the commands in one transaction.
pub(super) async fn append(connection: &mut PgConnection, commands: &[&Append], together: Together) -> sqlx::Result<Answer> {
    let (atomic, hopeful) = (matches!(together, Together::Atomic), matches!(together, Together::Batch { hopeful: true }));
    let (c, keys, e) = (Commands(commands), NewKeys::of(commands), Events::of(commands));
    let (k, s, grounds) = (Claims::of(commands), SlotColumns::of(commands), Grounds::of(commands));
    // what rests on something is only written after a look at it
    let hopeful = hopeful && grounds.n.is_empty();
    let key_ids: BTreeSet<Uuid> = commands.iter().flat_map(|command| command.key_ids()).filter(|key_id| !keys.key_id.contains(key_id)).collect();
    let (verdicts, unusable): (Option<Vec<String>>, Option<Vec<Uuid>>) = sqlx::query_as(
        "select verdicts, unusable
         from journal.hold_grounds($6, $7, $8, $49, $50, $51, $52, $53) as expected,
         lateral journal.append(
            $1, $2, $3, $4, $5, $6, $7, expected, $9, $10, $11, $12, $13, $14,
            $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25,
            $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36,
            $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48)",
    )
    .bind(c.column(|c| c.organization_id))
    .bind(c.column(|c| c.account_id))
    .bind(c.column(|c| c.receipt_id))
    .bind(c.column(|c| c.request_hash.as_slice()))
    .bind(c.column(|c| c.refusal.as_deref()))
    .bind(c.column(|c| c.aggregate_type))
    .bind(c.column(|c| c.aggregate_id))
    .bind(c.column(|c| c.expected.map(u64::cast_signed)))
    .bind(c.column(|c| c.last_sequence.cast_signed()))
    .bind(c.column(|c| matches!(c.slots, Slots::Held(_))))
    .bind(c.column(|c| c.command_id))
    .bind(c.column(|c| c.correlation_id))
    .bind(c.column(|c| c.causation_id.unwrap_or_default()))
    .bind(c.column(|c| DateTime::<Utc>::from(c.recorded_at)))
    .bind(keys.n)
    .bind(keys.key_id)
    .bind(keys.subject_id)
    .bind(keys.purpose)
    .bind(keys.algorithm)
    .bind(keys.provider)
    .bind(keys.wrapping_key_id)
    .bind(keys.wrapping_key_version)
    .bind(keys.epoch)
    .bind(keys.wrapped)
    .bind(e.n)
    .bind(e.sequence)
    .bind(e.event_id)
    .bind(e.event_type)
    .bind(e.event_version)
    .bind(e.fingerprint)
    .bind(e.subject_id)
    .bind(e.metadata_subject_id)
    .bind(e.payload)
    .bind(e.metadata)
    .bind(e.row_hash)
    .bind(k.n)
    .bind(k.takes)
    .bind(k.kind)
    .bind(k.key_version)
    .bind(k.hash)
    .bind(s.n)
    .bind(s.kind)
    .bind(s.resource_id)
    .bind(s.start)
    .bind(s.end)
    .bind(Vec::from_iter(key_ids))
    .bind(atomic)
    .bind(hopeful)
    .bind(c.column(Append::shakes_ground))
    .bind(grounds.n)
    .bind(grounds.aggregate_type)
    .bind(grounds.aggregate_id)
    .bind(grounds.sequence)
    .fetch_one(connection)
    .await?;
    match (verdicts, unusable) {
        (_, Some(unusable)) => Ok(Answer::Unusable(unusable)),
        (Some(verdicts), None) if verdicts.len() == commands.len() => {
            let refused = verdicts.iter().any(|verdict| verdict != "ok");
            verdicts.iter().map(|verdict| parse(verdict, atomic && refused)).collect::<Option<_>>().map(Answer::Verdicts).ok_or_else(unknown)
        }
        (_, None) => Err(unknown()),
    }
}

fn parse(verdict: &str, held_back: bool) -> Option<Verdict> {
    match verdict.split_once(':') {
        None if verdict == "ok" => Some(if held_back { Verdict::HeldBack } else { Verdict::Appended }),
        None if verdict == "duplicate" => Some(Verdict::Duplicate),
        None if verdict == "conflict" => Some(Verdict::Conflict),
        Some(("taken", kind)) => Some(Verdict::Taken(kind.to_owned())),
        Some(("slot", kind)) => SlotKind::from_name(kind).map(Verdict::SlotTaken),
        _ => None,
    }
}

fn unknown() -> sqlx::Error {
    sqlx::Error::Protocol("journal.append answered something unknown: are the migrations of another version?".to_owned())
}

struct Commands<'a>(&'a [&'a Append]);

impl<'a> Commands<'a> {
    fn column<T>(&self, value: impl Fn(&'a Append) -> T) -> Vec<T> {
        self.0.iter().map(|command| value(command)).collect()
    }
}

/// Each thing of each command with the command's number, from 1.
fn numbered<'a, T: 'a, I: Iterator<Item = T>>(commands: &[&'a Append], of: impl Fn(&'a Append) -> I) -> Vec<(i32, T)> {
    commands.iter().zip(1..).flat_map(|(command, n)| of(command).map(move |thing| (n, thing))).collect()
}

/// The same in an order that doesn't depend on the statement: of two that insert the same keys none waits for one that waits
/// for it, and the server needn't sort.
fn sorted<T, K: Ord>(commands: &[&Append], mut things: Vec<(i32, T)>, key: impl Fn(&Append, &T) -> K) -> Vec<(i32, T)> {
    let command = |n: i32| commands[usize::try_from(n).expect("numbers begin with 1") - 1];
    things.sort_by_cached_key(|(n, thing)| key(command(*n), thing));
    things
}

#[derive(Default)]
struct NewKeys<'a> {
    n: Vec<i32>,
    key_id: Vec<Uuid>,
    subject_id: Vec<Uuid>,
    purpose: Vec<&'static str>,
    algorithm: Vec<&'static str>,
    provider: Vec<&'a str>,
    wrapping_key_id: Vec<Uuid>,
    wrapping_key_version: Vec<i32>,
    epoch: Vec<i64>,
    wrapped: Vec<&'a [u8]>,
}

impl<'a> NewKeys<'a> {
    fn of(commands: &[&'a Append]) -> Self {
        let mut columns = Self::default();
        let keys = numbered(commands, |command| command.new_key.iter());
        for (n, new) in sorted(commands, keys, |command, new| (new.key().owner().subject, command.organization_id, new.key().owner().purpose)) {
            let (key, wrap) = (new.key(), new.wrap());
            columns.n.push(n);
            columns.key_id.push(key.id());
            columns.subject_id.push(key.owner().subject);
            columns.purpose.push(key.owner().purpose.as_str());
            columns.algorithm.push(key.suite().as_str());
            columns.provider.push(new.provider());
            columns.wrapping_key_id.push(wrap.wrapping_key_id);
            columns.wrapping_key_version.push(wrap.wrapping_key_version.cast_signed());
            columns.epoch.push(wrap.epoch.cast_signed());
            columns.wrapped.push(wrap.wrapped.as_bytes());
        }
        columns
    }
}

#[derive(Default)]
struct Events<'a> {
    n: Vec<i32>,
    sequence: Vec<i64>,
    event_id: Vec<Uuid>,
    event_type: Vec<&'a str>,
    event_version: Vec<i32>,
    fingerprint: Vec<&'a [u8]>,
    subject_id: Vec<Uuid>,
    metadata_subject_id: Vec<Uuid>,
    payload: Vec<&'a [u8]>,
    metadata: Vec<&'a [u8]>,
    row_hash: Vec<&'a [u8]>,
}

impl<'a> Events<'a> {
    fn of(commands: &[&'a Append]) -> Self {
        let mut columns = Self::default();
        let events = numbered(commands, |command| command.events.iter());
        for (n, event) in sorted(commands, events, |command, event| (command.aggregate_id, command.aggregate_type, event.sequence)) {
            columns.n.push(n);
            columns.sequence.push(event.sequence.cast_signed());
            columns.event_id.push(event.event_id);
            columns.event_type.push(event.event_type);
            columns.event_version.push(event.event_version.cast_signed());
            columns.fingerprint.push(&event.fingerprint);
            columns.subject_id.push(event.subject_id);
            columns.metadata_subject_id.push(event.metadata_subject_id);
            columns.payload.push(event.payload.as_bytes());
            columns.metadata.push(event.metadata.as_ref().map_or(&[], Sealed::as_bytes));
            columns.row_hash.push(event.row_hash.as_bytes());
        }
        columns
    }
}

#[derive(Default)]
struct Claims<'a> {
    n: Vec<i32>,
    takes: Vec<bool>,
    kind: Vec<&'a str>,
    key_version: Vec<i32>,
    hash: Vec<&'a [u8]>,
}

impl<'a> Claims<'a> {
    fn of(commands: &[&'a Append]) -> Self {
        let mut columns = Self::default();
        let claims = numbered(commands, |command| command.claims.iter());
        for (n, claim) in sorted(commands, claims, |command, claim| (claim.hash, command.organization_id, claim.kind, claim.key_version)) {
            columns.n.push(n);
            columns.takes.push(claim.takes);
            columns.kind.push(claim.kind);
            columns.key_version.push(claim.key_version.cast_signed());
            columns.hash.push(&claim.hash);
        }
        columns
    }
}

#[derive(Default)]
struct SlotColumns {
    n: Vec<i32>,
    kind: Vec<&'static str>,
    resource_id: Vec<Uuid>,
    start: Vec<DateTime<Utc>>,
    end: Vec<DateTime<Utc>>,
}

impl SlotColumns {
    fn of(commands: &[&Append]) -> Self {
        let mut columns = Self::default();
        for (n, Slot { kind, resource_id, start, end }) in numbered(commands, Append::held_slots) {
            columns.n.push(n);
            columns.kind.push(kind.as_str());
            columns.resource_id.push(*resource_id);
            columns.start.push((*start).into());
            columns.end.push((*end).into());
        }
        columns
    }
}

#[derive(Default)]
struct Grounds {
    n: Vec<i32>,
    aggregate_type: Vec<&'static str>,
    aggregate_id: Vec<Uuid>,
    sequence: Vec<i64>,
}

impl Grounds {
    fn of(commands: &[&Append]) -> Self {
        let mut columns = Self::default();
        for (n, ground) in numbered(commands, |command| command.grounds.iter()) {
            columns.n.push(n);
            columns.aggregate_type.push(ground.aggregate_type);
            columns.aggregate_id.push(ground.aggregate_id);
            columns.sequence.push(ground.sequence.cast_signed());
        }
        columns
    }
}
